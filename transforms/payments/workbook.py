"""The review pack: one workbook per batch for the people who sign, the same bytes every time."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.sheets.workbook import Line, Sheet, Yuan, workbook_bytes
from transforms.words import Said, said_of, word, worded, words_column

UNPAID_STATUSES = ("held", "conflict", "superseded", "recovery")
ACCOUNT_COLUMNS = ("holder", "account_no", "bank_name", "bank_code")
BATCH_FACTS = ("batch_id", "run_id", "as_of", "fund")
FUNDING_FACTS = ("payer_name", "payer_account", "budget_year", "budget_fen", "spent_fen")
CONTROL_FACTS = ("amount_fen", "instruction_count", "line_count")


def review_workbook(
    manifest: Mapping[str, Any],
    instructions: pl.DataFrame,
    lines: pl.DataFrame,
    unpaid_lines: pl.DataFrame,
) -> bytes:
    """Write a batch's review pack.

    Rows:    instructions, lines, unpaid_lines  as stored in the batch's folder
    Units:   fen in, yuan shown
    Holds:   lines and instructions add up to the control total that is shown
    Raises:  ContractError if they do not
    """
    sums = {int(frame["amount_fen"].sum()) for frame in (instructions, lines)}
    if sums != {manifest["control"]["amount_fen"]}:
        raise ContractError(f"batch {manifest['batch_id']}: its rows differ from its control total")
    titles = manifest.get("titles", {})
    sheets = [
        _overview(manifest, titles),
        Sheet(word("sheet_payment_lines"), _lines(lines, instructions, titles)),
        Sheet(word("sheet_instructions"), _instructions(instructions, titles)),
        *(Sheet(word(status), _unpaid(unpaid_lines, status, titles)) for status in UNPAID_STATUSES),
    ]
    return workbook_bytes(sheets, worded(Said("review_pack_of", {"batch": manifest["batch_id"]})))


def _overview(manifest: Mapping[str, Any], titles: Mapping[str, str]) -> Sheet:
    """Lay out the first sheet: unproven numbers, the batch, whether it may go, sums by policy."""
    unconfirmed = [
        Line("warn", [titles[used["policy_id"]], used["name"], used["value"], used["source"]])
        for used in manifest["unconfirmed"]
    ]
    mark = manifest.get("mark_said")
    may_go = Line("fact", [word("may_be_released"), word("it_may")])
    may_not_go = Line("warn", [word("may_not_be_released"), worded(said_of(mark))] if mark else [])
    facts = [
        (name, part[name])
        for part, names in (
            (manifest, BATCH_FACTS),
            (manifest["funding"], FUNDING_FACTS),
            (manifest["control"], CONTROL_FACTS),
        )
        for name in names
    ]
    entries = {entry["policy_id"]: entry for entry in manifest["policies"]}
    sums = [
        {**total, **{name: entries[total["policy_id"]][name] for name in ("authority", "clause")}}
        for total in manifest["control"]["by_policy"]
    ]
    return Sheet(
        title=word("sheet_overview"),
        frame=pl.DataFrame(sums).select(
            pl.col("policy_id").replace(titles).alias("policy_title"),
            "authority",
            "instruction_count",
            "line_count",
            "amount_fen",
            "clause",
        ),
        above=[
            Line("title", [word("unconfirmed_numbers")]),
            *(unconfirmed or [Line("fact", [word("no_unconfirmed_numbers")])]),
            Line("note", []),
            *(Line("fact", [word(name), _fact(name, value)]) for name, value in facts),
            may_not_go if mark else may_go,
            Line("note", []),
        ],
    )


def _fact(name: str, value: str | int | None) -> str | int | Yuan:
    if value is None or value == "":
        return word("not_configured")
    if name.endswith("_fen"):
        return Yuan(int(value))
    return str(value) if name == "budget_year" else value


def _lines(
    lines: pl.DataFrame, instructions: pl.DataFrame, titles: Mapping[str, str]
) -> pl.DataFrame:
    accounts = instructions.select("payment_id", *ACCOUNT_COLUMNS)
    paid = lines.join(accounts, on="payment_id", how="left", validate="m:1", maintain_order="left")
    return paid.select(
        *_first_cells(titles),
        *_subject_cells(),
        *_payee_cells(),
        *ACCOUNT_COLUMNS,
        "determined_fen",
        "paid_before_fen",
        pl.col("amount_fen").alias("paid_now_fen"),
        "payment_id",
        pl.lit("").alias("verdict"),
        pl.lit("").alias("remark"),
    )


def _instructions(instructions: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    return instructions.select(
        *_first_cells(titles),
        *_payee_cells(),
        *ACCOUNT_COLUMNS,
        "amount_fen",
        "line_count",
        "payment_id",
    )


def _unpaid(unpaid: pl.DataFrame, status: str, titles: Mapping[str, str]) -> pl.DataFrame:
    return unpaid.filter(pl.col("status") == status).select(
        *_first_cells(titles),
        *_subject_cells(),
        *_payee_cells(),
        "determined_fen",
        "paid_before_fen",
        "due_fen",
        words_column("reason", titles),
    )


def _first_cells(titles: Mapping[str, str]) -> list[pl.Expr]:
    return [
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.col("policy_id").replace_strict(titles, return_dtype=pl.String).alias("policy_title"),
    ]


def _subject_cells() -> list[pl.Expr]:
    return [pl.col("period"), words_column("subject_kind"), pl.col("subject_id")]


def _payee_cells() -> list[pl.Expr]:
    return [words_column("beneficiary_kind"), pl.col("beneficiary_id")]
