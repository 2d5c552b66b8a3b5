"""The dictionary of every column: name, type, unit, meaning, personal-data class.

One quantity has one name everywhere. `labels` are the headings by which source bureaus know a
column, the same in every kind of extract that has it; kinds.py adds what only one kind uses.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

ColumnType = Literal[
    "person_id",
    "employer_code",
    "subject_id",
    "any_id",
    "integer",
    "account_no",
    "bank_code",
    "wan",
    "money",
    "date",
    "month",
    "code",
    "text",
    "name",
]
Personal = Literal["none", "person_id", "name", "account", "about_person"]

STORED_AS: dict[ColumnType, pl.DataType] = {
    "person_id": pl.String(),
    "employer_code": pl.String(),
    "subject_id": pl.String(),
    "any_id": pl.String(),
    "integer": pl.Int64(),
    "account_no": pl.String(),
    "bank_code": pl.String(),
    "wan": pl.Int64(),
    "money": pl.Int64(),
    "date": pl.Date(),
    "month": pl.Int32(),
    "code": pl.String(),
    "text": pl.String(),
    "name": pl.String(),
}


@dataclass(frozen=True)
class Column:
    """One entry of the dictionary; `type` says how a cell is read, `unit` what a number counts."""

    name: str
    type: ColumnType
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    personal: Personal = "none"


def _columns(*entries: Column) -> dict[str, Column]:
    return {entry.name: entry for entry in entries}


PERSON_ID_LABELS = ("社会保障号码", "身份证号", "身份证号码", "公民身份号码", "证件号码")

COLUMNS: dict[str, Column] = _columns(
    Column(
        "person_id", "person_id", "citizen id, 18 characters", PERSON_ID_LABELS, "", "person_id"
    ),
    Column("name", "name", "a person's name", ("姓名",), "", "name"),
    Column("employer_code", "employer_code", "unified social credit code", ("统一社会信用代码",)),
    Column("employer_name", "text", "name of a unit", ("名称", "单位名称", "企业名称")),
    Column("subject_kind", "code", "whether a row is about a unit or a person", ("主体类型",)),
    Column(
        "subject_id",
        "subject_id",
        "employer_code or person_id, as subject_kind says",
        ("代码", "证件号码", "主体代码"),
        "",
        "person_id",
    ),
    Column("subject_name", "text", "name of the subject", ("名称", "姓名", "主体名称"), "", "name"),
    Column("unit_no", "text", "number of an insured unit", ("单位编号",)),
    Column("entity_type", "code", "what sort of unit", ("类型", "主体类型", "单位类型")),
    Column("status", "code", "state of the registration", ("登记状态", "经营状态")),
    Column("size_line", "code", "line of the size table", ("划型行业",)),
    Column("size_class", "code", "stated size", ("划型", "企业规模")),
    Column("staff", "integer", "persons employed", ("从业人员",), "persons"),
    Column("revenue_wan_x100", "wan", "annual revenue", ("营业收入",), "万元 × 100"),
    Column("assets_wan_x100", "wan", "total assets", ("资产总额",), "万元 × 100"),
    Column("founded_on", "date", "day of founding", ("成立日期",)),
    Column("division_code", "text", "town or subdistrict", ("镇办代码", "行政区划", "户籍地代码")),
    Column(
        "legal_rep_id",
        "person_id",
        "legal representative",
        ("法定代表人证件号码",),
        "",
        "person_id",
    ),
    Column("is_dispatch", "code", "labour dispatch unit", ("是否劳务派遣",)),
    Column("sex", "code", "sex", ("性别",), "", "about_person"),
    Column("staff_category", "code", "worker, cadre or migrant worker", ("个人身份",)),
    Column("pension_from", "month", "first month of pension", ("养老待遇享受开始年月",)),
    Column("serial_no", "text", "the supplier's number of the row", ("缴费明细流水号", "流水号")),
    Column("insurance", "code", "branch of insurance", ("险种", "险种类型")),
    Column("month", "month", "month the row is for"),
    Column("base_fen", "money", "contribution base", ("缴费基数",), "fen"),
    Column("unit_fen", "money", "employer's part", ("单位缴费金额", "单位实际缴费金额"), "fen"),
    Column("person_fen", "money", "person's part", ("个人缴费金额", "个人实缴金额"), "fen"),
    Column("entry", "code", "kind of booking", ("缴费类型",)),
    Column("state", "code", "whether the money arrived", ("缴费标志",)),
    Column("paid_on", "date", "day the money arrived", ("到账日期", "发放日期")),
    Column("gross_fen", "money", "gross pay", ("应发工资",), "fen", "about_person"),
    Column("net_fen", "money", "net pay", ("实发工资",), "fen", "about_person"),
    Column("days", "integer", "days attended", ("出勤天数",), "days"),
    Column("account_no", "account_no", "bank account", ("银行卡号", "账号"), "", "account"),
    Column("worked_on", "date", "day worked", ("出勤日期",)),
    Column("contract_type", "code", "type of contract", ("合同类别", "用工类型")),
    Column("starts_on", "date", "first day of the contract", ("合同开始日期",)),
    Column("ends_on", "date", "last day of the contract", ("合同结束日期",)),
    Column("ended_on", "date", "last day worked", ("合同解除日期",)),
    Column("end_reason", "code", "why it ended", ("解除原因",)),
    Column("registered_on", "date", "day registered unemployed", ("失业登记日期",)),
    Column("closed_on", "date", "day the registration closed", ("注销日期",)),
    Column("willing", "code", "wants to work", ("择业愿望", "就业意愿")),
    Column("last_unit_no", "text", "last insured unit", ("最后参保单位编号",)),
    Column("from_month", "month", "first month granted", ("待遇开始年月", "享受开始年月")),
    Column("to_month", "month", "last month granted", ("待遇终止年月", "享受终止年月")),
    Column("benefit_type", "code", "kind of benefit", ("待遇类别",)),
    Column("payment_id", "text", "our payment, where this system paid", ("发放流水号",)),
    Column("household_no", "text", "number of the household", ("户号",), "", "about_person"),
    Column("school", "text", "school", ("学校",), "", "about_person"),
    Column("degree", "text", "degree", ("学历",), "", "about_person"),
    Column("graduated_on", "date", "day of graduation", ("毕业日期",), "", "about_person"),
    Column("list", "text", "name of the list", ("名单类别",)),
    Column("valid_from", "date", "first day on the list", ("生效日期",)),
    Column("valid_to", "date", "last day on the list", ("失效日期",)),
    Column("document_no", "text", "document that decided it", ("认定文号", "文号")),
    Column("holder", "text", "account holder", ("户名",), "", "name"),
    Column("bank_name", "text", "bank branch", ("开户行名称",)),
    Column("bank_code", "bank_code", "12-digit bank code", ("联行号",)),
    Column("account_state", "code", "state of the account", ("账户状态",)),
    Column("died_on", "date", "day of death or cremation", ("死亡日期", "火化日期")),
    Column("source", "code", "who reported it", ("来源",)),
    Column("from_date", "date", "day taken into custody", ("收监日期",)),
    Column("to_date", "date", "day released from custody", ("释放日期",)),
    Column("support_type", "code", "kind of subsidy granted before", ("补贴类型",)),
    Column("months_used", "integer", "months already granted", ("已享受月数",), "months"),
    Column("amount_fen", "money", "amount of money", ("已发金额",), "fen"),
    Column("kind", "text", "kind of extract", ("数据类别",)),
    Column("file_digest", "text", "SHA-256 of a file", ("文件摘要",)),
    Column("line", "integer", "line of that file", ("行号",)),
    Column("policy_id", "text", "policy", ("政策",)),
    Column("period", "text", "policy year or month", ("期间",)),
    Column("beneficiary_id", "any_id", "who is paid", ("收款主体代码",), "", "person_id"),
    Column("provision", "text", "provision of a policy", ("条款",)),
    Column("decision", "code", "a clerk's answer", ("裁定",)),
    Column("decided_by", "text", "clerk who decided", ("核对人", "裁定人"), "", "name"),
    Column("decided_on", "date", "day of the decision", ("核对日期", "裁定日期")),
)
