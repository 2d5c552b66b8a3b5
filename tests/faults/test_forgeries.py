"""Forgeries and flipped bits: a part of what `make forgeries` tries, each found and named."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.money.verify import verify_home
from tests.faults.forgeries import Forgery, build, files_of, found, search

SHORT, FLIPS = 400, 560


def test_every_forgery_is_found_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert search(SHORT, seed=7) == []
    assert f"{SHORT} forgeries, 0 not found" in capsys.readouterr().out


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """A bit of ledger.sqlite that is in no page's content says nothing: then nothing is changed."""
    home, _ = build(tmp_path)
    chance, files = random.Random(560), files_of(home)[:-1]
    idle = 0
    for _ in range(FLIPS):
        path = chance.choice(files)
        content = bytearray(path.read_bytes())
        place = chance.randrange(len(content) * 8)
        content[place // 8] ^= 1 << place % 8
        flipped = bytes(content)
        before = dump(home.ledger_path)
        flip = Forgery("flip", (path.name,), lambda _h, p=path, c=flipped: p.write_bytes(c))
        if found(home, flip):
            continue
        assert path == home.ledger_path, f"{path.name}, bit {place}"
        kept = path.read_bytes()
        path.write_bytes(flipped)
        assert dump(path) == before, f"{path.name}, bit {place}"
        path.write_bytes(kept)
        idle += 1
    assert idle < FLIPS // 20
    verify_home(home)


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())
