"""The run's page: what stopped it on top, all counts, nobody's data, nothing from outside."""

import re
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from sql import policy_cards
from transforms.answers.report import in_chinese, reason_in_chinese, render_report
from transforms.answers.run_summary import (
    BatchCount,
    RunSummary,
    count_batches,
    count_entitlements,
    count_files,
    count_findings,
    count_policies,
)
from transforms.gates import CheckOutcome, GateOutcome
from transforms.money.batches import DraftBatch

PERSON = "370302199001011234"
FILES = [
    {
        "name": "个人缴费明细_2.csv",
        "kind": "contributions",
        "rows": 12,
        "accepted": 9,
        "quarantined": 3,
    },
    {"name": "deaths.csv", "kind": "deaths", "rows": 1, "accepted": 1, "quarantined": 0},
]


class Run:
    """A policy's run as the determine stage tells it."""

    def __init__(self, status: str, reason: str = "", **used: Any) -> None:
        self.status = status
        self.reason = reason
        self.reach_from_month = 202001 if status == "ran" else None
        self.reach_to_month = 202006 if status == "ran" else None
        self.parameters_used = [{"name": name, **value} for name, value in used.items()]


def check(
    name: str, severity: Any = "critical", status: Any = "passed", **more: Any
) -> CheckOutcome:
    return CheckOutcome(
        check=name,
        title=f"标题 {name}",
        severity=severity,
        status=status,
        checked_count=1200,
        failed_count=0 if status == "passed" else 7,
        allowed_count=0,
        threshold="≤ 0",
        reason="理由",
        action="办法",
        **more,
    )


def determinations() -> pl.DataFrame:
    first, second = list(policy_cards())[:2]
    provision = policy_cards()[first].provision_names[0]
    return pl.DataFrame(
        {
            "policy_id": [first, first, first, second],
            "outcome": ["eligible", "ineligible", "undetermined", "eligible"],
            "amount_fen": [123456, 0, 0, 100],
            "reason_codes": [[], [provision], [provision], []],
        },
        schema_overrides={"reason_codes": pl.List(pl.String)},
    )


def summary(**changes: Any) -> RunSummary:
    first, second = list(policy_cards())[:2]
    quarantine = pl.DataFrame(
        {
            "source_file": ["个人缴费明细_2.csv"] * 3,
            "rule": ["missing_value", "duplicate_row", "duplicate_row"],
        }
    )
    repairs = pl.DataFrame({"source_file": ["deaths.csv", "deaths.csv"], "source_line": [2, 2]})
    runs = {
        first: Run("ran", day_rate={"value": 20000, "confirmed": False}),
        second: Run("not_run", "extract not delivered: payroll"),
    }
    entitlements = pl.DataFrame(
        {
            "policy_id": [first, first, first],
            "status": ["payable", "held", "recovery"],
            "reason": ["", "account_missing", "x"],
            "due_fen": [123456, 500, -100],
        }
    )
    findings = pl.DataFrame(
        {
            "finding": ["sex_differs", "sex_differs", "person_counted_twice"],
            "severity": ["info", "info", "warning"],
            "policy_id": ["", "", first],
        }
    )
    run = RunSummary(
        run_id="R1",
        snapshot_id="S1",
        as_of="2020-06-30",
        stopped_at=None,
        gates=[GateOutcome("extracts", "收到的数据", (check("a"), check("b")), "passed")],
        files=count_files(FILES, quarantine, repairs),
        policies=count_policies(policy_cards(), runs, determinations()),
        entitlements=count_entitlements(entitlements),
        batches=[BatchCount("B1", "就业补助资金", 3, 5, 123456789, ("no budget configured",))],
        findings=count_findings(findings),
        warnings=["gap <b>"],
        digests={"rules": "ab12"},
    )
    return replace(run, **changes)


def test_page_loads_nothing_and_names_no_address() -> None:
    page = render_report(summary())
    assert not re.search(r"https?:|//\w|src=|href=|@import|url\(|<script|<link|<img", page)


def test_same_summary_gives_same_bytes() -> None:
    assert render_report(summary()).encode() == render_report(summary()).encode()


def test_text_from_outside_is_escaped() -> None:
    page = render_report(summary())
    assert "gap &lt;b&gt;" in page and "gap <b>" not in page


