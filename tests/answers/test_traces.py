"""The last trace of a person paid: each kind at its edges, who is a finding, and what is told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_samples.town.scene_rows import paid_lines_of
from flows.answers.snapshot_rows import SnapshotRows
from flows.answers.traces import traces_of_rows
from flows.night.paid_lines import register_ledger
from flows.night.traces import last_traces
from sql import connect, register_tables, shared_parameters
from tests.rules.engine_tables import EMPLOYER, MAN, WOMAN, frame_of, paid, write_tables
from transforms.answers.report import render_report
from transforms.answers.run_summary import RunSummary
from transforms.answers.source_rows import AT
from transforms.answers.traces import (
    TRACE_SCHEMA,
    TraceCount,
    count_traces,
    trace_findings,
    trace_lines,
    traced_lines,
)
from transforms.extracts.kinds import KINDS
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.policies.parameters import Parameter, value_on

AS_OF = date(2020, 6, 15)
POLICY = "internship_subsidy"
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def entitled(*lines: tuple[str, str], **other: Any) -> pl.DataFrame:
    """Make payable lines of (person, period)."""
    told = [
        dict.fromkeys(("determined_fen", "due_fen"), 100)
        | {"paid_before_fen": 0, "status": "payable", "reason": "", "cause": "", "cause_rows": ""}
        | {"policy_id": POLICY, "period": period, "subject_kind": "person", "subject_id": person}
        | {"beneficiary_kind": "employer", "beneficiary_id": EMPLOYER}
        | other
        for person, period in lines
    ]
    return pl.DataFrame(told, schema=ENTITLEMENT_SCHEMA)


def traces_of(
    folder: Path, rows: Rows, lines: pl.DataFrame, as_of: date = AS_OF, **ledger: Any
) -> list[dict[str, Any]]:
    tables = write_tables(folder, rows)
    connection = connect(threads=1)
    register_tables(connection, tables, as_of)
    register_ledger(
        connection, paid_lines_of(ledger.get("lines", [])), ledger.get("payment_ids", ())
    )
    found = last_traces(connection, tables, as_of, lines)
    assert found is not None and found.schema == pl.Schema(TRACE_SCHEMA)
    assert found.height == lines.filter(pl.col("subject_kind") == "person").height
    return found.to_dicts()


def last_of(folder: Path, rows: Rows, period: str = "2020-03", **other: Any) -> tuple[Any, ...]:
    (row,) = traces_of(folder, rows, entitled((MAN, period)), **other)
    return row["trace"], row["trace_on"], row["strength"], row["backing"]


def dated(kind: str, column: str, on: date, **more: Any) -> Rows:
    needed = {
        "attendance": {"employer_code": EMPLOYER},
        "payroll": {"employer_code": EMPLOYER, "month": 202001, "gross_fen": 9, "net_fen": 9},
        "employment": {"employer_code": EMPLOYER, "contract_type": "固定期限"},
    }.get(kind, {})
    return {kind: [{"person_id": MAN, column: on, **needed, **more}]}


def decision(on: date, said: str = "是", provision: str = "s7_x", by: str = "甲") -> dict[str, Any]:
    return {
        **{"policy_id": POLICY, "period": "2020-03", "subject_id": MAN, "decided_by": by},
        **{"beneficiary_id": EMPLOYER, "provision": provision, "decision": said, "decided_on": on},
    }


def by_day(trace: str, on: date) -> Rows:
    """Make one row that leaves a trace on a day."""
    kind, column = {
        "trace_attended": ("attendance", "worked_on"),
        "trace_wage": ("payroll", "paid_on"),
        "trace_unemployed": ("unemployment", "registered_on"),
        "trace_contract": ("employment", "starts_on"),
        "trace_graduation": ("graduates", "graduated_on"),
        "trace_decision": ("clerical_decisions", "decided_on"),
    }[trace]
    if trace == "trace_decision":
        return {kind: [decision(on)]}
    return dated(kind, column, on)


def by_month(trace: str, month: int) -> Rows:
    """Make one row that leaves a trace in a month."""
    if trace == "trace_benefit":
        spell = {"person_id": MAN, "from_month": month, "to_month": month}
        return {"unemployment_benefits": [spell]}
    entry = "正常" if trace == "trace_on_time" else "补缴"
    return {"contributions": [paid(MAN, month, "医疗", 1, entry=entry)]}


STRENGTHS = {
    one["trace"]: one["strength"]
    for one in value_on(shared_parameters()["trace_kinds"], AS_OF).value
    if one["trace"]
}
MONTHLY = ("trace_on_time", "trace_late", "trace_benefit")
DAILY = tuple(name for name in STRENGTHS if name not in MONTHLY)


@pytest.mark.parametrize("trace", DAILY)
def test_a_day_counts_up_to_the_periods_end_and_for_twelve_months_to_the_day(
    trace: str, tmp_path: Path
) -> None:
    strength = STRENGTHS[trace]
    for place, (on, backing) in enumerate(
        [
            (date(2020, 3, 31), strength),
            (date(2020, 4, 1), None),
            (date(2019, 3, 31), strength),
            (date(2019, 3, 30), "none"),
        ]
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        expected = (trace, on, strength, backing) if backing else (None, None, None, "none")
        assert last_of(folder, by_day(trace, on)) == expected, on


@pytest.mark.parametrize("trace", DAILY)
def test_a_day_after_the_as_of_date_has_not_come(trace: str, tmp_path: Path) -> None:
    for on, backing in ((AS_OF, STRENGTHS[trace]), (date(2020, 6, 16), "none")):
        folder = tmp_path / on.isoformat()
        folder.mkdir()
        assert last_of(folder, by_day(trace, on), "2020-06")[3] == backing


@pytest.mark.parametrize("trace", MONTHLY)
def test_a_month_is_taken_at_its_last_day(trace: str, tmp_path: Path) -> None:
    strength = STRENGTHS[trace]
    for month, on, backing in (
        (202003, date(2020, 3, 31), strength),
        (202004, None, "none"),
        (201903, date(2019, 3, 31), strength),
        (201902, date(2019, 2, 28), "none"),
        (201712, date(2017, 12, 31), "none"),
    ):
        folder = tmp_path / str(month)
        folder.mkdir()
        expected = (trace, on, strength) if on else (None, None, None)
        assert last_of(folder, by_month(trace, month)) == (*expected, backing)


def test_the_month_of_the_as_of_date_is_taken_at_that_date(tmp_path: Path) -> None:
    rows = {"contributions": [paid(MAN, 202006, "养老", 1, paid_on=date(2020, 6, 15))]}
    assert last_of(tmp_path, rows, "2020-06")[:2] == ("trace_on_time", AS_OF)


def test_a_contribution_that_arrives_after_the_as_of_date_is_not_visible(tmp_path: Path) -> None:
    rows = {"contributions": [paid(MAN, 202003, "养老", 1, paid_on=date(2020, 6, 16))]}
    assert last_of(tmp_path, rows) == (None, None, None, "none")


@pytest.mark.parametrize(
    ("changed", "trace"),
    [
        ({}, "trace_on_time"),
        ({"unit_no": None, "employer_key": 0}, "trace_on_time"),
        ({"entry": "补缴"}, "trace_late"),
        ({"state": "缓缴", "paid_on": None}, "trace_late"),
        ({"state": "未到账", "paid_on": None}, None),
        ({"insurance": "工伤"}, None),
    ],
)
def test_which_contribution_is_a_trace(
    changed: dict[str, Any], trace: str | None, tmp_path: Path
) -> None:
    rows = {"contributions": [{**paid(MAN, 202003, "养老", 1), **changed}]}
    assert last_of(tmp_path, rows)[0] == trace


def test_what_was_refunded_is_no_trace(tmp_path: Path) -> None:
    back = paid(MAN, 202003, "养老", 2, entry="退费", unit_fen=-10000, person_fen=-5000)
    rows = {"contributions": [paid(MAN, 202003, "养老", 1), back]}
    assert last_of(tmp_path, rows) == (None, None, None, "none")


def test_a_wage_of_nothing_is_no_trace(tmp_path: Path) -> None:
    assert last_of(tmp_path, dated("payroll", "paid_on", date(2020, 3, 5), net_fen=0))[0] is None


def test_a_spell_granted_in_advance_reaches_the_periods_end_only(tmp_path: Path) -> None:
    spell = {"person_id": MAN, "from_month": 201911, "to_month": 202012}
    told = last_of(tmp_path, {"unemployment_benefits": [spell]})
    assert told[:2] == ("trace_benefit", date(2020, 3, 31))


def test_our_own_payments_are_no_trace(tmp_path: Path) -> None:
    spell = {"person_id": MAN, "from_month": 202002, "to_month": 202003, "benefit_type": "续发"}
    rows = {"unemployment_benefits": [spell | {"payment_id": "P1"}]}
    for name, ledger, trace in (("own", ("P1",), None), ("theirs", (), "trace_benefit")):
        folder = tmp_path / name
        folder.mkdir()
        assert last_of(folder, rows, payment_ids=ledger)[0] == trace


@pytest.mark.parametrize(
    "decisions",
    [
        [decision(date(2020, 3, 1), "否")],
        [decision(date(2020, 3, 1), provision="recovery")],
        [decision(date(2020, 3, 1), provision="same_person")],
        [decision(date(2020, 3, 1)), decision(date(2020, 3, 2), "否", by="乙")],
    ],
)
def test_a_decision_that_is_no_yes_is_no_trace(
    decisions: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert last_of(tmp_path, {"clerical_decisions": decisions})[0] is None


def test_death_custody_and_grants_are_no_trace(tmp_path: Path) -> None:
    rows = {
        "deaths": [{"person_id": MAN, "died_on": date(2020, 3, 1)}],
        "custody": [{"person_id": MAN, "from_date": date(2020, 3, 1)}],
        "support": [
            {"subject_kind": "个人", "subject_id": MAN, "support_type": "就业见习补贴"}
            | {"from_month": 202001, "to_month": 202003, "months_used": 3}
        ],
    }
    assert last_of(tmp_path, rows) == (None, None, None, "none")


def test_the_last_counts_and_of_one_day_the_strong_one(tmp_path: Path) -> None:
    day = date(2020, 3, 2)
    rows = {
        **by_day("trace_contract", day),
        **by_day("trace_wage", day),
        **by_day("trace_attended", date(2020, 3, 1)),
    }
    assert last_of(tmp_path, rows) == ("trace_wage", day, "strong", "strong")


def test_a_weak_one_later_leaves_the_line_backed_by_the_strong_one(tmp_path: Path) -> None:
    rows = {
        **by_day("trace_attended", date(2020, 1, 3)),
        **by_day("trace_contract", date(2020, 3, 2)),
    }
    (row,) = traces_of(tmp_path, rows, entitled((MAN, "2020-03")))
    assert (row["trace"], row["strong_trace"]) == ("trace_contract", "trace_attended")
    assert (row["strong_on"], row["backing"]) == (date(2020, 1, 3), "strong")


def test_a_strong_one_too_old_leaves_a_weak_backing(tmp_path: Path) -> None:
    rows = {
        **by_day("trace_attended", date(2019, 3, 30)),
        **by_day("trace_contract", date(2019, 3, 31)),
    }
    assert last_of(tmp_path, rows)[3] == "weak"


def test_every_line_has_its_own_end_and_its_own_person(tmp_path: Path) -> None:
    rows = {
        "contributions": [
            *(paid(MAN, month, "养老", month) for month in (201801, 202001, 202002)),
            paid(WOMAN, 201712, "养老", 1),
        ]
    }
    lines = entitled((MAN, "2020-01"), (MAN, "2020-02"), (MAN, "2020"), (WOMAN, "2020-02"))
    found = traces_of(tmp_path, rows, lines)
    told = {(row["subject_id"], row["period"]): row for row in found}
    assert told[MAN, "2020-01"]["trace_on"] == date(2020, 1, 31)
    assert told[MAN, "2020-02"]["trace_on"] == date(2020, 2, 29)
    assert told[MAN, "2020"]["until_on"] == AS_OF
    assert told[WOMAN, "2020-02"]["trace_on"] == date(2017, 12, 31)


def test_a_year_that_is_over_ends_with_its_last_day() -> None:
    lines = entitled((MAN, "2020"), (MAN, "2020-02"))
    ends = traced_lines(lines, date(2021, 2, 1))["until_on"].to_list()
    assert ends == [date(2020, 12, 31), date(2020, 2, 29)]


def test_only_lines_paid_for_persons_are_asked_about() -> None:
    parts = [
        entitled((MAN, "2020-01"), status=status) for status in ("held", "conflict", "recovery")
    ]
    parts.append(entitled((EMPLOYER, "2020"), subject_kind="employer"))
    assert not traced_lines(pl.concat(parts), AS_OF).height
    assert traced_lines(entitled((MAN, "2020-01"), status="nothing_due"), AS_OF).height == 1


def test_who_would_be_paid_without_a_trace_is_a_finding_with_the_line(tmp_path: Path) -> None:
    rows = {"contributions": [paid(MAN, 201902, "养老", 1)]}
    paid_before = entitled((MAN, "2020-02"), status="nothing_due")
    lines = pl.concat([entitled((MAN, "2020-03"), (WOMAN, "2020-03")), paid_before])
    traces = pl.DataFrame(traces_of(tmp_path, rows, lines), schema=TRACE_SCHEMA)
    found = trace_findings(traces)
    assert set(found["finding"]) == {"paid_without_trace"}
    assert set(found["severity"]) == {"warning"}
    assert dict(found.select("subject_id", "detail").iter_rows()) == {
        MAN: f"2020-03, paid to {EMPLOYER}: last trace 2019-02-28 (trace_on_time), "
        "397 days before the end",
        WOMAN: f"2020-03, paid to {EMPLOYER}: no trace up to 2020-03-31",
    }


def test_lines_are_counted_by_backing_with_the_lower_median_age(tmp_path: Path) -> None:
    rows = {
        "contributions": [paid(MAN, 202002, "养老", 1)],
        "graduates": [{"person_id": WOMAN, "graduated_on": date(2020, 3, 30)}],
    }
    lines = pl.concat(
        [
            entitled((MAN, "2020-01"), (MAN, "2020-02"), (MAN, "2020-03"), (WOMAN, "2020-03")),
            entitled((EMPLOYER, "2020"), subject_kind="employer"),
        ]
    )
    traces = pl.DataFrame(traces_of(tmp_path, rows, lines), schema=TRACE_SCHEMA)
    counts = count_traces(traces, lines)
    assert counts == (TraceCount(POLICY, 2, 1, 1, 1, 1),)
    page = render_report(RunSummary("R1", "S1", "2020-06-15", None, (), traces=counts))
    assert "行为佐证" in page and "trace_months" in page
    assert "行为佐证" not in render_report(RunSummary("R1", "S1", "2020-06-15", None, ()))


@pytest.mark.parametrize("trace", STRENGTHS)
def test_the_row_that_left_the_trace_is_told_by_file_and_line(trace: str, tmp_path: Path) -> None:
    month = trace in MONTHLY
    (tmp_path / "flat").mkdir()
    wanted = by_month(trace, 202002) if month else by_day(trace, date(2020, 2, 29))
    earlier = by_month(trace, 202001) if month else by_day(trace, date(2020, 2, 28))
    ((kind, rows),) = wanted.items()
    both = {kind: [*earlier[kind], *rows]}
    lines = entitled((MAN, "2020-03"))
    traces = traces_of(tmp_path / "flat", both, lines)
    (tmp_path / "tables").mkdir()
    frame_of(kind, both[kind]).write_parquet(tmp_path / "tables" / f"{kind}.parquet")
    pl.DataFrame(traces, schema=TRACE_SCHEMA).write_parquet(tmp_path / "traces.parquet")
    source = SnapshotRows(tmp_path, AS_OF)
    source.expect(lines.to_dicts())
    (told,) = traces_of_rows(tmp_path, source, lines, shared_parameters()).values()
    (left,) = told["traces"]
    assert (left["trace"], left["trace_on"]) == (trace, "2020-02-29")
    assert [row[AT] for row in left["rows"]] == [f"{kind}.csv:3"]
    assert left["reason"] and left["kind"] == kind
    for language in ("en", "zh"):
        assert f"{kind}.csv:3" in "\n".join(trace_lines(told, language))
    # It is told by the numbers that its run was made by, whatever the table says today.
    for named, shown in (("当时", ["当时"]), ("", [])):
        (told,) = traces_of_rows(tmp_path, source, lines, amended(trace, named)).values()
        assert [one["reason"] for one in told["traces"]] == shown


def amended(trace: str, reason: str) -> dict[str, Parameter]:
    """Name a trace for another reason; for none, name it no more."""
    table = shared_parameters()["trace_kinds"]
    rows = [{**one, "reason": reason} for one in table.values[0].value if one["trace"] == trace]
    value = replace(table.values[0], value=rows if reason else [])
    return {"trace_kinds": replace(table, values=(value,))}


def test_a_refunded_row_is_not_shown_as_the_trace(tmp_path: Path) -> None:
    rows = [
        paid(MAN, 202002, "养老", 1),
        paid(MAN, 202002, "养老", 2, entry="退费", unit_fen=-10000, person_fen=-5000),
        paid(MAN, 202002, "医疗", 3),
    ]
    lines = entitled((MAN, "2020-03"))
    (tmp_path / "flat").mkdir()
    traces = traces_of(tmp_path / "flat", {"contributions": rows}, lines)
    (tmp_path / "tables").mkdir()
    frame_of("contributions", rows).write_parquet(tmp_path / "tables" / "contributions.parquet")
    pl.DataFrame(traces, schema=TRACE_SCHEMA).write_parquet(tmp_path / "traces.parquet")
    source = SnapshotRows(tmp_path, AS_OF)
    source.expect(lines.to_dicts())
    (told,) = traces_of_rows(tmp_path, source, lines, shared_parameters()).values()
    assert [row[AT] for row in told["traces"][0]["rows"]] == ["contributions.csv:4"]


def test_an_employer_is_told_to_be_no_person(tmp_path: Path) -> None:
    pl.DataFrame(schema=TRACE_SCHEMA).write_parquet(tmp_path / "traces.parquet")
    lines = entitled((EMPLOYER, "2020"), subject_kind="employer")
    (told,) = traces_of_rows(
        tmp_path, SnapshotRows(tmp_path, AS_OF), lines, shared_parameters()
    ).values()
    assert told == {"is_person": False}
    assert "not a person" in trace_lines(told)[0]


def test_a_run_of_before_there_were_traces_tells_none(tmp_path: Path) -> None:
    source = SnapshotRows(tmp_path, AS_OF)
    assert traces_of_rows(tmp_path, source, entitled((MAN, "2020-03")), {}) == {}


def test_stored_rules_that_ask_for_no_trace_make_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.night.traces.FOLDER", tmp_path)
    assert last_traces(connect(threads=1), {}, AS_OF, entitled((MAN, "2020-03"))) is None


def test_the_table_says_of_every_kind_that_names_persons_what_it_is() -> None:
    table = value_on(shared_parameters()["trace_kinds"], AS_OF).value
    naming = {
        kind.name
        for kind in KINDS.values()
        if {"person_id", "subject_id"} & kind.column_named.keys()
    }
    assert {one["kind"] for one in table} == naming
    assert all(one["reason"] for one in table)
    assert {one["strength"] for one in table} == {"strong", "weak", "none"}
    for one in table:
        assert (one["trace"] == "") == (one["strength"] == "none")
        assert one["day"] in {"", *KINDS[one["kind"]].column_named}
