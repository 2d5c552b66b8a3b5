"""The gates' shell: take the measures of a boundary by SQL, have them judged, stop a bad run.

Every check is one file expectations/<boundary>/<check>.sql that gives its bad rows, or a list of
expectations in the suite beside it. Tables they may read: the kinds of extract (as register_tables
makes them), the facts that the run built, and frames registered under the names of FRAMES.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import polars as pl

from expectations import gate
from expectations.suites import COUNTS, TOTALS, Suite, Threshold, check_sql, load_suite
from flows.ingest.drop import SnapshotRef
from flows.store import read_manifest
from sql import Connection, policy_cards, query, show_frame
from sql.card_words import check_cards
from sql.checks import run_check, run_text, tables_present
from sql.compared import COMPARED_SCHEMA, EMPTIED_SCHEMA, compare_snapshots, emptied_columns
from sql.opening import connect_to
from sql.texts import COMMENT, WORD, exclusions
from transforms.errors import GateStoppedError
from transforms.gates import CheckOutcome, GateOutcome, Measure
from transforms.masking import without_long_numbers
from transforms.money.batches import INSTRUCTION_SCHEMA, LINE_SCHEMA, DraftBatch
from transforms.policies.amount_cap import caps_until
from transforms.policies.cards import month_of, outside_span
from transforms.policies.evidence import excluding_rows
from transforms.words import Said

FRAMES: dict[str, Any] = {
    "files": {
        **dict.fromkeys(("name", "kind"), pl.String()),
        **dict.fromkeys(("rows", "accepted", "quarantined"), pl.Int64()),
        **dict.fromkeys(("totals_rows", "stated_rows", "removed_rows"), pl.Int64()),
    },
    "excluding_kinds": {"kind": pl.String()},
    "compared_parts": COMPARED_SCHEMA,
    "emptied_columns": EMPTIED_SCHEMA,
    "quarantine": {
        "kind": pl.String(),
        "source_file": pl.String(),
        "source_line": pl.Int64(),
        "rule": pl.String(),
    },
    "findings": dict.fromkeys(("finding", "detail", "said"), pl.String()),
    "repairs": {"kind": pl.String(), "source_file": pl.String(), "source_line": pl.Int64()},
    "batches": {
        "batch_id": pl.String(),
        **dict.fromkeys(("instruction_count", "line_count", "amount_fen"), pl.Int64()),
    },
    "policy_runs": {
        **dict.fromkeys(("policy_id", "kind", "status"), pl.String()),
        "is_in_force": pl.Boolean(),
        "settled_in": pl.String(),
    },
    "amount_caps": {
        **dict.fromkeys(("policy_id", "period"), pl.String()),
        "amount_cap_fen": pl.Int64(),
    },
}
TOLD_PLACES = 3


def preload() -> None:
    """Hold the cards to their rules before any extract is read, as all facts come after that.

    Starts importing the judge in the background, so that it overlaps the reading of extracts.

    Raises:  RuleError naming the rule
    """
    check_cards()
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    gate.preload()


def register(connection: Connection, name: str, frame: pl.DataFrame) -> None:
    """Show the gates a frame under a name; of a listed one only the columns they use."""
    columns = FRAMES.get(name)
    show_frame(connection, name, frame.select(list(columns)).cast(columns) if columns else frame)


def register_policy_runs(connection: Connection, statuses: Mapping[str, str], as_of: date) -> None:
    """Give the gates what became of each policy, and its amount caps in fen, by period."""
    # Of which exclusion a clerk decides; empty: none.
    settled_in = {
        policy_id: exclusion.exclusion
        for exclusion in exclusions()
        if exclusion.form == "clerk_decides"
        for policy_id in exclusion.policies
    }
    rows = [
        {
            "policy_id": policy_id,
            "kind": card.kind,
            "status": statuses.get(policy_id, "not_run"),
            "is_in_force": outside_span(card, as_of) is None,
            "settled_in": settled_in.get(policy_id, ""),
        }
        for policy_id, card in policy_cards().items()
    ]
    register(connection, "policy_runs", pl.DataFrame(rows, schema=FRAMES["policy_runs"]))
    caps = [
        row
        for name, card in policy_cards().items()
        for row in caps_until(name, card.amount_cap, as_of)
    ]
    register(connection, "amount_caps", pl.DataFrame(caps, FRAMES["amount_caps"], orient="row"))


def register_drafts(connection: Connection, batches: Sequence[DraftBatch]) -> None:
    """Give the gates the drafts of a run: control totals, instructions and lines."""
    totals = [{"batch_id": batch.batch_id, **batch.manifest["control"]} for batch in batches]
    frames = [
        ("batches", [pl.DataFrame(totals)] if totals else [], FRAMES["batches"]),
        ("instructions", [batch.instructions for batch in batches], INSTRUCTION_SCHEMA),
        ("lines", [batch.lines for batch in batches], LINE_SCHEMA),
    ]
    for name, parts, schema in frames:
        register(connection, name, pl.concat(parts) if parts else pl.DataFrame(schema=schema))


@contextmanager
def connected(
    snapshot: SnapshotRef, as_of: date, before: Sequence[SnapshotRef] = ()
) -> Iterator[Connection]:
    """Open a connection on a snapshot for the first gate, before any fact is built.

    `before`: of finished nights, newest first, to hold tonight's against; rows that a note took
    out of a file which they had are not taken out once more.
    """
    with connect_to(snapshot.tables(), as_of) as connection:
        taken = {file["sha256"] for one in before for file in one.manifest["files"]}
        files = [
            file | ({"removed_rows": None} if file["sha256"] in taken else {})
            for file in read_manifest(snapshot.folder, "snapshot")["files"]
        ]
        frame = pl.DataFrame(
            [{name: file.get(name) for name in FRAMES["files"]} for file in files],
            schema=FRAMES["files"],
        )
        register(connection, "files", frame)
        excluding = excluding_rows(policy_cards().values())
        register(connection, "excluding_kinds", pl.DataFrame({"kind": sorted(excluding)}))
        had = {kind: paths for one in reversed(before) for kind, paths in one.tables().items()}
        compared = compare_snapshots(connection, had, snapshot.tables(), excluding)
        register(connection, "compared_parts", compared)
        emptied = emptied_columns(connection, had, snapshot.tables())
        register(connection, "emptied_columns", emptied)
        for name in ("quarantine", "repairs", "findings"):
            stored = pl.read_parquet(snapshot.folder / f"{name}.parquet")
            empty = pl.DataFrame(schema=FRAMES[name])
            register(connection, name, pl.concat([empty, stored], how="diagonal"))
        yield connection


def judge_boundary(connection: Connection, boundary: str, as_of: date) -> GateOutcome:
    """Measure one boundary and judge it."""
    suite = load_suite(boundary)
    frames, totals = _frames(connection, suite)
    return gate.judge(boundary, measure(connection, suite, as_of), frames, totals)


def measure(connection: Connection, suite: Suite, as_of: date) -> list[Measure]:
    """Take those measures of one boundary that are taken by SQL."""
    present = tables_present(connection)
    dates = {"as_of": as_of, "as_of_month": month_of(as_of)}
    return [
        _measured(connection, suite.boundary, threshold, present, dates)
        for threshold in suite.thresholds
        if threshold.frame == COUNTS
    ]


def words_of(*boundaries: str) -> frozenset[str]:
    """Return the words of the SQL by which boundaries are measured: what it reads is among them."""
    suites = [load_suite(boundary) for boundary in boundaries]
    texts = [check_sql(s.boundary, t.check) for s in suites for t in s.thresholds]
    texts += [check_sql(boundary, TOTALS) for boundary in boundaries]
    return frozenset(word for text in texts for word in WORD.findall(COMMENT.sub("", text)))


def _frames(connection: Connection, suite: Suite) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Read the tables that expectations are held against, and what they must come to in total.

    Rows:    returns  each with the cap of its row's policy and period, but instructions, which are
                      sums
    """
    capped = (
        "select {0}.*, amount_caps.amount_cap_fen from {0} left join amount_caps "
        "on amount_caps.policy_id = {0}.policy_id and amount_caps.period = {0}.period"
    )
    texts = {
        name: "select * from {0}" if name == "instructions" else capped for name in suite.frames
    }
    text = check_sql(suite.boundary, TOTALS)
    totals = run_text(connection, text, {}).row(0, named=True) if text else {}
    return {name: query(connection, text.format(name)) for name, text in texts.items()}, totals


