"""Render a run as one HTML page that stands alone: no address outside it, nobody's data in it."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from transforms.answers.run_summary import OUTCOMES, RunSummary
from transforms.extracts.kinds import KINDS
from transforms.gates import failures_first

TEMPLATES = Path(__file__).parent / "templates"

CITIZEN_ID = re.compile(
    r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[0-9]{3}[0-9Xx](?![0-9A-Za-z])"
)

# A word that is no part of a file's name.
LONE_WORD = re.compile(r"(?<![A-Za-z0-9_.-])[a-z_]{3,}(?![A-Za-z0-9_.-])")

WORDS: Mapping[str, str] = {
    "passed": "通过",
    "failed": "未通过",
    "errored": "无法检查",
    "critical": "严重",
    "warning": "提醒",
    "info": "说明",
    "ran": "已运行",
    "not_run": "未运行",
    "payment": "发放",
    "relief": "减免",
    "referral": "转介",
    "eligible": "符合",
    "ineligible": "不符合",
    "undetermined": "未定",
    "payable": "可付",
    "held": "暂扣",
    "conflict": "排斥待裁",
    "superseded": "被取代",
    "nothing_due": "无须再付",
    "recovery": "追回",
    "identity_conflict": "身份冲突",
    "accounts_not_delivered": "收款账户数据未送达",
    "account_missing": "没有收款账户",
    "account_not_normal": "账户不正常",
    "account_ambiguous": "有多个正常账户",
    "no_reference_name": "没有可核对的姓名或名称",
    "account_name_mismatch": "户名与姓名或名称不符",
    "holder_not_encodable": "银行文件写不下户名",
    "born_after_as_of": "基准日之后出生",
    "contradicting_decisions": "人工裁定互相矛盾",
    "doubled_person_days": "同一人同一天在两个单位出勤",
    "sex_differs_from_id": "性别与身份证号不符",
    "two_ids_one_name": "同名同生日的两个证件号",
    "paid_then_superseded": "已付款的行被另一政策取代",
    "paid_then_in_conflict": "已付款的行与另一行冲突",
    "conflict_decisions_contradict": "冲突裁定互相矛盾",
    "delivery_note": "交接单",
    "totals_differ": "合计与各行之和不符",
    "cell_emptied": "选填单元格读不懂，已清空",
    "totals_row": "合计行",
    "missing_value": "必填项为空",
    "unreadable_value": "无法读取",
    "unknown_code": "不认识的代码",
    "invalid_person_id": "身份证号无效",
    "invalid_employer_code": "统一社会信用代码无效",
    "out_of_range": "超出范围",
    "duplicate_row": "重复行",
    "conflicting_key": "主键冲突",
    "unknown_unit": "单位编号不存在",
    "name_conflict": "姓名不符",
}

PHRASES: Mapping[str, str] = {
    ": no row of ": "：没有险种 ",
    " for ": " 的行，月份 ",
    ", between its first and last month": "（在首月与末月之间）",
    "; touches ": "；涉及：",
    ": list ": "：名单 ",
    " has no row": " 一行都没有",
    ": not listed in ": "：没有列在 ",
    ": no rule uses the list ": "：没有规则用到名单 ",
    ": columns kept out, their labels are unknown: ": "：有不认识的列，没有读入：",
    "extract not delivered: ": "数据未送达：",
    "part of contributions not delivered: ": "缴费明细缺少部分：",
    "not in force on ": "不在有效期，基准日 ",
    ": it begins on ": "，自此日起：",
    ": it ended on ": "，已于此日截止：",
    ", facts were taken to ": "，后续事实收到：",
    "any row of ": "任何一行 ",
    "no budget configured": "未配置预算",
    "over budget: the batch needs ": "超出预算：本批需要 ",
    " 元, ": " 元，尚余 ",
    " are left of ": "，预算共 ",
    " in ": " ",
}


def render_report(run: RunSummary) -> str:
    """Render one run: failures on top, then counts with their denominators.

    Holds:   the same summary gives the same bytes; the page loads nothing from anywhere; what
             looks like a citizen id (in a file's name, say) is not on it
    """
    page = _template().render(
        run=run,
        failures=failures_first(run.gates),
        checks_count=sum(len(gate.checks) for gate in run.gates),
        rows_in=sum(file.rows for file in run.files),
        rows_accepted=sum(file.accepted for file in run.files),
        rows_quarantined=sum(file.quarantined for file in run.files),
        payable_fen=sum(row.due_fen for row in run.entitlements if row.status == "payable"),
        held_fen=sum(row.due_fen for row in run.entitlements if row.status == "held"),
        ran=[policy for policy in run.policies if policy.status == "ran"],
        not_run=[policy for policy in run.policies if policy.status != "ran"],
        policy_titles={policy.policy_id: policy.title for policy in run.policies},
        outcomes=OUTCOMES,
    )
    return CITIZEN_ID.sub("（证件号已隐去）", page)


def format_yuan(amount_fen: int) -> str:
    """Write fen as yuan with thousands separators.

    >>> format_yuan(-123456705)
    '-1,234,567.05'
    """
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{sign}{yuan:,}.{fen:02d}"


def in_chinese(word: str) -> str:
    """Return the clerk's word for a word of the program; unknown ones stay as they are.

    >>> in_chinese("duplicate_row"), in_chinese("contributions"), in_chinese("x")
    ('重复行', '个人缴费明细', 'x')
    """
    if word in KINDS:
        return KINDS[word].titles[1]
    return WORDS.get(word, word)


def reason_in_chinese(reason: str, titles: Mapping[str, str] | None = None) -> str:
    """Turn a sentence of the stages into the clerk's words; `titles` name the policies.

    >>> reason_in_chinese("extract not delivered: payroll, deaths")
    '数据未送达：工资发放明细, 死亡信息'
    """
    known = titles or {}
    for phrase, chinese in PHRASES.items():
        reason = reason.replace(phrase, chinese)
    return LONE_WORD.sub(lambda word: known.get(word.group()) or in_chinese(word.group()), reason)


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["yuan"] = format_yuan
    environment.filters["zh"] = in_chinese
    environment.filters["reason_zh"] = reason_in_chinese
    environment.filters["n"] = "{:,}".format
    return environment.from_string((TEMPLATES / "report.html.j2").read_text(encoding="utf-8"))
