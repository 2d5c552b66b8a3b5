"""Why a beneficiary can't be paid yet: identity in doubt, or something about the account."""

import polars as pl

from transforms.extracts.readers import read_names
from transforms.money.exclusions import ROW

PAYEE = ["beneficiary_kind", "beneficiary_id"]
DESTINATION = ("holder", "account_no", "bank_name", "bank_code")
IDENTITY_CONFLICT = "identity_conflict"
STRUCK_OUT = "struck_out"
# What the bank's file can't hold of a line, in characters or length, and what that is called.
UNWRITABLE = {
    "holder": "holder_not_encodable",
    "account_no": "account_not_encodable",
    "bank_name": "account_not_encodable",
}


def account_reasons(payees: pl.DataFrame, *, is_delivered: bool) -> pl.DataFrame:
    """Say the first thing that is wrong with each beneficiary's account, in the rulebook's order.

    Rows:    payees   one per beneficiary, from payees.sql; is_delivered: the extract accounts was
             returns  the same, plus account_reason (null: nothing is wrong)
    Source:  rulebook §4.5; whether the bank's file can hold the line is asked later, per fund
    """
    named = payees.with_columns(
        read_names(payees["holder"].fill_null("")).alias("holder_name"),
        read_names(payees["reference_name"].fill_null("")).alias("known_name"),
    )
    reason = (
        pl.when(not is_delivered)
        .then(pl.lit("accounts_not_delivered"))
        .when(pl.col("account_count") == 0)
        .then(pl.lit("account_missing"))
        .when(pl.col("normal_count") == 0)
        .then(pl.lit("account_not_normal"))
        .when(pl.col("normal_count") > 1)
        .then(pl.lit("account_ambiguous"))
        .when(pl.col("known_name").is_null())
        .then(pl.lit("no_reference_name"))
        .when(pl.col("holder_name").ne_missing(pl.col("known_name")))
        .then(pl.lit("account_name_mismatch"))
    )
    return named.with_columns(reason.alias("account_reason")).drop("holder_name", "known_name")


def normal_accounts(accounts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the extract accounts that may be paid into, with the payee of each."""
    kind = pl.col("subject_kind").replace_strict({"单位": "employer"}, default="person")
    return accounts.filter(pl.col("account_state") == "正常").with_columns(
        kind.alias(PAYEE[0]), pl.col("subject_id").alias(PAYEE[1])
    )


def hold_reasons(
    open_rows: pl.DataFrame, payees: pl.DataFrame, unwritable: pl.DataFrame, in_doubt: pl.DataFrame
) -> pl.DataFrame:
    """Say of each row that would be paid whether it is held, and by what first.

    Rows:    open_rows   one per key, with fund
             payees      one per beneficiary, with account_reason
             unwritable  fund and beneficiary whose account line the bank's file can't hold, and
                         unwritable_reason
             in_doubt    row_number of those where it is in doubt who a person is
             returns     row_number and hold_reason of the rows that are held
    Source:  rulebook §4.2, §4.5, §4.6
    """
    joined = open_rows.join(payees, on=PAYEE, how="left", validate="m:1").join(
        unwritable,
        on=["fund", *PAYEE],
        how="left",
        validate="m:1",
    )
    reason = (
        pl.when(pl.col(ROW).is_in(in_doubt[ROW].implode()))
        .then(pl.lit(IDENTITY_CONFLICT))
        .when(pl.col("account_reason").is_not_null())
        .then("account_reason")
        .otherwise("unwritable_reason")
    )
    return joined.select(ROW, reason.alias("hold_reason")).drop_nulls("hold_reason")


def also_held(holds: pl.DataFrame, rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Hold more rows for a reason that comes after those there are.

    Rows:    holds  row_number and hold_reason; rows: row_number; returns as holds
    """
    more = rows.select(ROW, pl.lit(reason).alias("hold_reason"))
    return pl.concat([holds, more.join(holds, on=ROW, how="anti")])
