"""One check run by itself: what it looked at is counted, what it found comes back whole."""

import polars as pl
import pytest

from sql import connect
from sql.checks import run_check, tables_present
from transforms.errors import ContractError

ROWS = "create table rows as select n, n % 2 = 0 as is_even from range(10) as r (n)"
FOUND = "select n from rows where n > $limit order by all"


@pytest.mark.parametrize(
    ("checked", "count"),
    [
        ("rows", 10),
        ("rows where is_even", 5),
        ("(select distinct is_even from rows)", 2),
        ("select sum(n) from rows", 45),
        ("select sum(n) from rows where n > 100", 0),
        ("rows\n--   where n < $limit", 7),
    ],
)
def test_what_is_checked_is_counted(checked: str, count: int) -> None:
    connection = connect(threads=1)
    connection.execute(ROWS)
    text = f"-- check: x\n-- checked: {checked}\n-- $other is no value\n{FOUND}"
    checked_count, bad_rows = run_check(connection, text, {"limit": 7, "unused": 1})
    assert checked_count == count and bad_rows.equals(pl.DataFrame({"n": [8, 9]}))
    assert tables_present(connection) == {"rows"}


@pytest.mark.parametrize("text", [FOUND, f"-- checked: rows\n{FOUND}"])
def test_a_check_that_is_not_as_promised_is_refused(text: str) -> None:
    connection = connect(threads=1)
    connection.execute(ROWS)
    with pytest.raises(ContractError):
        run_check(connection, text, {})
