"""What a night from elsewhere carries is read and computed with; nothing of it is ever run."""

import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.suites import CONDITION, load_suite
from flows import archive
from flows.audit.again import read_night, stage_code, stage_home
from flows.audit.carry import carried, export_night
from flows.audit.diff import mixture_of
from flows.audit.pseudonymous import export_pseudonymous, replay_pseudonymous
from flows.audit.recompute import compute
from flows.cli.console import app, run_command
from flows.night.made_by import is_of_funds
from flows.program import decides, deciding_texts
from flows.store import Home
from sql import DatabaseError, connect, only_asks, query, register_frame
from transforms.errors import ContractError, DigestDiffersError, DropRefusedError
from transforms.gates import BOUNDARIES

NO_RULES = (
    *("sitecustomize.py", "flows/night/determine.py", "sql/facts/a.py", "sql/__init__.py"),
    *("../a.sql", "/etc/a.sql", "sql/../../a.sql", "sql/./../../a.sql", "sql/a.py/a.sql"),
    *("sql/a\\a.sql", "sql/a\0.sql", "sql/a.sql\n", "sql.pth", "transforms/words.yaml", ""),
    *("transforms/payments/profiles/a.py", "expectations/gate.py", "sql/.sql/a.pth"),
)
NO_FUNDS = ("ledger.sqlite", "wuxing.toml", "seals.toml", "bank_profiles/a.py", "a/funds.toml")
NO_FUNDS += ("../funds.toml", "bank_profiles/../a.toml", "bank_profiles/a/b.toml")


def test_every_text_of_today_is_one_that_a_night_may_keep() -> None:
    assert all(map(decides, deciding_texts()))
    assert all(
        map(is_of_funds, ("funds.toml", "bank_profiles/default.toml", "bank_profiles/农商.toml"))
    )


@pytest.mark.parametrize("path", NO_RULES)
def test_a_text_that_is_no_rule_is_written_nowhere(path: str, tmp_path: Path) -> None:
    with pytest.raises(DigestDiffersError) as refused:
        stage_code({**deciding_texts(), path: "open('here', 'w')"}, tmp_path)
    assert f"keeps {path} among its rules" in str(refused.value)
    assert (
        not list(tmp_path.rglob("*here")) and not (tmp_path / "code" / "sitecustomize.py").exists()
    )


@given(st.text("abs./_\\\0", max_size=12), st.sampled_from(["", "sql/", "expectations/"]))
def test_no_path_leads_out_or_is_imported(name: str, folder: str) -> None:
    for ending in (".sql", ".yaml", ".py", ".pth", ".so", ""):
        path = f"{folder}{name}{ending}"
        if decides(path):
            assert path.endswith((".sql", ".yaml")) and folder
            assert os.path.normpath(path).startswith(folder)


@pytest.mark.parametrize("path", NO_FUNDS)
def test_of_funds_only_their_configuration_is_taken(
    path: str, nights: tuple[Home, list[str]], tmp_path: Path
) -> None:
    night = read_night(nights[0], nights[1][0])
    with pytest.raises(DigestDiffersError, match="among its rules"):
        stage_home(replace(night, funds={**night.funds, path: ""}), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "copy (select 1 as a) to '/dev/shm/a.csv'",
        "select 1 as a; copy (select 1 as a) to '/dev/shm/a.csv'",
        "select 1 as a with no data; copy (select 1 as a) to '/dev/shm/a.csv'",
        "install httpfs",
        "attach 'a.db'",
        "call enable_logging()",
        "set threads = 1",
        "",
    ],
)
def test_sql_that_does_more_than_ask_is_refused(text: str, tmp_path: Path) -> None:
    fact = "sql/facts/own_rows.sql"
    assert fact in deciding_texts() and not only_asks(text)
    with pytest.raises(DigestDiffersError, match=f"{fact}, as the night keeps it, does more"):
        stage_code({**deciding_texts(), fact: text}, tmp_path)


def test_the_rules_of_a_night_read_nothing_beside_it(
    nights: tuple[Home, list[str]], tmp_path: Path
) -> None:
    fact, secret = "sql/facts/own_rows.sql", tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    law = mixture_of(read_night(nights[0], nights[1][0]))
    there = f"where 0 < (select count(*) from read_text('{secret}')) or true"
    reading = f"select * from ({law.texts[fact]}) {there}"
    with pytest.raises(DropRefusedError, match="computed again it ended with"):
        compute(replace(law, texts={**law.texts, fact: reading}))


def test_a_confined_database_stays_in_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside.csv"
    inside.mkdir()
    outside.write_text("a\n1\n")
    (inside / "link.csv").symlink_to(outside)
    (tmp_path / "within").write_text(str(inside))
    monkeypatch.setattr("sql.confined.NAMED", tmp_path / "within")
    with connect(1, "50MB", inside / "spilled") as connection:
        register_frame(connection, "numbers", pl.DataFrame({"n": range(1_000_000)}))
        connection.execute(f"copy numbers to '{inside / 'a.parquet'}'")
        rows = query(connection, f"select * from '{inside / 'a.parquet'}' order by hash(n), n")
        assert rows.height == 1_000_000, "it spills all the same"
        for hostile in (
            f"select * from '{outside}'",
            f"select * from '{inside / 'link.csv'}'",
            f"select * from '{inside}/../outside.csv'",
            f"copy numbers to '{tmp_path / 'b.csv'}'",
            f"attach '{tmp_path / 'b.db'}'",
            f"export database '{tmp_path / 'b'}'",
            "set enable_external_access = true",
            f"set temp_directory = '{tmp_path}'",
            "install httpfs",
            "create persistent secret s (type s3)",
        ):
            with pytest.raises(DatabaseError):
                connection.execute(hostile)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "outside.csv", "within"]


