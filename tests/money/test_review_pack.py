"""The review pack: what is signed says line by line what is paid, the same bytes every time."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.money import review_pack
from flows.money.batch import pack_batch
from flows.money.ledger_store import open_ledger
from flows.money.review_pack import read_review, review_files
from flows.money.reviewed import read_reviewed
from flows.store import Home, write_manifest
from sql import run_sql
from tests.money.money_town import (
    ANN,
    BOB,
    ONE,
    TWO,
    Town,
    account,
    month,
    night,
    pay,
    refund,
)
from transforms.amounts import yuan_text
from transforms.errors import ContractError, DigestDiffersError
from transforms.money.batches import DraftBatch
from transforms.payments.workbook import line_sheet_table
from transforms.review import workbook as workbook_module
from transforms.review.page import review_page
from transforms.review.review import Review
from transforms.review.workbook import review_workbook
from transforms.sheets.workbook import LOOKS
from transforms.words import Said, word

SHEETS = ["审批表", "汇总", "明细", "付款指令", "较上期"]
SHEETS += ["疑点", "暂缓", "参数", "抽样", "填写说明"]
LATER = month("internship_subsidy", ANN, 900, period="2020-03", payee=ONE)


def pack(home: Home, batch_id: str) -> openpyxl.Workbook:
    content = (home.batches / batch_id / "review.xlsx").read_bytes()
    return openpyxl.load_workbook(io.BytesIO(content))


def drawn(home: Home, rows: list[dict[str, Any]], town: Town | None = None) -> DraftBatch:
    return night(home, "R1", rows, town)[1].batches[0]


def facts_of(book: openpyxl.Workbook) -> dict[str, Any]:
    """The approval sheet's labels and values, two pairs a row where there are two."""
    cells = [[c.value for c in row if c.value is not None] for row in book["审批表"].iter_rows()]
    until = next(place for place, row in enumerate(cells) if "政策" in row)
    return {row[at]: row[at + 1] for row in cells[:until] for at in range(0, len(row) - 1, 2)}


def table_of(book: openpyxl.Workbook, title: str, heading: str) -> list[dict[str, Any]]:
    rows = [[cell.value for cell in row] for row in book[title].iter_rows()]
    at = next(place for place, row in enumerate(rows) if heading in row)
    return [dict(zip(rows[at], row, strict=True)) for row in rows[at + 1 :]]


def review_of(home: Home, batch: DraftBatch) -> Review:
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
    frames = {n: getattr(batch, n) for n in ("instructions", "lines", "unpaid_lines")}
    return read_review(home, books, batch.manifest, frames, "0" * 64)


def test_the_sheets_stand_in_their_order_and_the_first_is_one_page_to_sign(home: Home) -> None:
    batch = drawn(
        home, [month("internship_subsidy", one, 1146_07, payee=ONE) for one in (ANN, BOB)]
    )
    book = pack(home, batch.batch_id)
    assert book.sheetnames == SHEETS
    with open_ledger(home, only_look=True) as ledger:
        digest = ledger.batch_states()[batch.batch_id].batch_digest
    facts = facts_of(book)
    assert facts["批次"] == batch.batch_id
    assert facts["批次摘要"].replace(" ", "") == digest
    assert {len(group) for group in facts["批次摘要"].split()} == {4}
    assert (facts["明细笔数"], facts["指令笔数"], facts["金额(元)"]) == (2, 1, 2292.14)
    assert facts["大写"] == "人民币贰仟贰佰玖拾贰元壹角肆分"
    assert facts["账号校验合计（各指令账号相加）"] == batch.instructions["account_no"][0]
    assert facts["可否发放"] == "可" and facts["抽样"] == "尚未核查"
    texts = {cell.value for row in book["审批表"].iter_rows() for cell in row}
    assert {"就业补助资金支付审批表", "制表：", "复核：", "审批：", "公章："} <= texts
    page = book["审批表"]
    assert page.sheet_properties.pageSetUpPr.fitToPage and page.page_setup.fitToHeight is None
    assert (page.page_setup.paperSize, page.page_setup.orientation) == (9, "portrait")


def test_label_and_value_that_the_import_looks_for_stand_in_the_first_two_columns(
    home: Home,
) -> None:
    batch = drawn(home, [refund(100)])
    first = pack(home, batch.batch_id)["审批表"]
    found = {row[0].value: row[1].value for row in first.iter_rows()}
    assert found[word("batch_id")] == batch.batch_id and word("batch_digest") in found


