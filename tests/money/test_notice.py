"""The public notice: five working days, persons masked, nothing that pays or names anybody."""

from datetime import date
from pathlib import Path

import pytest

from flows.money import notice as notice_module
from flows.money.ledger_store import open_ledger
from flows.money.notice import write_notice
from flows.money.verify import verify_home
from tests.money.money_town import ANN, ONE, Town, account, month, new_home, night, refund
from transforms.errors import LedgerForbidsError, ParameterMissingError
from transforms.payments.notice import notice_window


@pytest.mark.parametrize(
    ("as_of", "first", "last"),
    [
        (date(2020, 3, 31), date(2020, 4, 1), date(2020, 4, 8)),
        (date(2020, 1, 22), date(2020, 1, 23), date(2020, 2, 6)),
        (date(2020, 4, 25), date(2020, 4, 26), date(2020, 4, 30)),
    ],
)
def test_five_working_days_after_the_as_of_date(as_of: date, first: date, last: date) -> None:
    assert notice_window(as_of) == (first, last)


def test_persons_are_masked_units_are_not_and_no_account_is_shown(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    rows = [refund(123456), month("benefit_to_retirement", ANN, 7)]
    batch = night(home, "R1", rows)[1].batches[0].batch_id
    said = write_notice(home, batch)
    content = Path(said["path"]).read_bytes()
    text = content.decode("utf-8-sig")
    assert (said["rows"], said["last_day"]) == (2, "2020-04-08")
    assert "安*" in text and f"{ANN[:6]}********{ANN[-4:]}" in text
    assert "淄川一厂" in text and ONE in text and "1234.56" in text
    for hidden in (ANN, "安娜", "6222"):
        assert hidden not in text
    write_notice(home, batch)
    assert Path(said["path"]).read_bytes() == content
    night(home, "R2", rows)
    with pytest.raises(LedgerForbidsError, match="withdrawn"):
        write_notice(home, batch)


def test_a_day_is_recorded_only_with_its_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = new_home(tmp_path / "home")
    batch = night(home, "R1", [refund(1)])[1].batches[0].batch_id

    def announced() -> list[str]:
        with open_ledger(home) as ledger:
            return ledger.batch_states()[batch].announced

    def unknown(*_: object) -> None:
        raise ParameterMissingError("the holidays of 2027 are not known")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step, fault in (("notice_window", unknown), ("replace_file", full)):
        with monkeypatch.context() as broken:
            broken.setattr(notice_module, step, fault)
            with pytest.raises((ParameterMissingError, OSError)):
                write_notice(home, batch, "2020-04-01")
        assert announced() == []
        assert not (home.batches / batch / notice_module.NOTICE).exists()
    assert write_notice(home, batch, "2020-04-01")["last_day"] == "2020-04-09"
    assert announced() == ["2020-04-01"]
    verify_home(home)


def test_a_name_is_never_read_as_a_formula(tmp_path: Path) -> None:
    home, evil = new_home(tmp_path / "home"), "=1+1"
    town = Town(registrations=[{"employer_code": ONE, "employer_name": evil}])
    town.accounts = [account(ONE, evil)]
    batch = night(home, "R1", [refund(1)], town)[1].batches[0].batch_id
    text = Path(write_notice(home, batch)["path"]).read_text(encoding="utf-8-sig")
    assert ",=" not in text and evil in text
