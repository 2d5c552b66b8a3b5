"""Names and numbers of people and employers who do not exist, but look as if they did."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.identifiers import (
    EMPLOYER_ALPHABET,
    EMPLOYER_WEIGHTS,
    PERSON_CHECKS,
    PERSON_WEIGHTS,
)

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Surnames and given-name characters by frequency: homonyms then are as common as in life.
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红建国文辉力志永健世广义兴良海山仁波宁贵福生龙元全国胜学祥才发"
    "武新利清飞彬富顺信子杰涛昌成康星光天达安岩中茂进林有坚和彪博诚先敬震振壮会思群豪心邦承乐绍功松善厚庆磊民友裕河"
    "哲江超浩亮政谦亨奇固之轮翰朗伯宏言若鸣朋斌梁栋维启克伦翔旭鹏泽晨辰士以建家致树炎德行时泰盛雄琛钧冠策腾榕风航弘"
)
DIVISIONS = np.array(
    [370300 + n for n in (1, 2, 3, 4, 5, 6, 21, 22, 23)]
    + [370100 + n for n in (2, 3, 4, 5, 12, 13, 14, 15, 81)]
    + [370700 + n for n in (2, 3, 4, 5, 24, 25, 81, 82, 83, 84, 85, 86)]
    + [372300 + n for n in (1, 21, 22, 23, 24, 25, 30)]
    + [410100, 320300, 130900],
    dtype=np.int64,
)
TOWNS: Sequence[str] = (
    "般阳路街道",
    "将军路街道",
    "松龄路街道",
    "钟楼街道",
    "洪山镇",
    "昆仑镇",
    "双杨镇",
    "罗村镇",
    "寨里镇",
    "龙泉镇",
    "岭子镇",
    "西河镇",
    "太河镇",
)


def person_names(chance: np.random.Generator, count: int) -> pl.Series:
    """Draw names: a frequent surname, one or two given characters, Zipf-like.

    Rows:    count
    """
    surname = np.array(list(SURNAMES))[_by_rank(chance, count, len(SURNAMES))]
    given = np.array(list(dict.fromkeys(GIVEN)))
    first = given[_by_rank(chance, count, len(given))]
    second = np.where(chance.random(count) < 0.85, given[_by_rank(chance, count, len(given))], "")
    return pl.Series("name", np.char.add(np.char.add(surname, first), second))


def _by_rank(chance: np.random.Generator, count: int, ranks: int) -> Ints:
    weights = 1.0 / (np.arange(ranks) + 3.0)
    drawn: Ints = chance.choice(ranks, size=count, p=weights / weights.sum())
    return drawn


def person_ids(numbers: Ints, born: npt.NDArray[np.datetime64], is_male: Flags) -> pl.Series:
    """Make valid person ids, different for different `numbers` born on one day.

    Rows:    one per person; the planted cast bears other divisions
    Holds:   (division, day, sequence) is different as long as numbers on a day stay below 1,600
    """
    division = DIVISIONS[numbers % len(DIVISIONS)]
    pair = numbers // len(DIVISIONS)
    sequence = 2 * pair + np.where(is_male, 1, 2)
    assert int(sequence.max(initial=1)) < 900, "too many persons born on one day"
    months = born.astype("datetime64[M]")
    years = born.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (born - months.astype("datetime64[D]")).astype(np.int64) + 1
    body = division * 10**11 + (years * 10_000 + month * 100 + day) * 1000 + sequence
    digits = body[:, None] // 10 ** np.arange(16, -1, -1) % 10
    checks = PERSON_CHECKS[(digits @ PERSON_WEIGHTS) % 11]
    check = pl.Series(checks.view("S1").astype("U1"))
    return (pl.Series(body).cast(pl.String) + check).alias("person_id")


def employer_codes(numbers: Ints) -> pl.Series:
    """Make valid unified social credit codes of Zichuan, one for each number below a million.

    Rows:    one per number; the planted cast bears other divisions
    """
    alphabet = np.frombuffer(EMPLOYER_ALPHABET, dtype=np.uint8)
    values = {int(char): place for place, char in enumerate(EMPLOYER_ALPHABET)}
    stems = [b"91370302MA3" + f"{int(number):06d}".encode() for number in numbers]
    letters = np.frombuffer(b"".join(stems), dtype=np.uint8).reshape(len(stems), 17)
    lookup = np.zeros(256, dtype=np.int64)
    for char, place in values.items():
        lookup[char] = place
    checks = alphabet[(31 - (lookup[letters] @ EMPLOYER_WEIGHTS) % 31) % 31]
    codes = [stem.decode() + chr(check) for stem, check in zip(stems, checks, strict=True)]
    return pl.Series("employer_code", codes, dtype=pl.String)
