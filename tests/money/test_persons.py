"""One person under two names: every spelling that has been tried is seen through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.money.persons import looks_alike, plain_number, same_person

NAMES = ("王小明", "Wang Xiaoming", "阿依古丽·买买提", "O'Connor", "欧阳一")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("王小明", "明小王"),
        ("王小明", "王 小 明"),
        ("王小明", "王小明\u200b"),
        ("王小明", "王\u3000小明。"),
        ("張強", "张强"),
        ("Wang Xiaoming", "XIAOMING WANG"),
        ("Wang Xiaoming", "Ｗａｎｇ-Ｘｉａｏｍｉｎｇ"),
        ("Wang Xiaoming", "Wаng Xіаоmіng"),
        ("Maria Ivanova", "ΜΑRΙΑ IVANOVA"),
        ("Ivan", "lvan"),
        ("Joao", "João"),
        ("阿依古丽·买买提", "买买提阿依古丽"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    assert looks_alike(one, other) and looks_alike(other, one)
    assert same_person(("1", one), ("2", other))


@pytest.mark.parametrize(
    ("one", "other"), [("王小明", "王小红"), ("李强", "李强（财）"), ("甲", "乙")]
)
def test_two_names_are_two(one: str, other: str) -> None:
    assert not looks_alike(one, other)


@given(st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), st.permutations(name))))
def test_no_order_of_letters_makes_another_person(pair: tuple[str, list[str]]) -> None:
    assert looks_alike(pair[0], "".join(pair[1]))


@given(st.integers(0, 99_999), st.integers(0, 99_999))
def test_numbers_differ_as_numbers_do(one: int, other: int) -> None:
    assert (plain_number(str(one)) == plain_number(f"{other:08d}")) is (one == other)
    assert same_person((str(one), "甲"), (f"０{one}", "乙"))
