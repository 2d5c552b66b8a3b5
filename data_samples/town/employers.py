"""The employers of the background: all sizes and lines, each with a unit number and an account."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from data_samples.town.naming import TOWNS, Flags, Ints, employer_codes

LINES = (
    ("工业", 0.30, "机械制造", 1.6),
    ("批发业", 0.14, "商贸", 0.9),
    ("零售业", 0.14, "百货", 0.7),
    ("建筑业", 0.10, "建筑工程", 1.3),
    ("餐饮业", 0.08, "餐饮", 0.7),
    ("住宿业", 0.04, "酒店", 0.8),
    ("交通运输业", 0.06, "运输", 1.0),
    ("软件和信息技术服务业", 0.04, "科技", 1.0),
    ("租赁和商务服务业", 0.05, "人力资源", 1.0),
    ("农林牧渔业", 0.05, "农业", 0.8),
)
CITY = "淄博"
SIZE_STAFF = np.array([20, 300, 1000])
SIZE_WORDS = ("微型", "小型", "中型", "大型", None)


@dataclass(frozen=True)
class Employers:
    """The employers as columns, for drawing from.

    Rows:    frame  one per employer: employer_code, employer_name, unit_no, entity_type, status, …
             weights  the share of the district's staff that each has
    """

    frame: pl.DataFrame
    weights: np.ndarray
    is_exempt: Flags
    arrears_from: Ints
    is_deferring: Flags


def make_employers(chance: np.random.Generator, count: int, persons: int) -> Employers:
    """Draw the employers of the district.

    Rows:    count
    Units:   wan columns in 万元 × 100
    """
    line = chance.choice(len(LINES), size=count, p=[entry[1] for entry in LINES])
    weights = np.exp(chance.normal(0.0, 1.25, count)) * np.array([LINES[n][3] for n in line])
    weights = weights / weights.sum()
    staff = np.maximum(1, np.rint(weights * persons * 0.75)).astype(np.int64)
    revenue = np.rint(staff * np.exp(chance.normal(3.4, 0.5, count)) * 100).astype(np.int64)
    entity = chance.choice(
        ["企业", "个体工商户", "民办非企业", "事业单位"], size=count, p=[0.9, 0.06, 0.02, 0.02]
    )
    numbers = np.arange(count, dtype=np.int64)
    towns = numbers % len(TOWNS)
    frame = pl.DataFrame(
        {
            "employer_code": employer_codes(numbers),
            "employer_name": [
                f"{CITY}{TOWNS[t][:2]}{_brand(n)}{LINES[k][2]}有限公司"
                for n, t, k in zip(numbers.tolist(), towns.tolist(), line.tolist(), strict=True)
            ],
            "entity_type": entity,
            "status": chance.choice(["存续", "在业", "注销"], size=count, p=[0.6, 0.385, 0.015]),
            "size_line": [LINES[k][0] for k in line],
            "staff": staff,
            "revenue_wan_x100": revenue,
            "assets_wan_x100": revenue // 2,
            "division_code": [f"3703020{t + 1:02d}" for t in towns.tolist()],
            "unit_no": [f"1{n:08d}" for n in numbers.tolist()],
            "is_dispatch": np.where(chance.random(count) < 0.01, "是", "否"),
        }
    )
    in_arrears = chance.random(count) < 0.05
    arrears_from = np.where(in_arrears, chance.integers(0, 12, count), 10_000)
    return Employers(frame, weights, staff < 300, arrears_from, chance.random(count) < 0.02)


def _brand(number: int) -> str:
    first, second = "鑫宏瑞德恒泰盛源华丰", "达通和顺隆昌祥安润腾"
    return first[number % 10] + second[number // 10 % 10] + _numeral(number // 100)


def _numeral(number: int) -> str:
    return "" if number == 0 else "".join("零一二三四五六七八九"[int(d)] for d in str(number))


def employer_tables(
    employers: Employers, chance: np.random.Generator, as_of: date
) -> dict[str, pl.DataFrame]:
    """Return what bureaus hold about the employers: registrations, units, accounts, lists."""
    frame = employers.frame
    count = frame.height
    size = np.searchsorted(SIZE_STAFF, frame["staff"].to_numpy(), side="right")
    stated = np.where(chance.random(count) < 0.5, size, len(SIZE_STAFF) + 1)
    registrations = frame.select(
        "employer_code",
        "employer_name",
        "entity_type",
        "status",
        "size_line",
        pl.Series(SIZE_WORDS).gather(stated).alias("size_class"),
        "staff",
        "revenue_wan_x100",
        "assets_wan_x100",
        pl.lit(date(2010, 5, 18)).alias("founded_on"),
        "division_code",
    )
    accounts = frame.select(
        pl.lit("单位").alias("subject_kind"),
        pl.col("employer_code").alias("subject_id"),
        pl.col("employer_name").alias("holder"),
        ("6222" + pl.col("unit_no").str.zfill(15)).alias("account_no"),
        pl.lit("齐商银行淄川支行").alias("bank_name"),
        pl.lit("313453000014").alias("bank_code"),
        pl.Series("account_state", np.where(chance.random(count) < 0.97, "正常", "冻结")),
    )
    return {
        "registrations": registrations,
        "insured_units": frame.select("unit_no", "employer_code", "employer_name", "is_dispatch"),
        "accounts": accounts.filter(pl.Series(chance.random(count) < 0.97)),
        "designations": _lists(frame, chance, as_of),
    }


def _lists(frame: pl.DataFrame, chance: np.random.Generator, as_of: date) -> pl.DataFrame:
    shares = {
        "疫情防控重点物资生产企业": 0.08,
        "经营困难且恢复有望企业": 0.04,
        "严重失信": 0.01,
        "僵尸企业": 0.005,
        "拖欠农民工工资失信": 0.005,
        "就业见习单位": 0.05,
    }
    since = date(as_of.year - 1, 6, 1)
    parts = [
        frame.filter(pl.Series(chance.random(frame.height) < share)).select(
            pl.lit(name).alias("list"),
            pl.lit("单位").alias("subject_kind"),
            pl.col("employer_code").alias("subject_id"),
            pl.col("employer_name").alias("subject_name"),
            pl.lit(since).alias("valid_from"),
            pl.lit(f"川人社字〔{as_of.year - 1}〕{number}号").alias("document_no"),
        )
        for number, (name, share) in enumerate(shares.items(), start=11)
    ]
    return pl.concat(parts)
