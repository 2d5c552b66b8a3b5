"""suppliers.toml is read strictly: whatever is odd in it is refused by its name."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest

from flows.inbox.suppliers import SAMPLE, expect_suppliers, read_suppliers, write_sample
from flows.money.clock import CHINA
from flows.store import Home
from tests.inbox.inbox_home import SUPPLIERS, make_inbox
from transforms.errors import DropRefusedError


def test_suppliers_are_read_with_what_they_deliver(tmp_path: Path) -> None:
    suppliers = read_suppliers(make_inbox(tmp_path / "home"))
    told = [(of.supplier, of.kind.name, of.mode, of.max_age_days) for of in suppliers.deliveries]
    assert told == [
        ("社保中心", "contributions", "part", 40),
        ("社保中心", "insured_persons", "full", 3),
        ("民政局", "residents", "full", 2),
    ]
    monthly, nightly, _ = suppliers.deliveries
    assert nightly.due_at(date(2020, 3, 4)) == datetime(2020, 3, 4, 4, tzinfo=CHINA)
    assert monthly.due_at(date(2020, 3, 4)) is None
    assert monthly.due_at(date(2020, 3, 5)) == datetime(2020, 3, 5, 4, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('contact = "李工"', "", "民政局: missing `contact`"),
        ('contact = "李工"', 'contact = "李工"\nphone = "1"', "民政局: unknown `phone`"),
        ('contact = "李工"', "contact = 1", "contact must be text"),
        ('"户籍人口" =', '"户籍" =', "there is no kind 户籍"),
        ('"户籍人口" =', '"residents" = 1\n"户籍人口" =', "residents: expected"),
        ('"nightly", deadline = "03:00"', '"nightly", deadline = "3"', "deadline must be a time"),
        ('"nightly", deadline = "03:00"', '"weekly", deadline = "03:00"', "nightly or monthly"),
        ('cadence = "monthly", due_day', 'cadence = "weekly", due_day', "nightly or monthly"),
        ('"nightly", deadline = "03:00"', '"monthly", deadline = "03:00"', "missing `due_day`"),
        ("due_day = 5", "due_day = 31", "due_day must be a whole number from 1 to 28"),
        ("max_age_days = 2", "max_age_days = 0", "max_age_days must be a whole number"),
        ("max_age_days = 2", "max_age_days = true", "max_age_days must be a whole number"),
        ('mode = "part"', 'mode = "teil"', "mode must be full or part"),
        ('folder = "shebao"', 'folder = "民政局"', "two suppliers have the folder 民政局"),
        ('folder = "shebao"', 'folder = "../x"', "can't be the name of a folder"),
        ('folder = "shebao"', 'folder = "taken"', "can't be the name of a folder"),
        ('"民政局"', '"死亡信息科"', "is called like a kind"),
        ('["社保中心"]\n', 'inbox = 3\n["社保中心"]\n', "inbox must be a folder"),
        ('["社保中心"]\n', "[社保中心]\n", "is no TOML"),
    ],
)
def test_whatever_is_odd_is_refused_by_its_name(
    was: str, becomes: str, said: str, tmp_path: Path
) -> None:
    assert was in SUPPLIERS
    home = make_inbox(tmp_path / "home", SUPPLIERS.replace(was, becomes))
    with pytest.raises(DropRefusedError, match=re.escape(said)):
        read_suppliers(home)


def test_the_sample_names_nobody_and_is_right_once_its_marks_are_taken_away(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert write_sample(home) == [home.suppliers_path] and write_sample(home) == []
    with pytest.raises(DropRefusedError, match="names no supplier"):
        expect_suppliers(home)
    lines = SAMPLE.read_text("utf-8").partition("\n\n# [")[2].splitlines()
    text = "# [" + "\n".join(lines)
    home.suppliers_path.write_text(text.replace("# ", "").replace("\n#", "\n"), "utf-8")
    assert {of.supplier for of in read_suppliers(home).deliveries} == {"社保中心", "公安分局"}


def test_an_inbox_may_lie_elsewhere(tmp_path: Path) -> None:
    home = make_inbox(tmp_path / "home", f'inbox = "{tmp_path}/share"\n{SUPPLIERS}')
    assert read_suppliers(home).inbox == tmp_path / "share"
