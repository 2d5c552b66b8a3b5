"""Quarantine: which rule bites first, what stays, and that no row is ever lost."""

from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.answers.returns import rows_with_damaged_ids
from flows.night.identity import damaged_pieces, damaged_rows
from tests.ingest.ingest_drops import (
    JIA,
    LI,
    OLD_ZHANG,
    WANG,
    YI,
    ZHANG,
    csv_text,
    ingest,
    listed,
    row,
    table,
    verdicts,
)
from tests.ingest.test_ingest_sheets import workbook
from transforms.extracts.links import unanswered

UNITS = {"insured_units.csv": csv_text([row("insured_units")])}


def rules_of(folder: Path, kind: str, *rows: dict[str, str], **others: str) -> list[str]:
    """Ingest rows of one kind; give the rule of each row, in order, `` where it was accepted."""
    files = {f"{kind}.csv": csv_text(rows)} | {f"{name}.csv": text for name, text in others.items()}
    snapshot = ingest(folder, files)
    mine = listed(snapshot, "quarantine").filter(pl.col("kind") == kind)
    rule_at = dict(mine.select("source_line", "rule").rows())
    entry = next(file for file in snapshot.manifest["files"] if file["kind"] == kind)
    assert entry["rows"] == entry["accepted"] + entry["quarantined"] == len(rows)
    assert table(snapshot, kind).height == entry["accepted"]
    return [str(rule_at.get(line, "")) for line in range(2, len(rows) + 2)]


def contribution(serial: str, **changes: str) -> dict[str, str]:
    return row("contributions", 缴费明细流水号=serial, **changes)


def test_each_row_falls_under_the_first_rule_that_bites(tmp_path: Path) -> None:
    rows = [
        contribution("S1"),
        contribution("S2", 姓名="", 险种="寿险"),
        contribution("S3", 费款所属期="202013", 险种="寿险"),
        contribution("S4", 险种="寿险", 身份证号="1"),
        contribution("S5", 身份证号=ZHANG[:17] + "0"),
        contribution("S6", 身份证号="3.70302E+17"),
        contribution("S7", 费款所属期="189912"),
        contribution("S8", 单位缴费金额="-1"),
        contribution("S9", 缴费类型="退费"),
        contribution("S10", 缴费类型="退费", 单位缴费金额="-480", 个人缴费金额="0"),
        contribution("S11", 到账日期=""),
        contribution("S12", 缴费标志="未到账", 到账日期=""),
        contribution("S13", 到账日期="2020-02-30"),
        contribution("S14", 缴费标志="缓缴", 到账日期="2020-02-30"),
        contribution("S15", 到账日期="1899-12-31"),
        contribution("S16", 缴费基数="三千"),
    ]
    assert rules_of(tmp_path, "contributions", *rows) == [
        "",
        "missing_value",
        "unreadable_value",
        "unknown_code",
        "invalid_person_id",
        "invalid_person_id",
        "out_of_range",
        "out_of_range",
        "out_of_range",
        "",
        "missing_value",
        "",
        "unreadable_value",
        "",
        "out_of_range",
        "",
    ]


def test_equal_rows_and_contradicting_keys(tmp_path: Path) -> None:
    rows = [
        contribution("S1"),
        contribution("S1", 身份证号=ZHANG.lower(), 到账日期="2020/2/15"),
        contribution("S2"),
        contribution("S2", 险种="医疗"),
        contribution("S2"),
        contribution("S3", 单位编号="U9"),
        contribution("S3", 单位编号="U9"),
        contribution("S4", 单位编号="U9"),
        contribution("S4"),
        contribution("S5", 单位编号=""),
    ]
    assert rules_of(tmp_path, "contributions", *rows, insured_units=UNITS["insured_units.csv"]) == [
        "",
        "duplicate_row",
        "conflicting_key",
        "conflicting_key",
        "duplicate_row",
        "unknown_unit",
        "duplicate_row",
        "conflicting_key",
        "conflicting_key",
        "",
    ]


def test_rows_without_a_serial_number_share_no_key(tmp_path: Path) -> None:
    rows = [
        row("payroll", 流水号=""),
        row("payroll", 流水号="", 实发工资="1"),
        row("payroll", 流水号=""),
        row("payroll", 流水号="P1"),
        row("payroll", 流水号="P1", 实发工资="-1"),
    ]
    assert rules_of(tmp_path, "payroll", *rows) == [
        "",
        "",
        "duplicate_row",
        "conflicting_key",
        "conflicting_key",
    ]


