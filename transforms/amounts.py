"""Read and write money: integer 分 inside, text outside, never a float."""

import re
from typing import TypeVar

import polars as pl

from transforms.wide import narrowed

PLAIN = "^(-?)([0-9]{1,13})(?:[.]([0-9]{1,2}))?$"
# A sign or brackets, ￥, thousands by commas, at most two decimals that are not zero, 元. Spaces
# only beside ￥ and 元: between digits they may part two numbers.
WRITTEN = (
    r"^(-?)(?: *¥ *)?(-?)([0-9]{1,13}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:[.]([0-9]{1,2})0*)?"
    r"(?: *(?:UNIT))?$"
)
RATE = r"^(-?[0-9]{1,4})(?:[.]([0-9]{1,6}?)0*)? *(%?)$"
PLAIN_YUAN = re.compile(r"(?<![\w.,'])[0-9]{4,}(?=[.][0-9]{2}(?: ?元|$))")
BRACKETS = r"^\((.*)\)$"
SHARE_UNITS = 10_000
Part = TypeVar("Part", int, pl.Expr)


def read_fen(texts: pl.Series, unit: str = "元") -> pl.Series:
    """Read amounts of 元 (or another unit) as hundredths; null where a text is no amount.

    >>> read_fen(pl.Series(["1146", "1,146.00", "￥1146.5元", "(100.00)", "-1.234"])).to_list()
    [114600, 114600, 114650, -10000, None]
    """
    plain = _hundredths(texts.to_frame("text"), PLAIN)
    if plain.null_count() == 0:
        return plain
    is_left = plain.is_null()
    left = narrowed(texts.filter(is_left)).str.strip_chars().to_frame("text")
    # Brackets make an amount negative; a sign inside brackets would say it twice.
    bracketed = left.select(
        pl.when(pl.col("text").str.contains(BRACKETS) & ~pl.col("text").str.contains("-"))
        .then(pl.concat_str(pl.lit("-"), pl.col("text").str.extract(BRACKETS)))
        .otherwise("text")
        .alias("text")
    )
    written = _hundredths(bracketed, WRITTEN.replace("UNIT", unit))
    return plain.scatter(is_left.arg_true(), written)


def _hundredths(frame: pl.DataFrame, form: str) -> pl.Series:
    """Match `text` against a form: one or two signs, whole, at most two decimals."""
    last = 3 if form == PLAIN else 4
    parts = pl.col("text").str.extract_groups(form).struct
    whole = parts.field(str(last - 1)).str.replace_all(",", "").cast(pl.Int64)
    decimals = parts.field(str(last)).fill_null("").str.pad_end(2, "0").cast(pl.Int64)
    signs = parts.field("1")
    if form != PLAIN:
        signs = signs + parts.field("2")
    amounts = whole * 100 + decimals
    signed = pl.when(signs == "-").then(-amounts).when(signs == "").then(amounts)
    return frame.select(signed.alias("fen")).to_series()


def read_rates(texts: pl.Series) -> pl.Series:
    """Read rates as hundredths of a per cent; null where a text is none, or finer than that.

    With a % sign, or from 1 on, a number is per cent; below 1 it is a fraction.

    >>> read_rates(pl.Series(["12", "12 %", "0.12", "1", "0.5％", "0.5", "0.00005"])).to_list()
    [1200, 1200, 1200, 100, 50, 5000, None]
    """
    parts = pl.col("text").str.extract_groups(RATE).struct
    whole = parts.field("1").cast(pl.Int64)
    decimals = parts.field("2").fill_null("")
    # Millionths of what is written, so that nothing is rounded.
    fraction = decimals.str.pad_end(6, "0").cast(pl.Int64)
    is_negative = parts.field("1").str.starts_with("-")
    millionths = whole.abs() * 1_000_000 + fraction
    is_fraction = (parts.field("3") == "") & (millionths < 1_000_000)
    unit = pl.when(is_fraction).then(100).otherwise(10_000)
    rate = pl.when(is_negative).then(-1).otherwise(1) * (millionths // unit)
    exact = pl.when(millionths % unit == 0).then(rate)
    cleaned = narrowed(texts).str.strip_chars().to_frame("text")
    return cleaned.select(exact.alias("rate")).to_series()


def yuan_text(fen: int, grouping: str = "") -> str:
    """Write 分 as 元 with two decimals; `grouping` "," parts the thousands.

    >>> yuan_text(-114650), yuan_text(5), yuan_text(129815565, ",")
    ('-1146.50', '0.05', '1,298,155.65')
    """
    whole, hundredths = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:{grouping}}.{hundredths:02d}"


def grouped(text: str) -> str:
    """Part the thousands of the amounts of a text for people: those before 元, or one alone.

    What is quoted stays as it was written.

    >>> grouped("-1146.50 元，共 1298155.65元"), grouped("1146.00"), grouped("B1146.00")
    ('-1,146.50 元，共 1,298,155.65元', '1,146.00', 'B1146.00')
    >>> grouped("'1146.00元'")
    "'1146.00元'"
    """
    return PLAIN_YUAN.sub(lambda found: f"{int(found[0]):,}", text)


def is_amount(name: str) -> bool:
    """Say whether a column of this name holds an amount of money, in fen."""
    return name.endswith("_fen")


def is_share(name: str) -> bool:
    """Say whether a column of this name holds a part of a whole, in 1/10,000."""
    return name.endswith("_share")


def share_in(part: Part, whole: int) -> Part:
    """Return what part of a whole something is, in 1/10,000, half up.

    >>> share_in(46662, 59994), share_in(14810211, 10000000), share_in(1, 20000)
    (7778, 14810, 1)
    """
    # An amount is below 10^14 fen where shares are shown: this is far below 2^63.
    return (part * SHARE_UNITS + whole // 2) // whole


def share_text(share: int) -> str:
    """Write 1/10,000 as a percentage with two decimals.

    >>> share_text(488), share_text(10000)
    ('4.88%', '100.00%')
    """
    return f"{share // 100}.{share % 100:02d}%"


def yuan_column(name: str, thousands: str = "") -> pl.Expr:
    """Write a column of fen as yuan with two decimals, as yuan_text does for one amount."""
    fen = pl.col(name).abs()
    sign = pl.when(pl.col(name) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole, hundredths = (fen // 100).cast(pl.String), (fen % 100).cast(pl.String).str.zfill(2)
    if thousands:
        parted = whole.str.reverse().str.replace_all(r"(\d{3})", f"${{1}}{thousands}")
        whole = parted.str.strip_suffix(thousands).str.reverse()
    return pl.concat_str(sign, whole, pl.lit("."), hundredths).alias(name)
