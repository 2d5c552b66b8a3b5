"""Render a run as one HTML page that stands alone: no address outside it, nobody's data in it."""

from transforms.answers.page import render_page
from transforms.answers.run_summary import OUTCOMES, RunSummary
from transforms.extracts.kinds import names_of_kinds
from transforms.gates import failures_first
from transforms.masking import without_person_ids


def render_report(run: RunSummary) -> str:
    """Render one run: failures on top, then counts with their denominators.

    Holds:   the same summary gives the same bytes; the page loads nothing from anywhere; what
             looks like a citizen id (in a file's name, say) is not on it
    """
    titles = {policy.card.policy_id: policy.card.title for policy in run.policies}
    page = render_page(
        "report.html.j2",
        run=run,
        failures=failures_first(run.gates),
        checks_count=sum(len(gate.checks) for gate in run.gates),
        rows_in=sum(file.rows for file in run.files),
        rows_accepted=sum(file.accepted for file in run.files),
        rows_quarantined=sum(file.quarantined for file in run.files),
        payable_fen=_sum_of(run, "payable"),
        held_fen=_sum_of(run, "held"),
        ran=[policy for policy in run.policies if policy.run.status == "ran"],
        not_run=[policy for policy in run.policies if policy.run.status != "ran"],
        titles=titles,
        names=names_of_kinds() | titles,
        outcomes=OUTCOMES,
    )
    return without_person_ids(page)


def _sum_of(run: RunSummary, status: str) -> int:
    return sum(row["due_fen"] for row in run.entitlements if row["status"] == status)
