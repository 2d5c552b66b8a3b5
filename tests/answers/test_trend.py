"""The trend: its figures are those of a plain recount; its page draws nothing that is not known."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from data_samples.town.scene_rows import typed_tables
from flows.answers.trend import employment_trend, has_trend
from sql import FactStore, connect, policy_cards, register_frame, register_tables
from tests.answers.test_report import PERSON, summary
from tests.reading.basics import Row, town_of
from tests.reading.facts import SELF, Facts
from tests.reading.towns import random_town
from transforms.answers.region import count_lists, region_figure
from transforms.answers.report import render_report
from transforms.answers.trend import COUNTS, SHOWN_MONTHS, render_trend, town_names
from transforms.errors import ContractError

INSURANCES = ("养老", "医疗", "失业")
# Thirty months later the second one's months lie in two eras of sixty months.
TOWNS = [(1, date(2020, 6, 15)), (2, date(2021, 3, 10)), (3, date(2020, 3, 31))]
NOBODY: dict[str, Any] = {"lists": {}}
Rows = dict[tuple[str, str, int], tuple[int | None, ...]]


def before(month: int, months: int = 1) -> int:
    number = month // 100 * 12 + month % 100 - 1 - months
    return number // 12 * 100 + number % 12 + 1


def moved_to(tables: dict[str, list[dict[str, Any]]], months: int) -> None:
    """Let a town's contributions lie so many months later."""
    for row in tables["contributions"]:
        row["month"] = before(row["month"], -months)


def trend_of(tables: Any, as_of: date) -> pl.DataFrame:
    connection = connect(threads=1)
    register_tables(connection, {}, as_of)
    for kind, frame in typed_tables(tables).items():
        register_frame(connection, f"delivered_{kind}", frame)
    return employment_trend(FactStore(connection, {}, as_of))


def recounted(tables: Any, as_of: date) -> Rows:
    """Count again, person by person and month by month, as the rulebook's words say."""
    facts = Facts(tables, as_of)
    last = before(as_of.year * 100 + as_of.month)
    months = [before(last, back) for back in reversed(range(SHOWN_MONTHS))]
    covered = {(row["insurance"], row["month"]) for row in tables["contributions"]}
    owed = facts.unpaid - facts.insured

    def is_present(person: str, payer: str, month: int) -> bool:
        key = (person, payer, "养老")
        if (*key, month) in facts.insured:
            return True
        stale = all((*key, before(month, back)) in owed for back in (1, 2, 3))
        return (*key, month) in facts.unpaid and not stale

    pairs = {(key[0], key[1]) for key in facts.insured | facts.unpaid if key[1] != SELF}
    at = {
        month: {
            "present": {pair for pair in pairs if is_present(*pair, month)},
            **{
                k: {pair for pair in pairs if (*pair, k, month) in facts.insured}
                for k in INSURANCES
            },
        }
        for month in (before(months[0]), *months)
    }
    found: Rows = {}
    for level, cell, ours in _cells(facts, pairs):
        for month in months:
            now, then = (
                {k: {ours(p) for p in of} - {None} for k, of in at[m].items()}
                for m in (month, before(month))
            )
            has, had = (("养老", m) in covered for m in (month, before(month)))
            found[level, cell, month] = (
                *(len(now[k]) if (k, month) in covered else None for k in INSURANCES),
                len(now["present"]) if has else None,
                len(now["present"] - then["present"]) if has and had else None,
                len(then["present"] - now["present"]) if has and had else None,
            )
    return found


def _cells(facts: Facts, pairs: set[Any]) -> Iterator[tuple[str, str, Callable[[Any], Any]]]:
    """Give each cell with what of a pair counts in it: the person, or the pair, or nothing."""
    yield "district", "", lambda pair: pair[0]
    columns: dict[str, Callable[[Row], str | None]] = {
        "town": lambda row: town_of(row["division_code"]),
        "size_line": lambda row: row["size_line"],
    }
    for level, stated in columns.items():
        cell_of = {
            payer: stated(facts.registration[payer]) or "not_stated"
            if payer in facts.registration
            else "unregistered"
            for _, payer in pairs
        }
        for cell in sorted(set(cell_of.values())):
            yield level, cell, lambda pair, of=cell_of, c=cell: pair if of[pair[1]] == c else None


