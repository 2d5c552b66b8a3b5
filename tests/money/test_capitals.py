"""大写金额: read back, every amount is the one that was written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.money.capitals import DIGITS, amount_in_capitals


def read_capitals(text: str) -> int:
    """Read an amount back, by another way than it was written."""
    yuan, _, rest = text.removeprefix("人民币").removesuffix("整").rpartition("元")
    total = 0
    for group, unit in re.findall("([^万亿]+)(万亿|亿|万|$)", yuan):
        value = sum(
            DIGITS.index(digit) * {"仟": 1000, "佰": 100, "拾": 10, "": 1}[place]
            for digit, place in re.findall(f"([{DIGITS}])([仟佰拾]?)", group)
        )
        total += value * {"万亿": 10**12, "亿": 10**8, "万": 10**4, "": 1}[unit]
    small = {unit: DIGITS.index(digit) for digit, unit in re.findall(f"([{DIGITS}])([角分])", rest)}
    return total * 100 + small.get("角", 0) * 10 + small.get("分", 0)


@given(st.integers(0, 10**15))
def test_what_is_written_is_read_back(fen: int) -> None:
    assert read_capitals(amount_in_capitals(fen)) == fen


@given(st.integers(0, 10**15))
def test_the_form_is_that_of_a_cheque(fen: int) -> None:
    text = amount_in_capitals(fen)
    assert text.startswith("人民币") and "零零" not in text and "零元" not in text[4:]
    assert text.endswith("整") is (fen % 100 == 0), "整 after 元, none after 角 or 分"
    assert text.endswith("分") is (fen % 10 != 0)


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (140950, "人民币壹仟肆佰零玖元伍角"),
        (600714, "人民币陆仟零柒元壹角肆分"),
        (168032, "人民币壹仟陆佰捌拾元零叁角贰分"),
        (10700053, "人民币壹拾万柒仟元零伍角叁分"),
        (1640902, "人民币壹万陆仟肆佰零玖元零贰分"),
        (32504, "人民币叁佰贰拾伍元零肆分"),
        (10_000_000_000_00, "人民币壹佰亿元整"),
        (100_000_001_00, "人民币壹亿零壹元整"),
    ],
)
def test_the_examples_of_the_rules(fen: int, text: str) -> None:
    assert amount_in_capitals(fen) == text
