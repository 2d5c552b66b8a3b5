"""What a run says at its end: to scripts as JSON, to people in lines."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from flows.inbox.in_force import states_of_snapshot
from flows.inbox.standing import delivery_lines
from flows.language import counted, headings, policy_word, said, warned
from flows.money.clock import today
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.store import Home, read_manifest
from transforms.amounts import yuan_text
from transforms.visible import table


def summarise_run(home: Home, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `run --json` prints: ids, paths, counts, policies, deliveries, warnings.

    Holds:   a batch of the run that was withdrawn meanwhile is not named as one to look at
    """
    with open_ledger(home, only_look=True) as ledger:
        states, told = ledger.batch_states(), list(_withdrawn(ledger, manifest))
    run_folder = home.runs / manifest["run_id"]
    batches = [name for name in manifest["batches"] if states[name].state != "withdrawn"]
    snapshot, as_of = home.snapshots / manifest["snapshot_id"], manifest["as_of"]
    deliveries = states_of_snapshot(snapshot, date.fromisoformat(as_of))
    return {
        **{name: manifest[name] for name in ("run_id", "snapshot_id", "as_of", "counts")},
        "batches": batches,
        "warnings": [*_to_come(as_of), *manifest["warnings"], *told],
        "paths": {
            "run": str(run_folder),
            "report": str(run_folder / "report.html"),
            "snapshot": str(snapshot),
            "omitted": str(run_folder / "omitted.xlsx"),
            "reviews": [str(home.batches / batch / "review.xlsx") for batch in batches],
        },
        "deliveries": [one.content() for one in deliveries],
        "funds": [read_manifest(home.batches / batch, "batch")["fund"] for batch in batches],
        "policies": {
            name: {"status": entry["status"], "reason": entry["reason"]}
            for name, entry in manifest["policies"].items()
        },
    }


def _to_come(as_of: str) -> Iterator[str]:
    """Say that a run is of a day to come; told and not recorded, for the day will have come."""
    if as_of > today():
        yield (
            f"{as_of} is a day to come (today is {today()}): no draft of it can be signed before; "
            "for drafts to sign, run the night of today"
        )


def _withdrawn(ledger: Ledger, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Say which drafts can't be signed though somebody may expect it: the run's, a later day's."""
    run_id, books = manifest["run_id"], ledger.books()
    newest = books.newest_run
    if newest != run_id and any(books.batches[b].state == "withdrawn" for b in manifest["batches"]):
        yield (
            f"the drafts of run {run_id} stay withdrawn: since then run {newest} was made, as of "
            f"{books.runs[newest]['as_of']}; for drafts to sign, run with a later --as-of"
        )
    if newest != run_id and books.runs[newest]["as_of"] <= manifest["as_of"]:
        yield (
            f"run {run_id} was done before; `latest` is not this run but {newest}, made since from "
            "another delivery of the day, whose unsigned drafts are withdrawn now, too"
        )
    by_this = {
        p.batch_id for p in ledger.postings() if (p.kind, p.subject) == ("withdrawn", run_id)
    }
    withdrawn = [state for name, state in books.batches.items() if name in by_this]
    for state in withdrawn:
        if state.state == "withdrawn" and state.as_of > manifest["as_of"]:
            yield (
                f"this run of an earlier day has withdrawn batch {state.batch_id} of run "
                f"{state.run_id}, as of {state.as_of}; run that day again for drafts to sign"
            )


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """Say at a glance what ran, what did not and why, and where to look."""
    lines = [f"run {summary['run_id']} as of {summary['as_of']}"]
    counts = summary["counts"]
    lines.append(
        f"  rows {counts['rows']:,} = accepted {counts['accepted']:,} "
        f"+ quarantined {counts['quarantined']:,}"
    )
    lines += (f"  {line}" for line in delivery_lines(summary["deliveries"]))
    policies = summary["policies"].items()
    ran = [
        [policy_word(name), *headings(p["status"]), said(p["reason"] or "")] for name, p in policies
    ]
    lines += (f"  {line}" for line in table([headings("policy", "status", "reason"), *ran]))
    lines.append(f"  {': '.join([*headings('determinations'), counted(counts['determinations'])])}")
    rows = [headings("entitlements", "line_count", "due_fen")]
    for status, entry in counts["entitlements"].items():
        due = yuan_text(entry["due_fen"], ",")
        rows.append([*headings(status), f"{entry['rows']:,}", due])
    lines += (f"  {line}" for line in table(rows, {1, 2}))
    lines += [f"  {line}" for line in warned(summary["warnings"])]
    lines.append(f"  report  {summary['paths']['report']}")
    lines.append(f"  omitted {summary['paths']['omitted']}")
    reviews = zip(summary["funds"], summary["paths"]["reviews"], strict=True)
    lines += [f"  review  {fund}  {path}" for fund, path in reviews]
    return lines
