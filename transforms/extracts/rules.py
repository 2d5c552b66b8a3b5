"""The rules of quarantine that look at one row, and those that look at other extracts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.extracts.cells import Flags, Piece, ReadColumn, Rows
from transforms.extracts.kinds import Form, Kind, KindColumn, Where
from transforms.identifiers import person_keys
from transforms.words import word

RULES = (
    "",
    "totals_row",
    "not_filled_in",
    "missing_value",
    "unreadable_value",
    "unknown_code",
    "invalid_person_id",
    "invalid_employer_code",
    "out_of_range",
    "duplicate_row",
    "conflicting_key",
    "unknown_unit",
    "name_conflict",
)
NUMBER_OF = {rule: number for number, rule in enumerate(RULES)}
FIRST_DAY, FIRST_MONTH, LAST_MONTH = date(1900, 1, 1), 190001, 210012
WHOLE_RATE = 10_000  # 100 %, in hundredths of a per cent
# Whom a row is about: the first of these that could be read.
SUBJECT_COLUMNS = ("person_id", "subject_id", "employer_code")


@dataclass(frozen=True)
class References:
    """What other extracts say: employer_key by unit_no, reference_name by person_key, links."""

    units: pl.DataFrame | None = None
    names: pl.DataFrame | None = None
    links: pl.DataFrame | None = None


@dataclass
class Verdicts:
    """For each row the first rule that bites (0: none) and the column blamed (0: none)."""

    kind: Kind
    rules: npt.NDArray[np.uint8]
    blamed: npt.NDArray[np.uint8]

    def mark(self, rule: str, column: str, flags: Flags | None) -> None:
        """Put the flagged rows that no earlier rule took under a rule."""
        if flags is None:
            return
        hit = flags & (self.rules == 0)
        self.rules[hit] = NUMBER_OF[rule]
        self.blamed[hit] = list(self.kind.column_named).index(column) + 1 if column else 0

    def clear_rows(self) -> Rows:
        """Give the rows that no rule took."""
        return np.flatnonzero(self.rules == 0)


def judge_rows(kind: Kind, piece: Piece, columns: dict[str, ReadColumn]) -> Verdicts:
    """Apply, in their order, the rules that need nothing but the row itself."""
    height = piece.height
    verdicts = Verdicts(kind, np.zeros(height, np.uint8), np.zeros(height, np.uint8))
    verdicts.mark("totals_row", "", piece.totals)
    said = Sayings(columns)
    if kind.form:
        _judge_form(kind.form, columns, verdicts, height)
    for column in kind.columns:
        verdicts.mark("missing_value", column.name, _missing(column, columns, said, height))
    verdicts.mark("unreadable_value", "", piece.too_wide)
    for rule in ("unreadable_value", "unknown_code", "invalid_person_id", "invalid_employer_code"):
        for name, flags in _bad_cells(kind, columns, rule, said):
            verdicts.mark(rule, name, flags)
    for column in kind.columns:
        if column.name in columns:
            flags = _out_of_range(column, columns[column.name], said)
            verdicts.mark("out_of_range", column.name, flags)
    return verdicts


def _judge_form(
    form: Form, columns: dict[str, ReadColumn], verdicts: Verdicts, height: int
) -> None:
    """Set rows of our own form aside that nobody filled in, or filled in without proof."""

    def empty(name: str) -> Flags:
        flags = columns[name].empty_rows() if name in columns else np.ones(height, np.bool_)
        return np.zeros(height, np.bool_) if flags is None else flags

    asked = ~empty(form.asked)
    no_answer = np.logical_and.reduce([empty(name) for name in form.answers])
    verdicts.mark("not_filled_in", "", asked & no_answer)
    asked |= np.logical_or.reduce([~empty(name) for name in form.proof])
    for name in form.proof:
        verdicts.mark("missing_value", name, asked & empty(name))


@dataclass(frozen=True)
class Sayings:
    """Which rows of a piece say certain words, each condition looked for once."""

    columns: dict[str, ReadColumn]
    found: dict[Where, Flags | None] = field(default_factory=dict)

    def rows(self, where: Where) -> Flags | None:
        """Mark the rows that say all of these words; None if there is none, or no word."""
        if where not in self.found:
            each = [self._rows_saying(name, word) for name, word in where]
            marked = [flags for flags in each if flags is not None]
            is_said = bool(each) and len(marked) == len(each)
            self.found[where] = np.logical_and.reduce(marked) if is_said else None
        return self.found[where]

    def _rows_saying(self, name: str, word: str) -> Flags | None:
        read = self.columns[name]
        return read.rows_where((read.reading.values == word).fill_null(False))


def _missing(
    column: KindColumn, columns: dict[str, ReadColumn], said: Sayings, height: int
) -> Flags | None:
    read = columns.get(column.name)
    if column.required:
        assert read is not None, "a file without a required column is refused before"
        return read.empty_rows()
    asked = said.rows(column.required_where)
    if asked is None:
        return None
    empty = np.ones(height, np.bool_) if read is None else read.empty_rows()
    return None if empty is None else empty & asked


def _bad_cells(
    kind: Kind, columns: dict[str, ReadColumn], rule: str, said: Sayings
) -> Iterator[tuple[str, Flags | None]]:
    """Give, column by column, the rows whose cell breaks the rule and may not be emptied."""
    for column in kind.columns:
        name = column.name
        if column.type == "subject_id":
            for as_whom in ("subject_id as 个人", "subject_id as 单位"):
                if as_whom in columns and columns[as_whom].reading.rule == rule:
                    yield name, columns[as_whom].bad_rows()
        elif name in columns and columns[name].reading.rule == rule:
            flags = columns[name].bad_rows()
            if column.required or column.open_when_empty:
                yield name, flags
            elif flags is not None and (asked := said.rows(column.required_where)) is not None:
                yield name, flags & asked


def _out_of_range(column: KindColumn, read: ReadColumn, said: Sayings) -> Flags | None:
    values = read.reading.values
    if column.type == "month":
        return read.rows_where((~values.is_between(FIRST_MONTH, LAST_MONTH)).fill_null(False))
    if column.type == "date":
        return read.rows_where((values < FIRST_DAY).fill_null(False))
    if column.type == "rate":
        return read.rows_where((~values.is_between(0, WHOLE_RATE)).fill_null(False))
    flags = None
    if column.never_negative or column.negative_only_where:
        flags = read.rows_where((values < 0).fill_null(False))
        spared = said.rows(column.negative_only_where)
        flags = flags if flags is None or spared is None else flags & ~spared
    bound = said.rows(column.never_positive_where)
    if bound is not None:
        positive = read.rows_where((values > 0).fill_null(False))
        if positive is not None:
            flags = positive & bound if flags is None else flags | positive & bound
    return flags


def emptied_cells(
    kind: Kind, columns: dict[str, ReadColumn], verdicts: Verdicts
) -> Iterator[tuple[str, Rows]]:
    """Give, column by column, the rows that stay though an optional cell did not parse."""
    for column in kind.columns:
        if column.required or column.name not in columns:
            continue
        flags = columns[column.name].bad_rows()
        if flags is not None:
            rows = np.flatnonzero(flags & (verdicts.rules == 0))
            if len(rows):
                yield column.name, rows


def judge_beside_others(
    kind: Kind, columns: dict[str, ReadColumn], rows: Rows, references: References
) -> Verdicts:
    """Apply, to rows that passed, the rules that look at units and at names on record.

    Rows:    rows, returns  one verdict per entry of `rows`
    """
    verdicts = Verdicts(kind, np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint8))
    if kind.names_units and references.units is not None and "unit_no" in columns:
        units = columns["unit_no"]
        known = units.reading.values.is_in(references.units["unit_no"].implode())
        unknown = units.rows_where(~known.fill_null(True))
        verdicts.mark("unknown_unit", "unit_no", None if unknown is None else unknown[rows])
    if references.names is not None and {"name", "person_id"} <= set(columns):
        verdicts.mark("name_conflict", "name", _name_conflicts(columns, rows, references.names))
    return verdicts


def _name_conflicts(columns: dict[str, ReadColumn], rows: Rows, names: pl.DataFrame) -> Flags:
    ids = columns["person_id"]
    if names.height == 0:
        return np.zeros(len(rows), np.bool_)
    # Looked up in the order of the keys: a join would hash all persons anew for each piece.
    keys = person_keys(ids.reading.values)
    places = names["person_key"].search_sorted(keys.fill_null(0)).clip(upper_bound=names.height - 1)
    met = names[places]
    on_record = met["reference_name"].zip_with(
        (met["person_key"] == keys).fill_null(False), pl.repeat(None, len(keys), eager=True)
    )
    said = columns["name"].values(rows)
    flags: Flags = (ids.spread(on_record, rows) != said).fill_null(False).to_numpy()
    return flags


def subjects_read(columns: dict[str, ReadColumn], rows: Rows) -> pl.Series:
    """Name whom each row is about, where an id of it could be read; null elsewhere."""
    found = pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    for name in SUBJECT_COLUMNS:
        if name in columns:
            found = found.zip_with(found.is_not_null(), columns[name].values(rows))
    return found


def subject_of_row(kind: Kind) -> pl.Expr:
    """Name whom an accepted row is about; null for a kind that is about nobody."""
    names = [name for name in SUBJECT_COLUMNS if name in kind.column_named]
    found = pl.coalesce(names) if names else pl.lit(None, pl.String)
    return found.alias("subject_id")


def quarantine_of(
    verdicts: Verdicts, piece: Piece, columns: dict[str, ReadColumn], rows: Rows, file_name: str
) -> pl.DataFrame:
    """List quarantined rows with rule, column and a message that says nothing about a person.

    Rows:    rows  of the piece, one per verdict
    """
    hit = np.flatnonzero(verdicts.rules)
    names, fallen = ["", *verdicts.kind.column_named], rows[hit]
    frame = pl.DataFrame(
        {
            "kind": pl.repeat(verdicts.kind.name, len(hit), dtype=pl.String, eager=True),
            "source_file": pl.repeat(file_name, len(hit), dtype=pl.String, eager=True),
            "source_line": pl.Series(piece.lines[fallen]).cast(pl.Int64),
            "rule": pl.Series(RULES).gather(pl.Series(verdicts.rules[hit])),
            "column": pl.Series(names).gather(pl.Series(verdicts.blamed[hit])),
            "subject_id": subjects_read(columns, fallen),
        }
    )
    return add_messages(frame).select(QUARANTINE_SCHEMA.names())


def add_messages(quarantine: pl.DataFrame) -> pl.DataFrame:
    """Add `message` to rows that have kind, rule and column."""
    messages = {rule: word(rule, "en") for rule in RULES[1:]}
    said = pl.col("rule").replace_strict(messages, return_dtype=pl.String)
    return quarantine.with_columns(
        message=pl.concat_str(
            pl.when(pl.col("column") == "").then(pl.lit("the row")).otherwise("column"),
            pl.lit(" "),
            said,
        )
    )


QUARANTINE_SCHEMA = pl.Schema(
    dict.fromkeys(("kind", "source_file"), pl.String())
    | {"source_line": pl.Int64()}
    | dict.fromkeys(("rule", "column", "message", "subject_id"), pl.String())
)