def test_lines_and_instructions_are_numbers_that_sum_to_the_batch(home: Home) -> None:
    rows = [month("internship_subsidy", one, 1146_07, payee=ONE) for one in (ANN, BOB)]
    book = pack(home, drawn(home, rows).batch_id)
    for title, amount in (("明细", "本次金额(元)"), ("付款指令", "金额(元)")):
        values = [row[amount] for row in table_of(book, title, amount)]
        assert all(isinstance(value, float) for value in values)
        assert round(sum(values), 2) == 2292.14
    by = {}
    for row in table_of(book, "汇总", "分组"):
        by[row["分组"]] = by.get(row["分组"], 0) + row["金额(元)"]
    assert {name: round(value, 2) for name, value in by.items()} == dict.fromkeys(
        ("政策", "镇办", "单位"), 2292.14
    )


def test_sums_of_many_employers_end_in_one_row_of_the_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_module, "MOST_LISTED", 1)
    review = review_of(home, drawn(home, [refund(100), refund(70, TWO)]))
    book = openpyxl.load_workbook(io.BytesIO(review_workbook(review)))
    rows = [row for row in table_of(book, "汇总", "分组") if row["分组"] == "单位"]
    shown = [(row["名称"], row["代码"], row["金额(元)"], row["占比"]) for row in rows]
    assert shown == [("淄川一厂", ONE, 1.0, 0.5882), ("其余 1 户", None, 0.7, 0.4118)]


def test_only_verdict_and_reason_can_be_filled_in(home: Home) -> None:
    batch = drawn(home, [refund(100), refund(70, TWO)])
    book = pack(home, batch.batch_id)
    for sheet in book:
        assert sheet.protection.sheet and not sheet.protection.password
        assert not sheet.protection.autoFilter and not sheet.protection.formatColumns
        # What is open would be sorted alone, away from its lines.
        assert sheet.protection.sort
    lines = book["明细"]
    labels = [cell.value for cell in lines[1]]
    open_cells = [cell for row in lines.iter_rows() for cell in row if not cell.protection.locked]
    assert {labels[cell.column - 1] for cell in open_cells} == {"意见", "原因"}
    assert {cell.row for cell in open_cells} == {2, 3}
    (offered,) = lines.data_validations.dataValidation
    assert offered.formula1 == '"同意,暂缓,剔除"' and str(offered.sqref) == "L2:L3"
    labels = [cell.value for cell in book["抽样"][3]]
    opened = {labels[c.column - 1] for r in book["抽样"] for c in r if not c.protection.locked}
    assert opened == {"核查结论", "说明"}


def test_a_sheet_of_lines_is_frozen_filtered_numbered_and_one_page_wide(home: Home) -> None:
    book = pack(home, drawn(home, [refund(100)]).batch_id)
    for title in SHEETS[1:]:
        sheet = book[title]
        assert sheet.freeze_panes and sheet.auto_filter.ref and sheet.print_title_rows, title
        assert sheet.page_setup.fitToHeight == 0 and sheet.sheet_properties.pageSetUpPr.fitToPage
        assert "&P" in sheet.oddFooter.center.text
    assert book["明细"].page_setup.orientation == "landscape"
    widths = sum(column.width for column in book["明细"].column_dimensions.values())
    assert widths < 200, "a page wide it can still be read"


def test_the_table_that_the_import_compares_is_the_sheet_as_it_is_shown(home: Home) -> None:
    batch = drawn(home, [refund(100), refund(70, TWO)])
    table = line_sheet_table(batch.manifest, batch.instructions, batch.lines)
    shown = table_of(pack(home, batch.batch_id), "明细", "意见")
    told = [{word(name): value for name, value in row.items()} for row in table.to_dicts()]
    for row, other in zip(told, shown, strict=True):
        for label, value in row.items():
            if label.endswith("(元)"):
                assert yuan_text(value) == f"{other[label]:.2f}"
            else:
                assert (value or None) == other[label], label


