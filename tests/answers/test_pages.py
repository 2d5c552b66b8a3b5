"""What a night leaves for people speaks their language: no code of the program stands on a page."""

import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from sql.texts import policy_cards
from transforms.answers.clerical import LABELS

# Columns that the program reads back or that a bureau looks up: they hold ids.
CODES_STAND_IN = {LABELS["policy_id"], LABELS["provision"]}
CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*")
OUTSIDE_CODE = re.compile(r"<style>.*?</style>|<code>.*?</code>|<[^>]*>", re.DOTALL)
WORD = re.compile(r"(?<![A-Za-z0-9_./-])[A-Za-z_]{3,}(?![A-Za-z0-9_.-])")


@pytest.fixture(scope="module")
def home(run_home: tuple[Path, dict[str, Any]]) -> Path:
    return run_home[0]


def parameter_words() -> set[str]:
    """Numbers of the law are known by the names that their cards give them, and their values."""
    every = [
        parameter for card in policy_cards().values() for parameter in card.parameters.values()
    ]
    values = {str(value.value) for parameter in every for value in parameter.values}
    return {parameter.name for parameter in every} | values


def workbooks(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*.xlsx") if "raw" not in path.parts)


def test_no_workbook_shows_a_code(home: Path) -> None:
    books = workbooks(home)
    names = {path.name for path in books}
    assert {"review.xlsx", "omitted.xlsx", "clerical_decisions.xlsx"} < names
    parameters = parameter_words()
    for path in books:
        for sheet in openpyxl.load_workbook(path):
            headings: dict[int, Any] = {}
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.font.b and cell.fill.start_color.rgb == "FFDDE6EE":
                        headings[cell.column] = cell.value
                    if headings.get(cell.column) in CODES_STAND_IN or cell.value in parameters:
                        continue
                    shown = f"{path.name}, {sheet.title}, {cell.coordinate}: {cell.value}"
                    assert not CODE.fullmatch(str(cell.value or "-")), shown


def test_the_same_heading_never_stands_twice(home: Path) -> None:
    for path in workbooks(home):
        for sheet in openpyxl.load_workbook(path):
            for row in sheet.iter_rows():
                heads = [cell.value for cell in row if cell.fill.start_color.rgb == "FFDDE6EE"]
                assert len(heads) == len(set(heads)), f"{path.name}, {sheet.title}"


def test_the_report_has_no_english_word_outside_code(home: Path) -> None:
    (page,) = (path.read_text(encoding="utf-8") for path in home.glob("runs/*/report.html"))
    words = set(WORD.findall(OUTSIDE_CODE.sub(" ", page))) - parameter_words()
    assert words <= {"parquet", "findings", "wuxing", "Excel"}, words