def test_parts_of_one_extract_are_one(tmp_path: Path) -> None:
    snapshot = ingest(
        tmp_path,
        {
            "个人缴费明细_2.csv": csv_text([contribution("S1"), contribution("S2")]),
            "contributions_1.csv": csv_text([contribution("S1"), contribution("S2", 险种="失业")]),
        },
    )
    found = listed(snapshot, "quarantine").select("source_file", "source_line", "rule").rows()
    assert found == [
        ("contributions_1.csv", 3, "conflicting_key"),
        ("个人缴费明细_2.csv", 2, "duplicate_row"),
        ("个人缴费明细_2.csv", 3, "conflicting_key"),
    ]


def test_names_are_held_against_the_name_on_record(tmp_path: Path) -> None:
    rows = [
        row("attendance"),
        row("attendance", 姓名="张 三", 出勤日期="2020-02-04"),
        row("attendance", 姓名="张山", 出勤日期="2020-02-05"),
        row("attendance", 身份证号=LI, 姓名="李四"),
        row("attendance", 身份证号=LI, 姓名="李司", 出勤日期="2020-02-04"),
        row("attendance", 身份证号=WANG, 姓名="不知"),
    ]
    records = {
        "insured_persons": csv_text([row("insured_persons")]),
        "residents": csv_text([row("residents"), row("residents", 身份证号=ZHANG, 姓名="张山")]),
    }
    assert rules_of(tmp_path, "attendance", *rows, **records) == [
        "",
        "",
        "name_conflict",
        "",
        "name_conflict",
        "",
    ]


def test_an_optional_cell_is_emptied_unless_empty_means_open(tmp_path: Path) -> None:
    snapshot = ingest(
        tmp_path,
        {
            "registrations.csv": csv_text(
                [row("registrations", 划型="小微", 法定代表人证件号码="E123")]
            ),
            "accounts.csv": csv_text([row("accounts", 联行号="10245300001")]),
            "employment.csv": csv_text([row("employment", 合同结束日期="长期")]),
            "unemployment_benefits.csv": csv_text(
                [row("unemployment_benefits", 待遇类别="生活补助")]
            ),
        },
    )
    stayed = table(snapshot, "registrations").select("size_class", "legal_rep_id").row(0)
    assert stayed == (None, None)
    assert table(snapshot, "accounts").select("bank_code", "account_no").row(0) == (
        None,
        "622200001111",
    )
    assert verdicts(snapshot) == [
        (2, "unreadable_value", "ends_on"),
        (2, "unknown_code", "benefit_type"),
    ]
    details = listed(snapshot, "findings")["detail"].to_list()
    assert details == [
        "accounts.csv:2: bank_code can't be read and was emptied",
        "registrations.csv:2: legal_rep_id can't be read and was emptied",
        "registrations.csv:2: size_class can't be read and was emptied",
    ]


def test_a_subject_is_what_its_kind_says(tmp_path: Path) -> None:
    rows = [
        row("designations"),
        row("designations", 主体类型="个人"),
        row("designations", 主体类型="个人", 代码=ZHANG.lower()),
        row("designations", 代码=ZHANG),
        row("designations", 主体类型="企业"),
        row("designations", 代码=""),
    ]
    assert rules_of(tmp_path, "designations", *rows) == [
        "",
        "invalid_person_id",
        "",
        "invalid_employer_code",
        "unknown_code",
        "missing_value",
    ]


def test_negative_counts_are_out_of_range(tmp_path: Path) -> None:
    rows = [
        row("registrations", 从业人员="-1"),
        row("registrations", 统一社会信用代码=YI, **{"资产总额(万元)": "-0.01"}),
    ]
    assert rules_of(tmp_path, "registrations", *rows) == ["out_of_range"] * 2
    rows = [row("support", 已享受月数="-1"), row("support", 已发金额="-100")]
    assert rules_of(tmp_path / "b", "support", *rows) == ["out_of_range", ""]


