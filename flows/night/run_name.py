"""What names a run: all that goes into it, and the nights it is compared with."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from expectations.suites import thresholds_digest
from flows.ingest.drop import SnapshotRef, load_snapshot
from flows.night.settings import read_settings
from flows.store import Home, read_manifest
from sql.texts import parameters_digest, rules_digest
from transforms.digest import content_digest, short_id
from transforms.payments.working_days import is_unknown


def last_finished(runs: Mapping[str, Mapping[str, Any]], as_of: date, snapshot: SnapshotRef) -> str:
    """Return the snapshots that tonight's is held against, newest first; empty on a first night.

    Each kind is held against the last finished run up to a day that has it (`held_against`): on an
    ordinary night that is one for all. Where a kind was late last night, another one joins: what
    came back short must be seen. A run of the same snapshot says nothing new of it, so that the
    same night again is the same run.

    Source:  rulebook §4b
    """
    chosen, wanted = [], set(snapshot.manifest["tables"])
    for *_, snapshot_id in _newest_finished(runs, as_of):
        if snapshot_id == snapshot.snapshot_id:
            continue
        found = wanted & _kinds_of(snapshot.folder.with_name(snapshot_id))
        if found:
            chosen.append(snapshot_id)
            wanted -= found
        if not wanted:
            break
    return " ".join(chosen)


def held_against(folders: Path, compared_with: str) -> list[SnapshotRef]:
    """Return the snapshots compared with, newest first: of each kind the first that has it."""
    return [load_snapshot(folders, name) for name in compared_with.split()]


def _kinds_of(snapshot: Path) -> set[str]:
    return set(read_manifest(snapshot, "snapshot")["tables"]) if snapshot.is_dir() else set()


def run_before(runs: Mapping[str, Mapping[str, Any]], as_of: date, snapshot: SnapshotRef) -> str:
    """Return the finished run that a night's objections are held against; empty on a first night.

    It is the last of another day or snapshot, so that the same night again is the same run.
    """
    same = (as_of.isoformat(), snapshot.snapshot_id)
    newest = _newest_finished(runs, as_of)
    return next((run_id for day, _, run_id, of in newest if (day, of) != same), "")


def _newest_finished(
    runs: Mapping[str, Mapping[str, Any]], as_of: date
) -> list[tuple[str, int, str, str]]:
    """List the finished runs up to a day, the newest first: day, place, run, snapshot."""
    finished = [
        (run["as_of"], place, run_id, run["snapshot_id"])
        for place, (run_id, run) in enumerate(runs.items())
        if run["state"] == "done" and run["as_of"] <= as_of.isoformat()
    ]
    return sorted(finished, reverse=True)


def rules_name(funds_digest: str) -> dict[str, str]:
    """Name the rules and the parameters of tonight, as a run's manifest has them."""
    numbers = [parameters_digest(), thresholds_digest(), funds_digest]
    return {"rules_digest": rules_digest(), "parameters_digest": content_digest(numbers)}


def run_identity(
    snapshot: SnapshotRef,
    as_of: date,
    funds_digest: str,
    ledger_digest: str,
    compared_with: str,
    before: str | None,
    home: Home,
) -> dict[str, Any]:
    """Name a run by what goes into it: snapshot, day, rules, parameters, ledger, the nights before.

    Holds:   the funds' configuration, the exclusions and the gates' thresholds count as
             parameters: they decide holds, and whether a run stops
    Source:  contract, run_id
    """
    goes_in = {
        "snapshot_id": snapshot.snapshot_id,
        "as_of": as_of.isoformat(),
        **rules_name(funds_digest),
        "ledger_digest": ledger_digest,
        "compared_with": compared_with,
    }
    # Only where somebody objects: a night without is named as before there were any.
    if before is not None:
        goes_in["run_before"] = before
    # Only where no working day is known: with a newer calendar the same night is another run.
    if is_unknown(as_of):
        goes_in["holidays"] = "unknown"
    # Only where it is off: the same night with candidates is another run, that stands beside it.
    if read_settings(home).matching.candidates == "off":
        goes_in["matching"] = "off"
    return {"run_id": short_id("R", goes_in), **goes_in}
