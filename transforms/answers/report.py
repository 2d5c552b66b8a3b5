"""Render a run as one HTML page that stands alone: no address outside it, nobody's data in it."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from transforms.amounts import yuan_text
from transforms.answers.run_summary import OUTCOMES, RunSummary
from transforms.extracts.kinds import names_of_kinds
from transforms.gates import failures_first
from transforms.masking import without_long_numbers, without_person_ids
from transforms.words import Said, word, worded

TEMPLATES = Path(__file__).parent / "templates"


def render_report(run: RunSummary) -> str:
    """Render one run: failures on top, then counts with their denominators.

    Holds:   the same summary gives the same bytes; the page loads nothing from anywhere; what
             looks like a citizen id (in a file's name, say) is not on it
    """
    titles = {policy.policy_id: policy.title for policy in run.policies}
    page = _template().render(
        run=run,
        failures=failures_first(run.gates),
        checks_count=sum(len(gate.checks) for gate in run.gates),
        rows_in=sum(file.rows for file in run.files),
        rows_accepted=sum(file.accepted for file in run.files),
        rows_quarantined=sum(file.quarantined for file in run.files),
        payable_fen=sum(row.due_fen for row in run.entitlements if row.status == "payable"),
        held_fen=sum(row.due_fen for row in run.entitlements if row.status == "held"),
        ran=[policy for policy in run.policies if policy.status == "ran"],
        not_run=[policy for policy in run.policies if policy.status != "ran"],
        titles=titles,
        names=names_of_kinds() | titles,
        outcomes=OUTCOMES,
    )
    return without_person_ids(page)


def place_words(place: str | Said, names: Mapping[str, str]) -> str:
    """Word a place of a gate: the codes that name it, then its counts as they are.

    >>> place_words("held 2020-03: 5 / 7", {}), place_words("held.csv:7", {})
    ('暂扣 2020-03: 5 / 7', 'held.csv:7')
    """
    if isinstance(place, Said):
        return without_long_numbers(worded(place, names=names))
    named, colon, counts = place.partition(": ")
    return " ".join(word(code, names=names) for code in named.split(" ")) + colon + counts


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["yuan"] = partial(yuan_text, grouping=",")
    environment.filters["word"] = word
    environment.filters["worded"] = worded
    environment.filters["place"] = place_words
    environment.filters["n"] = "{:,}".format
    return environment.from_string((TEMPLATES / "report.html.j2").read_text(encoding="utf-8"))
