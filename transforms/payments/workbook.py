"""The review pack: one workbook per batch for the people who sign, the same bytes every time."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.sheets.workbook import Line, Sheet, workbook_bytes
from transforms.words import Said, said_of, word, worded, words_column

UNPAID_STATUSES = ("held", "conflict", "superseded", "recovery", "unsupported")
SUBJECT = ("period", "subject_kind", "subject_id")
PAYEE = ("beneficiary_kind", "beneficiary_id")
ACCOUNT = ("holder", "account_no", "bank_name", "bank_code")
AMOUNTS = ("determined_fen", "paid_before_fen")
LINE_SHEET = (
    *("number", "policy_title", "period", "subject_id", "beneficiary_id", "holder", "account_no"),
    *(*AMOUNTS, "paid_now_fen", "instruction_number", "verdict", "remark"),
)
VERDICTS = ("verdict_agreed", "verdict_hold", "verdict_strike")
LINE_COLUMNS = (
    *("number", "policy_title", *SUBJECT, *PAYEE, *ACCOUNT, *AMOUNTS),
    *("paid_now_fen", "payment_id", "verdict", "remark"),
)
INSTRUCTION_COLUMNS = (
    *("number", "policy_title", *PAYEE, *ACCOUNT, "amount_fen", "line_count", "payment_id"),
)
UNPAID_COLUMNS = ("number", "policy_title", *SUBJECT, *PAYEE, *AMOUNTS, "due_fen", "reason")
SUM_COLUMNS = (
    *("policy_title", "authority", "instruction_count", "line_count", "amount_fen", "clause"),
)
NUMBER = ("name", "value", "source")
FACTS = (
    *("batch_id", "run_id", "as_of", "fund", "payer_name", "payer_account", "budget_year"),
    *("budget_fen", "spent_fen", "amount_fen", "instruction_count", "line_count"),
)


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
    accounts = instructions.select("payment_id", *ACCOUNT)
    # Many lines to one instruction.
    paid = lines.join(accounts, on="payment_id", how="left", validate="m:1", maintain_order="left")
    tables = {
        "sheet_payment_lines": (paid.rename({"amount_fen": "paid_now_fen"}), LINE_COLUMNS),
        "sheet_instructions": (instructions, INSTRUCTION_COLUMNS),
    } | {
        status: (unpaid_lines.filter(pl.col("status") == status), UNPAID_COLUMNS)
        for status in UNPAID_STATUSES
    }
    sheets = [
        _overview(manifest, titles),
        *(Sheet(word(name), _table(*table, titles)) for name, table in tables.items()),
    ]
    return workbook_bytes(sheets, worded(Said("review_pack_of", {"batch": manifest["batch_id"]})))


def _overview(manifest: Mapping[str, Any], titles: Mapping[str, str]) -> Sheet:
    """Lay out the first sheet: unproven numbers, the batch, whether it may go, sums by policy."""
    unconfirmed = [
        Line("warn", [word(used["policy_id"], names=titles), *(used[name] for name in NUMBER)])
        for used in manifest["unconfirmed"]
    ]
    # A batch of before 0.2.0 has its mark in English only.
    mark = manifest.get("mark_said")
    verdict = Line("fact", [word("may_be_released"), word("it_may")])
    if mark:
        verdict = Line("warn", [word("may_not_be_released"), worded(said_of(mark))])
    facts = {**manifest, **manifest["funding"], **manifest["control"]}
    entries = {entry["policy_id"]: entry for entry in manifest["policies"]}
    sums = [
        {**total, **{name: entries[total["policy_id"]][name] for name in ("authority", "clause")}}
        for total in manifest["control"]["by_policy"]
    ]
    return Sheet(
        title=word("sheet_overview"),
        frame=_table(pl.DataFrame(sums), SUM_COLUMNS, titles),
        above=[
            Line("title", [word("unconfirmed_numbers")]),
            *(unconfirmed or [Line("fact", [word("no_unconfirmed_numbers")])]),
            Line("note", []),
            *(Line("fact", [word(name), _fact(name, facts[name])]) for name in FACTS),
            verdict,
            Line("note", []),
        ],
    )


def _fact(name: str, value: str | int | None) -> str | int | Decimal:
    if value is None or value == "":
        return word("not_configured")
    if name.endswith("_fen"):
        return Decimal(value) / 100
    return str(value) if name == "budget_year" else value


def _table(rows: pl.DataFrame, columns: Sequence[str], titles: Mapping[str, str]) -> pl.DataFrame:
    """Lay rows out for people: numbered, policies by their titles, codes in words."""
    codes = [name for name in ("subject_kind", "beneficiary_kind", "reason") if name in columns]
    return rows.select(
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.col("policy_id").replace(titles).alias("policy_title"),
        *(words_column(name, titles) for name in codes),
        pl.exclude(codes),
        pl.lit("").alias("verdict"),
        pl.lit("").alias("remark"),
    ).select(columns)


def line_sheet_table(
    manifest: Mapping[str, Any], instructions: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """Lay out a batch's lines exactly as the sheet shows them, in their order, nothing filled in.

    Rows:    instructions, lines  of the batch; returns one per line
    """
    accounts = instructions.select(
        "payment_id",
        *ACCOUNT,
        pl.int_range(1, pl.len() + 1).cast(pl.Int64).alias("instruction_number"),
    )
    # Many lines to one instruction.
    paid = lines.join(accounts, on="payment_id", how="left", validate="m:1", maintain_order="left")
    shown = paid.rename({"amount_fen": "paid_now_fen"})
    return _table(shown, LINE_SHEET, manifest.get("titles", {}))


def instruction_table(manifest: Mapping[str, Any], instructions: pl.DataFrame) -> pl.DataFrame:
    """Lay out a batch's payment instructions as its sheet shows them."""
    return _table(instructions, INSTRUCTION_COLUMNS, manifest.get("titles", {}))