def test_a_condition_of_a_check_says_which_rows_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    suites = Path(load_suite.__wrapped__.__globals__["FOLDER"])
    shutil.copytree(suites, tmp_path / "suites")
    path = tmp_path / "suites" / "entitlements" / "suite.yaml"
    text = path.read_text("utf-8")
    assert 'row_condition: status in ["' in text
    (condition, *_) = [line for line in text.splitlines() if "row_condition" in line]
    for hostile in ("'@pd.io.common.os.system(\"true\") == 0'", "{a: b}", 'status in ["a"] or f()'):
        path.write_text(text.replace(condition, f"        row_condition: {hostile}"), "utf-8")
        monkeypatch.setattr("expectations.suites.FOLDER", tmp_path / "suites")
        with pytest.raises(ContractError, match="row_condition"):
            load_suite.__wrapped__("entitlements")
    monkeypatch.undo()
    assert all(load_suite.__wrapped__(boundary) for boundary in BOUNDARIES)
    assert CONDITION.fullmatch('status in ["held", "conflict"]')


def test_the_name_of_a_batch_or_its_files_leads_nowhere_else(
    nights: tuple[Home, list[str]], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(nights[0].root, home.root)
    night = read_night(home, nights[1][3])
    for path in home.batches.glob("*/manifest.json"):
        said = json.loads(path.read_text("utf-8"))
        said["files"]["../../../planted.parquet"] = "0" * 64
        path.write_text(json.dumps(said), "utf-8")
    with pytest.raises(DigestDiffersError, match=r"\.\./planted\.parquet is no name"):
        stage_home(night, tmp_path / "scratch")
    assert not list(tmp_path.glob("planted*"))


# --- archives -----------------------------------------------------------------------------------


def rewritten(path: Path, add: Callable[[zipfile.ZipFile], None]) -> None:
    with zipfile.ZipFile(path, "a") as packed:
        add(packed)


def named(name: str, content: bytes = b"{}", mode: int = 0) -> Callable[[zipfile.ZipFile], None]:
    def add(packed: zipfile.ZipFile) -> None:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        packed.writestr(member, content)

    return add


HOSTILE = {
    "two files": named("home/funds.toml"),
    "two files home": named("home//funds.toml"),
    "link": named("home/snapshots/a", b"/etc/passwd", stat.S_IFLNK | 0o777),
    "outside of its folder": named("../planted"),
    "lies outside": named("/planted"),
    "what lies outside": named("home\\..\\planted"),
}


@pytest.fixture(scope="module")
def packed(nights: tuple[Home, list[str]], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("packed")
    home, runs = nights
    export_night(home, runs[1], place / "night.zip")
    export_pseudonymous(home, runs[1], place / "pseudonyms.zip", b"a key of at least 16 bytes")
    return [place / "night.zip", place / "pseudonyms.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("said", HOSTILE)
def test_an_archive_that_the_program_never_writes_is_refused(
    said: str, packed: list[Path], tmp_path: Path
) -> None:
    for path in packed:
        copy = Path(shutil.copy(path, tmp_path))
        rewritten(copy, HOSTILE[said])
        if "two files" in said:
            rewritten(copy, HOSTILE[said])
        assert run_command(app, ["replay", str(copy)]) == DigestDiffersError.exit_code
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in packed}


def test_an_archive_that_unpacks_without_end_is_refused(
    packed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SMALL_BYTES", 1 << 20)
    for path in packed:
        copy = Path(shutil.copy(path, tmp_path))
        with zipfile.ZipFile(copy, "a", zipfile.ZIP_DEFLATED) as stream:
            stream.writestr("home/runs/a", bytes(400 * path.stat().st_size))
        assert run_command(app, ["replay", str(copy)]) == DropRefusedError.exit_code


def test_of_a_carried_home_nothing_else_is_unpacked(packed: list[Path], tmp_path: Path) -> None:
    copy = Path(shutil.copy(packed[0], tmp_path))
    for name in ("home/seals.toml", "home/wuxing.toml", "home/keys/a.key", "sitecustomize.py"):
        rewritten(copy, named(name))
    with carried(copy) as (home, _):
        assert {path.name for path in home.root.iterdir()} <= {
            *("snapshots", "runs", "batches", "inputs", "ledger.sqlite", "funds.toml"),
            "bank_profiles",
        }
        assert [path.name for path in home.root.parent.iterdir()] == ["home"]


def test_a_night_under_pseudonyms_runs_nothing_either(packed: list[Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(packed[1]) as stream:
        contents = {name: stream.read(name) for name in stream.namelist()}
    for kind, path in (("texts", "sitecustomize.py"), ("funds", "wuxing.toml")):
        said = json.loads(contents["night.json"])
        said[kind][path] = "open('/dev/shm/pwned', 'w')"
        copy = tmp_path / f"{kind}.zip"
        with zipfile.ZipFile(copy, "w") as stream:
            for name, content in {**contents, "night.json": json.dumps(said)}.items():
                stream.writestr(name, content)
        with pytest.raises(DigestDiffersError, match=f"keeps {path} among its rules"):
            replay_pseudonymous(copy)
