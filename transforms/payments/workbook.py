"""The review pack: one workbook per batch for the people who sign, the same bytes every time."""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import xlsxwriter

from transforms.amounts import yuan_text
from transforms.payments.sheet_rows import fill_sheets, yuan_column

CREATED = datetime(2000, 1, 1)  # a fixed stamp: a clock would change the bytes
ROWS_A_SHEET = 1_000_000
OPTIONS = {
    "in_memory": True,
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
SUBJECT_HEADINGS = ("期间", "对象类型", "对象代码")
PAYEE_HEADINGS = ("收款主体类型", "收款主体代码")
ACCOUNT_HEADINGS = ("户名", "账号", "开户行", "联行号")
AMOUNT_HEADINGS = ("认定金额(元)", "已付金额(元)")
LINE_HEADINGS = (
    *("序号", "政策", "条款", *SUBJECT_HEADINGS, *PAYEE_HEADINGS, *ACCOUNT_HEADINGS),
    *(*AMOUNT_HEADINGS, "本次金额(元)", "发放流水号", "审核意见", "备注"),
)
INSTRUCTION_HEADINGS = (
    *("序号", "政策", *PAYEE_HEADINGS, *ACCOUNT_HEADINGS),
    *("金额(元)", "明细笔数", "发放流水号"),
)
UNPAID_HEADINGS = (
    *("序号", "政策", *SUBJECT_HEADINGS, *PAYEE_HEADINGS),
    *(*AMOUNT_HEADINGS, "应付金额(元)", "理由"),
)
UNPAID_SHEETS = {"held": "暂扣", "conflict": "排斥待裁", "superseded": "被取代", "recovery": "追回"}
ACCOUNT_COLUMNS = ("holder", "account_no", "bank_name", "bank_code")
KINDS = {"person": "个人", "employer": "单位", "household": "家庭"}


def review_workbook(
    manifest: Mapping[str, Any],
    instructions: pl.DataFrame,
    lines: pl.DataFrame,
    unpaid_lines: pl.DataFrame,
) -> bytes:
    """Write a batch's review pack.

    Rows:    instructions, lines, unpaid_lines  as stored in the batch's folder
    Units:   yuan, written as text exactly; the totals sheet says the same in fen
    Holds:   no cell is a formula or a link; ids and accounts are text cells
    """
    stream = io.BytesIO()
    workbook = xlsxwriter.Workbook(stream, OPTIONS)
    workbook.set_properties({"title": f"审核包 {manifest['batch_id']}", "created": CREATED})
    styles = {
        "text": workbook.add_format({"num_format": "@"}),
        "heading": workbook.add_format({"bold": True, "num_format": "@", "bg_color": "#DDE6EE"}),
        "warning": workbook.add_format({"num_format": "@", "font_color": "#B00020", "bold": True}),
    }
    titles = {entry["policy_id"]: entry["title"] for entry in manifest["policies"]}
    clauses = {entry["policy_id"]: entry["clause"] for entry in manifest["policies"]}
    _write_totals(workbook, styles, manifest, titles)
    tables = [
        ("发放明细", LINE_HEADINGS, _line_cells(lines, instructions, titles, clauses)),
        ("发放指令", INSTRUCTION_HEADINGS, _instruction_cells(instructions, titles)),
        *(
            (sheet, UNPAID_HEADINGS, _unpaid_cells(unpaid_lines, status, titles))
            for status, sheet in UNPAID_SHEETS.items()
        ),
    ]
    sheets: dict[int, pl.DataFrame] = {}
    for name, headings, cells in tables:
        for part, start in enumerate(range(0, max(cells.height, 1), ROWS_A_SHEET), start=1):
            _new_sheet(workbook, styles, name if part == 1 else f"{name}{part}", headings)
            sheets[len(workbook.worksheets())] = cells.slice(start, ROWS_A_SHEET)
    workbook.close()
    return fill_sheets(stream.getvalue(), sheets)


def _write_totals(
    workbook: Any, styles: Mapping[str, Any], manifest: Mapping[str, Any], titles: Mapping[str, str]
) -> None:
    control, funding = manifest["control"], manifest["funding"]
    sheet = workbook.add_worksheet("总览")
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 6, 26)
    rows: list[tuple[str, Sequence[str]]] = [
        ("heading", ["本批次用到的未确认参数（签字前请核对）"])
    ]
    rows += [
        ("warning", [titles[used["policy_id"]], used["name"], used["value"], used["source"]])
        for used in manifest["unconfirmed"]
    ] or [("text", ["无"])]
    rows.append(("text", []))
    rows.append(("heading", ["批次", manifest["batch_id"]]))
    budget = funding["budget_fen"]
    facts = {
        "运行": manifest["run_id"],
        "截止日期": manifest["as_of"],
        "资金渠道": manifest["fund"],
        "付款户名": funding["payer_name"] or "未配置",
        "付款账号": funding["payer_account"] or "未配置",
        "预算年度": str(funding["budget_year"]),
        "年度预算(元)": "未配置" if budget is None else yuan_text(budget),
        "已放款和已签字(元)": yuan_text(funding["spent_fen"]),
        "本批金额(元)": yuan_text(control["amount_fen"]),
        "本批金额(分)": str(control["amount_fen"]),
        "指令笔数": str(control["instruction_count"]),
        "明细笔数": str(control["line_count"]),
    }
    rows += [("text", [name, value]) for name, value in facts.items()]
    verdict = ("warning", ["不能放款", manifest["mark"]])
    rows.append(verdict if manifest["mark"] else ("text", ["可否放款", "可"]))
    rows.append(("text", []))
    rows.append(("heading", ["政策", "附件项", "指令笔数", "明细笔数", "金额(元)", "依据"]))
    entries = {entry["policy_id"]: entry for entry in manifest["policies"]}
    for total in control["by_policy"]:
        entry = entries[total["policy_id"]]
        counts = [str(total["instruction_count"]), str(total["line_count"])]
        amount = yuan_text(total["amount_fen"])
        rows.append(
            ("text", [entry["title"], str(entry["item"]), *counts, amount, entry["authority"]])
        )
    for number, (style, cells) in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.write_string(number, column, cell, styles[style])


