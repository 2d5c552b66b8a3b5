"""Some bad weather; `make weather` goes through all of it."""

from pathlib import Path

import pytest

from tests.faults.weather import Site, build_site, endure, forecast


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build_site(tmp_path_factory.mktemp("weather"))


@pytest.mark.parametrize("weather", forecast(short=True), ids=lambda weather: str(weather.name))
def test_the_night_endures(site: Site, weather: object, tmp_path: Path) -> None:
    assert endure(site, weather, tmp_path) == []  # type: ignore[arg-type]
