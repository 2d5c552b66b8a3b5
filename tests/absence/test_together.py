"""Facts that each speak against what was paid do so together, too: one does not hide another."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.absence.test_limits import settled
from tests.rules.golden import Case, tables_of
from tests.rules.golden_run import background, cases_of

Facts = dict[str, dict[str, Any]]
BENEFIT, POST = "benefit_to_retirement", "public_post_extension"
LATE = {"contributions": "甲", "at": "U2", "entry": "补缴", "paid_on": "2020-11-30"}
DEATH = {"deaths": "甲", "died_on": "2020-01-31"}
SPELL = {"unemployment_benefits": "甲", "from_month": "202009", "to_month": "202009"}
GRANT = {
    "support": "甲",
    "support_type": "公益性岗位",
    "from_month": "202006",
    "to_month": "202007",
}
REFUND = {**LATE, "at": "U1", "for": "养老", "months": "202003", "entry": "退费"}
REFUND |= {"unit_yuan": "-100.00", "person_yuan": "0"}
# By policy: the day it was paid, the month, and what was paid.
PAID = {
    BENEFIT: ("2020-03-31", "2020-02", "1719.00"),
    POST: ("2020-04-30", "2020-03", "2210.00"),
}
# The first moves the months that are asked of; at the second another provision looks, or the sum.
PAIRS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (BENEFIT, SPELL, {**LATE, "for": "失业", "months": "202002"}),
    (POST, GRANT, {**LATE, "for": "养老", "months": "202003"}),
    (POST, GRANT, REFUND),
]


def scene(policy: str, day: str, facts: Facts) -> Case:
    _, period, yuan = PAID[policy]
    payee = {"beneficiary": "U1"} if policy == POST else {}
    line = {"paid": "甲", **payee, "period": period, "payment_id": "PAY1", "amount_yuan": yuan}
    case = cases_of(policy)[0]
    more = {"units": {"insured_units": "U2"}, "line": line, **facts}
    return replace(case, as_of=date.fromisoformat(day), rows={**case.rows, **more})


def judged(folder: Path, policy: str, now: Case) -> tuple[dict[str, Any], set[str]]:
    """Entitle what was paid on a night with more facts; return it, and the kinds that it names."""
    then = scene(policy, PAID[policy][0], {})
    rows = settled(folder, then, now)
    (row,) = [row for row in rows.values() if row["paid_before_fen"]]
    tables = tables_of([now, background(now.as_of)], now.missing)
    place = pl.format("{}:{}", "source_file", "source_line")
    named = row["cause_rows"].split("; ")
    return row, {
        kind for kind, table in tables.items() if table.select(place.is_in(named).any()).item()
    }


@pytest.mark.parametrize("taken", [[0], [1], [0, 1]])
@pytest.mark.parametrize("pair", PAIRS)
def test_two_facts_that_each_speak_do_so_together(
    pair: tuple[str, dict[str, Any], dict[str, Any]], taken: list[int], tmp_path: Path
) -> None:
    policy, *facts = pair
    came = {f"fact {place}": facts[place] for place in taken}
    row, kinds = judged(tmp_path, policy, scene(policy, "2020-12-31", came))
    assert (row["status"], row["cause"]) == ("recovery", "row_found")
    assert row["due_fen"] == row["determined_fen"] - row["paid_before_fen"]
    assert kinds == {next(iter(fact)) for fact in came.values()}


@pytest.mark.parametrize(
    ("came", "status", "cause"),
    [
        (DEATH, "recovery", "row_found"),
        ({**LATE, "for": "失业", "months": "202008"}, "unsupported", "rows_gone"),
    ],
)
def test_beside_rows_that_vanished_only_what_speaks_is_named(
    came: dict[str, str], status: str, cause: str, tmp_path: Path
) -> None:
    """The spell is gone, so nothing asks whether he lived: the death speaks all the same."""
    now = scene(BENEFIT, "2020-12-31", {"came": came})
    left = {name: row for name, row in now.rows.items() if name != "spell"}
    row, kinds = judged(tmp_path, BENEFIT, replace(now, rows=left))
    assert (row["status"], row["cause"]) == (status, cause)
    assert kinds <= {"deaths"} and row["cause_rows"]
