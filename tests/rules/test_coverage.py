"""What was delivered against what a policy needs: parts by the month, gaps, empty lists."""

from dataclasses import replace
from datetime import date

from sql.texts import policy_cards
from transforms.policies.coverage import (
    STANDING_LISTS,
    gap_warnings,
    list_warnings,
    missing_extracts,
    missing_parts,
)
from transforms.policies.parameters import months_between

CARD = policy_cards()["stability_refund"]
DAY = date(2020, 6, 30)


def test_an_extract_that_is_read_must_be_delivered() -> None:
    assert missing_extracts(CARD, CARD.reads) == []
    assert missing_extracts(CARD, CARD.reads[1:]) == [CARD.reads[0]]


def test_a_part_is_missing_by_the_month() -> None:
    for needed, months, count in (
        ("any", set(), 1),
        ("any", {201001}, 0),
        ("month_before", {202004, 202006}, 1),
        ("month_before", {202005}, 0),
    ):
        card = replace(CARD, needs={"insurances": ["失业"], "months": needed})
        missing = missing_parts(card, {"失业": months}, DAY)
        assert len(missing) == count and all("失业" in str(part) for part in missing)
    assert (
        len(missing_parts(replace(CARD, needs={"insurances": ["失业"], "months": "any"}), {}, DAY))
        == 1
    )


def test_the_base_year_is_the_policy_years_though_a_later_one_has_another() -> None:
    base_year = CARD.parameters["base_year"]
    later = replace(base_year.values[0], since=date(2021, 1, 1), value=2020)
    known = replace(base_year, values=(*base_year.values, later))
    card = replace(CARD, parameters={**CARD.parameters, "base_year": known})
    months = {"失业": months_between(201812, 201912)}
    assert missing_parts(card, months, date(2021, 3, 31)) == []


def test_a_month_without_rows_is_told_only_between_months_that_have_some() -> None:
    card = replace(CARD, touches=("失业",))
    assert gap_warnings([card], {"失业": {202001, 202002, 202003}}) == []
    (warning,) = gap_warnings([card], {"失业": {201911, 202002}, "养老": {201901, 202001}})
    assert "201912" in str(warning) and "202001" in str(warning) and CARD.policy_id in str(warning)


def test_an_empty_list_of_good_standing_is_told_where_a_policy_uses_it() -> None:
    assert list_warnings([CARD], STANDING_LISTS) == []
    assert list_warnings([], ()) == []
    (warning,) = list_warnings([CARD], STANDING_LISTS[1:])
    assert STANDING_LISTS[0] in str(warning)
