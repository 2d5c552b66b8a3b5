"""Notices to a million: `python -m bench.notices [LINES]` times texts, messages and letters."""

import resource
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from sql.texts import policy_cards
from transforms.answers.notices import LINE_SCHEMA, letter_pages, messages, notices
from transforms.money.entitlements import STATUSES
from transforms.sheets.csv_file import csv_bytes

LINES = 1_000_000
LETTERS_A_PAGE = 1_000
REASONS = {
    "held": "account_missing",
    "superseded": "stability_refund",
    "conflict": "internship_subsidy,public_post_extension",
    "recovery": "not_eligible",
    "unsupported": "not_eligible",
}


def lines_of(count: int) -> pl.DataFrame:
    """Make lines of every status of every policy that pays, two of three of them payable."""
    paying = [name for name, card in policy_cards().items() if card.kind == "payment"]
    statuses = [*STATUSES, "undetermined"]
    number = pl.int_range(count, eager=True).alias("number")
    person = pl.concat_str(pl.lit("37030219"), number.cast(pl.String).str.zfill(10))
    made = number.to_frame().with_columns(
        pl.Series("policy_id", [paying[place % len(paying)] for place in range(count)]),
        pl.format("2020-{}", (pl.col("number") % 12 + 1).cast(pl.String).str.zfill(2)).alias(
            "period"
        ),
        person.alias("subject_id"),
        person.alias("beneficiary_id"),
        *(pl.lit("person").alias(f"{side}_kind") for side in ("subject", "beneficiary")),
        pl.Series("status", [statuses[n % 8] if n % 3 == 0 else "payable" for n in range(count)]),
        *((pl.col("number") % 100_000 + 1).alias(f"{n}_fen") for n in ("due", "determined")),
        pl.lit(0, pl.Int64).alias("paid_before_fen"),
        pl.lit(["s20_alive"]).alias("reason_codes"),
        pl.lit("淄川农商银行").alias("bank_name"),
        pl.format("6222{}", pl.col("number").cast(pl.String).str.zfill(12)).alias("account_no"),
    )
    reason = pl.col("status").replace_strict(REASONS, default="").alias("reason")
    full = made.with_columns(reason)
    return full.select(pl.col(name).cast(dtype) for name, dtype in LINE_SCHEMA.items())


def timed(what: str, act: Callable[[], Any]) -> Any:
    """Do something, and print how long it took."""
    began = time.monotonic()
    done = act()
    print(f"{what:<10} {time.monotonic() - began:6.1f} s")
    return done


def main(count: int) -> None:
    """Word notices for so many lines, and lay them out."""
    lines = lines_of(count)
    place = pl.int_range(pl.len())
    parties = lines.select(
        pl.lit("person").alias("party_kind"),
        pl.col("subject_id").alias("party_id"),
        pl.format("张{}", place).alias("name"),
        pl.format("3703020{}", place % 20 + 10).alias("town"),
        pl.lit(False).alias("is_dead"),
    )
    days = dict.fromkeys(policy_cards(), (date(2020, 3, 31), date(2020, 4, 8)))
    told = timed("texts", lambda: notices(lines, parties, policy_cards(), days, "R0123456"))
    timed("messages", lambda: csv_bytes(messages(told)))
    pages = timed("letters", lambda: sum(len(p) for _, p in letter_pages(told, LETTERS_A_PAGE)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{told.height:,} notices, {pages / 1e6:,.0f} million characters, {peak:.1f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
