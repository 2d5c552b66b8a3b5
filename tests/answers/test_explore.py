"""`wuxing sql`: named views over a home, and no way from them to a file."""

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from flows.answers.explore import converse, flat_csv, open_home, table_text
from flows.cli.console import app, run_command
from flows.store import Home
from sql import Connection, DatabaseError
from sql.explore import ask, open_views, view_names
from tests.night.test_end_to_end import files_of
from transforms.errors import ContractError, UsageError
from transforms.extracts.kinds import KINDS


@pytest.fixture(scope="module")
def home(run_home: tuple[Path, dict[str, Any]]) -> Home:
    return Home(run_home[0])


@pytest.fixture(scope="module")
def run_id(run_home: tuple[Path, dict[str, Any]]) -> str:
    return str(run_home[1]["run_id"])


@pytest.fixture(scope="module")
def opened(home: Home, run_id: str) -> Iterator[Connection]:
    with open_home(home, run_id) as connection:
        yield connection


def count_of(connection: Connection, name: str) -> int:
    return int(ask(connection, f"select count(*) as rows from {name}")["rows"][0])


def test_every_table_has_its_name_and_all_its_rows(
    opened: Connection, home: Home, run_id: str
) -> None:
    names = set(view_names(opened)["name"])
    assert {"snapshot.contributions", "run.determinations", "run.entitlements"} <= names
    assert {"batches.lines", "batches.states", "nights", "run.youth_training"} <= names
    assert not [name for name in names if name.startswith(("files_", "night_", "frame_"))]
    run = home.runs / run_id
    for path in [*run.glob("*.parquet"), *run.glob("policies/*.parquet")]:
        assert count_of(opened, f"run.{path.stem}") == pl.read_parquet(path).height
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    tables = home.snapshots / manifest["snapshot_id"] / "tables"
    for kind in KINDS:
        if (tables / f"{kind}.parquet").is_file():
            rows = pl.read_parquet(tables / f"{kind}.parquet")
            assert count_of(opened, f"snapshot.{kind}") == rows.height
    lines = sum(pl.read_parquet(p).height for p in home.batches.glob("*/lines.parquet"))
    assert count_of(opened, "batches.lines") == lines > 0
    assert count_of(opened, "batches.states") == len(list(home.batches.iterdir()))
    (night,) = ask(
        opened, "select run_id, as_of, count(*) as rows from nights group by all"
    ).to_dicts()
    determined = pl.read_parquet(run / "determinations.parquet").height
    assert (night["run_id"], str(night["as_of"]), night["rows"]) == (
        run_id,
        "2020-03-31",
        determined,
    )


@pytest.mark.parametrize(
    "forbidden",
    [
        "copy (select 1) to '{place}/out.csv'",
        "copy (select 1) to '{home}/runs/{run}/determinations.parquet'",
        "attach '{place}/out.db'",
        "attach '{home}/ledger.sqlite'",
        "export database '{place}/out'",
        "select * from read_parquet('{home}/runs/{run}/determinations.parquet')",
        "select * from '{home}/runs/{run}/determinations.parquet'",
        "select * from read_text('/etc/hostname')",
        "select * from glob('{home}/*')",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set temp_directory = '{place}'",
        "install httpfs",
        "load sqlite",
        "select * from read_csv('http://localhost/x.csv')",
        "insert into nights select * from nights",
        "delete from run.determinations",
        "update run.entitlements set due_fen = 1",
        "select * from outside",
    ],
)
def test_nothing_can_be_reached_or_written(
    home: Home, run_id: str, tmp_path: Path, forbidden: str
) -> None:
    outside = pl.DataFrame({"x": [1]})
    assert outside.height == 1, "a frame of the program is no table either"
    before = {folder: files_of(home.root, folder) for folder in ("runs", "batches", "snapshots")}
    with open_home(home, run_id) as connection, pytest.raises(UsageError):
        ask(connection, forbidden.format(place=tmp_path, home=home.root, run=run_id))
    assert not os.listdir(tmp_path)
    after = {folder: files_of(home.root, folder) for folder in ("runs", "batches", "snapshots")}
    assert before == after


def test_a_name_that_is_none_is_refused(home: Home, run_id: str) -> None:
    path = home.runs / run_id / "determinations.parquet"
    for name in ("a b", "x; drop", "A.b", "a.b.c"):
        with pytest.raises(ContractError):
            open_views({name: [path]}, {}, [])