def _new_sheet(
    workbook: Any, styles: Mapping[str, Any], name: str, headings: Sequence[str]
) -> None:
    sheet = workbook.add_worksheet(name)
    for column, heading in enumerate(headings):
        width = 8 if heading == "序号" else 24 if "代码" in heading or "账号" in heading else 16
        sheet.set_column(column, column, width, styles["text"])
        sheet.write_string(0, column, heading, styles["heading"])
    sheet.freeze_panes(1, 0)


def _line_cells(
    lines: pl.DataFrame,
    instructions: pl.DataFrame,
    titles: Mapping[str, str],
    clauses: Mapping[str, str],
) -> pl.DataFrame:
    accounts = instructions.select("payment_id", *ACCOUNT_COLUMNS)
    paid = lines.join(accounts, on="payment_id", how="left", validate="m:1", maintain_order="left")
    return paid.select(
        *_first_cells(titles),
        pl.col("policy_id").replace_strict(clauses, return_dtype=pl.String).alias("clause"),
        *_subject_cells(),
        *_payee_cells(),
        *ACCOUNT_COLUMNS,
        *(yuan_column(name) for name in ("determined_fen", "paid_before_fen", "amount_fen")),
        "payment_id",
        pl.lit("").alias("verdict"),
        pl.lit("").alias("note"),
    )


def _instruction_cells(instructions: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    return instructions.select(
        *_first_cells(titles),
        *_payee_cells(),
        *ACCOUNT_COLUMNS,
        yuan_column("amount_fen"),
        pl.col("line_count").cast(pl.String),
        "payment_id",
    )


def _unpaid_cells(unpaid: pl.DataFrame, status: str, titles: Mapping[str, str]) -> pl.DataFrame:
    return unpaid.filter(pl.col("status") == status).select(
        *_first_cells(titles),
        *_subject_cells(),
        *_payee_cells(),
        *(yuan_column(name) for name in ("determined_fen", "paid_before_fen", "due_fen")),
        "reason",
    )


def _first_cells(titles: Mapping[str, str]) -> list[pl.Expr]:
    return [
        (pl.int_range(pl.len()) + 1).cast(pl.String).alias("number"),
        pl.col("policy_id").replace_strict(titles, return_dtype=pl.String).alias("title"),
    ]


def _subject_cells() -> list[pl.Expr]:
    return [pl.col("period"), _kind_cell("subject_kind"), pl.col("subject_id")]


def _payee_cells() -> list[pl.Expr]:
    return [_kind_cell("beneficiary_kind"), pl.col("beneficiary_id")]


def _kind_cell(name: str) -> pl.Expr:
    return pl.col(name).replace_strict(KINDS, return_dtype=pl.String)
