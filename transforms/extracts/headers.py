"""Tell what a file is by its name, and what its columns are by their labels."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transforms.errors import DropRefusedError
from transforms.extracts.cells import CodedCells, Piece
from transforms.extracts.kinds import COLUMNS, KINDS, Kind, KindColumn
from transforms.strict_yaml import in_backticks
from transforms.words import Said

DELIVERY_NOTE_NAMES = ("交接单.csv", "delivery_note.csv")
# The note of a night that was fed from the inbox: files in force, and since when.
IN_FORCE_NAME = "in_force.csv"
MOST_COLUMNS = 1000
# More digits than a day has, fewer than an id with one or two lost.
LEAST_DIGITS = 10
IDENTIFIERS = frozenset({"person_id", "employer_code", "subject_id"})
# Values of these hold digits: where a required one has none, the row may be another header.
WITH_DIGITS = ("month", "date", "money", "employer_code", "person_id", "account_no", "integer")
BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^】]*】")
OF_MONEY = "[十百千万萬亿億]*[元圆]|[十百千万萬亿億]+|[角分厘]|[美欧日港]元|美金|fen|yuan"
OF_COUNTS = "[十百千万亿]*[人名户]|[十百千万亿]+|[天日周旬季年月时]|个月|季度|小时|工时"
# What a column is read in, and how else headings say it; what the headings of such columns name.
READ_IN = {
    "money": (OF_MONEY, "元", "圆", "yuan"),
    "wan": (OF_MONEY, "万元", "万", "萬元"),
    "rate": ("%|‰|千分.*|万分.*|bp|基点", "%"),
    "persons": (OF_COUNTS, "人", "名"),
    "days": (OF_COUNTS, "天", "日"),
    "months": (OF_COUNTS, "月", "个月"),
}
CURRENCY = "(?:人民币|RMB|CNY|¥)?"
# (×100) and (10元) are units too.
IN_BRACKETS = (
    rf"(?:金额)?(?:单位)?:?[以为]?{CURRENCY}({{}}|[×x*][0-9]+[元圆]?|[0-9]+[元圆])"
    "(?:计|为单位|/.*|每.*)?"
)
ABOVE = re.compile(f"(?:单位[:为]?|金额以){CURRENCY}({OF_MONEY})计?(?![一-鿿])", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """Where a file's columns stand: canonical name → position; `unknown` are other labels.

    `beside`: what is to be said of what the file holds besides its table.
    """

    positions: dict[str, int]
    width: int
    unknown: tuple[str, ...]
    beside: tuple[Said, ...] = ()

    @property
    def names(self) -> list[str | None]:
        """Return the canonical name of each column of the file; None for one that is kept out."""
        name_at = {position: name for name, position in self.positions.items()}
        return [name_at.get(position) for position in range(self.width)]


def kinds_of_file(name: str) -> list[Kind]:
    """Tell the kind by the longest title that a file name holds; several that are as long: all.

    >>> [kind.name for kind in kinds_of_file("2020年3月失业保险金待遇.csv")], kinds_of_file("x.csv")
    (['unemployment_benefits'], [])
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    fitting = [
        (max((len(title) for title in kind.titles if title in plain), default=0), kind)
        for kind in KINDS.values()
    ]
    longest = max(length for length, _ in fitting)
    return [kind for length, kind in fitting if length == longest > 0]


def kind_of_file(name: str) -> Kind | None:
    """Tell the one kind that a name fits best; None if none does, or several do."""
    kinds = kinds_of_file(name)
    return kinds[0] if len(kinds) == 1 else None


def plain_label(label: str) -> str:
    """Bring a label to the form in which labels are compared.

    >>> plain_label("* 单位缴费金额（元）")
    '单位缴费金额'
    """
    return BRACKETED.sub("", _spaceless(label)).lstrip("*").casefold()


def _spaceless(label: str) -> str:
    return "".join(unicodedata.normalize("NFKC", label).replace("\ufeff", "").split())


def _labels_of(kind: Kind) -> dict[str, str]:
    return {plain_label(label): column.name for column in kind.columns for label in column.labels}


def _names_of(kind: Kind, cells: Sequence[str]) -> list[str | None]:
    """Name the column of each label; one that stands in for another is unknown beside it."""
    name_of, labels = _labels_of(kind), [plain_label(cell) for cell in cells]
    stand_ins = {plain_label(label) for column in kind.columns for label in column.stand_in}
    meant = {name_of.get(label) for label in labels if label not in stand_ins}
    names = [name_of.get(label) for label in labels]
    return [
        None if label in stand_ins and name in meant else name
        for label, name in zip(labels, names, strict=True)
    ]


def match_header(kind: Kind, cells: Sequence[str]) -> Header | None:
    """Match a row of cells with a kind's labels; None if a required column is missing."""
    if len(cells) > MOST_COLUMNS:
        return None
    positions: dict[str, int] = {}
    unknown = []
    for position, (cell, name) in enumerate(zip(cells, _names_of(kind, cells), strict=True)):
        if name is None:
            unknown += [cell.strip()] if cell.strip() else []
        else:
            # The first of two columns that would do is taken here; find_header refuses the file.
            positions.setdefault(name, position)
    if any(column.required and column.name not in positions for column in kind.columns):
        return None
    return Header(positions, len(cells), tuple(unknown))


def columns_absent(kind: Kind, header: Header) -> list[KindColumn]:
    """List the columns that a file lacks and whose absence says something of all its rows."""
    return [
        column
        for column in kind.columns
        if column.absent_means and column.name not in header.positions
    ]


