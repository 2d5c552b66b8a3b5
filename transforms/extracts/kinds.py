"""The kinds of extract, and the dictionary of their columns, as kinds.yaml declares them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from transforms.columns import STORED_AS, Column, ColumnType, parse_column
from transforms.errors import RuleError
from transforms.strict_yaml import read_yaml
from transforms.words import word

SAFE_NAME = re.compile(r"[a-z][a-z0-9_]*")
DECLARED = Path(__file__).with_name("kinds.yaml")
SAID_OF_KIND = frozenset({"titles", "row", "columns", "visible_from"})
WORDS_OF_KIND = SAID_OF_KIND | {"key", "bucketed", "note_sums", "others_look_up"}
WORDS_OF_KIND |= {"stands_by", "parts", "form"}
WORDS_OF_COLUMN = frozenset(
    {"type", "labels", "stand_in", "codes", "open_when_empty", "absent_means", "visible_from"}
    | {"never_negative", "negative_only_where", "never_positive_where", "required_where"}
)
# What ingest adds to a row, and who recognised its person: no column of an extract is named so.
ADDED = frozenset({"name_raw", "person_key", "employer_key", "source_file", "source_line"})
ADDED |= {"linked_by"}
LOOKED_UP = ("links", "units", "names")
# Rows that say all of these words: (column, word).
Where = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class KindColumn:
    """One column of a kind. `open_when_empty`: what empty means, so a bad cell is no empty one;
    `absent_means`: what it means of all rows if the column is not there.

    `stand_in`: those of its labels that are unknown beside another of them. `visible_from`: the
    cell counts as empty unless that day of its row is set and has come.
    """

    name: str
    required: bool
    type: ColumnType
    labels: tuple[str, ...]
    codes: tuple[str, ...] = ()
    open_when_empty: str = ""
    visible_from: str | None = None
    never_negative: bool = False
    negative_only_where: Where = ()
    never_positive_where: Where = ()
    required_where: Where = ()
    stand_in: tuple[str, ...] = ()
    absent_means: str = ""
    own_labels: tuple[str, ...] = ()

    @property
    def asked_as(self) -> str:
        """The heading to ask a column by: its kind's own, else a common one, no stand-in."""
        headings = (*self.own_labels, *self.labels[1:])
        return next((one for one in headings if one not in self.stand_in), self.name)


@dataclass(frozen=True)
class Moment:
    """The day or month from which a row counts; asked only of rows that say all of `where`."""

    column: str
    where: Where = ()


@dataclass(frozen=True)
class Form:
    """Our own form, sent out to be filled in: the column of our request, of the answer, of proof.

    A row with the request and no answer is not filled in; one with it, or with some proof, must
    have all of the proof.
    """

    asked: str
    answers: tuple[str, ...]
    proof: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of extract; `titles` start the names of its files, `key` names one row.

    `stands_by` finds a row again on another night; `parts` are compared each for itself.

    `visible_from`: a row counts once all of these have come; none: always. `others_look_up`: what
    other extracts are held against it for; it is read before them.
    """

    name: str
    titles: tuple[str, ...]
    row: str
    columns: tuple[KindColumn, ...]
    visible_from: tuple[Moment, ...]
    key: tuple[str, ...] = ()
    bucketed: bool = False
    note_sums: tuple[str, ...] = ()
    others_look_up: str = ""
    stands_by: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    form: Form | None = None

    @cached_property
    def column_named(self) -> dict[str, KindColumn]:
        """Return the columns by name, in their order."""
        return {column.name: column for column in self.columns}

    @property
    def names_units(self) -> bool:
        """Say whether rows name their employer by an insured unit, which is looked up."""
        return "unit_no" in self.column_named and self.others_look_up != "units"

    def is_month(self, column: str) -> bool:
        """Say whether a column holds months, not days."""
        return self.column_named[column].type == "month"


def table_schema(kind: Kind) -> dict[str, pl.DataType]:
    """Give the columns of a kind's table with their types, in order, those that ingest adds too."""
    schema: dict[str, pl.DataType] = {}
    for column in kind.columns:
        schema[column.name] = STORED_AS[column.type]
        if column.name == "name":
            schema["name_raw"] = pl.String()
    if "person_id" in schema:
        schema["person_key"] = pl.Int64()
    if "unit_no" in schema:
        schema["employer_key"] = pl.Int32()
    return schema | {"source_file": pl.String(), "source_line": pl.Int64()}


