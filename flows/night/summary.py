"""What a run says at its end: to scripts as JSON, to people in lines."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flows.inbox.in_force import states_of_snapshot
from flows.inbox.standing import delivery_lines
from flows.language import counted, headings, policy_word, said, with_titles
from flows.store import Home, read_manifest
from transforms.amounts import yuan_text
from transforms.visible import table


def summarise_run(home: Home, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `run --json` prints: ids, paths, counts, policies, deliveries, warnings."""
    run_folder, batches = home.runs / manifest["run_id"], manifest["batches"]
    snapshot, as_of = home.snapshots / manifest["snapshot_id"], manifest["as_of"]
    deliveries = states_of_snapshot(snapshot, date.fromisoformat(as_of))
    return {
        **{name: manifest[name] for name in ("run_id", "snapshot_id", "as_of", "batches")},
        **{name: manifest[name] for name in ("counts", "warnings")},
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
    lines += [f"  warning: {with_titles(warning)}" for warning in summary["warnings"]]
    lines.append(f"  report  {summary['paths']['report']}")
    lines.append(f"  omitted {summary['paths']['omitted']}")
    reviews = zip(summary["funds"], summary["paths"]["reviews"], strict=True)
    lines += [f"  review  {fund}  {path}" for fund, path in reviews]
    return lines