def test_a_citizen_id_in_a_file_name_is_hidden() -> None:
    file = replace(summary().files[0], name=f"{PERSON}_材料.csv")
    page = render_report(summary(files=(file,), warnings=(f"{PERSON}_材料.csv: empty",)))
    assert PERSON not in page and page.count("（证件号已隐去）_材料.csv") == 2


def test_every_count_is_on_the_page() -> None:
    page = render_report(summary())
    for shown in (
        "1,234,567.89",
        "1,234.56",
        "未配置预算",
        "重复行 2",
        "必填项为空 1",
        "数据未送达：工资发放明细",
    ):
        assert shown in page, shown
    assert "收款账户" in page and "day_rate = 20000" in page and "person_counted_twice" in page


def test_what_stopped_the_run_stands_before_warnings_and_before_counts() -> None:
    checks = (
        check("soft", "warning", "failed"),
        check("hard", "critical", "failed", places=("a.csv:7",)),
        check("lost", "warning", "errored", note="could not be measured"),
    )
    gates = [GateOutcome("extracts", "收到的数据", checks, "critical")]
    page = render_report(summary(gates=gates, stopped_at="extracts", batches=()))
    places = [page.index(f"extracts/{name}") for name in ("hard", "lost", "soft")]
    assert places == sorted(places) and places[-1] < page.index("二、政策")
    assert "没有生成任何付款批次" in page and "a.csv:7" in page and "不合格 <b>7</b>" in page


def test_a_check_without_anything_to_check_is_not_called_passed() -> None:
    idle = replace(check("idle"), checked_count=0)
    page = render_report(summary(gates=[GateOutcome("snapshot", "对应", (idle,), "passed")]))
    assert "无可检查" in page


def test_files_are_counted_by_rule_and_repaired_rows_once() -> None:
    contributions, deaths = summary().files
    assert contributions.by_rule == {"duplicate_row": 2, "missing_value": 1}
    assert (contributions.repaired, deaths.repaired) == (0, 1)


def test_batches_are_told_by_their_control_totals_and_marks() -> None:
    control = {"instruction_count": 3, "line_count": 5, "amount_fen": 700}
    frames = [pl.DataFrame()] * 3
    over, free = (
        DraftBatch("B", "失业保险基金", mark, *frames, {"control": control})
        for mark in ("over budget: x", "")
    )
    assert [batch.marks for batch in count_batches([over, free])] == [("over budget: x",), ()]
    assert count_batches([over])[0].total_fen == 700


def test_a_stopped_run_renders_before_anything_was_determined() -> None:
    empty = {"policies": (), "entitlements": (), "batches": (), "findings": (), "warnings": ()}
    page = render_report(summary(stopped_at="extracts", **empty))
    assert "运行已停止" in page and "本次没有批次" in page


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("extract not delivered: deaths, payroll", "数据未送达：死亡信息, 工资发放明细"),
        ("part of contributions not delivered: 失业 in 201812", "缴费明细缺少部分：失业 201812"),
        (
            "over budget: the batch needs 10.00 元, 3.00 元 are left of 5.00 元",
            "超出预算：本批需要 10.00 元，尚余 3.00 元，预算共 5.00 元",
        ),
        (
            "contributions: no row of 养老 for 202002, between its first and last month; "
            "touches youth_training",
            "个人缴费明细：没有险种 养老 的行，月份 202002（在首月与末月之间）；"
            "涉及：劳动预备制培训",
        ),
        (
            "designations: list 严重失信 has no row; touches youth_training",
            "认定名单：名单 严重失信 一行都没有；涉及：劳动预备制培训",
        ),
        ("x.csv: not listed in 交接单.csv", "x.csv：没有列在 交接单.csv"),
        (
            "not in force on 2031-01-01: it ended on 2020-12-31, facts were taken to 2021-06-30",
            "不在有效期，基准日 2031-01-01，已于此日截止：2020-12-31，后续事实收到：2021-06-30",
        ),
    ],
)
def test_reasons_are_in_the_clerks_words(reason: str, chinese: str) -> None:
    assert reason_in_chinese(reason, {"youth_training": "劳动预备制培训"}) == chinese
    assert in_chinese("held") == "暂扣"
    assert reason_in_chinese("deaths.csv:7") == "deaths.csv:7"
