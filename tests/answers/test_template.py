"""Workbooks to be filled in: read as they stand, the example is delivered by nobody."""

import io
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from flows.answers.supplier_suites import write_templates
from flows.cli import app
from flows.cli.console import run_command
from flows.ingest.drop import SnapshotRef, ingest_drop
from transforms.answers.template import template_bytes
from transforms.errors import DropRefusedError
from transforms.extracts.kinds import KINDS, Kind
from transforms.extracts.registers import REGISTERS

OWN = [register.kind for register in REGISTERS.values()]
KINDS_OF_SUPPLIERS = [kind for kind in KINDS.values() if kind not in OWN]


def fill_in_examples(path: Path) -> None:
    """Fill in the example as who copies it does: as text, under its heading."""
    book = openpyxl.load_workbook(path)
    page, how = book.worksheets
    places = {cell.value: cell.column for cell in page[1]}
    for label, _, _, example in how.iter_rows(min_row=2, values_only=True):
        page.cell(2, places[label]).value = example
    book.save(path)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_templates(tmp_path_factory.mktemp("templates"))


def lists_of(snapshot: SnapshotRef) -> dict[str, int]:
    names = ("quarantine", "repairs", "findings")
    return {name: pl.read_parquet(snapshot.folder / f"{name}.parquet").height for name in names}


def test_filled_in_with_their_examples_they_are_read_without_a_word(
    templates: list[Path], tmp_path: Path
) -> None:
    assert len(templates) == len(KINDS_OF_SUPPLIERS)
    empty = ingest_drop(templates[0].parent, tmp_path / "empty")
    assert {file["rows"] for file in empty.manifest["files"]} == {0}, "examples are no rows"
    drop = tmp_path / "drop"
    drop.mkdir()
    for path in templates:
        (drop / path.name).write_bytes(path.read_bytes())
        fill_in_examples(drop / path.name)
    filled = ingest_drop(drop, tmp_path / "snapshots")
    assert lists_of(filled) == {"quarantine": 0, "repairs": 0, "findings": 0}
    assert {file["accepted"] for file in filled.manifest["files"]} == {1}
    assert (filled.manifest["notes"], filled.manifest["warnings"]) == ([], [])
    for kind in KINDS_OF_SUPPLIERS:
        rows = pl.concat(pl.read_parquet(path) for path in filled.tables()[kind.name])
        (row,) = rows.select(list(kind.column_named)).to_dicts()
        assert None not in row.values(), (kind.name, row)


@pytest.mark.parametrize("kind", KINDS_OF_SUPPLIERS, ids=lambda kind: kind.name)
def test_every_column_has_its_format_words_and_comment(kind: Kind, templates: list[Path]) -> None:
    path = templates[KINDS_OF_SUPPLIERS.index(kind)]
    assert template_bytes(kind) == path.read_bytes()
    page = openpyxl.load_workbook(path).worksheets[0]
    assert page.title == kind.titles[1] and page.max_row == 1
    lists = {str(one.sqref): one.formula1 for one in page.data_validations.dataValidation}
    for place, column in enumerate(kind.columns):
        cell = page.cell(1, place + 1)
        assert cell.value == column.asked_as and cell.comment.text
        letter = cell.column_letter
        assert (f'"{",".join(column.codes)}"' if column.codes else None) == lists.get(
            f"{letter}2:{letter}1048576"
        )
        assert len(",".join(column.codes)) <= 255, "a drop-down holds no more"
        if column.type.endswith("_id") or column.type in ("account_no", "bank_code", "month"):
            (look,) = [
                one.number_format
                for one in page.column_dimensions.values()
                if one.min <= place + 1 <= one.max
            ]
            assert look == "@"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, ["template", str(tmp_path / "t")]) == 0
    assert "失业登记.xlsx" in capsys.readouterr().out


def test_the_month_of_a_wage_is_asked_for_and_not_that_of_its_payment() -> None:
    """Who fills in 发放月份 as it says puts each wage a month later, where rules look for it."""
    sheet = openpyxl.load_workbook(io.BytesIO(template_bytes(KINDS["payroll"]))).worksheets[0]
    asked = {cell.value for cell in sheet[1]}
    assert "工资所属月" in asked and "发放月份" not in asked


def test_what_was_filled_in_is_not_overwritten(tmp_path: Path) -> None:
    first, *others = write_templates(tmp_path)
    assert write_templates(tmp_path) == [first, *others], "the same once more is no matter"
    first.write_bytes(b"filled in")
    others[0].unlink()
    assert run_command(app, ["template", str(tmp_path)]) == DropRefusedError.exit_code
    assert first.read_bytes() == b"filled in" and not others[0].exists()
    (tmp_path / "README.md").write_text("ours", "utf-8")
    assert run_command(app, ["expectations", str(tmp_path)]) == DropRefusedError.exit_code
    assert [*tmp_path.glob("*.json")] == []
