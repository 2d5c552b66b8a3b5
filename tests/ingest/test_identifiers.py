"""Identifiers: the official check digits, dates, and repairs that change no number."""

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from tests.ingest.ingest_drops import JIA, OLD_ZHANG, ZHANG
from transforms.identifiers import (
    check_employer_codes,
    check_person_ids,
    person_keys,
    read_employer_codes,
    read_person_ids,
)

days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
sequences = st.integers(1, 999).map(lambda number: f"{number:03d}")


def person_id(day: date, sequence: str) -> str:
    body = f"370302{day:%Y%m%d}{sequence}"
    return body + ric.calc_check_digit(body + "0")


def read_person(text: str) -> str | None:
    found: str | None = read_person_ids(pl.Series([text])).values.item()
    return found


@given(days, sequences)
@settings(max_examples=200, deadline=None)
def test_every_id_with_the_official_check_character_is_valid(day: date, sequence: str) -> None:
    right = person_id(day, sequence)
    others = [right[:17] + end for end in "0123456789X" if end != right[17]]
    assert check_person_ids(pl.Series([right])).to_list() == [True]
    assert not check_person_ids(pl.Series(others)).any()


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), sequences)
@settings(max_examples=100, deadline=None)
def test_fifteen_digits_become_the_same_person_of_eighteen(day: date, sequence: str) -> None:
    right = person_id(day, sequence)
    reading = read_person_ids(pl.Series([right[:6] + right[8:17]]))
    assert reading.values.item() == right
    assert reading.repairs.item() == "15_digits"


@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
@settings(max_examples=200, deadline=None)
def test_employer_codes_agree_with_the_standard(body: str) -> None:
    right = body + uscc.calc_check_digit(body)
    assert check_employer_codes(pl.Series([right])).item()
    others = [body + end for end in "0123456789ABCDEFGHJKLMNPQRTUWXY" if end != right[17]]
    assert not check_employer_codes(pl.Series(others)).any()


def test_repairs_are_named_and_change_no_digit() -> None:
    written = {
        ZHANG: None,
        ZHANG.lower(): "lower_case",
        f"'{ZHANG}": "apostrophe",
        f" {ZHANG[:6]} {ZHANG[6:]}": "spaces",
        f"\ufeff{ZHANG[:3]}\u200b{ZHANG[3:]}": "invisible_characters",
        f"{ZHANG[:5]}\u00a0{ZHANG[5:]}": "spaces",
        "１１０１０５１９４９１２３１００２Ｘ": "full_width",
        OLD_ZHANG: "15_digits",
        f"'{ZHANG.lower()}": "apostrophe+lower_case",
    }
    reading = read_person_ids(pl.Series(list(written)))
    assert reading.values.to_list() == [ZHANG] * len(written)
    assert reading.repairs.to_list() == list(written.values())


def test_damaged_ids_stay_damaged() -> None:
    for text in (
        "3.70302E+17",
        "370302198503150000",
        ZHANG[:17] + "0",
        ZHANG[:17],
        "110105194902301238",
        person_id(date(1990, 1, 1), "001")[:14] + "0000",
        "",
        "护照E1234567",
    ):
        assert read_person(text) is None, text


def test_birth_dates_end_where_the_calendar_does() -> None:
    for day, is_right in (("19000229", False), ("20000229", True), ("21010101", False)):
        body = f"370302{day}123"
        assert check_person_ids(pl.Series([body + ric.calc_check_digit(body + "0")])).item() is (
            is_right
        ), day


def test_swapped_letters_of_an_employer_code_are_not_repaired() -> None:
    written = pl.Series(
        [JIA.lower(), f" {JIA[:4]} {JIA[4:]}", JIA.replace("0", "O"), "９" + JIA[1:]]
    )
    assert read_employer_codes(written).values.to_list() == [JIA, JIA, None, JIA]


def test_keys_are_as_many_as_persons() -> None:
    ids = pl.Series([person_id(date(1990, 1, day), "011") for day in range(1, 29)])
    assert person_keys(ids).n_unique() == 28