def test_the_pack_says_in_chinese_why_a_batch_and_a_line_wait(home: Home) -> None:
    twice = [month("internship_subsidy", BOB, 5, payee=ONE), month("public_post_extension", BOB, 9)]
    batch = drawn(home, [month("internship_subsidy", ANN, 10**12, payee=ONE), *twice])
    book = pack(home, batch.batch_id)
    assert facts_of(book)["可否发放"].startswith("超出预算：本批需要 10,000,000,000.00 元")
    held = table_of(book, "暂缓", "状态")
    assert [(row["状态"], row["名称"], row["原因"]) for row in held] == [
        ("排斥待裁", "鲍勃", "公益性岗位延长一年"),
        ("排斥待裁", "鲍勃", "就业见习补贴"),
    ]


def test_the_failed_checks_of_the_run_are_seen_at_once(home: Home) -> None:
    batch = drawn(home, [refund(100)])
    place = home.runs / batch.manifest["run_id"]
    counts = {"failed": 3, "checked": 10, "check": "c", "title": "甲"}
    failed = Said("check_failed", counts).content()
    run = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    told = counts | {"places": ["户籍人口.csv:2"], "policies": ["stability_refund", "wage_arrears"]}
    others = [Said("check_failed_at", counts | {"places": ["乙"]}).content()]
    others.append(Said("check_failed_touching", told).content())
    write_manifest(place, run | {"said": [Said("no_budget").content(), failed, *others]})
    review = review_of(home, batch)
    others[1]["values"]["policies"] = ["stability_refund"]
    assert review.failed_checks == [failed, *others]
    book = openpyxl.load_workbook(io.BytesIO(review_workbook(review)))
    assert facts_of(book)["本次运行的检查提醒"].startswith("3 项不符")
    with open_ledger(home, only_look=True) as ledger:
        page = review_page(read_reviewed(home, ledger.books(), review))
    first, figures, _ = page.partition('<div class="figures">')
    assert figures and "检查 c（甲）：10 项中 3 项不符" in first


def test_unconfirmed_numbers_stand_on_top(home: Home) -> None:
    batch = drawn(home, [refund(100)])
    review = review_of(home, batch)
    more = {**review.parameters[0], "name": "a_first_by_name", "confirmed": True}
    amount = {**more, "name": "benefit_fen", "value": "1719.00"}
    content = review_workbook(replace(review, parameters=[more, amount, *review.parameters]))
    book = openpyxl.load_workbook(io.BytesIO(content))
    rows = [(row["参数"], row["是否确认"]) for row in table_of(book, "参数", "取值")]
    assert rows == [
        ("layoff_rate_method", "未确认"),
        ("a_first_by_name", "已确认"),
        ("benefit_fen", "已确认"),
    ]
    assert table_of(book, "参数", "取值")[-1]["取值"] == "1719.00 元"


def test_against_the_batch_before_new_gone_changed_and_another_account(home: Home) -> None:
    before = [month("internship_subsidy", one, 1000, payee=ONE) for one in (ANN, BOB)]
    (paid,) = pay(home, "R1", before)
    town = Town()
    town.accounts = [account(ONE, "淄川一厂", account_no="99")]
    rows = [*before, LATER, month("internship_subsidy", BOB, 1300, period="2020-03", payee=ONE)]
    batch = night(home, "R2", rows, town)[1].batches[0]
    review = review_of(home, batch)
    assert review.last == {
        "batch_id": paid,
        "as_of": "2020-03-31",
        "state": "batch_released",
    }
    assert review.changes["change"].to_list() == ["amount_changed"]
    assert review.changes["subject_id"].to_list() == [BOB], "900 for 1000 is within a fifth"
    (moved,) = review.accounts.to_dicts()
    assert (moved["beneficiary_id"], moved["account_no"]) == (ONE, "99")
    assert moved["account_before"] == account(ONE, "")["account_no"]
    assert moved["account_known_by"] == "last_payment" and review.firsts.height == 0
    rows_shown = table_of(pack(home, batch.batch_id), "较上期", "变化")
    (shown,) = (row for row in rows_shown if row["变化"] == "账户变更")
    assert shown["账号"] == "99" and shown["原账号来源"] == "上次支付"
    assert "账户与上次不同 1 户" in facts_of(pack(home, batch.batch_id))["较上期"]