def test_two_nights_are_one_table(home_after_run: Home, run_id: str) -> None:
    path = home_after_run.runs / run_id / "determinations.parquet"
    nights = [("R1", "2020-03-31", path), ("R2", "2020-04-30", path)]
    with open_views({}, {}, nights) as connection:
        rows = ask(connection, "select run_id, count(*) as n from nights group by all order by 1")
        assert rows["n"].to_list() == [pl.read_parquet(path).height] * 2


def test_one_question_as_text_json_and_csv(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = (
        "select policy_id, reason_codes, amount_fen from run.determinations order by all limit 3"
    )
    words = ["sql", "--home", str(home.root), "--query", query]
    assert run_command(app, words) == 0
    assert "rows: 3" in capsys.readouterr().out
    assert run_command(app, [*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["columns"] == ["policy_id", "reason_codes", "amount_fen"]
    assert len(told["rows"]) == 3
    target = tmp_path / "answer.csv"
    assert run_command(app, [*words, "--csv", str(target)]) == 0
    read = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8-sig"))))
    assert [row["policy_id"] for row in read] == [row["policy_id"] for row in told["rows"]]
    assert read[0]["reason_codes"] == "|".join(told["rows"][0]["reason_codes"])
    capsys.readouterr()
    assert run_command(app, [*words[:3], "--query", "select 1 from nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert run_command(app, [*words[:3], "--json"]) == 2


def test_tables_are_joined_by_texts(opened: Connection) -> None:
    both = "from snapshot.contributions join snapshot.deaths using (person_id)"
    said = "from snapshot.contributions where person_id in (select person_id from snapshot.deaths)"
    counts = [ask(opened, f"select count(distinct person_id) as n {text}") for text in (both, said)]
    assert counts[0]["n"][0] == counts[1]["n"][0] > 0
    with pytest.raises(UsageError, match="one name"):
        ask(opened, "select 1 as x, 2 as x")


@pytest.mark.parametrize("more", ["", " offset 2", " union all (select 'x' limit 1)"])
def test_a_limit_over_filtered_files_is_answered(opened: Connection, more: str) -> None:
    asked = "(select beneficiary_id from run.entitlements where status = 'payable' limit 1"
    assert ask(opened, f"{asked}){more}" if "union" in more else f"from {asked}{more})").height


def test_where_the_database_itself_breaks_its_inner_life_is_not_shown() -> None:
    class Broken:
        def execute(self, _text: str) -> None:
            raise DatabaseError("INTERNAL Error: index 1\n\nStack Trace:\n\n/lib/_duckdb.so(+0x5b)")

    with pytest.raises(UsageError, match=r"^INTERNAL Error: index 1$"):
        ask(cast("Connection", Broken()), "select 1")


def test_the_prompt_answers_each_question_and_goes_on_after_a_mistake(
    opened: Connection,
) -> None:
    lines = iter(["select 41", "  + 1 as n;", "nonsense;", ".exit", "never read"])
    told: list[str] = []
    converse(opened, lambda _prompt: next(lines), told.append)
    assert "nights" in told[0] and "42" in told[1] and "syntax error" in told[2]
    assert next(lines) == "never read"

    def ends(_prompt: str) -> str:
        raise EOFError

    converse(opened, ends, told.append)


def test_a_long_answer_is_cut_and_says_so() -> None:
    rows = pl.DataFrame({"n": range(1000)})
    assert "rows: 1,000, not shown: 800" in table_text(rows)
    assert len(flat_csv(rows).splitlines()) == 1001


def test_no_cell_of_an_answer_is_a_formula() -> None:
    """Names and holders come from suppliers."""
    rows = pl.DataFrame({"holder": ["=1+1"], "person_id": ["370302198503151234"], "fen": [-5]})
    text = "\ufeffholder,person_id,fen\n'=1+1,'370302198503151234,-5\n"
    assert flat_csv(rows) == text


def test_a_home_that_can_only_be_read_answers(home: Home, run_id: str, tmp_path: Path) -> None:
    shutil.copytree(home.root, tmp_path / "home")
    for path in [tmp_path / "home", *(tmp_path / "home").rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    with open_home(Home(tmp_path / "home"), run_id) as connection:
        assert count_of(connection, "nights") > 0
    for path in [tmp_path / "home", *(tmp_path / "home").rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
