"""Accounts wanted: payees without a usable account, in a workbook that comes back as an extract.

Its sheet has the headings of the extract `accounts`; a row that nobody filled in is no data, and a
row that was filled in needs the proof: who confirmed it, and by which document.
"""

import polars as pl

from transforms.extracts.kinds import KINDS
from transforms.money.payees import PAYEE
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, word, words_column

KIND = KINDS["accounts"]
LABELS = {column.name: column.labels[-1] for column in KIND.columns} | {
    "subject_kind": "主体类型",
    "subject_id": "主体代码",
    "account_no": "账号",
}
OPEN_NAMES = ["holder", "account_no", "bank_name", "bank_code", "confirmed_by", "document_no"]
# What another account, or the choice of one, can mend; the others lie with a register or with us.
REASONS = (
    *("account_missing", "account_not_normal", "account_ambiguous", "account_name_mismatch"),
    *("holder_not_encodable", "account_not_encodable"),
)
WIDTHS = {"account_no": 24, "bank_name": 24, "bank_code": 16, "confirmed_by": 10, "document_no": 20}
RETURNED = "account_returned"
BANDS = ((30, "days_to_30"), (60, "days_to_60"))
KIND_WORDS = {"person": "个人", "employer": "单位"}


def wanted_accounts(
    entitlements: pl.DataFrame, since: pl.DataFrame, refused: pl.DataFrame, names: pl.DataFrame
) -> pl.DataFrame:
    """List the payees whose money waits for a usable account.

    Rows:    entitlements  of the newest run
             since         PAYEE and found_on: the first day that a run found it held so
             refused       one per line whose payment came back, to the account that stands still:
                           PAYEE, the line's due_fen, found_on, bank_said
             names         PAYEE and reference_name
             returns       one per payee: reason, found_on, due_fen, line_count; the oldest first
    Units:   due_fen is what waits
    """
    held = entitlements.filter((pl.col("status") == "held") & pl.col("reason").is_in(REASONS))
    sums = [pl.col("due_fen").sum(), pl.len().cast(pl.Int64).alias("line_count")]
    waiting = held.group_by(PAYEE).agg(pl.col("reason").min(), *sums)
    by_run = waiting.join(since, on=PAYEE, how="left", validate="1:1").with_columns(
        pl.lit("").alias("bank_said")
    )
    came_back = (
        refused.join(waiting, on=PAYEE, how="anti")
        .group_by(PAYEE)
        .agg(
            pl.lit(RETURNED).alias("reason"),
            *sums,
            pl.col("found_on").min(),
            pl.col("bank_said").sort().first(),
        )
    )
    both = pl.concat([by_run.select(came_back.columns), came_back])
    return both.join(names, on=PAYEE, how="left", validate="1:1").sort("found_on", *PAYEE)


def wanted_sheets(wanted: pl.DataFrame, as_of: str, series: str) -> list[Sheet]:
    """Lay out the workbook: the form to be filled in, then how many wait for how long.

    Holds:   read as an extract, a row that was not filled in is set aside as such
    """
    days = (pl.lit(as_of).str.to_date() - pl.col("found_on").str.to_date()).dt.total_days()
    # What the bank sent back after the newest run waits since today at the earliest.
    listed = wanted.with_columns(days.clip(lower_bound=0).alias("waiting_days"))
    number = pl.concat_str(
        pl.lit(f"{series}-"), pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(5)
    )
    given = {
        "subject_kind": pl.col("beneficiary_kind").replace(KIND_WORDS),
        "subject_id": pl.col("beneficiary_id"),
        "holder": pl.col("reference_name").fill_null(""),
        "account_state": pl.lit("正常"),
        "asked_in": number,
    }
    form = listed.select(
        *(given.get(name, pl.lit("")).alias(label) for name, label in LABELS.items()),
        words_column("reason").alias("why_wanted"),
        "bank_said",
        "found_on",
        "waiting_days",
        "line_count",
        pl.col("due_fen").alias("waiting_fen"),
    )
    above = [
        Said("accounts_wanted", {"as_of": as_of, "rows": form.height}),
        Said("accounts_how"),
        Said("accounts_then"),
    ]
    return [
        Sheet(
            title=KIND.titles[1],
            frame=form,
            above=said_lines(above),
            open_columns=[LABELS[name] for name in OPEN_NAMES],
            widths={LABELS[name]: width for name, width in WIDTHS.items()},
            is_protected=True,
        ),
        Sheet(title=word("sheet_sums"), frame=_summed(listed), above=said_lines(above[:1])),
    ]


def _summed(listed: pl.DataFrame) -> pl.DataFrame:
    band = pl.lit("days_more")
    for most, name in reversed(BANDS):
        band = pl.when(pl.col("waiting_days") <= most).then(pl.lit(name)).otherwise(band)
    return (
        listed.with_columns(band.alias("waiting_band"))
        .group_by("reason", "waiting_band")
        .agg(
            pl.len().cast(pl.Int64).alias("payee_count"),
            pl.col("line_count").sum(),
            pl.col("due_fen").sum().alias("waiting_fen"),
        )
        .sort("reason", "waiting_band")
        .select(
            words_column("reason").alias("why_wanted"),
            words_column("waiting_band"),
            *("payee_count", "line_count", "waiting_fen"),
        )
    )


def count_wanted(wanted: pl.DataFrame) -> dict[str, int]:
    """Count the payees by reason, in the order of the reasons."""
    counts = dict(wanted.group_by("reason").len().iter_rows())
    return {name: counts[name] for name in (*REASONS, RETURNED) if name in counts}
