"""How many are insured, come and gone, month by month: read from facts that a run has built."""

import polars as pl

from sql import FactStore, run_sql
from sql.texts import FOLDER
from transforms.answers.trend import SHOWN_MONTHS
from transforms.policies.cards import month_before, month_of, plus_months
from transforms.policies.parameters import month_first_day

QUERY = "review/employment_trend.sql"


def employment_trend(store: FactStore) -> pl.DataFrame:
    """Count who is insured in the last 13 months before that of the as-of date, and who moved.

    Rows:    one per level (district, town, size_line), cell and month; null: not delivered
    Holds:   no extract is read that the policies' facts do not read
    """
    last = month_first_day(month_before(store.as_of))
    store.build_under(QUERY)
    window = {"from_month": month_of(plus_months(last, -SHOWN_MONTHS)), "month_count": SHOWN_MONTHS}
    return run_sql(store.connection, QUERY, window)


def has_trend() -> bool:
    """Say whether the rules that decide know the trend: those of older nights did not."""
    return (FOLDER / QUERY).is_file()
