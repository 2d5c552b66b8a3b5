"""What each type of cell accepts, and what it refuses."""

import re
import unicodedata
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.ingest_drops import csv_text, ingest, row
from transforms.amounts import read_fen, yuan_text
from transforms.extracts.dates import read_dates, read_months
from transforms.extracts.kinds import KINDS, KindColumn
from transforms.extracts.readers import LATER_CODES, read_column, read_names
from transforms.wide import narrowed


def read(kind: str, column: str, *texts: str) -> list[object]:
    return read_column(KINDS[kind].column_named[column], pl.Series(texts), None).values.to_list()


def test_a_period_is_read_as_policies_name_it() -> None:
    said = read("objections", "period", "2020年3月", "202003", "2020", "2020.0", "三月")
    assert said == ["2020-03", "2020-03", "2020", None, None]


@given(st.integers(-(10**12), 10**12))
@settings(max_examples=300, deadline=None)
def test_money_written_is_money_read(fen: int) -> None:
    whole, hundredths = divmod(abs(fen), 100)
    sign = "-" if fen < 0 else ""
    forms = [
        yuan_text(fen),
        f"{sign}{whole:,}.{hundredths:02d}",
        f"{sign}￥{whole}.{hundredths:02d}",
        f"{sign}{whole}.{hundredths:02d}00元",
        f"({whole:,}.{hundredths:02d})" if fen < 0 else f" {whole}.{hundredths:02d} ",
    ]
    assert read_fen(pl.Series(forms)).to_list() == [fen] * len(forms)


@given(st.from_regex(r"\A[0-9,.￥元()+E-]{1,9}\Z"))
@settings(max_examples=300, deadline=None)
def test_money_is_read_as_it_stands_or_not_at_all(text: str) -> None:
    found = read_fen(pl.Series([text])).item()
    if found is not None:
        digits = "".join(character for character in text if character.isdigit() or character == ".")
        whole, _, decimals = digits.partition(".")
        assert abs(found) == int(whole) * 100 + int((decimals + "00")[:2])
        assert not decimals[2:].strip("0")


@pytest.mark.parametrize(
    "text", ["1.234", "1.2.3", "--1", "1,2,3", "12,34.00", "1e3", "abc", "(-1)", "1146美元", "."]
)
def test_what_is_no_money(text: str) -> None:
    assert read_fen(pl.Series([text])).item() is None


def test_spaces_of_an_amount_stand_at_its_ends_or_beside_its_unit() -> None:
    """Two amounts in one cell, or an amount and its footnote, were read as one amount."""
    right = [
        "￥ 1,146.00 ",
        "\u3000１１４６",
        "1146 元",
        "-￥ 1146",
        "- ￥1146",
        "(￥ 1146 元)",
        "1146\n",
    ]
    wanted = [114600, 114600, 114600, -114600, -114600, -114600, 114600]
    assert read_fen(pl.Series(right)).to_list() == wanted
    wrong = ["480 240", "480\n240", "480\t240", "1 146.00", "480 .00", "480\u00a0240", "- 480"]
    assert read_fen(pl.Series(wrong)).to_list() == [None] * len(wrong)
    assert read("housing_fund", "unit_rate_bp", " 12\u00a0% ", "1 2", "1\n2%") == [1200, None, None]


# A value of every type that holds digits, some of them in full width, and what it becomes.
VALUES = {
    "money": ("contributions", "base_fen", "１，１４６．００", 114600),
    "wan": ("registrations", "revenue_wan_x100", "１１４６万元", 114600),
    "rate": ("housing_fund", "unit_rate_bp", "１２％", 1200),
    "integer": ("registrations", "staff", "１，２００", 1200),
    "account_no": ("accounts", "account_no", "６２２２　００００", "62220000"),
    "bank_code": ("accounts", "bank_code", "１０２４５３００００１２", "102453000012"),
    "date": ("payroll", "paid_on", "２０２０．１．１０", date(2020, 1, 10)),
    "month": ("payroll", "month", "２０２０年１０月", 202010),
    "period": ("objections", "period", "２０２０年１０月", "2020-10"),
    "person_id": ("payroll", "person_id", "110105４９１２３１００２", "11010519491231002X"),
    "employer_code": ("payroll", "employer_code", "９1370303MA0000001M", "91370303MA0000001M"),
    "any_id": ("clerical_decisions", "subject_id", "１1010519491231002x", "11010519491231002X"),
}


