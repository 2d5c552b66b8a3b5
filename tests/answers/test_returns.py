"""What goes back to suppliers: each file's errors, in words, without persons, night by night."""

from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows.answers import returns
from flows.answers.returns import write_returns
from flows.ingest.drop import SnapshotRef, ingest_drop
from flows.store import Home
from tests.conftest import make_home
from tests.ingest.ingest_drops import LI, WANG, csv_text, row, write_drop
from transforms.answers import returns as sheets
from transforms.extracts.headers import IN_FORCE_NAME
from transforms.extracts.kinds import COLUMNS
from transforms.extracts.rules import RULES
from transforms.words import catalogue

AS_OF = date(2020, 3, 31)
BAD_DAY = "2020年2月30日"


def people(*days: str, person: str = LI) -> list[dict[str, str]]:
    return [row("attendance", 姓名="李四", 身份证号=person, 出勤日期=day) for day in days]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def snapshot_of(home: Home, place: Path, files: dict[str, Any]) -> SnapshotRef:
    texts = {name: csv_text(rows) for name, rows in files.items()}
    return ingest_drop(write_drop(place, texts), home.snapshots)


def lines_of(path: Path, sheet: int = 0) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(path).worksheets[sheet].iter_rows(values_only=True))


def test_a_row_goes_back_with_place_value_rule_and_mend(home: Home, tmp_path: Path) -> None:
    rows = [*people("2020-02-01", BAD_DAY), *people("2020-02-01", person=LI[:-1] + "1")]
    snapshot = snapshot_of(home, tmp_path / "a", {"考勤明细.csv": rows})
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        write_returns(folder, home, snapshot, AS_OF)
    (path,) = (tmp_path / "one" / "returns").iterdir()
    assert path.name == "考勤明细.xlsx"
    assert path.read_bytes() == (tmp_path / "two" / "returns" / path.name).read_bytes()
    above, _, heading, day, person = lines_of(path)
    assert "2 行不能使用" in above[0]
    assert heading == ("文件", "行号", "数据类别", "列名", "原值", "问题", "如何改正")
    assert day[:6] == ("考勤明细.csv", 3, "考勤明细", "出勤日期", BAD_DAY, "无法读取")
    assert person[1:3] + person[4:6] == (4, "考勤明细", "见原文件", "身份证号无效")
    # The file's own heading is one of those that would do.
    assert "身份证号" in person[3].split(" / ")
    assert day[6] and person[6]
    whole = str([lines_of(path), lines_of(path, 1)])
    assert LI[:17] not in whole and "李" not in whole


def test_an_id_in_a_column_of_days_is_not_shown(home: Home, tmp_path: Path) -> None:
    snapshot = snapshot_of(home, tmp_path / "a", {"考勤明细.csv": people(WANG)})
    write_returns(tmp_path, home, snapshot, AS_OF)
    (line,) = lines_of(tmp_path / "returns" / "考勤明细.xlsx")[3:]
    assert line[3:5] == ("出勤日期", "见原文件")


def test_each_supplier_gets_its_own_and_who_has_no_errors_gets_none(
    home: Home, tmp_path: Path
) -> None:
    files = {"考勤明细_a.csv": people(BAD_DAY), "考勤明细_b.csv": people("2020-02-01")}
    snapshot = snapshot_of(home, tmp_path / "a", files)
    said = "file,supplier\n考勤明细_a.csv,人社局\n考勤明细_b.csv,街道\n"
    (snapshot.folder / "raw" / IN_FORCE_NAME).write_text(said, encoding="utf-8")
    write_returns(tmp_path, home, snapshot, AS_OF)
    assert [path.name for path in (tmp_path / "returns").iterdir()] == ["人社局.xlsx"]


def test_what_another_supplier_says_too_is_no_error(home: Home, tmp_path: Path) -> None:
    files = {"人社局-考勤明细.csv": people(BAD_DAY), "街道-考勤明细.csv": people("2020-02-01")}
    files["街道-考勤明细2.csv"] = files["人社局-考勤明细3.csv"] = people("2020-02-02")
    snapshot = snapshot_of(home, tmp_path / "a", files)
    said = "".join(f"{name},{name.partition('-')[0]}\n" for name in files)
    note = snapshot.folder / "raw" / IN_FORCE_NAME
    note.write_text(f"file,supplier\n{said}", encoding="utf-8")
    write_returns(tmp_path, home, snapshot, AS_OF)
    assert [path.name for path in (tmp_path / "returns").iterdir()] == ["人社局.xlsx"]
    (line,) = lines_of(tmp_path / "returns" / "人社局.xlsx")[3:]
    assert line[0] == "考勤明细.csv", "as its supplier called it"


def test_many_errors_are_cut_and_counted(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returns, "MOST_LINES", 2)
    monkeypatch.setattr(returns, "LOOKED_UP_BYTES", 10)
    days = [f"2020-02-{day}" for day in (30, 31, 32)]
    snapshot = snapshot_of(home, tmp_path / "a", {"考勤明细.csv": people(*days)})
    write_returns(tmp_path, home, snapshot, AS_OF)
    above, cut, _, _, *rows = lines_of(tmp_path / "returns" / "考勤明细.xlsx")
    assert "3 行不能使用" in above[0] and "前 2 行" in cut[0] and len(rows) == 2
    assert {line[4] for line in rows} == {"见原文件"}


def test_the_last_nights_are_counted_beside_each_other(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = snapshot_of(home, tmp_path / "a", {"考勤明细.csv": people(BAD_DAY, "2020-02-31")})
    second = snapshot_of(home, tmp_path / "b", {"考勤明细.csv": people("2020-02-01")})
    before = {"2020-03-30": first.folder}
    monkeypatch.setattr(returns, "_nights_before", lambda _home, _day: before)
    write_returns(tmp_path, home, second, AS_OF)
    path = tmp_path / "returns" / "考勤明细.xlsx"
    assert len(lines_of(path)) == 3, "nothing fell out tonight"
    _, heading, newest, older = lines_of(path, 1)
    assert heading[:3] == ("基准日", "行数", "不能使用")
    assert newest[:3] == ("2020-03-31", 1, 0) and older[:3] == ("2020-03-30", 2, 2)


def test_every_rule_says_how_to_mend_and_only_impersonal_columns_are_shown() -> None:
    assert {*sheets.ERRORS, "totals_row", "not_filled_in"} == set(RULES[1:])
    assert {f"mend_{rule}" for rule in sheets.ERRORS} <= set(catalogue())
    shown = {name for name, column in COLUMNS.items() if column.personal == "none"}
    assert not shown & {"person_id", "name", "account_no", "subject_name", "household_no"}
