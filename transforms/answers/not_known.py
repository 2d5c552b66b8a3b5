"""Of what a refused row lacks: what is known not to hold, and what is not known."""

from collections.abc import Callable

import polars as pl

from transforms.money.entitlements import KEY

OWN_KEY = KEY[1:]
REFUSED = "ineligible"
EMPTY = pl.lit([], pl.List(pl.String()))


def with_not_known(lines: pl.DataFrame, policy_rows: Callable[[str], pl.LazyFrame]) -> pl.DataFrame:
    """Add to refused rows which of their reasons are unknown, and answered by no clerk.

    Rows:    lines        KEY, status, reason_codes
             policy_rows  a policy's own rows: keys, provisions, clerk_answers
             returns      the same, and `not_known`: none of any other status
    """
    refused = lines.filter(pl.col("status") == REFUSED)
    found = [
        _not_known(part, policy_rows(str(policy)))
        for (policy,), part in refused.group_by("policy_id", maintain_order=True)
    ]
    empty = pl.DataFrame(schema=dict.fromkeys(KEY, pl.String) | {"not_known": pl.List(pl.String)})
    known = pl.concat([empty, *found])
    joined = lines.join(known, on=KEY, how="left", validate="1:1")
    return joined.with_columns(pl.col("not_known").fill_null(EMPTY))


def _not_known(refused: pl.DataFrame, rows: pl.LazyFrame) -> pl.DataFrame:
    codes = refused["reason_codes"].explode().drop_nulls().unique().sort().to_list()
    answered = (
        pl.col("clerk_answers").fill_null(EMPTY).list.eval(pl.element().str.split("=").list.first())
    )
    unknown = [
        pl.when(pl.col(code).is_null() & ~answered.list.contains(pl.lit(code))).then(pl.lit(code))
        for code in codes
    ]
    own = rows.join(refused.lazy().select(OWN_KEY), on=OWN_KEY, how="semi").select(
        *OWN_KEY, pl.concat_list(unknown).list.drop_nulls().alias("unknown")
    )
    both = refused.join(own.collect(), on=OWN_KEY, how="left", validate="1:1")
    said = pl.col("reason_codes").list.set_intersection("unknown").list.sort()
    return both.select(*KEY, said.alias("not_known"))
