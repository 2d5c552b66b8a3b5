"""Read dates and months as source systems write them."""

import polars as pl

from transforms.wide import narrowed

ISO_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MIDNIGHT = r"(?:[ T]0{1,2}:00(?::00(?:\.0+)?)?)?$"
DATE_FORMS = (
    "^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})" + MIDNIGHT,
    "^([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})" + MIDNIGHT,
    r"^([0-9]{4})\.([0-9]{1,2})\.([0-9]{1,2})" + MIDNIGHT,
    "^([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日" + MIDNIGHT,
    "^([0-9]{4})([0-9]{2})([0-9]{2})" + MIDNIGHT,
)
YEAR, ALL_PERIODS = "^((?:19|20)[0-9]{2})年?$", "全部"
EXCEL_SERIAL = "^([0-9]{5})$"
EXCEL_EPOCH_DAYS = -25569  # 1899-12-30, the day 0 of Excel's calendar after February 1900
# 20203 is March 2020 short of a nought, or a day of 1955: in a column of months it is neither.
SHORT_MONTH = "^(?:19|20|21)[0-9]{2}[1-9]$"
COMPACT_MONTH = "^[0-9]{4}(?:0[1-9]|1[0-2])$"
MONTH_FORMS = (
    "^([0-9]{4})([0-9]{2})$",
    "^([0-9]{4})-([0-9]{1,2})$",
    "^([0-9]{4})/([0-9]{1,2})$",
    "^([0-9]{4})年([0-9]{1,2})月$",
)


def read_dates(texts: pl.Series) -> pl.Series:
    """Read dates; null where a text is none, or a day that no calendar has.

    >>> [str(day) for day in read_dates(pl.Series(["2020/2/9", "43870", "2020年2月30日"]))]
    ['2020-02-09', '2020-02-09', 'None']
    """
    iso_texts = texts.set(~texts.str.contains(ISO_DATE), None)
    iso = iso_texts.str.to_date("%Y-%m-%d", strict=False)
    if iso.null_count() == 0:
        return iso
    is_left = iso.is_null()
    left = narrowed(texts.filter(is_left)).str.strip_chars()
    return iso.scatter(is_left.arg_true(), _read_written_dates(left))


def _read_written_dates(texts: pl.Series) -> pl.Series:
    iso = pl.coalesce([_parts(form, ("1", "2", "3")) for form in DATE_FORMS])
    written = iso.str.to_date("%Y-%m-%d", strict=False)
    serials = pl.col("text").str.extract(EXCEL_SERIAL).cast(pl.Int32) + EXCEL_EPOCH_DAYS
    days = pl.coalesce(written, serials.cast(pl.Date))
    return texts.to_frame("text").select(days).to_series()


def _parts(form: str, names: tuple[str, ...]) -> pl.Expr:
    """Write what a form finds as digits of fixed width, joined by hyphens; null: no match."""
    found = pl.col("text").str.extract_groups(form).struct
    return pl.concat_str([found.field(name).str.zfill(2) for name in names], separator="-")


def read_months(texts: pl.Series) -> pl.Series:
    """Read months as integers YYYYMM; a date counts as its month.

    >>> read_months(pl.Series(["202002", "2020年2月", "2020/2/9", "202013"])).to_list()
    [202002, 202002, 202002, None]
    """
    is_compact = texts.str.contains(COMPACT_MONTH)
    compact = texts.set(~is_compact, None).cast(pl.Int32)
    if is_compact.all():
        return compact
    left = narrowed(texts.filter(~is_compact)).str.strip_chars()
    frame = left.to_frame("text")
    joined = pl.coalesce([_parts(form, ("1", "2")) for form in MONTH_FORMS])
    written = frame.select(
        joined.str.replace("-", "").cast(pl.Int32).alias("month"), read_dates(left).alias("day")
    )
    months = written.select(
        pl.when((pl.col("month") % 100).is_between(1, 12))
        .then("month")
        .otherwise(month_of(pl.col("day")))
    ).to_series()
    months = months.set(left.str.contains(SHORT_MONTH), None)
    return compact.scatter((~is_compact).arg_true(), months)


def read_periods(texts: pl.Series) -> pl.Series:
    """Read what a policy is determined for: a year, a month as YYYY-MM, or all.

    >>> read_periods(pl.Series(["2020", "202003", "2020年3月", "全部", "第一季"])).to_list()
    ['2020', '2020-03', '2020-03', '全部', None]
    """
    plain = narrowed(texts).str.strip_chars()
    months = read_months(plain).cast(pl.String)
    written = months.str.head(4) + "-" + months.str.tail(2)
    year = plain.str.extract(YEAR, 1)
    return year.zip_with(year.is_not_null(), written).zip_with(plain != ALL_PERIODS, plain)


def month_of(day: pl.Expr) -> pl.Expr:
    """Give the month of a date as YYYYMM.

    >>> pl.select(month_of(pl.date(2020, 2, 9))).item()
    202002
    """
    return day.dt.year() * 100 + day.dt.month().cast(pl.Int32)
