"""The comparison of two checkouts sees every kind of difference, and no other."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bench.compare import EXIT_DIFFERS, Night, main, tell_differences
from flows.night.determine import DETERMINATION_SCHEMA

DAY = date(2020, 3, 31)
PAID = {
    "policy_id": "p",
    "period": "2020",
    "subject_kind": "person",
    "subject_id": "1",
    "beneficiary_kind": "person",
    "beneficiary_id": "1",
    "outcome": "eligible",
    "amount_fen": 5,
    "reason_codes": [],
}
REFUSED = PAID | {"subject_id": "2", "outcome": "ineligible", "amount_fen": 0}


def differences(folder: Path, ran: list[str], rows: list[dict[str, Any]]) -> int:
    for side, found in (("A", [PAID, REFUSED]), ("B", rows)):
        (folder / side).mkdir()
        frame = pl.DataFrame(found, schema=DETERMINATION_SCHEMA)
        frame.write_parquet(folder / side / "0")
    told = [{"nights": [{"seconds": 1.0, "ran": names}]} for names in (["p"], ran)]
    return tell_differences([Night(folder, DAY)], told, folder)


@pytest.mark.parametrize(
    ("ran", "rows", "count"),
    [
        (["p"], [REFUSED, PAID], 0),
        (["p", "q"], [PAID, REFUSED], 1),
        (["p"], [PAID], 1),
        (["p"], [PAID, REFUSED, REFUSED | {"period": "2021"}], 1),
        (["p"], [PAID | {"amount_fen": 6}, REFUSED], 2),
        (["p"], [PAID, REFUSED | {"outcome": "undetermined"}], 2),
        (["p"], [PAID, REFUSED | {"reason_codes": ["g_x"]}], 2),
    ],
)
def test_differences_are_counted(
    tmp_path: Path, ran: list[str], rows: list[dict[str, Any]], count: int
) -> None:
    assert differences(tmp_path, ran, rows) == count


def test_a_checkout_agrees_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(__file__).parent.parent.parent)
    monkeypatch.setattr("sys.argv", ["compare", here, "--towns", "1", "--pairs", "1"])
    monkeypatch.setattr("tests.reading.test_reading.DAYS", [DAY])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0 != EXIT_DIFFERS
