"""Rows are counted in one way: every text is read as the plain reader reads it, or refused."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.ingest import csv_files, files
from flows.ingest.csv_files import open_csv, read_csv_pieces
from flows.ingest.files import DropFile, digest_file
from transforms.errors import DropRefusedError
from transforms.extracts.cells import CodedCells, Piece
from transforms.extracts.kinds import KINDS

HEADER = "身份证号,姓名,户号"
WIDTH = 3
Row = tuple[int, list[str]]


def pieces_of(folder: Path, content: bytes) -> list[Piece]:
    """Read a file as ingest does."""
    path = folder / "residents.csv"
    path.write_bytes(content)
    copies = folder / "raw"
    copies.mkdir(exist_ok=True)
    raw = digest_file(DropFile(path, KINDS["residents"], "csv"), copies)
    return list(read_csv_pieces(open_csv(raw, copies / path.name, KINDS["residents"])))


def rows_read(folder: Path, content: bytes) -> list[Row]:
    """Read a file as ingest does: per row its line and its cells; a row too wide has its own."""
    rows = []
    for piece in pieces_of(folder, content):
        texts = []
        for cells in piece.all_cells:
            assert isinstance(cells, CodedCells)
            texts.append(cells.texts if cells.codes is None else cells.texts.gather(cells.codes))
        rows += list(zip(piece.lines.tolist(), map(list, zip(*texts, strict=True)), strict=True))
    return rows


def rows_expected(text: str) -> list[Row]:
    """Read the same text with the standard library, a line ended by CR, LF or CRLF."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    reader, line, rows = csv.reader(io.StringIO(plain, newline="\n")), 0, list[Row]()
    for cells in reader:
        even = [*cells, *[""] * WIDTH][:WIDTH]
        # What stands beyond the header's columns is no blank row: it is kept, and quarantined.
        if any(cell.strip() for cell in [*even, *cells[WIDTH:]]):
            rows.append((line + 1, even))
        line = reader.line_num
    return rows[1:]


@given(st.text(alphabet='a"",,\n\n\r 一', max_size=40), st.sampled_from(["utf-8", "gb18030"]))
@example('a"",b,"c"\n"d,e', "utf-8")
@example('"a\r\nb",c\rd,"e\n"\n', "utf-8")
@settings(max_examples=100, deadline=None)
def test_every_text_is_read_as_the_plain_reader_reads_it_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str
) -> None:
    content = f"{HEADER}\n{text}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "PIECE_BYTES", 16)
        patch.setattr(files, "SLICE_BYTES", 3)
        patch.setattr(files, "CHUNK_BYTES", 5)
        try:
            found = rows_read(tmp_path_factory.mktemp("drop"), content.encode(encoding))
        except DropRefusedError as refused:
            assert ", line " in str(refused)
            return
    wanted = rows_expected(content)
    assert [line for line, _ in found] == [line for line, _ in wanted]
    assert [[c.replace("\r\n", "\n") for c in cells] for _, cells in found] == [
        cells for _, cells in wanted
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("apart", [1, 2, 49, 50, 51, 200])
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("odd", ["", '250,丙"丙,户'])
def test_two_stray_quotes_at_the_edges_of_cells_swallow_no_list(
    tmp_path: Path, apart: int, column: int, odd: str, encoding: str
) -> None:
    """One at the start of a cell, one at the end of another far below: who is listed vanished."""
    rows = [[str(n), "甲", f"户{n}"] for n in range(300)]
    rows[10][column] = f'"{rows[10][column]}'
    rows[10 + apart][column] += '"'
    lines = [",".join(row) for row in rows]
    # Lines that are empty are no row, however many.
    text = "\n".join([HEADER, *lines[:250], odd, *[""] * 80, *lines[250:], ""])
    with pytest.raises(DropRefusedError, match="line 12: a quote opens here"):
        rows_read(tmp_path, text.encode(encoding))


def test_a_text_of_several_lines_with_separators_is_no_row(tmp_path: Path) -> None:
    cells = '1,"甲\n丙,丁,戊\n己",户1'
    text = "\n".join([HEADER, cells, '2,乙,"一\n二, 三\n\n四"', "", '"3",丙,"户\n\n"', ""])
    for odd in ("", '4,丁"丁,户\n'):
        assert rows_read(tmp_path, (text + odd).encode()) == rows_expected(text + odd)


@pytest.mark.parametrize(
    ("merged", "seen"),
    [
        ('"1","甲"","户1"', ["1", '甲",户1"', ""]),
        ('"1","甲,户1"', ["1", "甲,户1", ""]),
        ('1,"甲,户1"', ["1", "甲,户1", ""]),
        ('"1,甲,户1"', ["1,甲,户1", "", ""]),
    ],
)
def test_cells_that_two_stray_quotes_made_one_are_no_empty_last_column(
    tmp_path: Path, merged: str, seen: list[str]
) -> None:
    """The end of a listing stands there, and empty means that it has none."""
    text = "\n".join(
        [HEADER, merged, '"2","乙,一","户2"', "3,丙", '4,"1,000,000"', '4,"丁,一,二"', ""]
    )
    (piece,) = pieces_of(tmp_path, text.encode())
    assert piece.too_wide is not None and piece.too_wide.tolist() == [True, *[False] * 4]
    assert rows_read(tmp_path, text.encode())[0] == (2, seen)
