"""Lines that are announced: five working days, once a line."""

import polars as pl
import pytest

from flows.answers.notices import Asked, write_notices
from flows.money import notice as notice_module
from flows.money.notice import write_notice
from flows.money.release import release_batch
from flows.money.review import import_review
from flows.money.sign import (
    withdraw_batch,
)
from flows.money.verify import verify_home
from flows.store import Home
from tests.money.money_town import (
    AS_OF,
    night,
    run_name,
    sign_both,
)
from tests.money.test_review import ROWS, filled
from transforms.errors import (
    LedgerForbidsError,
    UsageError,
)


def begin(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


@pytest.fixture
def announcing(home: Home) -> Home:
    """Let every policy need its notice."""
    lines = home.funds_path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("notice_not_needed")]
    home.funds_path.write_text("".join(kept), encoding="utf-8")
    return home


def test_a_batch_waits_for_five_working_days_after_its_notice(
    announcing: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = announcing
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    with pytest.raises(UsageError, match="--put-up"):
        write_notice(home, batch, "2020-03-30")
    with pytest.raises(UsageError, match="--put-up"):
        write_notice(home, batch, "2999-01-01")
    said = write_notice(home, batch, "2020-04-03")
    assert (said["first_day"], said["last_day"]) == ("2020-04-07", "2020-04-13")
    sign_both(home, batch)
    for day, is_over in (("2020-04-13", False), ("2020-04-14", True)):
        monkeypatch.setattr("flows.money.release.today", lambda day=day: day)
        if is_over:
            release_batch(home, batch)
            continue
        with pytest.raises(LedgerForbidsError, match="runs until 2020-04-13"):
            release_batch(home, batch)
    monkeypatch.undo()
    verify_home(home)


def test_lines_announced_in_an_earlier_batch_need_not_wait_again(announcing: Home) -> None:
    home = announcing
    first = night(home, "R1", ROWS)[1].batches[0].batch_id
    write_notice(home, first, "2020-04-01")
    changed = [*ROWS[:3], {**ROWS[3], "amount_fen": 5}]
    later = night(home, "R2", changed)[1].batches[0].batch_id
    sign_both(home, later)
    with pytest.raises(LedgerForbidsError, match="1 lines were not publicly announced"):
        release_batch(home, later)
    # Announced or not, what was signed is not announced for a day before its signatures.
    with pytest.raises(LedgerForbidsError, match="no notice of an earlier day"):
        write_notice(home, later, "2020-04-02")
    withdraw_batch(home, later, "未公示")
    again = night(home, "R3", changed)[1].batches[0].batch_id
    write_notice(home, again, "2020-04-02")
    with pytest.raises(LedgerForbidsError, match="no notice of an earlier day"):
        write_notice(home, again, "2020-04-01")
    sign_both(home, again)
    release_batch(home, again)
    verify_home(home)


def test_the_batch_a_review_leaves_is_announced_by_the_one_reviewed(
    announcing: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = announcing
    first = night(home, "R1", ROWS)[1].batches[0].batch_id
    put_up = write_notice(home, first, "2020-04-01")
    after = import_review(home, first, filled(home, first, {1: ("暂缓", "查账号")}), by="周审核")
    left = write_notice(home, after["to_be_signed"])
    assert left["last_day"] == put_up["last_day"] == "2020-04-09"
    out = home.root.parent / "letters"
    write_notices(home, after["to_be_signed"], Asked(), out)
    of_batch = pl.read_parquet(out / "notices.parquet").filter(pl.col("status") == "payable")
    assert "2020年4月9日" in of_batch["letter"][0]
    write_notices(home, run_name("R1"), Asked(), out := home.root.parent / "of_run")
    of_run = pl.read_parquet(out / "notices.parquet").filter(pl.col("status") == "payable")
    assert of_run["letter"].to_list() == of_batch["letter"].to_list(), "it names the same last day"
    verify_home(home)
    with monkeypatch.context() as before:
        before.setattr(notice_module, "announced_from", lambda state, _: AS_OF)
        older = write_notice(home, after["to_be_signed"])
    assert older["last_day"] < "2020-04-09"
    verify_home(home)
    write_notice(home, after["to_be_signed"], "2020-04-02")
    assert write_notice(home, after["to_be_signed"])["last_day"] > "2020-04-09", "put up itself"


def test_what_was_never_announced_is_not_paid(announcing: Home) -> None:
    home = announcing
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    sign_both(home, batch)
    with pytest.raises(LedgerForbidsError, match="4 lines were not publicly announced"):
        release_batch(home, batch)


def test_a_batch_that_was_left_is_not_announced(home: Home, batch: str) -> None:
    withdraw_batch(home, batch, "不发")
    with pytest.raises(LedgerForbidsError, match="not to be announced"):
        write_notice(home, batch, "2020-04-01")
    assert notice_module.NOTICE not in {path.name for path in (home.batches / batch).iterdir()}