@pytest.mark.parametrize("mark", "①②²³¹₂⑴⒈½Ⅱ٢२𝟐🄂㋁㏡㍚🯲㊁")
@pytest.mark.parametrize("column_type", VALUES)
def test_only_plain_and_full_width_digits_are_digits(column_type: str, mark: str) -> None:
    """`480²` was read as 4802 元: no mark, fraction or digit of another script is a digit."""
    kind, column, text, value = VALUES[column_type]
    assert read(kind, column, text) == [value]
    digits = [place for place, letter in enumerate(text) if letter.isdecimal()]
    marked = [text[:place] + mark + text[place + 1 :] for place in digits]
    marked += [text[: place + 1] + mark + text[place + 1 :] for place in digits]
    marked += [f"{text}{mark}", f"{text[:-1]}{mark}", f"{mark}{text}"]
    found = read_column(KINDS[kind].column_named[column], pl.Series(marked), None)
    if column_type != "any_id":
        assert found.values.to_list() == [None] * len(marked)
        assert found.bad.all()
    assert value not in found.values.to_list()


def test_every_sign_that_stands_for_a_digit_is_known() -> None:
    signs = pl.Series([chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000])
    told = narrowed(signs).str.contains("[0-9]")
    assert signs.filter(told).to_list() == [*"0123456789", *"０１２３４５６７８９"]


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
@settings(max_examples=200, deadline=None)
def test_dates_written_are_dates_read(day: date) -> None:
    forms = [
        day.isoformat(),
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month}.{day.day}",
        f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.isoformat()} 00:00:00",
        f"{day.year}/{day.month}/{day.day} 0:00",
    ]
    serial = (day - date(1899, 12, 30)).days
    if 10_000 <= serial <= 99_999:
        forms.append(str(serial))
    assert read_dates(pl.Series(forms)).to_list() == [day] * len(forms)
    month = day.year * 100 + day.month
    is_short = [re.fullmatch("(19|20|21)[0-9]{2}[1-9]", form) for form in forms]
    wanted = [None if short else month for short in is_short]
    assert read_months(pl.Series(forms)).to_list() == wanted


def test_days_no_calendar_has_are_no_dates() -> None:
    wrong = [
        "2020/2/30",
        "2019-02-29",
        "2020-13-01",
        "2020-2/9",
        "9/2/2020",
        "4387",
        "2020-02-09 12:30",
    ]
    assert read_dates(pl.Series(wrong)).null_count() == len(wrong)
    assert read_dates(pl.Series(["2020-02-28"])).item() + timedelta(1) == date(2020, 2, 29)


def test_months() -> None:
    right = ["202002", "2020-02", "2020/2", "2020年2月", "２０２０年２月", " 202002 "]
    assert read_months(pl.Series(right)).to_list() == [202002] * len(right)
    wrong = ["202013", "202000", "2020-13", "2020.2", "20202", "二月"]
    assert read_months(pl.Series(wrong)).to_list() == [None] * len(wrong)
    # Five digits are an Excel date, and a date counts as its month, unless they read as a month.
    serials = ["43870", "20203", "２０２０３", "20200"]
    assert read_months(pl.Series(serials)).to_list() == [202002, None, None, 195504]


def test_integers() -> None:
    assert read("registrations", "staff", "12", "12.0", "1,200", "-3") == [12, 12, 1200, -3]
    assert read("registrations", "staff", "12.5", "1,2", "十二", "") == [None] * 4


