"""Twenty nights of the year that `make year` lives whole."""

from pathlib import Path

from tests.night.year import MISHAPS, live_a_year

NIGHTS, PERSONS, SEED = 20, 150, 11


def test_twenty_nights_as_life_is(tmp_path: Path) -> None:
    told = live_a_year(tmp_path, NIGHTS, PERSONS, SEED)
    assert set(MISHAPS.values()) <= set(told["befell"])
    assert told["befell"]["batches paid"] and told["paid_fen"]
