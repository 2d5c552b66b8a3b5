"""Dated numbers, spans and reaches: the day on either side of every edge."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from sql import FactStore, connect, query, register_frame, register_tables
from sql.texts import policy_cards, shared_parameters
from tests.rules.golden_run import cases_of, run_cases
from transforms.errors import ContractError, ParameterMissingError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.policies.amount_cap import caps_until
from transforms.policies.cards import (
    PolicyCard,
    Reach,
    month_before,
    outside_span,
    parse_card,
    parse_shared,
    plus_months,
    reach_of,
    year_day,
)
from transforms.policies.parameters import (
    fen_of,
    months_between,
    parse_parameter,
    value_on,
)

ROOT = Path(__file__).parent.parent.parent
CARDS = policy_cards()
WAGE = shared_parameters()["minimum_wage_fen"]


def test_a_value_holds_from_its_first_day() -> None:
    assert value_on(WAGE, date(2021, 9, 30)).value == "1910.00"
    assert value_on(WAGE, date(2021, 10, 1)).value == "2100.00"


def test_before_the_first_value_there_is_an_error_that_names_parameter_and_date() -> None:
    with pytest.raises(ParameterMissingError, match=r"minimum_wage_fen .* 2017-05-31"):
        value_on(WAGE, date(2017, 5, 31))


def test_what_the_law_counts_in_employers_is_no_number_of_persons() -> None:
    warned = CARDS["layoff_warning"].parameters
    assert (warned["region_employers"].unit, warned["region_gone"].unit) == ("firms", "persons")


@pytest.mark.parametrize("yuan", ["0.001", "1.005"])
def test_an_amount_with_parts_of_a_fen_is_refused(yuan: str) -> None:
    with pytest.raises(ContractError, match="whole number of fen"):
        fen_of(yuan)


def test_values_out_of_order_are_refused() -> None:
    value = {"from": date(2020, 1, 1), "value": 1, "source": "x", "confirmed": True}
    earlier = value | {"from": date(2019, 1, 1)}
    for values, said in (([value, value], "begin on 2020-01-01"), ([value, earlier], "order of")):
        with pytest.raises(ContractError, match=said):
            parse_parameter("twice", {"unit": "months", "on": "as_of", "values": values})


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ContractError, match="unit florins"):
        parse_parameter("odd", {"unit": "florins", "on": "as_of", "values": []})


def test_a_parameter_that_says_no_day_is_refused() -> None:
    with pytest.raises(ContractError, match="say `on:`"):
        parse_parameter("timeless", {"unit": "months", "on": None, "values": []})


def card_with(cap: str, amount: str = "1000.00") -> PolicyCard:
    text = (ROOT / "sql" / "policies" / "new_hire_subsidy.yaml").read_text(encoding="utf-8")
    old = '- {from: 2020-01-01, value: "1000.00", reason: 通知写明的最高数额}'
    assert old in text
    later = '      - {from: 2020-07-01, value: "1200.00", source: 试, confirmed: false}\n'
    text = text.replace(old, cap).replace("  hire_window_from:\n", later + "  hire_window_from:\n")
    return parse_card(
        text.replace('value: "1000.00"\n', f'value: "{amount}"\n'), shared_parameters()
    )


CAP = '- {from: 2020-01-01, value: "1000.00", reason: 试}'
HIGHER = '- {from: 2020-07-01, value: "1500.00", reason: 试}'


def test_a_cap_below_an_amount_in_force_is_refused_when_the_card_is_read() -> None:
    with pytest.raises(ContractError, match=r"amount_cap is 1000.00 on 2020-07-01, below hire_am"):
        card_with(CAP)


def test_a_cap_counts_from_its_day_and_the_highest_of_a_period_holds() -> None:
    card = card_with(f"{CAP}\n    {HIGHER}")
    caps = {period: cap for _, period, cap in caps_until("x", card.amount_cap, date(2021, 1, 31))}
    assert (caps["2020-06"], caps["2020-07"], caps["2020"]) == (100000, 150000, 150000)
    assert caps["2021-01"] == 150000 and "2019-12" not in caps
    assert caps_until("youth_training", CARDS["youth_training"].amount_cap, date(2020, 3, 31)) == []


def test_a_shared_parameter_can_be_taken_on_another_day() -> None:
    assert shared_parameters()["graduate_years"].on == "as_of"
    days = [CARDS[name].parameters["graduate_years"].on for name in CARDS if "grad" in name]
    assert days == ["month", "month"]


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("flexible_share", "2/3", "3/2", "is no value in fraction"),
        ("size_limits", "工业", "工 业", "size_line: 工 业"),
        ("size_limits", "indicator: staff", "indicator: persons", "indicator: persons"),
    ],
)
def test_a_shared_value_that_can_not_be_meant_is_refused(
    name: str, old: str, new: str, said: str
) -> None:
    text = (ROOT / "sql" / "parameters.yaml").read_text(encoding="utf-8")
    before, found, after = text.partition(f"\n{name}:\n")
    assert found and old in after
    with pytest.raises(ContractError, match=said):
        parse_shared(before + found + after.replace(old, new, 1))


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    text = (ROOT / "sql" / "policies" / "new_hire_subsidy.yaml").read_text(encoding="utf-8")
    assert "value: 2020-03-10" in text
    with pytest.raises(ContractError, match="hire_window_to is before hire_window_from"):
        parse_card(text.replace("value: 2020-03-10", "value: 2020-01-09"), shared_parameters())


def test_what_is_paid_is_not_taken_on_the_day_of_the_night() -> None:
    text = (ROOT / "sql" / "policies" / "new_hire_subsidy.yaml").read_text(encoding="utf-8")
    head, amount = text.split("  hire_amount_fen:", 1)
    assert "    on: starts_on\n" in amount
    slipped = f"{head}  hire_amount_fen:{amount.replace('on: starts_on', 'on: as_of', 1)}"
    with pytest.raises(ContractError, match="hire_amount_fen is paid, and taken `on: as_of`"):
        parse_card(slipped, shared_parameters())


def test_months_cross_the_year() -> None:
    assert months_between(201911, 202002) == [201911, 201912, 202001, 202002]
    assert months_between(202002, 202001) == []


@pytest.mark.parametrize(
    ("day", "months", "lands_on"),
    [
        (date(2020, 12, 31), 6, date(2021, 6, 30)),
        (date(2020, 8, 31), 6, date(2021, 2, 28)),
        (date(2020, 1, 31), 1, date(2020, 2, 29)),
        (date(2020, 1, 15), 0, date(2020, 1, 15)),
    ],
)
def test_months_land_on_the_day_or_the_last_of_the_month(
    day: date, months: int, lands_on: date
) -> None:
    assert plus_months(day, months) == lands_on


@pytest.mark.parametrize(
    ("policy", "as_of", "runs"),
    [
        ("new_hire_subsidy", date(2019, 12, 31), False),
        ("new_hire_subsidy", date(2020, 1, 1), True),
        ("new_hire_subsidy", date(2021, 6, 30), True),
        ("new_hire_subsidy", date(2021, 7, 1), False),
        ("public_post_extension", date(2022, 6, 30), True),
        ("public_post_extension", date(2022, 7, 1), False),
        ("disability_levy_relief", date(2022, 12, 31), True),
        ("disability_levy_relief", date(2023, 1, 1), False),
        ("benefit_to_retirement", date(2019, 11, 30), False),
        ("benefit_to_retirement", date(2019, 12, 1), True),
        ("benefit_to_retirement", date(2099, 1, 1), True),
        ("youth_training", date(2019, 12, 31), False),
        ("youth_training", date(2030, 1, 1), True),
    ],
)
def test_a_policy_runs_to_the_last_day_of_its_tail(policy: str, as_of: date, runs: bool) -> None:
    assert (outside_span(CARDS[policy], as_of) is None) is runs


@pytest.mark.parametrize(
    ("policy", "as_of", "reach"),
    [
        ("internship_subsidy", date(2020, 3, 31), Reach(202001, 202003)),
        ("internship_subsidy", date(2021, 3, 31), Reach(202001, 202012)),
        ("public_post_extension", date(2022, 1, 5), Reach(202001, 202112)),
        ("benefit_to_retirement", date(2026, 1, 5), Reach(202001, 202601)),
        ("benefit_to_retirement", date(2019, 12, 5), Reach(202001, 201912)),
        ("youth_training", date(2020, 5, 1), Reach(202005, 202005)),
        ("disability_levy_relief", date(2021, 5, 1), Reach(202001, 202012)),
        ("stability_refund", date(2021, 5, 1), Reach(202001, 202012)),
    ],
)
def test_a_reach_ends_with_the_as_of_month_or_the_span(
    policy: str, as_of: date, reach: Reach
) -> None:
    assert reach_of(CARDS[policy], as_of) == reach


def test_a_span_that_begins_later_pays_nothing_before_it() -> None:
    """A successor of a policy that ended pays none of the months its predecessor paid."""
    later = replace(CARDS["flexible_insurance_extension"], force_from=date(2020, 5, 1))
    assert reach_of(later, date(2020, 6, 30)) == Reach(202005, 202006)


def test_a_number_of_a_year_is_taken_on_the_first_day_of_its_own() -> None:
    later = replace(CARDS["new_hire_subsidy"], force_from=date(2021, 1, 1))
    assert year_day(CARDS["new_hire_subsidy"], date(2020, 5, 1)) == date(2020, 1, 1)
    assert year_day(later, date(2021, 5, 1)) == date(2021, 1, 1)


def test_a_reach_covers_its_months_and_its_year() -> None:
    reach = Reach(202001, 202003)
    assert [reach.covers(period) for period in ("2019-12", "2020-01", "2020-03", "2020-04")] == [
        False,
        True,
        True,
        False,
    ]
    assert reach.covers("2020")
    assert not reach.covers("2019")


def test_the_month_before_january_is_december() -> None:
    assert month_before(date(2020, 1, 31)) == 201912


@pytest.mark.parametrize("policy", sorted(CARDS))
def test_every_parameter_has_a_value_when_its_policy_begins(policy: str) -> None:
    for parameter in CARDS[policy].parameters.values():
        value_on(parameter, CARDS[policy].force_from)


def test_a_later_amount_is_paid_for_later_hires_only(monkeypatch: pytest.MonkeyPatch) -> None:
    card = CARDS["new_hire_subsidy"]
    amount = card.parameters["hire_amount_fen"]
    later = replace(amount.values[0], since=date(2020, 3, 1), value="1200.00")
    dated = replace(amount, values=(*amount.values, later))
    card = replace(card, parameters={**card.parameters, "hire_amount_fen": dated})
    cards = {**CARDS, "new_hire_subsidy": card}
    monkeypatch.setattr("flows.night.determine.policy_cards", lambda: cards)
    cases = cases_of("new_hire_subsidy")[:2]
    determined = run_cases(cases, ["new_hire_subsidy"])
    rows = query(determined.connection, "select * from policy_new_hire_subsidy")
    paid = rows.filter(starts_on=date(2020, 3, 10))["amount_fen"].to_list()
    before = rows.filter(starts_on=date(2020, 2, 10))["amount_fen"].to_list()
    assert set(paid) == {120_000} and set(before) == {100_000}


def test_a_row_whose_day_lies_before_the_first_value_stops_the_run_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = CARDS["new_hire_subsidy"]
    amount = card.parameters["hire_amount_fen"]
    late = replace(amount, values=(replace(amount.values[0], since=date(2020, 3, 1)),))
    cards = {
        **CARDS,
        "new_hire_subsidy": replace(card, parameters={**card.parameters, "hire_amount_fen": late}),
    }
    monkeypatch.setattr("flows.night.determine.policy_cards", lambda: cards)
    cases = cases_of("new_hire_subsidy")[:2]
    with pytest.raises(ParameterMissingError, match=r"hire_amount_fen .* 2020-02-10: add one"):
        run_cases(cases, ["new_hire_subsidy"])


@pytest.mark.parametrize(
    ("day", "is_small"),
    [("2011-06-18", True), ("2020-06-30", True), ("2020-07-01", False), ("2011-06-17", None)],
)
def test_a_later_size_table_counts_from_its_first_day(
    monkeypatch: pytest.MonkeyPatch, day: str, is_small: bool | None
) -> None:
    limits = shared_parameters()["size_limits"]
    (first,) = limits.values
    lower = [
        row | {"at_least": 5}
        if row["indicator"] == "staff" and row["size_class"] == "中型"
        else row
        for row in first.value
    ]
    later = replace(first, since=date(2020, 7, 1), value=lower)
    both = {**shared_parameters(), "size_limits": replace(limits, values=(first, later))}
    monkeypatch.setattr("sql.shared_parameters", lambda: both)
    firm = {"employer_code": "E", "size_line": "租赁和商务服务业", "staff": 20}
    firm |= {"assets_wan_x100": 900_000, "status": "存续", "entity_type": "企业"}
    connection = connect(threads=1)
    register_tables(connection, {}, date(2020, 12, 31))
    schema = table_schema(KINDS["registrations"])
    register_frame(connection, "delivered_registrations", pl.DataFrame([firm], schema=schema))
    store = FactStore(connection, {}, date(2020, 12, 31))
    store.build("small_employers")
    store.build_under("policies/startup_loan_prequalification.sql")
    answer = query(connection, f"select is_small_or_micro('E', date '{day}') as is_small")
    assert answer["is_small"].to_list() == [is_small]