def test_amounts_of_ten_thousand_yuan() -> None:
    assert read("registrations", "revenue_wan_x100", "1,146.00", "3.5万元", "2") == [
        114600,
        350,
        200,
    ]
    assert read("registrations", "revenue_wan_x100", "1146元", "3.555") == [None, None]


def test_accounts_and_bank_codes() -> None:
    assert read("accounts", "account_no", "6222 0000 1111", "０１") == ["622200001111", "01"]
    assert read("accounts", "account_no", "6.2E+18", "6222-0000", "6222.0") == [None] * 3
    assert read("accounts", "bank_code", "102453000012", "10245300001") == ["102453000012", None]


def test_codes_are_words_of_the_list() -> None:
    assert read("accounts", "account_state", " 正常 ", "正 常", "冻结") == ["正常", None, "冻结"]


def test_an_id_of_a_decision_names_a_party_or_the_row_falls() -> None:
    """A mistyped code was taken for a household's number, and the decision settled nothing."""
    person, unit = "11010519491231002X", "91370303MA0000001M"
    valid = [f"'{person.lower()}", f" {unit[:4]} {unit[4:]}", "H100000001", "户一", "12345"]
    wrong = [
        f"'{unit}",
        unit[:8] + "AM" + unit[10:],
        person[:-1] + "1",
        f"{person[:-1]}×",
        "3.7E+17",
    ]
    for kind in ("clerical_decisions", "objections"):
        found = read(kind, "subject_id", *valid, *wrong)
        assert found == [person, unit, *valid[2:], *[None] * len(wrong)]
    column = KINDS["clerical_decisions"].column_named["beneficiary_id"]
    as_number = read_column(column, pl.Series(["370302199001010010", "12"]), pl.Series([True] * 2))
    assert (as_number.values.to_list(), as_number.bad.to_list()) == ([None, "12"], [True, False])
    assert as_number.rule == "unreadable_value"


def test_names_of_one_person_are_one() -> None:
    written = [
        "阿依古丽・买买提",
        "阿依古丽•买买提",
        "阿依古丽．买买提",
        "阿依古丽.买买提",
        "阿依古丽 ∙ 买买提",
        "阿依古丽\u2027买买提",
        "阿依古丽\u22c5买买提",
    ]
    assert read_names(pl.Series(written)).unique().to_list() == ["阿依古丽·买买提"]
    assert read_names(pl.Series(["𠮷田㛃", "J. Smith"])).to_list() == ["𠮷田㛃", "J.Smith"]


def test_a_character_of_an_old_table_is_the_one_of_today() -> None:
    """Of those that have no other code point in GB18030 nothing is guessed."""
    assert read_names(pl.Series(["龚\ue863", "龚䶮", "龚\ue864", "龚\ue000"])).to_list() == [
        *("龚䶮", "龚䶮", "龚\ue864", "龚\ue000")
    ]
    assert len(LATER_CODES) == 66
    assert all(unicodedata.category(later) != "Co" for later in LATER_CODES.values())
    named = KindColumn("name", True, "name", ())
    told = read_column(named, pl.Series(["龚\ue863", "龚䶮"]), None).repairs
    assert told is not None and told.to_list() == ["old_code_point", None]
    assert read_column(named, pl.Series(["龚䶮"]), None).repairs is None


def test_a_holder_is_kept_as_it_was_delivered(tmp_path: Path) -> None:
    account = row("accounts") | {"户名": " 淄川Ａ厂（一） ", "开户行名称": "某银行（西）"}
    snapshot = ingest(tmp_path, {"accounts.csv": csv_text([account])})
    (stored,) = pl.read_parquet(snapshot.tables()["accounts"]).to_dicts()
    assert (stored["holder"], stored["bank_name"]) == ("淄川Ａ厂（一）", "某银行(西)")