@pytest.mark.parametrize(
    ("change", "before", "now"),
    [
        (
            {"bank_code": "102453000012", "bank_name": "工行淄川支行"},
            "淄川农商银行 402453000012",
            "工行淄川支行 102453000012",
        ),
        ({"holder": "新一厂"}, "淄川一厂", "新一厂"),
    ],
)
@pytest.mark.parametrize("is_kept", [True, False])
def test_another_bank_or_holder_of_the_same_account_is_a_changed_account(
    home: Home, change: dict[str, str], before: str, now: str, *, is_kept: bool
) -> None:
    """Of a bank only the batch that was paid tells: where it is not kept, nobody knows."""
    (paid,) = pay(home, "R0", [refund(100)])
    pay(home, "R1", [refund(100), refund(100, TWO)])
    town = Town(accounts=[account(ONE, **{"holder": "淄川一厂", **change})])
    town.registrations[0]["employer_name"] = change.get("holder", "淄川一厂")
    (batch,) = night(home, "R2", [refund(200), refund(100, TWO)], town)[1].batches
    if not is_kept:
        shutil.move(home.batches / paid, home.root / "away")
    accounts = review_of(home, batch).accounts
    if not is_kept and "holder" not in change:
        assert accounts.is_empty()
        return
    (moved,) = accounts.to_dicts()
    assert (moved["account_before"], moved["account_no"]) == (before, now)


def test_what_came_after_a_batch_was_drawn_up_does_not_change_its_pack(home: Home) -> None:
    rows = [month("internship_subsidy", one, 1000, payee=ONE) for one in (ANN, BOB)]
    (first,) = pay(home, "R1", rows)
    content = (home.batches / first / "review.xlsx").read_bytes()
    pay(home, "R2", [*rows, LATER])
    assert pack_batch(home, first)["kept"] == []
    assert (home.batches / first / "review.xlsx").read_bytes() == content


def test_lines_that_a_reviewer_holds_say_who_and_since_when(home: Home) -> None:
    twice = [month("internship_subsidy", BOB, 5, payee=ONE), month("public_post_extension", BOB, 9)]
    batch = drawn(home, [*twice, month("internship_subsidy", ANN, 9, payee=ONE)])
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
    key = ("internship_subsidy", "2020-02", "person", BOB, "employer", ONE)
    books.held_lines[key] = {"by": "样例丁", "since": "2020-04-01", "reason": "=查证件"}
    frames = {n: getattr(batch, n) for n in ("instructions", "lines", "unpaid_lines")}
    made, _ = review_files(home, books, batch.manifest, frames, "0" * 64)
    book = openpyxl.load_workbook(io.BytesIO(made["review.xlsx"]))
    said = [(r["暂缓人"], r["暂缓自"], r["暂缓原因"]) for r in table_of(book, "暂缓", "状态")]
    assert said == [("样例丁", "2020-04-01", "=查证件"), (None, None, None)]


def test_a_batch_after_review_says_what_it_comes_from_and_what_the_sample_showed(
    home: Home,
) -> None:
    batch = drawn(home, [refund(100)])
    review = review_of(home, batch)
    said: dict[str, Any] = {"of": "B0", "held": 2, "struck": 1}
    shown = []
    for sample in (
        None,
        {"drawn": 60, "answered": 2, "errors": 1},
        {"drawn": 60, "answered": 60, "errors": 1, "error_share": 167, "bound_share": 767},
    ):
        manifest = {**batch.manifest, "came_from": "B0", "review": {**said, "sample": sample}}
        content = review_workbook(replace(review, manifest=manifest))
        facts = facts_of(openpyxl.load_workbook(io.BytesIO(content)))
        assert facts["来自批次"] == "B0" and facts["审核"] == "审核后暂缓 2 笔，剔除 1 笔"
        shown.append(facts["抽样"])
    assert shown == [
        "尚未核查",
        "已核查 2 条（共 60 条），其中有误 1 条",
        "60 条中有误 1 条，差错率 1.67%，95% 上限 7.67%",
    ]


def test_a_batch_of_an_earlier_version_can_still_be_laid_out(home: Home) -> None:
    batch = drawn(home, [refund(100)])
    old = {n: said for n, said in batch.manifest.items() if n not in ("titles", "mark_said")}
    review = review_of(home, batch)
    assert review_workbook(replace(review, manifest=old)) != review_workbook(review)


def test_a_pack_whose_rows_differ_from_its_total_is_not_written(home: Home) -> None:
    review = review_of(home, drawn(home, [refund(100), refund(70, TWO)]))
    for name in ("instructions", "lines"):
        short = replace(review, **{name: getattr(review, name)[:1]})
        with pytest.raises(ContractError, match="differ from its control total"):
            review_workbook(short)