def test_totals_rows_are_set_aside_and_held_against_the_rows(tmp_path: Path) -> None:
    lines = csv_text([contribution("S1"), contribution("S2", 个人缴费金额="坏")])
    totals = "合 计：,,,,,,,960,240.00,,,\n小计,,,,,,,1,,,,\n制表人：某,,审核人：某\n"
    snapshot = ingest(tmp_path, {"contributions.csv": lines + totals})
    assert [rule for _, rule, _ in verdicts(snapshot)] == ["unreadable_value"] + ["totals_row"] * 3
    assert listed(snapshot, "findings")["detail"].to_list() == [
        "contributions.csv:5: the total of unit_fen says 1.00; the rows sum to 960.00"
    ]
    entry = snapshot.manifest["files"][0]
    assert (entry["rows"], entry["totals_rows"], entry["quarantined"]) == (5, 3, 4)


def test_employers_are_ranked_and_self_is_none(tmp_path: Path) -> None:
    units = [row("insured_units", 统一社会信用代码=YI), row("insured_units", 单位编号="U2")]
    rows = [contribution("S1"), contribution("S2", 单位编号="U2"), contribution("S3", 单位编号="")]
    snapshot = ingest(
        tmp_path, {"insured_units.csv": csv_text(units), "contributions.csv": csv_text(rows)}
    )
    assert table(snapshot, "contributions")["employer_key"].to_list() == [2, 1, 0]
    assert table(snapshot, "insured_units")["employer_key"].to_list() == [2, 1]
    assert table(snapshot, "contributions")["person_key"].to_list() == [int(ZHANG[:17])] * 3


def test_a_footnote_mark_quarantines_its_row(tmp_path: Path) -> None:
    rows = [row("accounts"), row("accounts", 账号="6222 0000 1111①")]
    wages = [row("payroll"), row("payroll", 实发工资="480²", 流水号="P2")]
    files = {"accounts.csv": csv_text(rows), "payroll.csv": csv_text(wages)}
    fallen = [(3, "unreadable_value", "account_no"), (3, "unreadable_value", "net_fen")]
    assert verdicts(ingest(tmp_path, files)) == fallen


def test_a_clerks_link_names_the_person_of_a_damaged_row(tmp_path: Path) -> None:
    damaged = csv_text(
        [row("payroll", 身份证号="3.70302E+17"), row("payroll", 流水号="P2", 身份证号=WANG)]
    )
    first = ingest(tmp_path / "a", {"payroll.csv": damaged})
    assert verdicts(first) == [(2, "invalid_person_id", "person_id")]
    digest = first.manifest["files"][0]["sha256"]
    header = "数据类别,文件摘要,行号,认定的身份证号,核对人,核对日期\n"
    link = f"payroll,{digest},{{line}},{{id}},核对员,2020-03-01\n"
    links = header + link.format(line=2, id=ZHANG) + link.format(line=3, id=LI)
    second = ingest(tmp_path / "b", {"payroll.csv": damaged, "clerical_links.csv": links})
    assert table(second, "payroll")["person_id"].to_list() == [ZHANG, WANG]
    assert listed(second, "repairs")["repair"].to_list() == ["clerical_link"]
    differing = links + link.format(line=2, id="")
    third = ingest(tmp_path / "c", {"payroll.csv": damaged, "clerical_links.csv": differing})
    assert verdicts(third) == [(2, "invalid_person_id", "person_id")]
    assert "clerical_links_differ" in listed(third, "findings")["finding"].to_list()
    # What the same clerk decided later stands, in whichever file; what the home's register says
    # on one day goes before a file, and its last line before the others.
    own, newer = "身份核对结论登记簿.csv", link.replace("2020-03-01", "2020-03-02")
    for number, files in enumerate(
        (
            {
                "a_clerical_links.csv": links,
                "b_clerical_links.csv": header + newer.format(line=2, id=LI),
            },
            {"clerical_links.csv": links, own: header + link.format(line=2, id=LI)},
            {own: links + link.format(line=2, id=LI)},
        )
    ):
        fourth = ingest(tmp_path / f"d{number}", {"payroll.csv": damaged, **files})
        assert table(fourth, "payroll")["person_id"].to_list() == [LI, WANG]
        assert listed(fourth, "findings").height == 0