@pytest.mark.parametrize("later", [0, 30])
@pytest.mark.parametrize(("seed", "as_of"), TOWNS)
def test_the_figures_are_those_of_a_plain_recount(seed: int, as_of: date, later: int) -> None:
    tables = random_town(seed, as_of, 25).tables
    # Some month of one insurance was not delivered, and employers without a registration.
    as_of = date(as_of.year + later // 12, as_of.month + later % 12, 15) if later else as_of
    gap = before(as_of.year * 100 + as_of.month, 5)
    moved_to(tables, later)
    for row in tables["contributions"]:
        row["paid_on"] = min(row["paid_on"], as_of) if row["paid_on"] else None
    tables["contributions"] = [
        row for row in tables["contributions"] if (row["insurance"], row["month"]) != ("养老", gap)
    ]
    tables["registrations"] = tables["registrations"][1:]
    trend = trend_of(tables, as_of)
    counted = {tuple(row[:3]): tuple(row[3:]) for row in trend.iter_rows()}
    expected = recounted(tables, as_of)
    assert counted == {key: expected[key] for key in counted} and counted
    cells = {key[:2] for key in counted}
    empty = [row for key, row in expected.items() if key[:2] not in cells]
    assert all(not any(count or 0 for count in row) for row in empty)
    assert {level for level, *_ in counted} == {"district", "town", "size_line"}
    assert any(row[5] for row in counted.values()), "somebody is gone"
    assert counted["district", "", gap][3:] == (None, None, None)
    assert has_trend()


def figures(**counts: Any) -> pl.DataFrame:
    """One town, thirteen months, of which the first five were not delivered."""
    months = [before(202003, back) for back in reversed(range(SHOWN_MONTHS))]
    present = [None] * 5 + [10, 12, 12, 12, 11, 11, 3, 3]
    moves = {
        "come_count": [None] * 6 + [2, 0, 0, 0, 0, 0, 0],
        "gone_count": [None] * 6 + [0, 0, 0, 1, 0, 8, 0],
    }
    row = dict.fromkeys(COUNTS, present) | moves | counts
    levels = [("district", ""), ("town", "370302102"), ("town", f"<{PERSON}>")]
    levels += [("town", "unregistered"), ("size_line", "工业")]
    frames = [pl.DataFrame({"level": a, "cell": b, "month": months, **row}) for a, b in levels]
    return pl.concat(frames)


def test_the_page_shows_each_figure_and_no_month_that_is_not_known() -> None:
    run = replace(summary(), has_trend=True)
    page = render_trend(run, figures(), NOBODY)
    assert page == render_trend(run, figures(), NOBODY)
    assert not re.search(r"https?:|//\w|src=|@import|url\((?!#)|<script|<link|<img", page)
    assert "昆仑镇" in page and "未登记" in page and PERSON not in page and "<（" not in page
    lines = re.findall(r'<polyline class="line pension_count" points="([^"]*)"', page)
    assert len(lines[0].split()) == 8, "five months are a gap, and no zero"
    assert page.count("无数据") >= 5 * 3 and "3<sup>*</sup>" in page and "仅供内部使用" in page
    assert "−8" in page and "+2*" in page and "养老 3*" in page and 'lang="en"' not in page


def test_a_run_without_contributions_says_so() -> None:
    page = render_trend(summary(), figures().clear(), NOBODY)
    assert "没有可画的数字" in page and "<svg" not in page
    assert "<h2>一、本夜的预警和名单" in page


def test_moves_that_do_not_lead_on_are_no_figures() -> None:
    with pytest.raises(ContractError, match="come and gone"):
        render_trend(summary(), figures(come_count=[None] * 6 + [3] + [0] * 6), NOBODY)


def test_towns_are_known_by_nine_digits() -> None:
    assert all(re.fullmatch(r"370302\d{3}", code) for code in town_names())


def layoffs(*gone: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of layoff_warning and their determinations: all on the list but the last."""
    names = [f"E{number}" for number in range(len(gone))]
    limits = {"region_employers": 5, "region_gone": 200}
    rows = pl.DataFrame({"period": "2020-02", "subject_id": names, "gone_count": gone, **limits})
    outcomes = ["eligible"] * (len(gone) - 1) + ["ineligible"]
    said = {"policy_id": "layoff_warning", "period": "2020-02", "subject_id": names}
    return rows, pl.DataFrame({**said, "outcome": outcomes})


@pytest.mark.parametrize(
    ("gone", "is_reached"),
    [
        ((10, 10, 10, 10, 10, 300), True),
        ((10, 10, 10, 199, 300), False),
        ((200, 300), True),
        ((300,), False),
    ],
)
def test_the_region_is_warned_of_by_five_employers_or_one_of_two_hundred(
    gone: tuple[int, ...], is_reached: bool
) -> None:
    rows, outcomes = layoffs(*gone)
    region = region_figure(rows.lazy(), outcomes.lazy())
    assert (region["is_reached"], region["employers"]) == (is_reached, len(gone) - 1)
    run = summary(region=region)
    for page in (render_trend(run, figures(), NOBODY), render_report(run)):
        assert ("<strong>达到规模性失业预警标准" in page) is is_reached
        assert ("未达到规模性失业预警标准" in page) is not is_reached


def test_a_list_of_employers_counts_the_persons_it_is_ordered_by() -> None:
    rows, outcomes = layoffs(10, 20, 300)
    card = policy_cards()["layoff_warning"]
    told = count_lists({card.policy_id: card}, {card.policy_id: rows.lazy()}, outcomes.lazy())
    assert told == {"layoff_warning": {"rows": 2, "persons": 30}}