def parse_kinds(text: str) -> tuple[Mapping[str, Column], Mapping[str, Kind]]:
    """Read the dictionary of columns and the kinds.

    Raises:  RuleError if an entry is not as promised; a kind says when its rows count, always
    """
    try:
        content = read_yaml(text)
        columns = {name: parse_column(name, entry) for name, entry in content["columns"].items()}
        unfit = {name for name in columns if name in ADDED or not SAFE_NAME.fullmatch(name)}
        _refuse(unfit, "kinds.yaml: no names of columns")
        kinds = {name: _kind(name, entry, columns) for name, entry in content["kinds"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as broken:
        raise RuleError(f"kinds.yaml: {type(broken).__name__}: {broken}") from broken
    _refuse(_twice(kind.titles for kind in kinds.values()), "kinds.yaml: titles of two kinds")
    return MappingProxyType(columns), MappingProxyType(kinds)


def _twice(named: Iterable[Iterable[str]]) -> set[str]:
    """Return what several have among their words."""
    counts = Counter(word for words in named for word in set(words))
    return {word for word, count in counts.items() if count > 1}


def _kind(name: str, entry: Mapping[str, Any], dictionary: Mapping[str, Column]) -> Kind:
    where = f"kinds.yaml, kind {name}"
    _refuse({name for name in [name] if not SAFE_NAME.fullmatch(name)}, f"{where}: no name")
    _refuse(set(entry) - WORDS_OF_KIND, f"{where}: unknown words")
    said = {word for word, meant in entry.items() if meant}
    _refuse(set(SAID_OF_KIND) - said, f"{where}: is not said")
    _refuse({spec.rstrip("!") for spec in entry["columns"]} - set(dictionary), f"{where}: columns")
    _refuse(_twice([spec.rstrip("!")] for spec in entry["columns"]), f"{where}: columns, twice")
    columns = tuple(
        _column(f"{where}, {spec}", spec, cells or {}, dictionary[spec.rstrip("!")])
        for spec, cells in entry["columns"].items()
    )
    key = tuple(entry.get("key", "").split())
    required = tuple(column.name for column in columns if column.required)
    kind = Kind(
        name,
        (name, *entry["titles"].split()),
        entry["row"],
        columns,
        _moments(entry["visible_from"]),
        key,
        entry.get("bucketed", False),
        tuple(entry.get("note_sums", "").split()),
        entry.get("others_look_up", ""),
        tuple(entry.get("stands_by", "").split()) or key or required,
        tuple(entry.get("parts", "").split()),
        _form(entry["form"]) if "form" in entry else None,
    )
    _check(kind, where)
    return kind


def _check(kind: Kind, where: str) -> None:
    columns = kind.columns
    days = {column.name for column in columns if column.type == "date"}
    dated = days | {column.name for column in columns if column.type == "month"}
    wheres = [moment.where for moment in kind.visible_from]
    for column in columns:
        wheres += [column.negative_only_where, column.never_positive_where, column.required_where]
    asked = {pair for pairs in wheres for pair in pairs}
    codes = {(column.name, code) for column in columns for code in column.codes if column.required}
    _refuse(_twice(column.labels for column in columns), f"{where}: labels of two columns")
    _refuse({w for c in columns for w in c.stand_in if w not in c.labels}, f"{where}: stand_in")
    _refuse({moment.column for moment in kind.visible_from} - dated, f"{where}: visible_from")
    _refuse({c.visible_from for c in columns if c.visible_from} - days, f"{where}: visible_from")
    _refuse({" ".join(pair) for pair in asked - codes}, f"{where}: no row says")
    named = {*kind.key, *kind.note_sums, *kind.stands_by, *kind.parts}
    _refuse(named - set(kind.column_named), f"{where}: key, note_sums, stands_by or parts")
    if kind.form:
        of_form = {kind.form.asked, *kind.form.answers, *kind.form.proof}
        _refuse(of_form - set(kind.column_named), f"{where}: form")
    _refuse({kind.others_look_up} - {"", *LOOKED_UP}, f"{where}: others_look_up")


def _form(entry: Mapping[str, str]) -> Form:
    return Form(entry["asked"], tuple(entry["answers"].split()), tuple(entry["proof"].split()))


def _column(where: str, spec: str, entry: Mapping[str, Any], named: Column) -> KindColumn:
    _refuse(set(entry) - WORDS_OF_COLUMN, f"{where}: unknown words")
    return KindColumn(
        name=named.name,
        required=spec.endswith("!"),
        type=entry.get("type", named.type),
        labels=(*dict.fromkeys((named.name, *named.labels, *entry.get("labels", "").split())),),
        codes=tuple(entry.get("codes", "").split()),
        open_when_empty=entry.get("open_when_empty", ""),
        visible_from=entry.get("visible_from"),
        never_negative=entry.get("never_negative", False),
        negative_only_where=_where(entry.get("negative_only_where")),
        never_positive_where=_where(entry.get("never_positive_where")),
        required_where=_where(entry.get("required_where")),
        stand_in=tuple(entry.get("stand_in", "").split()),
        own_labels=tuple(entry.get("labels", "").split()),
        absent_means=entry.get("absent_means", entry.get("open_when_empty", "")),
    )


def _moments(entry: Any) -> tuple[Moment, ...]:
    if entry == "always":
        return ()
    entries = entry if isinstance(entry, list) else [entry]
    return tuple(
        Moment(one) if isinstance(one, str) else Moment(one["column"], _where(one.get("where")))
        for one in entries
    )


def _where(entry: Mapping[str, str] | None) -> Where:
    return tuple((entry or {}).items())


def heading(name: str) -> str:
    """Return the heading of a column: its own word, else the one bureaus know it by.

    >>> heading("number"), heading("is_willing"), heading("full_levy_fen")
    ('序号', '择业愿望', '应缴残保金(元)')
    """
    column = COLUMNS.get(name) or COLUMNS.get(name.removeprefix("is_"))
    said = word(name, names={name: column.labels[0]} if column and column.labels else {})
    return f"{said}(元)" if name.endswith("_fen") and "元" not in said else said


def names_of_kinds() -> dict[str, str]:
    """Return the bureaus' own names for the kinds of extract and their columns, by code."""
    headings = {name: column.labels[0] for name, column in COLUMNS.items() if column.labels}
    return headings | {name: kind.titles[1] for name, kind in KINDS.items()}


def _refuse(words: set[str], what: str) -> None:
    if words:
        raise RuleError(f"{what}: {', '.join(sorted(words))}")


COLUMNS, KINDS = parse_kinds(DECLARED.read_text(encoding="utf-8"))