def test_a_link_whose_person_cannot_be_read_decides_nothing(tmp_path: Path) -> None:
    """Emptied, it said that the row is nobody's, for ever, and the clerk was not asked again."""
    damaged = csv_text([row("payroll", 身份证号="3.70302E+17")])
    first = ingest(tmp_path / "a", {"payroll.csv": damaged})
    digest = first.manifest["files"][0]["sha256"]
    head = ["数据类别", "文件摘要", "行号", "认定的身份证号", "核对人", "核对日期"]
    said: list[object] = ["payroll", digest, 2, ZHANG[:-1], "核对员", "2020-03-01"]
    text = "\n".join(",".join(map(str, cells)) for cells in (head, said)) + "\n"
    said[3] = int(ZHANG[:-1]) * 10
    book = workbook([[*head], said])
    for name, content in (("身份核对结论.csv", text), ("身份核对结论.xlsx", book)):
        second = ingest(tmp_path / name, {"payroll.csv": damaged, name: content})
        fallen = (2, "invalid_person_id", "person_id")
        assert verdicts(second) == [fallen, fallen]
        kinds = [entry["kind"] for entry in second.manifest["files"]]
        assert sorted(kinds) == ["clerical_links", "payroll"]
        assert listed(second, "findings").height == 0
        assert rows_with_damaged_ids(second)["数据类别"].to_list() == ["payroll"]
        assert [one.file.file.name for one in damaged_pieces(second)] == ["payroll.csv"]
        links = pl.concat(pl.read_parquet(path) for path in second.tables()["clerical_links"])
        waiting = damaged_rows(list(damaged_pieces(second)))
        assert unanswered(waiting, links)["line"].to_list() == [2], "it is asked again"


def test_a_clerks_link_names_a_subject_who_is_a_person_and_never_a_unit(tmp_path: Path) -> None:
    person = {"补贴类型": "就业见习补贴", "主体类型": "个人", "名称": "张三", "代码": "3.70302E+17"}
    rows = [
        row("support", 享受开始年月="202001", **person),
        row("support", 代码=JIA[:-1] + "9"),
        row("support", 享受开始年月="202003", **{**person, "代码": LI}),
    ]
    support = csv_text(rows)
    first = ingest(tmp_path / "a", {"support.csv": support})
    fallen = [(2, "invalid_person_id", "subject_id"), (3, "invalid_employer_code", "subject_id")]
    assert verdicts(first) == fallen
    digest = first.manifest["files"][0]["sha256"]
    links = "数据类别,文件摘要,行号,认定的身份证号,核对人,核对日期\n" + "".join(
        f"support,{digest},{line},{ZHANG},核对员,2020-03-01\n" for line in (2, 3, 4)
    )
    second = ingest(tmp_path / "b", {"support.csv": support, "clerical_links.csv": links})
    assert verdicts(second) == fallen[1:]
    assert table(second, "support")["subject_id"].to_list() == [ZHANG, LI]
    assert listed(second, "repairs")["repair"].to_list() == ["clerical_link"]


def test_repairs_are_recorded(tmp_path: Path) -> None:
    snapshot = ingest(tmp_path, {"residents.csv": csv_text([row("residents", 身份证号=OLD_ZHANG)])})
    assert listed(snapshot, "repairs").rows() == [
        ("residents", "residents.csv", 2, "person_id", "15_digits")
    ]
    assert table(snapshot, "residents")["person_id"].item() == ZHANG


def test_nothing_says_who_a_row_is_about(tmp_path: Path) -> None:
    snapshot = ingest(
        tmp_path,
        {
            "accounts.csv": csv_text(
                [row("accounts", 账号="6.2E+18"), row("accounts", 联行号="1")]
            ),
            "attendance.csv": csv_text([row("attendance", 身份证号=ZHANG[:17] + "1")]),
        },
    )
    said = listed(snapshot, "quarantine")["message"].to_list()
    said += listed(snapshot, "findings")["detail"].to_list()
    for secret in (ZHANG[:17], "张三", "6.2E", JIA):
        assert not any(secret in text for text in said)


cells = st.sampled_from(
    ["", "x", "养老", "202002", "-1", ZHANG, "正常", "已到账", "S1", "S2", "合计"]
)


@given(st.lists(st.lists(cells, min_size=1, max_size=14), max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_row_is_ever_lost(tmp_path_factory: object, rows: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("drop")  # type: ignore[attr-defined]
    header = csv_text([row("contributions")]).splitlines()[0]
    text = "\n".join([header, *(",".join(cells) for cells in rows)]) + "\n"
    snapshot = ingest(folder, {"contributions.csv": text})
    filled = [number for number, cells in enumerate(rows, 2) if any(cells)]
    entry = snapshot.manifest["files"][0]
    assert entry["rows"] == entry["accepted"] + entry["quarantined"] == len(filled)
    lines = table(snapshot, "contributions")["source_line"].to_list()
    lines += listed(snapshot, "quarantine")["source_line"].to_list()
    assert sorted(lines) == filled
