"""An amount with a comma and no quotes (1,640.00) shifts the cells after it: seen in every file."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from flows.ingest import csv_files
from tests.ingest.ingest_drops import JIA, YI, ZHANG, ingest, table, verdicts
from transforms.extracts.shifted import data_rows

REGISTRATIONS = "统一社会信用代码,名称,类型,登记状态,划型行业,划型,从业人员"
CODES = (JIA, YI, "91370303MA0000003U", "91370303MA0000004Y", "91370303MA0000005C")
PAYROLL = "统一社会信用代码,姓名,身份证号,发放月份"
SUPPORT = "补贴类型,主体类型,代码,名称,享受开始年月,享受终止年月,已享受月数,已发金额,发放流水号"
PAID = "缴费明细流水号,单位编号,姓名,身份证号,险种,费款所属期,缴费类型,缴费标志,到账日期"


def registrations(ends: Sequence[str], header: str) -> str:
    rows = [f"{code},甲公司,企业,存续,工业,,{end}" for code, end in zip(CODES, ends, strict=False)]
    return "\n".join([f"{REGISTRATIONS},{header}", *rows]) + "\n"


def payroll(ends: Sequence[str], header: str) -> str:
    rows = [f"{JIA},张三,{ZHANG},2020{m:02d},{end}" for m, end in enumerate(ends, start=1)]
    return "\n".join([f"{PAYROLL},{header}", *rows]) + "\n"


def support(ends: Sequence[str]) -> str:
    rows = [f"稳岗返还,单位,{JIA},甲公司,{1900 + n}01,{1900 + n}12,12" for n in range(len(ends))]
    return "\n".join([SUPPORT, *map(",".join, zip(rows, ends, strict=True))]) + "\n"


def contributions(ends: Sequence[str], header: str) -> str:
    rows = [
        f"S{n},,张三,{ZHANG},养老,202002,正常,已到账,2020-02-15,{end}" for n, end in enumerate(ends)
    ]
    return "\n".join([f"{PAID},{header}", *rows]) + "\n"


FULL = "营业收入(万元),资产总额(万元),成立日期,镇办代码,法定代表人证件号码"
SHIFTED = {
    "filled up, most in thousands": (
        "registrations",
        registrations(
            ["12,1,146.00,,,,", "12,23,500.00,,,,", "12,980.00,,,,", "12,5,000.00,,,,"], FULL
        ),
        [2, 3, 5],
    ),
    "empty cells left out": (
        "registrations",
        registrations(["12,1,146.00", "12,980.00", "12,5,000.00,,2001/2/3"], FULL),
        [2, 4],
    ),
    "what follows does not fit": (
        "registrations",
        registrations(["12,1,146.00,200,2001/2/3,370302", "12,980.00,2,200.50,,370302"], FULL),
        [2, 3],
    ),
    "a count in thousands": (
        "registrations",
        registrations(["1,200,5,000.00", "12,480.00,300.00,2001/2/3"], FULL),
        [2],
    ),
    "all in thousands": ("support", support(["1,100.00,", "25,300.00,", "2,000.00,"]), [2, 3, 4]),
    "one row alone": ("support", support(["25,300.00"]), [2]),
    "a negative amount": ("support", support(["100.00", "-25,300.00", "￥1,000元"]), [3, 4]),
    "two amounts": (
        "payroll",
        payroll(
            [
                "2020-02-20,5,000.00,4,500.50",
                "2020-02-20,900.00,800.00,20",
                "2020-02-20,1,100,900,2",
            ],
            "发放日期,应发工资,实发工资,出勤天数,银行卡号,流水号",
        ),
        [2, 4],
    ),
    "millions": (
        "payroll",
        payroll(
            ["2020-02-20,1,200,300.00,900.00", "2020-02-20,900.00,800.00"],
            "发放日期,应发工资,实发工资,出勤天数,银行卡号,流水号",
        ),
        [2],
    ),
    "the last amount left out": (
        "contributions",
        contributions(["480.00,240.00", "1,480.00,240.00"], "单位缴费金额,个人缴费金额,缴费基数"),
        [3],
    ),
}
INNOCENT = {
    "whole amounts beside one another": (
        "contributions",
        contributions(["480,240,999", "480,240,3000"], "单位缴费金额,个人缴费金额,缴费基数"),
        {"unit_fen": [48000, 48000], "person_fen": [24000, 24000]},
    ),
    "amounts before dates": (
        "payroll",
        payroll(
            ["900,850,20,2020-02-20", "900,850,,2020-02-20"],
            "应发工资,实发工资,出勤天数,发放日期,流水号",
        ),
        {"gross_fen": [90000, 90000], "net_fen": [85000, 85000]},
    ),
    "filled up with empty cells": (
        "registrations",
        registrations(["12,100,200.50,,,", "12,100,,,,"], FULL),
        {"revenue_wan_x100": [10000, 10000], "assets_wan_x100": [20050, None]},
    ),
    "filled up beyond the header": (
        "registrations",
        registrations(["12,100,200,,,,", "12,100,,,,,"], FULL),
        {"revenue_wan_x100": [10000, 10000], "assets_wan_x100": [20000, None]},
    ),
    "amounts at the end": (
        "registrations",
        registrations(["12,100,200", "12,20,30"], "营业收入(万元),资产总额(万元)"),
        {"revenue_wan_x100": [10000, 2000], "assets_wan_x100": [20000, 3000]},
    ),
    "thousands in one cell elsewhere": (
        "registrations",
        registrations(["12,100,200", "12,5000"], "营业收入(万元),资产总额(万元)"),
        {"revenue_wan_x100": [10000, 500000], "assets_wan_x100": [20000, None]},
    ),
    "counts beside amounts": (
        "registrations",
        registrations(["12,980", "3,100,,2001/2/3"], FULL),
        {"staff": [12, 3], "revenue_wan_x100": [98000, 10000]},
    ),
    "quoted": (
        "support",
        support(['"25,300.00"', "100.00", '"1,000"']),
        {"amount_fen": [2530000, 10000, 100000]},
    ),
}


def test_rows_that_say_nothing_or_sum_up_tell_no_width() -> None:
    rows = [["", " "], [], ["", "合计", "3"], ["", "合计科技有限公司"], ["a"]]
    assert data_rows(rows) == rows[3:]


@pytest.mark.parametrize("piece_bytes", [96 << 20, 64])
@pytest.mark.parametrize("end", ["\n", '\n制表人"x"\n'], ids=["plain", "irregular"])
@pytest.mark.parametrize(("kind", "text", "lines"), SHIFTED.values(), ids=SHIFTED)
def test_a_row_that_an_amount_has_shifted_is_set_aside(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    text: str,
    lines: list[int],
    end: str,
    piece_bytes: int,
) -> None:
    monkeypatch.setattr(csv_files, "PIECE_BYTES", piece_bytes)
    snapshot = ingest(tmp_path, {f"{kind}.csv": text.removesuffix("\n") + end})
    found = [(line, rule) for line, rule, _ in verdicts(snapshot) if rule != "totals_row"]
    assert found == [(line, "unreadable_value") for line in lines]


@pytest.mark.parametrize(("kind", "text", "wanted"), INNOCENT.values(), ids=INNOCENT)
def test_amounts_that_only_look_as_if_they_were_one_are_read(
    tmp_path: Path, kind: str, text: str, wanted: dict[str, list[int | None]]
) -> None:
    snapshot = ingest(tmp_path, {f"{kind}.csv": text})
    assert verdicts(snapshot) == []
    assert table(snapshot, kind).select(*wanted).to_dict(as_series=False) == wanted


def test_tabs_shift_nothing(tmp_path: Path) -> None:
    text = support(["25;300.00"]).replace(",", "\t").replace(";", "\t")
    snapshot = ingest(tmp_path, {"support.csv": text})
    assert table(snapshot, "support").select("amount_fen", "payment_id").rows() == [
        (2500, "300.00")
    ]


def test_what_the_top_shows_is_not_taken_for_the_whole_of_a_long_file(tmp_path: Path) -> None:
    """Sixty rows with their last cell, then rows that left it out."""
    ends = [*(["480.00,P1"] * 70), "480.00", "25,300.00"]
    assert verdicts(ingest(tmp_path, {"support.csv": support(ends)})) == [
        (73, "unreadable_value", "")
    ]


def test_empty_cells_too_many_are_usual_only_where_no_row_has_the_headers_width(
    tmp_path: Path,
) -> None:
    lines = support(["100.00,P1,", "200.00,P2,", "300.00,P3", "400.00,P4,"])
    assert [line for line, _, _ in verdicts(ingest(tmp_path / "a", {"support.csv": lines}))] == [
        2,
        3,
        5,
    ]
    signed = support(["100.00,P1,", "200.00,P2,"]) + "合计,,,,,,,300.00,\n"
    assert [rule for _, rule, _ in verdicts(ingest(tmp_path / "b", {"support.csv": signed}))] == [
        "totals_row"
    ]
