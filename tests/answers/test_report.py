"""The run's page: what stopped it on top, all counts, nobody's data, nothing from outside."""

import re
from dataclasses import replace
from typing import Any

import polars as pl

from flows.language import said as tell
from flows.language import speaking, with_titles
from flows.night.determine import _shown
from sql import policy_cards
from transforms.answers.report import render_report
from transforms.answers.run_summary import (
    BatchCount,
    RunSummary,
    count_batches,
    count_entitlements,
    count_files,
    count_findings,
    count_policies,
)
from transforms.gates import CheckOutcome, GateOutcome, gate_warnings
from transforms.money.batches import DraftBatch
from transforms.policies.card_text import value_text
from transforms.words import Said, worded

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

    def __init__(self, status: str, reason: Said | None = None, **used: Any) -> None:
        self.status = status
        self.reason = reason
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
            "period": ["2020-02", "2020-01", "2020-03", "2020"],
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
        second: Run("not_run", Said("extract_not_delivered", {"kinds": ["payroll"]})),
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
        policies=count_policies(policy_cards(), runs, determinations().lazy()),
        entitlements=count_entitlements(entitlements),
        batches=[BatchCount("B1", "就业补助资金", 3, 5, 123456789, (Said("no_budget"),))],
        findings=count_findings(findings),
        warnings=[Said("said_in_english", {"text": "gap <b>"})],
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
    unlisted = Said("file_not_listed", {"file": file.name, "note": "交接单.csv"})
    page = render_report(summary(files=(file,), warnings=(unlisted,)))
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
        "<td>2020-01–2020-03</td>",
    ):
        assert shown in page, shown
    assert "收款账户" in page and "day_rate = 20000" in page and "person_counted_twice" in page


def test_what_a_stage_wrote_in_short_is_said_in_words() -> None:
    numbers = {"name": "size_limits", "value": _shown([{}] * 90)}
    assert (value_text(numbers), value_text(numbers, "en")) == ("共 90 行的表", "90 rows")
    title = policy_cards()["stability_refund"].title
    failed = check("soft", "warning", "failed", places=("stability_refund 2020: 7", "held 2020: 4"))
    (said,) = gate_warnings([GateOutcome("extracts", "", (failed,), "warning")], {})
    in_words = f"检查 soft（标题 soft）：1,200 项中 7 项不符（{title} 2020: 7、暂扣 2020: 4）"
    assert worded(said, names={"stability_refund": title}) == in_words
    for spoken, told in (("zh", in_words.replace("、", "，")), ("en", str(said))):
        with speaking(["--lang", spoken]):
            assert told in tell(with_titles(str(said)))


def test_what_stopped_the_run_stands_before_warnings_and_before_counts() -> None:
    checks = (
        check("soft", "warning", "failed"),
        check("hard", "critical", "failed", places=("a.csv:7",)),
        check("lost", "warning", "errored", note=Said("not_measured")),
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
    mark = Said("no_budget")
    over, free = (
        DraftBatch("B", "失业保险基金", text, *frames, {"control": control, "mark_said": said})
        for text, said in ((str(mark), mark.content()), ("", None))
    )
    assert [batch.marks for batch in count_batches([over, free])] == [(mark,), ()]
    assert count_batches([over])[0].total_fen == 700


def test_a_stopped_run_renders_before_anything_was_determined() -> None:
    empty = {"policies": (), "entitlements": (), "batches": (), "findings": (), "warnings": ()}
    page = render_report(summary(stopped_at="extracts", **empty))
    assert "运行已停止" in page and "本次没有批次" in page
    assert "关口“收到的数据”" in page and "没有运行任何政策" in page and "0 / 0" not in page


def test_every_place_of_a_gate_is_named_in_words() -> None:
    title = policy_cards()["stability_refund"].title
    total = {"file": "a.csv", "line": 9, "column": "net_fen", "stated_fen": 100, "sum_fen": 123456}
    named_after = {"file": f"{PERSON}.csv", "line": 2, "column": "ends_on"}
    places = (
        *("contributions: 3 / 10", "stability_refund 2020: 7", "held: 4", "deaths.csv:7"),
        *(Said("total_differs", total), Said("cell_not_read", named_after)),
    )
    checks = (check("soft", "warning", "failed", places=places),)
    runs = count_policies(policy_cards(), {"stability_refund": Run("ran")}, determinations().lazy())
    gates = [GateOutcome("extracts", "收到的数据", checks, "warning")]
    page = render_report(summary(gates=gates, policies=runs))
    for shown in (
        *("个人缴费明细: 3 / 10", f"{title} 2020: 7", "暂扣: 4", "deaths.csv:7"),
        *(
            "a.csv:9：实发工资合计写 1.00，各行之和 1,234.56",
            "（号码已隐去）.csv:2：合同结束日期读不懂，已清空",
        ),
    ):
        assert f"<li>{shown}</li>" in page
