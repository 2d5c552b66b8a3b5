"""The forecast: twelve months worked out by hand, to the fen."""

import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.money.batch import record_drafts
from flows.money.forecast import forecast, write_forecast
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.review import import_review
from flows.store import Home, file_digest, read_manifest, write_manifest
from sql import policy_cards
from sql.texts import policy_path, sql_words
from tests.money.money_town import (
    ANN,
    BOB,
    TWO,
    Town,
    determined_of,
    draw_up,
    leave_run,
    month,
    new_home,
    refund,
    run_name,
    sign_both,
)
from tests.money.test_review import filled
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.money.forecast import continuing, fund_forecast, going_on

DAY = date(2020, 3, 31)
DATES = ("retirement_latest_on", "retires_on", "last_day", "starts_on", "graduated_on")


def rows_of(policy: str, *rows: dict[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make a policy's rows with their facts, and the entitlements of a run that has them."""
    facts, entitled = [], []
    for number, row in enumerate(rows):
        key = {"period": row.pop("period", "2020-03"), "subject_id": f"S{number}"}
        key |= {"beneficiary_id": "B"}
        said = {"policy_id": policy, "subject_kind": "person", "beneficiary_kind": "person", **key}
        status, fen = row.pop("status", "payable"), row.pop("fen", 100)
        said |= {"determined_fen": fen, "status": status, "paid_before_fen": 0, "due_fen": fen}
        entitled.append({**dict.fromkeys(("reason", "cause", "cause_rows"), ""), **said})
        facts.append({**key, **row})
    types = {name: pl.Date() for name in DATES if any(name in fact for fact in facts)}
    frame = pl.DataFrame(facts, schema_overrides=types)
    return frame, pl.DataFrame(entitled, schema=ENTITLEMENT_SCHEMA)


def costs(policy: str, *rows: dict[str, Any], as_of: date = DAY) -> list[int]:
    frame, entitled = rows_of(policy, *rows)
    return continuing(policy_cards()[policy], frame, entitled, as_of)


def test_an_extension_lasts_twelve_months_from_the_expiry_and_no_longer_than_retirement() -> None:
    far = date(2040, 6, 15)
    facts = {"retirement_latest_on": far, "last_day": None}
    # Expired in January 2020: the last month is January 2021, ten months from April.
    assert costs("public_post_extension", {"expired_month": 202001, **facts}) == [100] * 10 + [0, 0]
    retired = {**facts, "expired_month": 202001, "retirement_latest_on": date(2020, 6, 1)}
    assert costs("public_post_extension", retired) == [100] * 3 + [0] * 9
    left = {**facts, "expired_month": 202001, "last_day": date(2020, 4, 30)}
    assert costs("public_post_extension", left) == [100] + [0] * 11
    flexible = {"expired_month": 202003, "retires_on": far, "fen": 6666}
    assert costs("flexible_insurance_extension", flexible) == [6666] * 12


def test_benefit_goes_on_to_retirement_within_twelve_months_of_the_last_spell() -> None:
    facts = {"last_benefit_month": 201912, "fen": 171900}
    rows = [
        {**facts, "retirement_latest_on": date(2020, 9, 15)},
        {**facts, "retirement_latest_on": date(2020, 12, 30)},
        {**facts, "retirement_latest_on": date(2020, 3, 31)},
    ]
    expected = [171900 * 2] * 6 + [171900] * 3 + [0] * 3
    assert costs("benefit_to_retirement", *rows) == expected


def test_a_limit_of_months_counts_what_was_used() -> None:
    used = {"months_used_before": 4, "earlier_months": 5}
    # Ten of twelve are used with March: April and May are left.
    assert costs("internship_subsidy", used) == [100, 100] + [0] * 10
    assert costs("internship_subsidy", {**used, "earlier_months": 7}) == [0] * 12
    over = {"months_used_before": 0, "earlier_months": 2, "last_day": date(2020, 5, 31)}
    assert costs("internship_subsidy", over) == [100, 100] + [0] * 10, "its contract ends in May"
    # The policy itself ends with 2020, whatever is left of its 24 months.
    flexible = {"months_used_before": 0, "earlier_months": 2, "graduated_on": date(2019, 6, 30)}
    assert costs("graduate_flexible_insurance", flexible) == [100] * 9 + [0] * 3
    two_years = {**flexible, "graduated_on": date(2018, 6, 30)}
    assert costs("graduate_flexible_insurance", two_years) == [100] * 3 + [0] * 9
    used_up = {**flexible, "months_used_before": 20}
    assert costs("graduate_flexible_insurance", used_up) == [100] + [0] * 11


def test_a_hire_counts_twelve_months_from_the_month_of_the_contract() -> None:
    none_used = {"months_used_before": 0, "earlier_months": 2}
    hire = {**none_used, "starts_on": date(2019, 8, 20)}
    assert costs("graduate_hire_insurance", hire) == [100] * 4 + [0] * 8, "up to July"
    assert costs("graduate_hire_insurance", {**hire, "starts_on": date(2019, 4, 1)}) == [0] * 12


def test_how_many_months_is_taken_on_the_day_that_the_card_says() -> None:
    """A reach raised in March is for spells that ended then, not for those before."""
    card = policy_cards()["benefit_to_retirement"]
    reach = card.parameters["benefit_reach_months"]
    longer = replace(reach.values[0], since=date(2020, 3, 1), value=18)
    raised = replace(reach, values=(*reach.values, longer))
    card = replace(card, parameters={**card.parameters, "benefit_reach_months": raised})
    far = {"retirement_latest_on": date(2040, 6, 15)}
    for ended, months in ((202001, 10), (202003, 12)):
        frame, entitled = rows_of(card.policy_id, {"last_benefit_month": ended, **far})
        assert continuing(card, frame, entitled, DAY) == [100] * months + [0] * (12 - months)


def test_a_limit_already_lowered_or_raised_is_that_of_each_month() -> None:
    """Six of twelve are used with March; from May on there are six, or none more till October."""
    card = policy_cards()["internship_subsidy"]
    limit = card.parameters["internship_months"]

    def costs_of(*dated: tuple[date, int]) -> list[int]:
        values = [replace(limit.values[0], since=since, value=most) for since, most in dated]
        changed = replace(limit, values=(*limit.values, *values))
        of_card = replace(card, parameters={**card.parameters, limit.name: changed})
        frame, entitled = rows_of(card.policy_id, {"months_used_before": 1, "earlier_months": 4})
        return continuing(of_card, frame, entitled, DAY)

    assert costs_of() == [100] * 6 + [0] * 6
    assert costs_of((date(2020, 5, 1), 6)) == [100] + [0] * 11
    again = costs_of((date(2020, 5, 1), 6), (date(2020, 10, 1), 24))
    assert again == [100] + [0] * 5 + [100] * 3 + [0] * 3


def test_months_that_are_not_determined_yet_fall_into_the_first() -> None:
    used = {"months_used_before": 0, "earlier_months": 6, "period": "2020-01"}
    # Seven of twelve with January; February and March come late, with April, then May and June.
    assert costs("internship_subsidy", used) == [300, 100, 100] + [0] * 9


@pytest.mark.parametrize(
    ("status", "goes_on"),
    [
        ("payable", True),
        ("held", True),
        ("nothing_due", True),
        ("conflict", False),
        ("superseded", False),
        ("unsupported", False),
        ("recovery", False),
    ],
)
def test_who_goes_on(status: str, goes_on: bool) -> None:
    row = {"months_used_before": 0, "earlier_months": 0, "status": status}
    assert any(costs("internship_subsidy", row)) is goes_on


def test_who_has_it_no_more_in_the_newest_month_does_not_go_on() -> None:
    used = {"months_used_before": 0, "earlier_months": 0}
    old = {**used, "period": "2020-02"}
    assert costs("internship_subsidy", {**used, "fen": 7}, old) == [7] * 9 + [0] * 3


def test_a_budget_runs_out_in_the_first_month_it_lacks_each_year_by_itself() -> None:
    going = {"a": [100] * 12, "b": [1] + [0] * 11}
    now = {"payable": 50, "held": 9}
    # April takes 50 + 9 + 101, the eight months to December 100 each.
    found = fund_forecast("f", DAY, now, going, {2020: 960, 2021: 250})
    assert found.months["total_fen"].to_list() == [160] + [100] * 11
    expected = [800 - 100 * n for n in range(9)] + [150, 50, -50]
    assert found.months["left_fen"].to_list() == expected
    assert found.runs_out == "2021-03" and found.by_policy == {"a": 1200, "b": 1}
    short = fund_forecast("f", DAY, now, going, {2020: 959, 2021: None})
    assert short.runs_out == "2020-12"
    assert short.months["left_fen"].to_list()[-4:] == [-1, None, None, None]
    assert fund_forecast("f", DAY, now, going, {2020: 160 + 800, 2021: 300}).runs_out == ""


@pytest.mark.parametrize(
    ("of_this_year", "left"),
    [(50, 31), (49, -19), (0, -19), (None, -19)],
)
def test_what_a_december_night_draws_up_takes_of_its_own_year(
    of_this_year: int | None, left: int
) -> None:
    """What is held is paid by a later run: of the next year. So is what this year has no money for.

    As is shown: 50 payable, 9 held, 10 that go on are paid in January, whatever year they take.
    """
    budgets = {2020: of_this_year, 2021: 50}
    found = fund_forecast(
        "f", date(2020, 12, 31), {"payable": 50, "held": 9}, {"a": [10] + [0] * 11}, budgets
    )
    assert found.months.row(0) == ("2021-01", 50, 9, 10, 69, left)
    assert found.runs_out == ("" if left > 0 else "2021-01")


def test_every_policy_that_pays_by_the_month_says_until_when() -> None:
    monthly = {c.policy_id for c in policy_cards().values() if c.fund and c.period == "month"}
    assert set(going_on()) == monthly
    for policy, rules in going_on().items():
        card = policy_cards()[policy]
        for rule in rules:
            assert rule["fact"] in sql_words(policy_path(policy)), f"{policy}: {rule['fact']}"
            assert "plus" not in rule or rule["plus"] in card.parameters


ROWS = [
    refund(1000),
    refund(500, TWO),
    month("benefit_to_retirement", ANN, 171900, "2020-03"),
    month("benefit_to_retirement", BOB, 171900, "2020-03"),
]


def leave_policy(home: Home, label: str) -> None:
    """Leave the rows of a policy in a run, as the night does."""
    folder = home.runs / run_name(label)
    (folder / "policies").mkdir(exist_ok=True)
    kinds = {"subject_kind": "person", "beneficiary_kind": "person"}
    key = {"period": "2020-03", **kinds, "last_benefit_month": 201912}
    rows = [
        {**key, "subject_id": person, "beneficiary_id": person, "retirement_latest_on": day}
        for person, day in ((ANN, date(2020, 6, 1)), (BOB, date(2020, 4, 1)))
    ]
    path = folder / "policies" / "benefit_to_retirement.parquet"
    pl.DataFrame(rows).write_parquet(path)
    manifest = dict(read_manifest(folder, "run"))
    manifest["files"] = {**manifest["files"], f"policies/{path.name}": file_digest(path)}
    write_manifest(folder, manifest)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bob has no account: held. A budget of 10 000 元."""
    place = tmp_path_factory.mktemp("once") / "home"
    home, town = new_home(place, budget_yuan=10_000), Town()
    assert town.accounts is not None
    del town.accounts[3]
    determined = determined_of(home.root / "extracts", ROWS, town)
    entitled, drafted = draw_up(home, run_name("R1"), determined)
    leave_run(home, "R1", entitled=entitled)
    leave_policy(home, "R1")
    with open_ledger(home) as ledger:
        record_drafts(home, drafted, ledger)
    return home.root


@pytest.fixture
def home(once: Path, tmp_path: Path) -> Home:
    return Home(shutil.copytree(once, tmp_path / "home"))


def fund(home: Home) -> list[tuple[Any, ...]]:
    (found,) = [f for f in forecast(home, run_name("R1"))[1] if f.fund == "失业保险基金"]
    return list(found.months.rows())


def test_from_a_run_what_is_payable_and_held_now_then_what_goes_on(home: Home) -> None:
    left = 1_000_000 - 173400 - 171900 - 343800
    april = ("2020-04", 173400, 171900, 343800, 689100, left)
    assert fund(home)[:3] == [
        april,
        ("2020-05", 0, 0, 171900, 171900, left - 171900),
        ("2020-06", 0, 0, 171900, 171900, left - 343800),
    ]
    assert {row[4] for row in fund(home)[3:]} == {0}
    assert [row[5] for row in fund(home)[9:]] == [None] * 3, "no budget of 2021"


def test_what_is_signed_or_paid_since_the_run_waits_no_more(home: Home) -> None:
    april = fund(home)[0]
    with open_ledger(home) as ledger:
        (batch,) = ledger.batch_states()
    sign_both(home, batch)
    assert fund(home)[0] == ("2020-04", 0, 171900, 343800, 515700, april[5])
    release_batch(home, batch)
    assert fund(home)[0] == ("2020-04", 0, 171900, 343800, 515700, april[5])


def test_what_a_reviewer_took_out_is_held_for_a_later_run(home: Home) -> None:
    april = fund(home)[0]
    with open_ledger(home) as ledger:
        (batch,) = ledger.batch_states()
    lines = pl.read_parquet(home.batches / batch / "lines.parquet")["amount_fen"]
    path = filled(home, batch, {1: ("暂缓", "查账号"), 2: ("暂缓", "再查")})
    import_review(home, batch, path)
    out = lines[0] + lines[1]
    assert fund(home)[0] == ("2020-04", 173400 - out, 171900 + out, *april[3:])


def test_the_workbook_says_the_same_and_holds_no_formula(home: Home) -> None:
    path = home.root / "forecast.xlsx"
    told = write_forecast(home, run_name("R1"), path)
    book = openpyxl.load_workbook(BytesIO(path.read_bytes()))
    sheet = book["失业保险基金"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    april = next(row for row in sheet.iter_rows(values_only=True) if row[0] == "2020-04")
    assert april[1:5] == (1734, 1719, 3438, 6891)
    (said,) = [f for f in told["funds"] if f["fund"] == "失业保险基金"]
    assert said["months"][0]["total_yuan"] == "6891.00" and said["runs_out"] == "2020-06"
    first = path.read_bytes()
    write_forecast(home, run_name("R1"), path)
    assert path.read_bytes() == first


def test_the_page_says_the_same_and_marks_the_month_it_runs_out(home: Home) -> None:
    said = write_forecast(home, run_name("R1"), home.root / "forecast.html")
    page = (home.root / "forecast.html").read_text(encoding="utf-8")
    for told in said["funds"]:
        assert told["fund"] in page
        for row in told["months"]:
            assert f"{Decimal(row['total_yuan']):,}" in page
    ends = [told["runs_out"] for told in said["funds"] if told["runs_out"]]
    assert ends and page.count(">预算用完<") == len(ends)
    assert "script" not in page and "http" not in page.replace("http-equiv", "")


def test_only_of_a_run_that_is_there_and_unchanged(home: Home) -> None:
    command = ["forecast", "--home", str(home.root)]
    assert run_command(app, command) == 0
    assert run_command(app, [*command, "--out", str(home.root / "x.pdf")]) == 2
    assert not (home.root / "x.pdf").exists(), "nothing is written under the name of another sort"
    with pytest.raises(LedgerForbidsError, match="not recorded"):
        forecast(home, "R0")
    path = home.runs / run_name("R1") / "policies" / "benefit_to_retirement.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DigestDiffersError):
        forecast(home, run_name("R1"))
