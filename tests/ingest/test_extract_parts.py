"""The parts of the reading of extracts, one by one: blocks, typed cells, links, references."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql.texts import rule_words
from tests.rules.golden import person_id
from transforms.extracts.cells import CodedCells, Piece, TypedCells
from transforms.extracts.csv_text import CsvShape, count_lines, end_of_rows, read_block, top_rows
from transforms.extracts.kinds import KINDS, KindColumn
from transforms.extracts.links import (
    apply_links,
    damaged_rows,
    differing_links,
    linked_rows,
    links_in_force,
    links_of_file,
    row_contents,
    settle_links,
)
from transforms.extracts.references import employer_ranks, names_on_record, notes_on_lists
from transforms.extracts.rows import list_repairs, read_piece
from transforms.extracts.typed import cells_of_arrow

DEATHS = KINDS["deaths"]
DAMAGED, MEANT = "37030219900101123", "370302199001011234"


def texts_of(cells: CodedCells) -> list[str]:
    texts = cells.texts.to_list()
    return texts if cells.codes is None else [texts[code] for code in cells.codes]


def test_a_block_ends_where_a_row_ends_not_inside_quotes() -> None:
    block = b'a,"x\ny"\nb,"z\n'
    assert end_of_rows(block, ",", is_quoted=True, is_last=False) == len(b'a,"x\ny"\n')
    assert end_of_rows(b'a,x"y\nb,"z\n', ",", is_quoted=True, is_last=True) is None
    assert end_of_rows(b"a,b\nc", ",", is_quoted=False, is_last=False) == 4
    assert end_of_rows(b"no row ends", ",", is_quoted=False, is_last=False) == 0


def test_rows_keep_their_physical_lines_whatever_their_length() -> None:
    block = b'a,1\n\n"b\nb",2\nc\nd,4,5\n'
    shape = CsvShape(",", 2, frozenset())
    read = read_block(block, 2, count_lines(block), True, shape)
    assert read is not None
    columns, lines, too_wide, unusual = read
    assert [texts_of(column) for column in columns] == [
        ["a", "b\nb", "c", "d"],
        ["1", "2", "", "4"],
    ]
    assert lines.tolist() == [2, 4, 6, 7]
    assert too_wide is not None and too_wide.tolist() == [False, False, False, True]
    assert unusual is not None and unusual.tolist() == [False, False, True, True]
    assert top_rows(block, ",", limit=3) == [(1, ["a", "1"]), (2, []), (4, ["b\nb", "2"])]


@pytest.mark.parametrize(
    ("kind", "values", "wanted"),
    [
        ("money", pa.array([12, None]), [1200, None]),
        ("money", pa.array([Decimal("12.30"), None]), [1230, None]),
        ("month", pa.array([202003, 202012]), [202003, 202012]),
        ("month", pa.array([202003, 202013]), ["202003", "202013"]),
        ("integer", pa.array([7, 10**16]), ["7", str(10**16)]),
        ("money", pa.array([Decimal("1.234")]), ["1.234"]),
        ("rate", pa.array([Decimal(0)], pa.decimal128(38, 18)), ["0." + "0" * 18]),
        ("rate", pa.array([Decimal(120)], pa.decimal128(9, -1)), ["120"]),
        ("text", pa.array(["x", None]), ["x", ""]),
    ],
)
def test_typed_cells_are_values_only_where_nothing_can_be_lost(
    kind: str, values: pa.Array, wanted: list[object]
) -> None:
    column = KindColumn("amount_fen", False, kind, ())  # type: ignore[arg-type]
    cells = cells_of_arrow(column, pa.chunked_array([values]))
    got = cells.values.to_list() if isinstance(cells, TypedCells) else texts_of(cells)
    assert got == wanted


@pytest.mark.parametrize("decimals", [pa.decimal128, pa.decimal256])
@pytest.mark.parametrize("places", [2, 3, 7, 10, 18])
def test_decimals_of_any_scale_are_the_numbers_they_are(
    decimals: Callable[[int, int], pa.DataType], places: int
) -> None:
    """A nought came as 0E-8, and every row of 工伤, which has no part of the person, fell."""
    numbers = ["0", "-0.05", "240.1", "-9999999999999.99", "9999999999999.99"]
    values = pa.array([*map(Decimal, numbers), None], decimals(36, places))
    column = KindColumn("amount_fen", False, "money", ())
    cells = cells_of_arrow(column, pa.chunked_array([values]))
    piece = Piece({"amount_fen": cells}, [cells], np.arange(6))
    read = read_piece(replace(DEATHS, columns=(column,)), piece)["amount_fen"]
    assert read.values().to_list() == [0, -5, 24010, -999999999999999, 999999999999999, None]
    assert read.bad_rows() is None


def decided(*rows: tuple[str, int, str | None, str, int]) -> pl.DataFrame:
    """Decisions in force: digest, line, person, clerk, day of March."""
    return pl.DataFrame(
        [
            (DEATHS.titles[0], digest, line, person, by, date(2020, 3, day), "links.csv", number)
            for number, (digest, line, person, by, day) in enumerate(rows, start=2)
        ],
        schema={
            "kind": pl.String,
            "file_digest": pl.String,
            "line": pl.Int64,
            "person_id": pl.String,
            "decided_by": pl.String,
            "decided_on": pl.Date,
            "source_file": pl.String,
            "source_line": pl.Int64,
        },
        orient="row",
    )


def piece_of(ids: list[str]) -> Piece:
    cells = CodedCells(pl.Series(ids), np.arange(len(ids), dtype=np.int32))
    return Piece({"person_id": cells}, [cells], np.arange(2, 2 + len(ids)))


def settled(piece: Piece, links: pl.DataFrame, sha256: str = "ab") -> pl.DataFrame:
    read = read_piece(DEATHS, piece)
    mine = links_of_file(links_in_force(links), DEATHS, sha256)
    return settle_links(mine, damaged_rows(DEATHS, piece, read))


def test_a_clerks_link_counts_only_for_a_damaged_id_and_where_clerks_agree() -> None:
    links = decided(
        ("AB", 2, MEANT, "王", 1),
        ("AB", 3, MEANT, "王", 1),
        ("AB", 4, MEANT, "王", 1),
        ("AB", 4, None, "李", 1),
    )
    piece = piece_of([DAMAGED, person_id(1, "1990-02-02", 1, "女"), DAMAGED[:-1]])
    said = settled(piece, links)
    assert said["person_id"].to_list() == [MEANT, MEANT, None], "line 4 is settled by nobody"
    assert settled(piece, links, "cd").height == 0
    before = read_piece(DEATHS, piece)
    columns, met = apply_links(DEATHS, before, piece, said)
    after = columns["person_id"]
    whole = before["person_id"].values().to_list()[1]
    assert before["person_id"].values()[0] is None
    assert after.values().to_list() == [MEANT, whole, None], "a readable id stays"
    repairs = list_repairs(DEATHS, piece, {"person_id": after}, "deaths.csv")
    assert repairs.filter(pl.col("repair") == "clerical_link")["source_line"].to_list() == [2]
    ((_, _, told),) = differing_links(DEATHS, met)
    assert MEANT not in str(told) and "line 4" in str(told)
    assert linked_rows(DEATHS, "d.csv", met).rows() == [
        ("deaths", "d.csv", 2, "王", date(2020, 3, 1), "ab", 2)
    ]


def test_a_link_by_content_decides_the_row_in_any_file_and_gives_way_to_its_line() -> None:
    piece = piece_of([DAMAGED, DAMAGED[:-1]])
    (content, _) = row_contents(DEATHS, piece, np.array([0, 1]))
    by_content = (content.upper(), 0, MEANT, "王", 2)
    for sha256 in ("ab", "cd"):
        said = settled(piece, decided(by_content), sha256)
        assert said.select("line", "person_id").rows() == [(2, MEANT)]
    other = person_id(1, "1990-02-02", 1, "女")
    for line, wanted in (
        (("ab", 2, other, "王", 2), other),
        (("ab", 2, other, "王", 1), MEANT),
        (("ab", 2, other, "李", 2), None),
    ):
        assert settled(piece, decided(line, by_content))["person_id"].to_list() == [wanted]
    assert settled(piece, decided(("ef", 0, MEANT, "王", 2))).height == 0


def test_of_rows_that_are_alike_to_the_letter_a_link_by_content_decides_one() -> None:
    alike = piece_of([DAMAGED, DAMAGED])
    (content, _) = row_contents(DEATHS, alike, np.array([0, 1]))
    said = settled(alike, decided((content, 0, MEANT, "王", 2)))
    assert said.select("line", "person_id").rows() == [(2, MEANT)], "line 3 may be a namesake's"


@given(
    st.lists(
        st.tuples(st.sampled_from("甲乙丙丁戊"), st.sampled_from([None, "p", "q", "r"])), max_size=8
    )
)
def test_two_clerks_must_agree_and_of_three_or_more_most_decide(
    votes: list[tuple[str, str | None]],
) -> None:
    links = decided(*[("ab", 2, person, by, 1) for by, person in votes])
    said = settled(piece_of([DAMAGED]), links)
    opinions: dict[str, set[str | None]] = {}
    for by, person in votes:
        opinions.setdefault(by, set()).add(person)
    clear = [one for own in opinions.values() if len(own) == 1 for one in own]
    counted = [
        person
        for person in set(clear)
        if clear.count(person) == len(opinions)
        or (len(opinions) >= 3 and clear.count(person) > len(opinions) / 2)
    ]
    assert said.height == bool(votes)
    if votes:
        person, by = said.select("person_id", "decided_by").row(0)
        assert (by is None, person) == (not counted, counted[0] if counted else None)
        if counted:
            assert sorted(by) == sorted(clerk for clerk, own in opinions.items() if own == {person})


CELL = st.one_of(st.none(), st.text('12 １\u3000张,"[', max_size=3))


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6), st.data())
def test_a_row_is_named_by_what_stands_in_it_wherever_it_stands(
    cells: list[tuple[str | None, str | None]], data: st.DataObject
) -> None:
    def piece(rows: list[tuple[str | None, str | None]], coded: bool, first: int) -> Piece:
        columns = {}
        for name, texts in zip(("person_id", "name"), zip(*rows, strict=True), strict=True):
            distinct = list(dict.fromkeys(texts))
            codes = np.array([distinct.index(text) for text in texts], np.int32)
            known = CodedCells(pl.Series(distinct, dtype=pl.String), codes)
            columns[name] = known if coded else CodedCells(pl.Series(list(texts), dtype=pl.String))
        lines = np.arange(first, first + len(rows))
        return Piece(dict(columns), list(columns.values()), lines)

    order = data.draw(st.permutations(range(len(cells))))
    every = np.arange(len(cells))
    here = row_contents(DEATHS, piece(cells, True, 2), every).to_list()
    moved = piece([cells[place] for place in order], False, 90)
    there = row_contents(DEATHS, moved, np.array(order).argsort()).to_list()
    assert here == there

    def meant(row: tuple[str | None, str | None]) -> list[str | None]:
        return [None if c is None else unicodedata.normalize("NFKC", c).strip() for c in row]

    for one, left in zip(here, cells, strict=True):
        for other, right in zip(here, cells, strict=True):
            assert (one == other) == (meant(left) == meant(right))
    assert here != row_contents(KINDS["custody"], piece(cells, True, 2), every).to_list()


def test_employers_are_numbered_by_code_among_accepted_rows() -> None:
    places = {"source_file": ["a"] * 4, "source_line": [2, 3, 4, 5]}
    units = pl.LazyFrame({"employer_code": ["C", "A", "B", "A"], **places})
    fallen = pl.DataFrame({"source_file": ["a"], "source_line": [4]})
    assert employer_ranks(units, fallen).rows() == [("A", 1), ("C", 2)]


def test_a_name_on_record_stays_and_a_list_nobody_uses_is_told_once() -> None:
    first = names_on_record(None, pl.LazyFrame({"person_key": [2, 1], "name": ["乙", "甲"]}))
    both = names_on_record(first, pl.LazyFrame({"person_key": [1, 3], "name": ["丁", "丙"]}))
    assert both.rows() == [(1, "甲"), (2, "乙"), (3, "丙")]
    lists = pl.DataFrame({"list": ["严重失信", "残疾人", "文明单位", "文明单位"]})
    notes = notes_on_lists(lists.lazy(), rule_words())
    assert len(notes) == 1 and "文明单位" in str(notes[0])
