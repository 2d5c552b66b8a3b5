"""Cells of a workbook that look empty to its reader and are not: it imports nothing heavy.

Errors, formulas whose result was not kept, and cells under a merged one get a text that no column
takes: empty may mean open. The XML of a sheet is looked through once more, in pieces.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO
from xml.etree import ElementTree
from xml.parsers import expat

from transforms.extracts.cell_text import MARK, MERGED

PIECE_BYTES = 1 << 18
# In the XML of a sheet without errors and formulas none of these stands.
SIGNS = (b'"e"', b"'e'", b"<f", b":f")
# Cells with an error as an old workbook holds them: a record of its own, or a formula's result.
OLD_ERRORS = rb"[\x00\x07\x0f\x17\x1d\x24\x2a]"
OLD_ERROR = re.compile(
    rb"\x05\x02\x08\x00.{6}%b\x01|\x06\x00.{8}\x02.%b.{3}\xff\xff" % (OLD_ERRORS, OLD_ERRORS),
    re.DOTALL,
)
OLD_CALENDAR = b"\x22\x00\x02\x00\x01\x00"
COLUMN = re.compile("([A-Z]+)[0-9]+")
OTHER_UNIT = re.compile("[万萬亿億]")

Marks = dict[int, dict[int, str]]
Merge = tuple[tuple[int, int], tuple[int, int]]


def is_from_1904(archive: zipfile.ZipFile) -> bool:
    """Tell whether a workbook counts its days from 1904."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    said = [one.get("date1904") for one in book.iter() if one.tag.endswith("}workbookPr")]
    return any(word in ("1", "true") for word in said)


def shows_other_unit(archive: zipfile.ZipFile) -> bool:
    """Tell whether a number format writes 万 or 亿 behind numbers: what stands there is not 元."""
    if "xl/styles.xml" not in archive.namelist():
        return False
    styles = list(ElementTree.fromstring(archive.read("xl/styles.xml")).iter())
    forms = {one.get("numFmtId"): one.get("formatCode", "") for one in _named(styles, "numFmt")}
    cells = [xf for group in _named(styles, "cellXfs") for xf in group]
    return any(OTHER_UNIT.search(forms.get(one.get("numFmtId"), "")) for one in cells)


def _named(elements: Iterable[ElementTree.Element], name: str) -> list[ElementTree.Element]:
    return [one for one in elements if one.tag.rpartition("}")[2] == name]


def marks_of_sheet(archive: zipfile.ZipFile, name: str) -> Marks:
    """Find the cells of a sheet that hold an error, or a formula without a result."""
    path = _path_of(archive, name)
    with archive.open(path) as part:
        if not _is_suspect(part):
            return {}
    with archive.open(path) as part:
        return _Cells().read(part)


def attached_to(archive: zipfile.ZipFile, name: str) -> list[str]:
    """List the comments on a sheet by their cells, and its drawings, which have none.

    LibreOffice gives every sheet a drawing with nothing in it.
    """
    folder, _, file = _path_of(archive, name).rpartition("/")
    path, found = f"{folder}/_rels/{file}.rels", list[str]()
    if path not in archive.namelist():
        return found
    for link in ElementTree.fromstring(archive.read(path)):
        kind, target = link.get("Type", "").rpartition("/")[2], link.get("Target", "")
        if kind not in ("comments", "threadedComment", "drawing"):
            continue
        part = f"xl/{target.removeprefix('../').lstrip('/').removeprefix('xl/')}"
        content = ElementTree.fromstring(archive.read(part))
        if kind == "drawing":
            found += [""][: len(content)]
        else:
            found += [ref for note in content.iter() if (ref := note.get("ref"))]
    return sorted(set(found))


def _path_of(archive: zipfile.ZipFile, name: str) -> str:
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    target = {link.get("Id"): link.get("Target", "") for link in links}
    [sheet] = [one for one in book.iter() if one.tag.endswith("}sheet") and one.get("name") == name]
    [key] = [value for label, value in sheet.items() if label.endswith("}id")]
    return "xl/" + target[key].replace("\\", "/").lstrip("/").removeprefix("xl/")


def _is_suspect(part: IO[bytes]) -> bool:
    before = b""
    while piece := part.read(PIECE_BYTES):
        seen = before + piece
        if any(sign in seen for sign in SIGNS):
            return True
        before = seen[-2:]
    return False


class _Cells:
    """Reads the XML of a sheet: where it is, and what the cell it is in has said."""

    def __init__(self) -> None:
        self.marks: Marks = {}
        self.row = self.column = -1
        self.form, self.parts, self.value = "", set[str](), ""

    def read(self, part: IO[bytes]) -> Marks:
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.ParseFile(part)
        return self.marks

    def _start(self, tag: str, said: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "row":
            self.row, self.column = int(said.get("r", self.row + 2)) - 1, -1
        elif name == "c":
            self.column = _place(said["r"]) if "r" in said else self.column + 1
            self.form, self.parts, self.value = said.get("t", ""), set(), ""
        self.parts.add(name)

    def _text(self, text: str) -> None:
        if "v" in self.parts:
            self.value += text

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] != "c":
            return
        # An empty text is a result too: Excel writes it as one.
        is_known = bool(self.value.strip()) or (self.form == "str" and "v" in self.parts)
        if self.form == "e" or ("f" in self.parts and not is_known):
            said = self.value.strip() or "#FORMULA"
            self.marks.setdefault(self.row, {})[self.column] = MARK + said


def _place(reference: str) -> int:
    """Give a cell's column, counted from 0.

    >>> _place("A1"), _place("AB12")
    (0, 27)
    """
    number = 0
    for letter in COLUMN.fullmatch(reference)[1]:  # type: ignore[index]
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def with_marks(
    rows: Iterable[list[object]], marks: Marks, left: int, width: int
) -> Iterator[list[object]]:
    """Put the marks in; a row that holds nothing else stands for itself too.

    Rows:    left  the sheet's column that rows begin with
    """
    number = -1
    for number, row in enumerate(rows):
        yield _marked(row, marks.get(number, {}), left)
    for below in range(number + 1, max(marks, default=-1) + 1):
        yield _marked([""] * width, marks.get(below, {}), left)


def _marked(row: list[object], marks: dict[int, str], left: int) -> list[object]:
    for column, text in marks.items():
        if 0 <= column - left < len(row):
            row[column - left] = text
    return row


def with_merges(
    rows: Iterable[list[object]], merges: Sequence[Merge], left: int
) -> Iterator[list[object]]:
    """Mark what lies under a merged cell, in rows that hold something of their own besides."""
    coming, here = sorted(merges, reverse=True), list[Merge]()
    for number, row in enumerate(rows):
        here = [merge for merge in here if merge[1][0] >= number]
        while coming and coming[-1][0][0] <= number:
            merge = coming.pop()
            place = merge[0][1] - left
            if 0 <= place < len(row) and row[place] != "":
                here.append(merge)
        covered = {
            place
            for (top, first), (_, last) in here
            for place in range(max(first - left, 0), min(last - left + 1, len(row)))
            if (number, place) != (top, first - left)
        }
        own = [cell for place, cell in enumerate(row) if place not in covered]
        if covered and any(cell != "" for cell in own):
            marks = dict.fromkeys((left + place for place in covered), MERGED)
            _marked(row, marks, left)
        yield row
