"""The figures behind the page's charts: whole, to the fen, on either side of each edge."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import ContractError
from transforms.review.drawn import budget_bar, histogram_bars, policy_bars, step_bars
from transforms.review.figures import band, budget_parts, histogram, policy_rows, with_marks

CAPS = pl.DataFrame({"policy_id": ["p"], "period": ["2020-01"], "cap_fen": [60_000]})
AMOUNTS = st.lists(st.integers(1, 10**11), min_size=1, max_size=40)
STATUSES = ("payable", "held", "nothing_due", "superseded", "conflict", "recovery", "unsupported")


def marked(amounts: list[int], caps: pl.DataFrame = CAPS) -> pl.DataFrame:
    lines = pl.DataFrame({"amount_fen": amounts}).with_columns(
        policy_id=pl.lit("p"), period=pl.lit("2020-01")
    )
    return with_marks(lines, caps)


def entitled(rows: list[tuple[str, int, int]]) -> pl.DataFrame:
    """Make entitlements as their promise is: due is what is open, 0 where nothing is."""
    due = {"payable", "held", "recovery"}
    return pl.DataFrame(
        [(status, det, paid, det - paid if status in due else 0) for status, det, paid in rows],
        schema={
            **{"status": pl.String(), "determined_fen": pl.Int64()},
            **{"paid_before_fen": pl.Int64(), "due_fen": pl.Int64()},
        },
        orient="row",
    )


def test_a_cap_is_passed_by_one_fen() -> None:
    assert marked([59_999, 60_000, 60_001])["is_above_cap"].to_list() == [False, False, True]


def test_what_has_no_cap_may_not_be_granted() -> None:
    assert marked([1], CAPS.clear())["is_above_cap"].to_list() == [True]


@pytest.mark.parametrize(("odd", "is_far"), [(200, False), (201, True), (50, False), (49, True)])
def test_an_outlier_lies_beyond_twice_or_half_of_equal_amounts(odd: int, is_far: bool) -> None:
    assert marked([*[100] * 9, odd])["is_outlier"].to_list() == [*[False] * 9, is_far]


def test_amounts_that_spread_evenly_have_no_outlier() -> None:
    assert not marked([100 * 2**n for n in range(9)])["is_outlier"].any()


@given(AMOUNTS)
def test_every_line_is_in_one_bin_whose_edges_hold_it(amounts: list[int]) -> None:
    lines = marked(amounts)
    drawn = histogram_bars(histogram(lines))
    for one in drawn["bins"]:
        inside = [a for a in amounts if one["from_fen"] < a <= one["to_fen"]]
        assert len(inside) == one["count"] >= one["outliers"]
        assert (one["height"] > 0) == (one["count"] > 0)
    assert sum(one["count"] for one in drawn["bins"]) == len(amounts)
    assert drawn["cap_x"] is not None


@given(st.lists(st.tuples(st.sampled_from(STATUSES), st.integers(1, 10**9), st.integers(1, 10**9))))
def test_the_band_leads_to_the_batch_and_nowhere_else(rows: list[tuple[str, int, int]]) -> None:
    cases = []
    for status, one, other in rows:
        low, high = min(one, other), max(one, other) + 1
        is_more_paid = status in ("recovery", "unsupported")
        paid = {"nothing_due": high, "payable": low, "held": low}.get(status, other)
        cases.append((status, low if is_more_paid else high, high if is_more_paid else paid))
    frame = entitled(cases)
    batch_fen = int(frame.filter(pl.col("status") == "payable")["due_fen"].sum())
    steps = step_bars(band(frame, batch_fen))
    assert steps[0]["fen"] - sum(step["fen"] for step in steps[1:-1]) == steps[-1]["fen"]
    assert steps[-1]["fen"] == batch_fen
    assert all(step["left_fen"] >= 0 for step in steps)
    with pytest.raises(ContractError):
        band(frame, batch_fen + 1)


@pytest.mark.parametrize("budget_fen", [None, 0, 99, 100, 101])
def test_the_parts_of_a_budget_fill_the_bar(budget_fen: int | None) -> None:
    funding = {"budget_fen": budget_fen, "spent_fen": 75}
    assert budget_parts(funding, 76, 25)["parts"]["budget_spent"] == 0
    budget = budget_parts(funding, 35, 25)
    bar = budget_bar(budget)
    assert sum(part["width"] for part in bar) == 1000
    # Of the budget, not of the bar, which is longer where the budget lacks; half up.
    shares = {None: "—", 0: "—", 99: "25.25%", 100: "25.00%", 101: "24.75%"}
    assert bar[2]["share"] == shares[budget_fen]
    if budget_fen is not None:
        assert sum(budget["parts"].values()) == budget_fen
        assert bar[-1]["fen"] == budget_fen - 100


def test_a_policy_is_set_against_the_last_twelve_batches_alone() -> None:
    earlier = [{"by_policy": [{"policy_id": "old", "amount_fen": 7}]}] + [
        {"by_policy": [{"policy_id": "p", "amount_fen": n}]} for n in range(12)
    ]
    (row,) = policy_rows([{"policy_id": "p", "amount_fen": 5}], earlier)
    assert row["before_fen"] == list(range(12)) and row["now_fen"] == 5
    drawn = policy_bars(row)
    assert drawn["mean_fen"] == 5 and len(drawn["bars"]) == 13
    assert drawn["bars"][-1]["x"] + 16 <= 260
