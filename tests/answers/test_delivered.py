"""Raw cells of source rows, as they were delivered, in every format; and beside what was taken."""

import io
from datetime import date
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from flows.answers.delivered import MOST_BYTES, delivered_cells
from tests.ingest.ingest_drops import JIA, LI, ROWS, ZHANG, csv_text, ingest, listed, row
from transforms.answers.dossier import source_table
from transforms.answers.explanation import row_list, source_lines
from transforms.answers.source_rows import AT
from transforms.errors import DigestDiffersError

WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in ZHANG)
JOBS = [
    row("employment", **{"身份证号": f" {WIDE} "}),
    row("employment", **{"合同开始日期": "2020/3/1", "合同解除日期": "以后再说"}),
    row("employment", **{"合同开始日期": '"2020-\n03-05"'}),
]


def workbook(kind: str) -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    for line in (["表头说明"], list(ROWS[kind]), list(ROWS[kind].values())):
        sheet.append(line)
    book.save(stream)
    return stream.getvalue()


def parquet(kind: str, **changes: str) -> bytes:
    stream = io.BytesIO()
    pl.DataFrame([row(kind, **changes)]).write_parquet(stream)
    return stream.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_cells_come_back_as_they_were_delivered(tmp_path: Path, encoding: str, end: str) -> None:
    snapshot = ingest(
        tmp_path,
        {
            "就业登记.csv": csv_text(JOBS, end=end).encode(encoding),
            "市场主体登记.xlsx": workbook("registrations"),
            "户籍人口.parquet": parquet("residents", 身份证号=f"'{LI}"),
            "单位参保信息.csv": csv_text([ROWS["insured_units"]]),
        },
    )
    asked = ["就业登记.csv:2", "就业登记.csv:3", "市场主体登记.xlsx:3", "户籍人口.parquet:1"]
    cells = delivered_cells(snapshot.folder, asked)
    assert sorted(cells) == sorted(asked)
    assert cells["就业登记.csv:2"]["person_id"] == f" {WIDE} "
    assert cells["就业登记.csv:3"]["starts_on"] == "2020/3/1"
    assert cells["市场主体登记.xlsx:3"]["revenue_wan_x100"] == "1,146.00"
    assert cells["户籍人口.parquet:1"]["person_id"] == f"'{LI}"
    assert not any("name" in columns for columns in cells.values()), "no name of anybody"
    repairs = listed(snapshot, "repairs")
    assert set(repairs["source_line"]) == {1, 2}


def test_a_raw_file_that_was_changed_is_not_shown(tmp_path: Path) -> None:
    snapshot = ingest(tmp_path, {"就业登记.csv": csv_text(JOBS[:1])})
    raw = snapshot.folder / "raw" / "就业登记.csv"
    raw.write_text(csv_text(JOBS[1:2]), encoding="utf-8")
    with pytest.raises(DigestDiffersError, match="was changed"):
        delivered_cells(snapshot.folder, ["就业登记.csv:2"])


def test_a_large_file_keeps_no_page_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = ingest(tmp_path, {"就业登记.csv": csv_text(JOBS[:1])})
    monkeypatch.setitem(MOST_BYTES, "csv", 10)
    assert delivered_cells(snapshot.folder, ["就业登记.csv:2"]) == {}


def test_a_row_keeps_its_place_though_its_kind_has_a_column_source() -> None:
    frame = pl.DataFrame(
        {"died_on": [date(2020, 2, 11)], "source": ["公安注销"]}
        | {"source_file": ["死亡信息.csv"], "source_line": [2]}
    )
    keys = {"period": "2020", "subject_id": ZHANG, "beneficiary_id": JIA}
    (row,) = row_list(frame, keys)["rows"]
    assert row == {AT: "死亡信息.csv:2", "died_on": "2020-02-11", "source": "公安注销"}
    source = {"kind": "deaths", "of": "subject", "row_count": 1, "rows": [row]}
    (line,) = source_table({}, {}, keys, source)["rows"]
    assert line["place"] == "死亡信息.csv:2" and line["cells"]["source"]["value"] == "公安注销"
    last = source_lines(source, "en")[-1]
    assert last.split() == ["死亡信息.csv:2", "died_on=2020-02-11", "source=公安注销"]


def test_what_was_mended_and_what_was_not_taken_stand_beside_the_raw_cell() -> None:
    raw = {"a.csv:2": {"person_id": WIDE, "ended_on": "以后再说", "starts_on": "20200301"}}
    repairs = {"a.csv:2": {"person_id": "full_width"}}
    source = {"kind": "employment", "row_count": 3, "rows": []}
    source["rows"] = [{AT: "a.csv:2", "starts_on": "2020-03-01"}, {AT: "a.csv:3"}]
    table = source_table(repairs, raw, {"subject_id": ZHANG, "beneficiary_id": JIA}, source)
    cells, other = (line["cells"] for line in table["rows"])
    assert table["columns"] == ["person_id", "starts_on", "ended_on"] and table["left"] == 1
    assert cells["person_id"] == {"raw": WIDE, "value": None, "repairs": ["full_width"]}
    assert cells["ended_on"]["value"] is None and cells["ended_on"]["raw"] == "以后再说"
    assert cells["starts_on"]["raw"] == "20200301" and other == {}