def find_header(kind: Kind, rows: Sequence[Sequence[str]], file_name: str) -> tuple[int, Header]:
    """Find the first row that holds the labels of all required columns.

    Rows:    rows  the top of the file, cell by cell
    Raises:  DropRefusedError naming what is missing, or two columns that say the same
    """
    for number, cells in enumerate(rows):
        if len(cells) > MOST_COLUMNS:
            raise DropRefusedError(
                f"{file_name}: its top is {len(cells)} columns wide, {MOST_COLUMNS} are read: "
                "delete the cells that stand far outside the table"
            )
        header = match_header(kind, cells)
        if header is not None:
            _refuse_twins(kind, cells, file_name)
            _refuse_rows_above(header, rows[:number], file_name)
            _refuse_units(kind, header, rows[: number + 1], file_name)
            return number, header
    raise DropRefusedError(_missing_message(kind, rows, file_name))


def _refuse_twins(kind: Kind, cells: Sequence[str], file_name: str) -> None:
    seen = dict[str, str]()
    for cell, name in zip(cells, _names_of(kind, cells), strict=True):
        if name is None:
            continue
        if name in seen:
            raise DropRefusedError(
                f"{file_name}: two columns are {name}: {seen[name]} and {cell.strip()}; "
                "leave the one that is meant and deliver the file again"
            )
        seen[name] = cell.strip()


def _refuse_rows_above(header: Header, above: Sequence[Sequence[str]], file_name: str) -> None:
    """Let titles stand above a header, but no rows: they would vanish unseen."""
    places = [header.positions[name] for name in IDENTIFIERS & header.positions.keys()]
    for number, cells in enumerate(above, start=1):
        found = [cells[place] for place in places if place < len(cells)]
        if any(sum(map(str.isdigit, cell)) >= LEAST_DIGITS for cell in found):
            raise DropRefusedError(
                f"{file_name}: row {number} stands above the header and holds an id, as a row of "
                "data does: put the header above all rows"
            )


def refuse_other_header(kind: Kind, header: Header, piece: Piece, file_name: str) -> None:
    """Refuse a file in which a second header has its columns elsewhere than the first.

    The rows below it would be read with one amount, or one day, in the place of another.
    """
    columns = [cells for cells in piece.all_cells if isinstance(cells, CodedCells)]
    if len(columns) < header.width:
        return
    marks = np.ones(piece.height, np.bool_)
    for column in kind.columns:
        cells = piece.columns.get(column.name)
        if column.required and column.type in WITH_DIGITS and isinstance(cells, CodedCells):
            marks &= cells.rows_marked((~cells.texts.str.contains(r"\d")).fill_null(True))
    rows = np.flatnonzero(marks)
    suspects = zip(*(cells.alone(rows).texts for cells in columns), strict=True)
    for line, texts in zip(piece.lines[rows], suspects, strict=True):
        names = enumerate(_names_of(kind, [text or "" for text in texts]))
        found = [(at, name) for at, name in names if texts[at]]
        is_header = sum(name is not None for _, name in found) > 1
        if is_header and any(header.names[at] != name for at, name in found):
            raise DropRefusedError(
                f"{file_name}:{line}: a second header stands here, with its columns "
                "elsewhere than in the first: deliver each table as a file of its own"
            )


def _refuse_units(kind: Kind, header: Header, top: Sequence[Sequence[str]], file_name: str) -> None:
    """Refuse a file that says of a column, or of all its money, that it is in another unit."""
    titles = [_spaceless(cell) for cells in top[:-1] for cell in cells]
    above = [unit for title in titles for unit in ABOVE.findall(title)]
    for name, place in header.positions.items():
        column, label = kind.column_named[name], _spaceless(top[-1][place])
        form, *right = READ_IN.get(_measure(column), ("", ""))
        in_brackets = re.compile(IN_BRACKETS.format(form), re.IGNORECASE)
        said = [in_brackets.fullmatch(found[1:-1]) for found in BRACKETED.findall(label)]
        units = [found[1] for found in said if form and found]
        for unit in units or (above if form == OF_MONEY else []):
            if unit.casefold() not in right:
                raise DropRefusedError(
                    f"{file_name}: column {label} is given in {unit}, it is read in {right[0]}: "
                    f"deliver it in {right[0]}"
                )


def _measure(column: KindColumn) -> str:
    return COLUMNS[column.name].unit if column.type == "integer" else column.type


def _missing_message(kind: Kind, rows: Sequence[Sequence[str]], file_name: str) -> str:
    """Say what is missing in the row that comes nearest to being a header."""
    if not any(cell.strip() for cells in rows for cell in cells):
        return f"{file_name}: is empty; ask the supplier for it again"
    for separator in ";|":
        if any(match_header(kind, ",".join(cells).split(separator)) for cells in rows):
            return f"{file_name}: cells are separated by {separator}: save it with commas or tabs"
    name_of = _labels_of(kind)
    found = [{name_of.get(plain_label(cell)) for cell in cells} for cells in rows]
    nearest = max(found, key=len, default=set())
    missing = "; ".join(
        f"{column.labels[1]} (would do: {in_backticks(column.labels)})"
        for column in kind.columns
        if column.required and column.name not in nearest
    )
    if not any(nearest - {None}):
        return (
            f"{file_name}: no header found; expected a row with the columns of {kind.titles[1]}: "
            f"{missing}"
        )
    return f"{file_name}: required column missing: {missing}"
