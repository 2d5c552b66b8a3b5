"""What tests of answers share: homes that no ledger recorded."""

import pytest

from flows.money.evidence import Recorded
from flows.store import Home, file_digest, read_manifest


@pytest.fixture()
def as_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what lies in a home for what was recorded, but what the run's own manifest says."""

    def opened(home: Home, run_id: str, _books: object) -> Recorded:
        run = home.runs / run_id
        snapshot = home.snapshots / read_manifest(run, "run").get("snapshot_id", "none")
        files = [path for folder in (run, snapshot) for path in folder.rglob("*.parquet")]
        said = {run / name: of for name, of in read_manifest(run, "run")["files"].items()}
        lying = {path: file_digest(path) for path in sorted(files)}
        return Recorded(run, snapshot, lying if run_id == "R-other" else lying | said)

    monkeypatch.setattr("flows.answers.opened.open_run", opened)
    monkeypatch.setattr("flows.answers.identity.open_run", opened)
    monkeypatch.setattr("flows.answers.identity.books_of", lambda _home: None)
