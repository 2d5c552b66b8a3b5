"""Files 0600, folders 0700, whatever the umask; and the doctor says where it is not so."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cli.doctor import examine
from flows.money.export import export_batch, write_signature
from flows.money.funds import with_sample_payers
from flows.money.notice import write_notice
from flows.money.release import release_batch
from flows.store import Home, hold_home
from tests.ceremony import hold_ceremony
from tests.money.money_town import new_home, night, refund, sign_both


@pytest.fixture(params=[0o000, 0o022, 0o777 & ~0o700])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def open_to_others(root: Path) -> list[str]:
    return [
        path.relative_to(root).as_posix()
        for path in [root, *root.rglob("*")]
        if path.stat().st_mode & 0o077
    ]


@pytest.mark.usefixtures("umask")
def test_whatever_the_umask_nobody_else_can_read(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with hold_home(home, make=True):
        hold_ceremony(home)
        text = home.funds_path.read_text(encoding="utf-8").replace("2020 = 0", "2020 = 9999")
        home.funds_path.write_text(with_sample_payers(text), encoding="utf-8")
        batch = night(home, "R1", [refund(1000)])[1].batches[0].batch_id
        sign_both(home, batch)
        export_batch(home, batch, home.root / "b.zip")
        write_signature(home.root / "s.json", {"statement": {}, "signature": "x"})
        release_batch(home, batch)
        write_notice(home, batch)
    assert open_to_others(home.root) == []


def test_the_doctor_says_what_others_can_read_and_that_keys_lie_there(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    home.funds_path.chmod(0o644)
    checks = {check["what"]: check for check in examine(home)["checks"]}
    assert checks["rights"]["verdict"] == "warn" and "funds.toml" in checks["rights"]["found"]
    assert checks["keys"]["verdict"] == "warn"
    for path in [home.root, *home.root.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    for path in home.root.glob("*.key"):
        path.unlink()
    checks = {check["what"]: check for check in examine(home)["checks"]}
    assert checks["rights"]["verdict"] == checks["keys"]["verdict"] == "good"
