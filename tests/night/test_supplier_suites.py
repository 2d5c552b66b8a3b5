"""Suites for suppliers: good files pass, a spoilt cell fails on its column, and says no value."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest

from expectations import gate
from expectations.supplier import supplier_suites
from flows.answers.supplier_suites import write_suites
from flows.cli import main
from transforms.extracts.headers import kind_of_file
from transforms.extracts.kinds import KINDS

DROP = Path(__file__).parent.parent.parent / "data_samples" / "drop"
GOOD = sorted(path for path in DROP.glob("*.csv") if path.name != "交接单.csv")
FORM = "expect_column_values_to_match_regex"
SPOILT = [
    ("失业登记.csv", "社会保障号码", FORM, "37140019600915001"),
    ("失业登记.csv", "社会保障号码", FORM, "371400196009150018\n"),
    ("失业登记.csv", "失业登记日期", FORM, "二〇一九年"),
    ("失业登记.csv", "择业愿望", "expect_column_values_to_be_in_set", "愿意"),
    ("失业登记.csv", "姓名", "expect_column_values_to_not_be_null", ""),
    ("个人缴费明细_001.csv", "单位缴费金额", FORM, "1,2.3"),
    ("个人缴费明细_001.csv", "费款所属期", FORM, "2020-"),
    (
        "个人缴费明细_001.csv",
        "缴费明细流水号",
        "expect_column_values_to_be_unique",
        "B000000000002",
    ),
    ("单位参保信息.csv", "统一社会信用代码", FORM, "9137"),
    ("工资发放明细_001.csv", "出勤天数", FORM, "-1"),
]
Edit = Callable[[list[list[str]]], None]


def rows_of(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    return list(csv.reader(text.splitlines()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suites")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(sys, "argv", ["wuxing", "expectations", str(folder)])
        main()
    assert left.value.code == 0
    return folder


def failures(folder: Path, kind: str, rows: list[list[str]]) -> dict[tuple[str, str], str]:
    """Do what the page for suppliers does, in this process; return what failed, as JSON."""
    suite = gx.ExpectationSuite(**json.loads((folder / f"{kind}.json").read_text("utf-8")))
    frame = pd.DataFrame(rows[1:], columns=rows[0], dtype=str).replace("", None)
    names, stand_ins = suite.meta["headings"], suite.meta["stand_ins"]
    there = {names.get(heading) for heading in frame.columns if heading not in stand_ins}
    beside = [one for one in frame.columns if one in stand_ins and names[one] in there]
    frame = frame.drop(columns=beside).rename(columns=names)
    for name in suite.meta["optional"]:
        frame[name] = frame.get(name)
    frames = gate._context().data_sources.get("frames").get_asset("frame")
    batch = frames.get_batch_definition("frame").get_batch({"dataframe": frame})
    checked: Any = batch.validate(suite, result_format=gate.RESULT_FORMAT)
    return {
        (entry.expectation_config.kwargs.get("column"), entry.expectation_config.type): json.dumps(
            entry.to_json_dict()["result"]
        )
        for entry in checked.results
        if not entry.success
    }


def test_every_kind_has_its_suite(folder: Path, tmp_path: Path) -> None:
    assert {path.stem for path in folder.glob("*.json")} == set(KINDS) == set(supplier_suites())
    again = write_suites(tmp_path)
    assert [p.read_bytes() for p in again] == [(folder / p.name).read_bytes() for p in again]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_a_good_file_passes(folder: Path, path: Path) -> None:
    kind = kind_of_file(path.name)
    assert kind and failures(folder, kind.name, rows_of(path)) == {}


@pytest.mark.parametrize(("name", "label", "expectation", "cell"), SPOILT)
def test_a_spoilt_cell_fails_on_its_column_and_is_not_repeated(
    folder: Path, name: str, label: str, expectation: str, cell: str
) -> None:
    kind, rows = kind_of_file(name), rows_of(DROP / name)
    assert kind
    column = next(c for c in kind.columns if label in c.labels)
    place = next(n for n, heading in enumerate(rows[0]) if heading in column.labels)
    rows[1][place] = cell
    ((failed, said),) = failures(folder, kind.name, rows).items()
    assert failed[0] in column.labels and failed[1] == expectation
    assert "0" in said and not (cell and cell in said)


def test_a_missing_column_fails_and_a_missing_optional_one_does_not(folder: Path) -> None:
    rows = rows_of(DROP / "死亡信息.csv")
    assert failures(folder, "deaths", [row[:3] for row in rows]) == {}
    missing = failures(folder, "deaths", [row[:2] for row in rows])
    assert {failed[0] for failed in missing} == {"死亡日期"}


def test_a_column_whose_absence_says_something_is_to_be_there(folder: Path) -> None:
    rows = rows_of(DROP / "服刑信息.csv")
    place = rows[0].index("释放日期")
    missing = failures(folder, "custody", [row[:place] + row[place + 1 :] for row in rows])
    assert ("释放日期", "expect_column_to_exist") in missing
    assert {column for column, _ in missing} == {"释放日期"}


def test_the_month_of_payment_beside_that_of_the_wage_is_a_column_nobody_knows(
    folder: Path,
) -> None:
    rows = rows_of(DROP / "工资发放明细_001.csv")
    place = rows[0].index("发放月份")
    both = [[*row, row[place]] for row in rows]
    both[0][-1] = "工资所属月"
    for row in both[1:]:
        row[place] = "没有"
    assert failures(folder, "payroll", both) == {}
    rows[1][place] = "没有"
    assert {failed[0] for failed in failures(folder, "payroll", rows)} == {"工资所属月"}


def test_the_suppliers_page_works_as_it_stands(folder: Path, tmp_path: Path) -> None:
    page = (folder / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    script = tmp_path / "check.py"
    script.write_text(snippet, encoding="utf-8")
    rows = rows_of(DROP / "失业登记.csv")
    rows[1][1] = "3714001960"
    spoilt = tmp_path / "失业登记.csv"
    spoilt.write_text("\n".join(map(",".join, rows)), encoding="gb18030")
    words = [sys.executable, str(script), str(folder / "unemployment.json"), str(spoilt)]
    found = subprocess.run([*words, "gb18030"], capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stderr
    assert FORM in found.stdout and "[2]" in found.stdout and "3714001960" not in found.stdout
