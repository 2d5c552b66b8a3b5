"""funds.toml: what is read, and every way it can be wrong, refused with a reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli.doctor import examine
from flows.money.funds import read_funds
from flows.money.heads import initialise_home
from flows.store import Home
from transforms.errors import DropRefusedError

FUND = "失业保险基金"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.root.mkdir()
    initialise_home(made)
    return made


def rewrite(home: Home, old: str, new: str) -> None:
    text = home.funds_path.read_text(encoding="utf-8")
    assert old in text
    home.funds_path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_init_writes_what_can_be_read_and_leaves_what_is_there(home: Home) -> None:
    funds = read_funds(home)
    assert sorted(funds.by_name) == ["失业保险基金", "就业补助资金"]
    assert funds.budget_fen(FUND, 2020) == 0 and funds.budget_fen(FUND, 2021) is None
    before = funds.digest
    rewrite(home, "2020 = 0", "2020 = 5")
    assert initialise_home(home) == []
    assert read_funds(home).budget_fen(FUND, 2020) == 500
    assert read_funds(home).digest != before


def test_no_funds_toml_is_no_fund_configured(tmp_path: Path) -> None:
    assert read_funds(Home(tmp_path)).by_name == {}


@pytest.mark.parametrize(("written", "fen"), [("12", 1200), ("12.5", 1250), ("0.01", 1)])
def test_budgets_are_exact(home: Home, written: str, fen: int) -> None:
    rewrite(home, "2020 = 0", f"2020 = {written}")
    assert read_funds(home).budget_fen(FUND, 2020) == fen


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["失业保险基金"]', '["失业保险基金"', "no TOML"),
        ('["失业保险基金"]', '["失业基金"]', "no such fund"),
        ('payer_account = "0000000000000001"\n', "", "missing `payer_account`"),
        ('payer_account = "0000000000000001"', "payer_account = 1", "text in quotes"),
        ('payer_account = "0000000000000001"', 'payer_account = "37-01"', "digits"),
        ('payer_account = "0000000000000001"', 'payer_account = ""', "digits"),
        ('payer_name = "请改为失业保险基金财政专户户名"', 'payer_name = " "', "payer_name"),
        ('payer_name = "请改为失业保险基金财政专户户名"', 'payer_name = "a|b"', "can't hold"),
        ('bank_profile = "default"', 'bank_profile = "icbc"', "no bank profile"),
        ('bank_profile = "default"', 'bank_profile = "../../x"', "no bank profile"),
        ('bank_code = ""', 'bank_code = "4024530"', "12 digits"),
        ('bank_name = "请改为开户行名称"\n', "", "bank_code, or bank_name"),
        ('bank_code = ""', 'bank_code = ""\nowner = "x"', "unknown `owner`"),
        ("2020 = 0", "2020 = -1", "budget_yuan"),
        ("2020 = 0", "2020 = 1.005", "two decimals"),
        ("2020 = 0", '2020 = "1000"', "budget_yuan"),
        ("2020 = 0", "2020 = true", "budget_yuan"),
        ("2020 = 0", "2020 = nan", "budget_yuan"),
        ("2020 = 0", "year = 0", "budget_yuan"),
    ],
)
def test_bad_funds(home: Home, old: str, new: str, said: str) -> None:
    rewrite(home, old, new)
    with pytest.raises(DropRefusedError, match=said):
        read_funds(home)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"\xff\xfe" + "[".encode("utf-16-le")),
        lambda path: path.write_text('"失业保险基金" = 3', encoding="utf-8"),
        lambda path: path.write_text("x = 1\x00", encoding="utf-8"),
    ],
)
def test_files_that_are_no_funds(home: Home, spoil: Callable[[Path], object]) -> None:
    spoil(home.funds_path)
    with pytest.raises(DropRefusedError):
        read_funds(home)


def test_a_damaged_profile_is_named(home: Home) -> None:
    (home.root / "bank_profiles" / "default.toml").write_text("encoding = ", encoding="utf-8")
    with pytest.raises(DropRefusedError, match=r"default\.toml is no TOML"):
        read_funds(home)


def test_the_default_profile_need_not_be_in_the_home(home: Home) -> None:
    (home.root / "bank_profiles" / "default.toml").unlink()
    assert read_funds(home).profile_of(FUND).encoding == "gb18030"


def test_names_that_init_wrote_are_warned_of_until_they_are_replaced(home: Home) -> None:
    warned = read_funds(home).by_name[FUND].warnings(2020)
    assert "payer_name, payer_account, bank_name" in warned[0]
    rewrite(home, "请改为失业保险基金财政专户户名", "淄川区财政局失业保险基金专户")
    assert "payer_name" not in read_funds(home).by_name[FUND].warnings(2020)[0]
    rewrite(home, "请改为开户行名称", "样例银行淄川支行")
    rewrite(home, "0000000000000001", "6222000000000001")
    rewrite(home, "2020 = 0", "2020 = 1")
    assert read_funds(home).by_name[FUND].warnings(2020) == []
    assert "no budget of 2031" in read_funds(home).by_name[FUND].warnings(2031)[0]
    (checked,) = [one for one in examine(home)["checks"] if one["what"] == "funds.toml"]
    assert checked["verdict"] == "warn" and "就业补助资金" in checked["found"]
