"""The process that takes workbooks and Parquet apart: what it lays out, and what it refuses."""

import gc
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.ingest import decoded
from flows.ingest.decoder import batch_of_rows, checked, refuse_bomb, refuse_type
from flows.ingest.sheet_marks import OLD_ERROR, _Cells, attached_to, with_marks
from transforms.extracts.cell_text import MARK
from transforms.extracts.csv_text import even_rows


def test_a_sheet_comes_as_texts_and_which_cells_were_numbers() -> None:
    batch = batch_of_rows([["甲", 3.0], ["乙", ""]], 2)
    assert batch.to_pydict() == {
        "0": ["甲", "乙"],
        "1": ["3", ""],
        "2": [False, False],
        "3": [True, False],
    }
    assert batch_of_rows([], 2).num_rows == 0


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.string()), pa.binary(), pa.struct([]), pa.timestamp("us", "Mars/Olympus")]
)
def test_types_that_mean_nothing_are_refused_by_name(kind: pa.DataType) -> None:
    with pytest.raises(SystemExit, match="column 姓名"):
        refuse_type(pa.field("姓名", kind))


def test_a_cell_that_can_be_none_is_refused() -> None:
    refuse_type(pa.field("姓名", pa.dictionary(pa.int32(), pa.string())))
    with pytest.raises(SystemExit, match="a cell of 1025 KiB"):
        checked(pa.RecordBatch.from_pydict({"姓名": ["x" * (1025 << 10)]}))


def test_what_is_put_on_a_sheet_beside_its_cells_is_listed() -> None:
    kinds = ("comments", "drawing", "vmlDrawing")
    links = [f'<Relationship Type="a/{kind}" Target="../{kind}.xml"/>' for kind in kinds]
    parts = {
        "workbook.xml": '<b xmlns="b" xmlns:r="r"><sheet name="甲" r:id="r1"/></b>',
        "_rels/workbook.xml.rels": '<r><l Id="r1" Target="worksheets/sheet1.xml"/></r>',
        "worksheets/_rels/sheet1.xml.rels": f"<r>{''.join(links)}</r>",
        "comments.xml": '<comments><comment ref="L4"/><comment ref="B2"/></comments>',
    }
    for drawing, told in (("", ["B2", "L4"]), ("<anchor/>", ["", "B2", "L4"])):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, text in (parts | {"drawing.xml": f"<wsDr>{drawing}</wsDr>"}).items():
                archive.writestr(f"xl/{name}", text)
            assert attached_to(archive, "甲") == told, "LibreOffice draws nothing on every sheet"


def test_a_workbook_of_another_kind_is_told_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "审核.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", "<a/>")
    with pytest.raises(SystemExit, match=r"is an \.ods or \.xlsb workbook; save it as \.xlsx"):
        refuse_bomb(str(path))


def test_rows_are_made_as_wide_as_the_header() -> None:
    columns, too_wide, unusual = even_rows([["a"], ["b", "c", "d"], ["e", "f", " "]], 2)
    assert len(columns) == 2 and too_wide is not None
    assert too_wide.tolist() == [False, True, True]
    assert unusual.tolist() == [True, True, True]


def test_a_process_that_died_while_it_waited_speaks_against_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"姓名": ["甲"]}), path)

    def texts() -> list[str]:
        wanted = {"columns": ["姓名"], "coded": []}
        batches = list(decoded.decode("parquet", path, "a.parquet", lambda _names: wanted))
        return [text for batch in batches for text in batch["姓名"].to_pylist()]

    assert texts() == ["甲"]
    for waiting in decoded._idle():
        waiting.kill()
        waiting.wait()
    assert texts() == ["甲"]


def test_who_wants_no_more_than_the_first_rows_leaves_the_process_to_the_next_file(
    tmp_path: Path,
) -> None:
    """Each took a third of a second to start: a clerk's workbook is opened several times."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"姓名": ["甲"]}), path)
    wanted = {"columns": ["姓名"], "coded": []}
    decoded.end_idle()
    for _ in range(2):
        batches = decoded.decode("parquet", path, "a.parquet", lambda _names: wanted)
        next(batches)
        assert next(batches)["姓名"].to_pylist() == ["甲"]
        del batches
        (waiting,) = decoded._idle()
        assert waiting.poll() is None
    assert decoded._idle() == [waiting]


def test_a_reading_that_is_thrown_away_in_a_circle_leaves_no_process_without_pipes(
    tmp_path: Path,
) -> None:
    """The collector may close a circle's pipes before the reading that held them."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"姓名": ["甲"]}), path)
    wanted = {"columns": ["姓名"], "coded": []}
    decoded.end_idle()
    for _ in range(3):
        batches = decoded.decode("parquet", path, "a.parquet", lambda _names: wanted)
        next(batches)
        assert next(batches)["姓名"].to_pylist() == ["甲"]
        circle: list[object] = [batches]
        circle.append(circle)
        del batches, circle
        gc.collect()
        assert all(waiting.stdin and not waiting.stdin.closed for waiting in decoded._idle())


def test_cells_without_a_place_are_counted_and_rows_below_are_kept() -> None:
    """Some programs leave the references out; a last row of nothing but errors is a row."""
    xml = b'<x:sheetData xmlns:x="u"><x:row/><x:row><x:c/><x:c t="e"><x:v>#N/A</x:v></x:c></x:row>'
    xml += b'<x:row r="4"><x:c r="C4"><x:f>1</x:f></x:c></x:row></x:sheetData>'
    marks = {1: {1: f"{MARK}#N/A"}, 3: {2: f"{MARK}#FORMULA"}}
    assert _Cells().read(io.BytesIO(xml)) == marks
    rows = list(with_marks([["a", "", ""]], marks, 0, 3))
    assert (len(rows), rows[0][0], rows[3][2]) == (4, "a", f"{MARK}#FORMULA")
    assert OLD_ERROR.search(
        b"\x06\x00\x1b\x00\x05\x00\x06\x00\x0f\x00\x02\x00\x2a\x00\x00\x00\xff\xff"
    )
