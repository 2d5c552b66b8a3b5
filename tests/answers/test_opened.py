"""Whoever asks about a recorded night is answered from what the ledger recorded, or with 14."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.accounts import write_wanted
from flows.answers.explain import explain_line
from flows.answers.nights import list_snapshots, write_index
from flows.answers.notices import Asked, write_notices
from flows.answers.opened import read_evidence
from flows.answers.sample_audit import sample_audit
from flows.answers.takeup import take_up_today
from flows.audit.carry import carried, export_night
from flows.audit.diff import diff
from flows.audit.whatif import whatif
from flows.cli.console import app, run_command
from flows.money.evidence import open_run, run_table
from flows.money.ledger_store import books_of
from flows.store import MANIFEST, Home, file_digest
from transforms.errors import DigestDiffersError, DropRefusedError

RUN, SNAPSHOT = "runs/{run_id}/{name}", "snapshots/{snapshot_id}/{name}"
DETERMINATIONS = RUN, "determinations.parquet"
ENTITLEMENTS = RUN, "entitlements.parquet"
REGISTRATIONS = SNAPSHOT, "tables/registrations.parquet"
QUARANTINE = SNAPSHOT, "quarantine.parquet"
POLICY = "stability_refund"
ROWS_OF_POLICY = RUN, f"policies/{POLICY}.parquet"
MANIFESTS = [(RUN, MANIFEST), (SNAPSHOT, MANIFEST)]
TABLES = [DETERMINATIONS, ENTITLEMENTS, ROWS_OF_POLICY]


def explain(home: Home, run_id: str, _out: Path) -> Any:
    rows = pl.read_parquet(home.root.parent / "first.parquet").to_dicts()[0]
    return explain_line(home, POLICY, rows["beneficiary_id"], None, rows["period"], run_id)


def sample(home: Home, run_id: str, out: Path) -> Any:
    return sample_audit(home, run_id, out / "sample", 200, "7", ("policy", "outcome", "amount"))


def compare(home: Home, run_id: str, _out: Path) -> Any:
    return diff(home, run_id, run_id, threads=1)


def reform(home: Home, run_id: str, _out: Path) -> Any:
    return whatif(home, run_id, [], [], threads=1)


def export(home: Home, run_id: str, out: Path) -> Any:
    return export_night(home, run_id, out / "night.zip")


def notify(home: Home, run_id: str, out: Path) -> Any:
    return write_notices(home, run_id, Asked(), out / "notices")


def take_up(home: Home, _run_id: str, _out: Path) -> Any:
    return take_up_today(home)


def want(home: Home, _run_id: str, out: Path) -> Any:
    return write_wanted(home, out / "wanted.xlsx")


def snapshots(home: Home, _run_id: str, _out: Path) -> Any:
    return list_snapshots(home)


Answer = Callable[[Home, str, Path], Any]
READ: Mapping[Answer, list[tuple[str, str]]] = {
    explain: [*MANIFESTS, *TABLES, REGISTRATIONS, QUARANTINE, (RUN, "traces.parquet")],
    sample: [*MANIFESTS, *TABLES, REGISTRATIONS],
    compare: [*MANIFESTS, *TABLES, REGISTRATIONS],
    reform: [*MANIFESTS, *TABLES, REGISTRATIONS],
    export: [*MANIFESTS, *TABLES, REGISTRATIONS, (SNAPSHOT, "raw/{raw}")],
    notify: [*MANIFESTS, *TABLES, REGISTRATIONS],
    take_up: [*MANIFESTS, DETERMINATIONS, ENTITLEMENTS, QUARANTINE, (RUN, "takeup.parquet")],
    want: [*MANIFESTS, ENTITLEMENTS, REGISTRATIONS],
    snapshots: [(SNAPSHOT, MANIFEST)],
}


@pytest.fixture()
def asked(run_home: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Home, dict[str, Any]]:
    """A copy of a home with a night, beside it whom `explain` is asked about."""
    shutil.copytree(run_home[0], tmp_path / "home")
    folder = tmp_path / "home" / "runs" / run_home[1]["run_id"]
    rows = pl.read_parquet(folder / "determinations.parquet").filter(policy_id=POLICY)
    rows.head(1).write_parquet(tmp_path / "first.parquet")
    return Home(tmp_path / "home"), run_home[1]


def place_of(home: Home, said: Mapping[str, Any], where: tuple[str, str]) -> Path:
    snapshot = home.snapshots / said["snapshot_id"]
    raw = min(path.name for path in (snapshot / "raw").iterdir())
    return home.root / where[0].format(name=where[1].format(raw=raw), **said)


def change(path: Path) -> None:
    """Change a table's rows, or another file's bytes: it can be read as before."""
    os.chmod(path, 0o600)
    if path.suffix == ".parquet" and "raw" not in path.parts:
        rows = pl.read_parquet(path)
        pl.concat([rows.slice(1), rows.head(1)]).with_columns(
            pl.col(pl.Int64, pl.Int32) + 1
        ).write_parquet(path)
    elif path.name == MANIFEST:
        said = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(said), encoding="utf-8")
    else:
        path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize(
    ("answer", "where"),
    [pytest.param(a, w, id=f"{a.__name__}-{w[1]}") for a, many in READ.items() for w in many],
)
def test_what_was_changed_is_named_and_nothing_is_answered(
    answer: Answer, where: tuple[str, str], asked: tuple[Home, dict[str, Any]], tmp_path: Path
) -> None:
    home, said = asked
    path = place_of(home, said, where)
    change(path)
    (tmp_path / "out").mkdir()
    with pytest.raises(DigestDiffersError, match=path.name):
        answer(home, said["run_id"], tmp_path / "out")
    assert not [*(tmp_path / "out").iterdir()]


@pytest.mark.parametrize("answer", [*READ], ids=lambda one: one.__name__)
def test_of_a_night_as_it_was_recorded_everything_is_answered(
    answer: Answer, asked: tuple[Home, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    answer(asked[0], asked[1]["run_id"], tmp_path / "out")


def test_only_what_is_read_is_held_and_that_once(asked: tuple[Home, dict[str, Any]]) -> None:
    """A file that an answer does not rest on keeps nobody from it; `wuxing verify` names it."""
    home, said = asked
    other = next(
        path
        for path in sorted((home.runs / said["run_id"] / "policies").iterdir())
        if path.stem != POLICY
    )
    change(other)
    told = explain(home, said["run_id"], home.root)
    assert told["policies"][0]["rows"]
    recorded = read_evidence(home, said["run_id"]).source.recorded
    assert recorded
    tables = recorded.tables("registrations")
    assert recorded.opened(tables) == tables
    change(tables[0])
    assert recorded.opened(tables) == tables


def test_a_file_that_no_manifest_names_is_none_of_the_nights(
    asked: tuple[Home, dict[str, Any]],
) -> None:
    home, said = asked
    recorded = open_run(home, said["run_id"], books_of(home))
    put = recorded.run / "beside.parquet"
    assert recorded.opened([put]) == []
    shutil.copy(recorded.run / "takeup.parquet", put)
    with pytest.raises(DigestDiffersError, match=r"beside.parquet"):
        recorded.opened([put])
    run = books_of(home).runs[said["run_id"]]
    with pytest.raises(DigestDiffersError, match=r"beside.parquet"):
        run_table(home, said["run_id"], run, "beside")
    assert run_table(home, said["run_id"], run, "there is none") is None


def test_a_run_that_the_ledger_does_not_know_is_not_answered_for(
    asked: tuple[Home, dict[str, Any]],
) -> None:
    home, said = asked
    (home.runs / said["run_id"]).rename(home.runs / "R00000000000000000000")
    with pytest.raises(DigestDiffersError, match=r"knows no run R0000.*run it again first"):
        explain(home, "R00000000000000000000", home.root)
    with pytest.raises(DropRefusedError, match="there is no run"):
        explain(home, said["run_id"], home.root)


def test_a_night_carried_elsewhere_is_answered_for_there(
    asked: tuple[Home, dict[str, Any]], tmp_path: Path
) -> None:
    home, said = asked
    export(home, said["run_id"], tmp_path)
    with carried(tmp_path / "night.zip") as (place, run_id):
        told = explain_line(place, POLICY, *_first(tmp_path), run_id)
        assert told["policies"][0]["rows"]
        change(place_of(place, said, ROWS_OF_POLICY))
        with pytest.raises(DigestDiffersError, match=f"{POLICY}.parquet"):
            explain_line(place, POLICY, *_first(tmp_path), run_id)


def _first(folder: Path) -> tuple[str, None, str]:
    row = pl.read_parquet(folder / "first.parquet").to_dicts()[0]
    return row["beneficiary_id"], None, row["period"]


def test_the_home_s_page_says_to_look_at_a_night_that_was_changed(
    asked: tuple[Home, dict[str, Any]],
) -> None:
    home, said = asked
    write_index(home)
    page = (home.root / "index.html").read_text(encoding="utf-8")
    change(home.runs / said["run_id"] / MANIFEST)
    write_index(home)
    assert (home.root / "index.html").read_text(encoding="utf-8") != page


def test_the_command_ends_with_14(
    asked: tuple[Home, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    home, said = asked
    path = place_of(home, said, DETERMINATIONS)
    before = file_digest(path)
    change(path)
    beneficiary = _first(home.root.parent)[0]
    words = ["explain", "latest", "--home", str(home.root)]
    ends = run_command(app, [*words, "--policy", POLICY, "--beneficiary", beneficiary])
    told = capsys.readouterr().err
    assert ends == 14 and str(path) in told and before[:12] in told
