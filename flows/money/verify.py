"""Recompute everything that was recorded: snapshots, runs, batches, the ledger, signatures."""

from pathlib import Path

from flows.ingest.drop import load_snapshot
from flows.money.batch_folder import verify_batch
from flows.money.ledger_store import open_ledger
from flows.money.release import verify_payment_files, verify_signatures
from flows.store import Home, file_digest, read_manifest
from transforms.digest import short_id
from transforms.errors import DigestDiffersError

RUN_GOES_IN = ("snapshot_id", "as_of", "rules_digest", "parameters_digest", "ledger_digest")


def verify_home(home: Home) -> dict[str, int]:
    """Check every digest, the ledger's chain and every signature of a home.

    Rows:    returns  how many of each were checked
    Raises:  DigestDiffersError at the first that is not as recorded, naming it
    """
    counts = {"snapshots": 0, "runs": 0, "batches": 0, "ledger rows": 0, "signatures": 0}
    counts["payment files"] = 0
    for folder in _made(home.snapshots):
        _verify_snapshot(folder)
        counts["snapshots"] += 1
    for folder in _made(home.runs):
        _verify_run(folder)
        counts["runs"] += 1
    with open_ledger(home) as ledger:
        counts["ledger rows"] = ledger.verify_chain()
        for state in ledger.batch_states().values():
            verify_batch(home, state)
            counts["batches"] += 1
            counts["signatures"] += verify_signatures(ledger, state)
            counts["payment files"] += verify_payment_files(home, state)
    return counts


def _made(parent: Path) -> list[Path]:
    found = parent.iterdir() if parent.is_dir() else ()
    return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))


def _verify_snapshot(folder: Path) -> None:
    manifest = load_snapshot(folder.parent, folder.name).manifest
    for entry in manifest["files"]:
        _expect(folder / "raw" / entry["name"], entry["sha256"])
    for table in manifest["tables"].values():
        for name, digest in table["files"].items():
            _expect(folder / name, digest)


def _verify_run(folder: Path) -> None:
    manifest = read_manifest(folder, "run")
    if short_id("R", {name: manifest[name] for name in RUN_GOES_IN}) != folder.name:
        raise DigestDiffersError(f"{folder}: its manifest names other inputs than its id does")
    for name, digest in manifest["files"].items():
        _expect(folder / name, digest)
    extra = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    extra -= {*manifest["files"], "manifest.json"}
    if extra:
        raise DigestDiffersError(f"{folder} holds files its manifest does not: {sorted(extra)}")


def _expect(path: Path, digest: str) -> None:
    if not path.is_file():
        raise DigestDiffersError(f"{path} is missing; restore it from a copy")
    found = file_digest(path)
    if found != digest:
        raise DigestDiffersError(
            f"{path} was changed after it was written: expected {digest[:12]}…, found "
            f"{found[:12]}…; restore it, and find out who changed it"
        )