def test_villages_of_one_town_are_one_sum(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    for row, code in zip(town.registrations, ("370302005001", "370302005002"), strict=True):
        row["division_code"] = code
    batch = drawn(home, [refund(100), refund(70, TWO)], town)
    (row,) = review_of(home, batch).sums["town"].to_dicts()
    assert (row["subject_name"], row["amount_fen"]) == ("将军路街道", 170)

    def of_before(*asked: Any) -> pl.DataFrame:
        return run_sql(*asked).drop("town", strict=False)

    monkeypatch.setattr(review_pack, "run_sql", of_before)
    (row,) = review_of(home, batch).sums["town"].to_dicts()
    assert (row["subject_name"], row["amount_fen"]) == ("未知", 170), "rules of before say no town"


def test_no_cell_is_a_formula_and_ids_are_text(home: Home) -> None:
    evil = "=HYPERLINK(1)"
    town = Town()
    town.registrations[0] |= {"employer_name": evil}
    town.accounts = [account(ONE, evil, bank_name="+1"), account(TWO, "淄川二厂")]
    town.insured_persons[1]["name"] = "-2 & <b>"
    everywhere: set[str] = set()
    twice = [month("internship_subsidy", BOB, 5, payee=ONE), month("public_post_extension", BOB, 9)]
    for fund in night(home, "R1", [refund(1), refund(2, TWO), *twice, LATER], town)[1].batches:
        review = review_of(home, fund)
        planted = {"name": "=1+1", "value": "\t=2", "from": "2020-01-01", "source": "<x>&"}
        number = {**planted, "policy_id": "stability_refund", "confirmed": True}
        doubts = _doubt(review, "=SUM(A1)")
        manifest = {
            **fund.manifest,
            "titles": {**fund.manifest["titles"], "internship_subsidy": "=t"},
        }
        made = replace(review, parameters=[number], doubts=doubts, manifest=manifest)
        book = openpyxl.load_workbook(io.BytesIO(review_workbook(made)))
        seen = _expect_plain(book)
        everywhere |= seen
        assert {"=1+1", "\t=2", "<x>&", evil} <= seen
        assert any("=SUM(A1)" in text for text in seen)
    assert {"-2 & <b>", "=t", "+1"} <= everywhere


def _doubt(review: Review, found: str) -> pl.DataFrame:
    row = review.lines.row(0, named=True)
    told = {name: row.get(name, "") for name in review.doubts.columns}
    told |= {"doubt": "shared_account", "found_count": 1, "found": found}
    return pl.DataFrame([told], schema=review.doubts.schema)


def _expect_plain(book: openpyxl.Workbook) -> set[str]:
    formats = {look["num_format"] for look in LOOKS.values() if "num_format" in look} - {"@"}
    seen = set()
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.hyperlink is None
                if isinstance(cell.value, str):
                    assert cell.data_type == "s", cell.coordinate
                    seen.add(cell.value)
                elif cell.value is not None:
                    assert cell.data_type == "n" and cell.number_format in formats, cell.coordinate
    return seen


@pytest.mark.parametrize(
    "spoil",
    [
        lambda home, run: (home.runs / run / "determinations.parquet").unlink(),
        lambda home, run: (home.runs / run / "determinations.parquet").write_bytes(b"x"),
        lambda home, run: next(home.snapshots.glob("*/tables/residents.parquet")).unlink(),
    ],
)
def test_a_file_that_cannot_be_read_is_a_plain_answer(
    home: Home, spoil: Callable[[Home, str], None]
) -> None:
    batch = drawn(home, [refund(100)])
    spoil(home, batch.manifest["run_id"])
    with pytest.raises(DigestDiffersError, match="missing or damaged"):
        review_of(home, batch)


def test_a_clean_town_has_no_doubts_and_every_sheet(run_home: tuple[Path, dict[str, Any]]) -> None:
    home = Home(run_home[0])
    for folder in sorted(home.batches.iterdir()):
        book = pack(home, folder.name)
        assert book.sheetnames == SHEETS
        assert facts_of(book)["疑点"] == "未发现疑点"
        assert len(table_of(book, "抽样", "核查结论")) == 60
    assert review_pack.PARTY == ["subject_kind", "subject_id"]
