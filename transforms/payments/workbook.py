"""The review pack: one workbook per batch for the people who sign, the same bytes every time."""

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import xlsxwriter

from transforms.money import yuan_text

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
    accounts = instructions.select("payment_id", "holder", "account_no", "bank_name", "bank_code")
    paid = lines.join(accounts, on="payment_id", how="left", validate="m:1", maintain_order="left")
    _write_table(workbook, styles, "发放明细", LINE_HEADINGS, _line_rows(paid, titles, clauses))
    _write_table(
        workbook, styles, "发放指令", INSTRUCTION_HEADINGS, _instruction_rows(instructions, titles)
    )
    for status, sheet in UNPAID_SHEETS.items():
        of_status = unpaid_lines.filter(pl.col("status") == status)
        _write_table(workbook, styles, sheet, UNPAID_HEADINGS, _unpaid_rows(of_status, titles))
    workbook.close()
    return stream.getvalue()


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


def _write_table(
    workbook: Any,
    styles: Mapping[str, Any],
    name: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
) -> None:
    sheet, number, part = None, ROWS_A_SHEET, 0
    for row in rows:
        if number >= ROWS_A_SHEET:
            part += 1
            sheet = _new_sheet(workbook, styles, name if part == 1 else f"{name}{part}", headings)
            number = 0
        number += 1
        assert sheet is not None
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell, styles["text"])
    if sheet is None:
        _new_sheet(workbook, styles, name, headings)


def _new_sheet(workbook: Any, styles: Mapping[str, Any], name: str, headings: Sequence[str]) -> Any:
    sheet = workbook.add_worksheet(name)
    for column, heading in enumerate(headings):
        width = 8 if heading == "序号" else 24 if "代码" in heading or "账号" in heading else 16
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, heading, styles["heading"])
    sheet.freeze_panes(1, 0)
    return sheet


def _line_rows(
    paid: pl.DataFrame, titles: Mapping[str, str], clauses: Mapping[str, str]
) -> Iterable[list[str]]:
    for number, row in enumerate(paid.iter_rows(named=True), start=1):
        yield [
            str(number),
            titles[row["policy_id"]],
            clauses[row["policy_id"]],
            row["period"],
            KINDS[row["subject_kind"]],
            row["subject_id"],
            KINDS[row["beneficiary_kind"]],
            row["beneficiary_id"],
            row["holder"],
            row["account_no"],
            row["bank_name"],
            row["bank_code"] or "",
            yuan_text(row["determined_fen"]),
            yuan_text(row["paid_before_fen"]),
            yuan_text(row["amount_fen"]),
            row["payment_id"],
            "",
            "",
        ]


def _instruction_rows(instructions: pl.DataFrame, titles: Mapping[str, str]) -> Iterable[list[str]]:
    for number, row in enumerate(instructions.iter_rows(named=True), start=1):
        yield [
            str(number),
            titles[row["policy_id"]],
            KINDS[row["beneficiary_kind"]],
            row["beneficiary_id"],
            row["holder"],
            row["account_no"],
            row["bank_name"],
            row["bank_code"] or "",
            yuan_text(row["amount_fen"]),
            str(row["line_count"]),
            row["payment_id"],
        ]


def _unpaid_rows(unpaid: pl.DataFrame, titles: Mapping[str, str]) -> Iterable[list[str]]:
    for number, row in enumerate(unpaid.iter_rows(named=True), start=1):
        yield [
            str(number),
            titles[row["policy_id"]],
            row["period"],
            KINDS[row["subject_kind"]],
            row["subject_id"],
            KINDS[row["beneficiary_kind"]],
            row["beneficiary_id"],
            yuan_text(row["determined_fen"]),
            yuan_text(row["paid_before_fen"]),
            yuan_text(row["due_fen"]),
            row["reason"],
        ]
