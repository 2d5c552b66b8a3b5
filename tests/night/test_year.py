"""Twenty nights of the year that `make year` lives whole."""

from pathlib import Path

import polars as pl

from tests.night.year import MISHAPS, amiss_in, live_a_year
from transforms.money.entitlements import KEY

NIGHTS, PERSONS, SEED = 20, 150, 11


def test_twenty_nights_as_life_is(tmp_path: Path) -> None:
    told = live_a_year(tmp_path, NIGHTS, PERSONS, SEED)
    mishaps = {name for number, name in MISHAPS.items() if number < NIGHTS - 1}
    assert "killed" in mishaps and mishaps <= set(told["befell"])
    assert told["befell"]["batches paid"] and told["paid_fen"]


def test_of_two_policies_that_exclude_each_other_both_payments_count() -> None:
    """The refund of the solvent was paid in spring, that of the difficult from autumn on."""
    key = dict.fromkeys(KEY, "same")
    lines = [
        {"policy_id": "stability_refund", "status": "superseded", "determined_fen": 475},
        {"policy_id": "stability_refund_difficult", "status": "payable", "determined_fen": 1833},
    ]

    def amiss(*paid_fen: int) -> list[str]:
        rows = [{**key, **line, "now": "nothing_due"} for line in lines]
        frame = pl.DataFrame(rows).with_columns(amount_fen=pl.Series(paid_fen))
        other = frame.with_columns(subject_id=pl.lit("another"))
        return amiss_in(pl.concat([frame, other]))["policy_id"].unique().to_list()

    assert amiss(475, 1833 - 475) == amiss(0, 1833) == []
    assert amiss(475, 1833) == amiss(475, 0) == ["stability_refund_difficult"]