def stop_if_critical(outcome: GateOutcome, where: str, run_id: str = "") -> None:
    """Stop the run at a boundary that a critical check failed at.

    Raises:  GateStoppedError naming the checks, with their counts
    """
    if not outcome.stops_run:
        return
    failed = "; ".join(_told(check) for check in outcome.checks if check.stops_run)
    raise GateStoppedError(
        f"gate {outcome.boundary} stopped the run: {failed}; no batch was drafted, what was made "
        f"is kept; see {where} for the reasons and what to do",
        run_id,
    )


def _told(check: CheckOutcome) -> str:
    if check.status == "errored":
        return f"{check.check} {check.title} (could not be measured)"
    places = ", ".join(without_long_numbers(str(place)) for place in check.places[:TOLD_PLACES])
    failed, of = check.failed_count, check.checked_count
    if not places:
        return f"{check.check} {check.title} ({failed} of {of} fail, {check.threshold})"
    return f"{check.check} {check.title} ({failed} of {of} fail, {check.threshold}; {places})"


def _measured(
    connection: Connection,
    boundary: str,
    threshold: Threshold,
    present: frozenset[str],
    dates: Mapping[str, Any],
) -> Measure:
    check = threshold.check
    absent = [name for name in threshold.needs if name not in present]
    if absent:
        # A fact is built only where a policy that runs rests on it: there is nothing to check.
        return Measure(check, 0, 0, note=Said("no_policy_needs", {"facts": absent}))
    values = {**dates, **threshold.parameters}
    # A fault here is one of the machine or of the program, and leaves no run: it may pass.
    checked_count, bad_rows = run_check(connection, check_sql(boundary, check), values)
    return Measure(check, checked_count, bad_rows.height, bad_rows)
