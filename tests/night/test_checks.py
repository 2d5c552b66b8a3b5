"""The running of one check, and the writing of suites for suppliers: what each promises."""

from pathlib import Path

import polars as pl
import pytest

from expectations.supplier import supplier_suites
from flows.answers.supplier_suites import write_suites
from sql import Connection, connect, register_frame
from sql.checks import run_check, tables_present
from transforms.errors import ContractError
from transforms.extracts.kinds import KINDS


@pytest.fixture
def connection() -> Connection:
    made = connect(threads=1)
    register_frame(made, "numbers", pl.DataFrame({"n": [1, 2, 3, 4]}))
    return made


@pytest.mark.parametrize(
    ("checked", "count"),
    [("numbers", 4), ("numbers where n > 1", 3), ("select max(n) from numbers", 4)],
)
def test_a_check_counts_what_it_looks_at_and_hands_back_bad_rows(
    connection: Connection, checked: str, count: int
) -> None:
    text = f"-- checked: {checked}\n-- $unused in a comment\nselect n from numbers where n > $limit"
    looked_at, bad_rows = run_check(connection, text, {"limit": 3, "more": 1})
    assert (looked_at, bad_rows["n"].to_list()) == (count, [4])
    assert "numbers" in tables_present(connection)


def test_a_check_that_says_not_what_it_looks_at_is_refused(connection: Connection) -> None:
    with pytest.raises(ContractError, match="checked"):
        run_check(connection, "select n from numbers", {})
    with pytest.raises(ContractError, match="limit"):
        run_check(connection, "-- checked: numbers\nselect n from numbers where n > $limit", {})


def test_every_kind_has_a_suite_and_it_is_written_the_same_twice(tmp_path: Path) -> None:
    assert supplier_suites().keys() == KINDS.keys()
    once, again = (write_suites(tmp_path / name) for name in ("once", "again"))
    assert [path.name for path in once] == [path.name for path in again]
    assert len(once) == len(KINDS) + 1
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(once, again, strict=True))
