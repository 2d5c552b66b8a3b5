"""A review read back: lines held or struck out, the batch that is left, batches left behind."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from flows.answers.nights import list_nights
from flows.answers.notices import Asked, write_notices
from flows.money import notice as notice_module
from flows.money import review as review_module
from flows.money.export import export_batch, read_export
from flows.money.keys import open_key
from flows.money.ledger_store import open_ledger
from flows.money.notice import write_notice
from flows.money.release import release_batch
from flows.money.review import import_review
from flows.money.settle import settle_batch
from flows.money.sign import (
    accept_signature,
    sign,
    sign_batch,
    today,
    withdraw_batch,
)
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import PASSPHRASE, key_of
from tests.money.money_town import (
    ANN,
    AS_OF,
    BOB,
    TWO,
    Town,
    ids_of,
    month,
    night,
    pay,
    refund,
    sign_both,
    statuses,
)
from transforms.errors import (
    DigestDiffersError,
    DropRefusedError,
    LedgerForbidsError,
    UsageError,
)
from transforms.money.entitlements import KEY
from transforms.money.reviews import facts_digest
from transforms.review.verdicts import read_verdicts
from transforms.sheets.filled import named_rows

LINES = "明细"
ROWS = [
    refund(100001),
    refund(2, TWO),
    month("benefit_to_retirement", ANN, 171900),
    month("benefit_to_retirement", BOB, 171900),
]
INSURANCE = "失业保险基金"


def begin(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


def state_of(home: Home, batch_id: str) -> str:
    with open_ledger(home) as ledger:
        return ledger.batch_states()[batch_id].state


def lines_of(home: Home, batch_id: str) -> pl.DataFrame:
    return pl.read_parquet(home.batches / batch_id / "lines.parquet")


def filled(
    home: Home,
    batch_id: str,
    verdicts: Mapping[int, tuple[str, str]],
    change: Callable[[openpyxl.Workbook], None] = lambda book: None,
) -> Path:
    """Fill in a copy of the batch's workbook, line by line, as a spreadsheet program saves it."""
    book = openpyxl.load_workbook(home.batches / batch_id / "review.xlsx")
    rows = list(book[LINES].iter_rows())
    head = next(r for r in rows if "意见" in [cell.value for cell in r])
    places = {cell.value: cell.column - 1 for cell in head}
    for row in rows[rows.index(head) + 1 :]:
        said = verdicts.get(row[places["序号"]].value)
        if said:
            row[places["意见"]].value, row[places["原因"]].value = said
    change(book)
    path = home.root.parent / f"filled-{len(list(home.root.parent.glob('filled-*')))}.xlsx"
    book.save(path)
    return path


def test_held_and_struck_lines_leave_and_the_rest_is_a_batch_of_its_own(
    home: Home, batch: str
) -> None:
    before = lines_of(home, batch)
    path = filled(home, batch, {1: ("暂缓", "查账号"), 3: ("剔除", "已另行发放")})
    said = import_review(home, batch, path, by="周审核")
    assert (said["agreed"], said["held"], said["struck_out"]) == (2, 1, 1)
    after = said["to_be_signed"]
    assert state_of(home, batch) == "superseded" and state_of(home, after) == "draft"
    left = lines_of(home, after)
    (listed,) = list_nights(home)
    assert listed["amount_fen"] == left["amount_fen"].sum(), "what is superseded counts once"
    assert left.select(KEY).rows() == before.select(KEY).rows()[1:2] + before.select(KEY).rows()[3:]
    assert not set(left["payment_id"]) & set(before["payment_id"])
    manifest = json.loads((home.batches / after / "manifest.json").read_text("utf-8"))
    assert manifest["came_from"] == batch and manifest["review"]["held"] == 1
    unpaid = pl.read_parquet(home.batches / after / "unpaid_lines.parquet")
    assert sorted(unpaid["reason"]) == ["review_hold", "struck_out"]
    with open_ledger(home) as ledger:
        books = ledger.books()
    (held,) = books.held_lines.values()
    assert (held["by"], held["reason"], held["since"]) == ("周审核", "查账号", today())
    sign_both(home, after)
    release_batch(home, after)
    with pytest.raises(LedgerForbidsError, match="superseded"):
        release_batch(home, batch)
    assert verify_home(home).counts["batches"] == 2


def test_a_held_line_comes_back_and_ages_a_struck_one_stays_out_until_its_facts_change(
    home: Home, batch: str
) -> None:
    path = filled(home, batch, {1: ("暂缓", "查账号"), 3: ("剔除", "已另行发放")})
    import_review(home, batch, path)
    key = lines_of(home, batch).select(KEY).row(2)
    entitled, drafted = night(home, "R2", ROWS)
    later = drafted.batches[0].batch_id
    assert lines_of(home, later).height == 3
    book = openpyxl.load_workbook(home.batches / later / "review.xlsx")
    shown = [[one.value for one in row][-4:] for row in book["暂缓"].iter_rows(min_row=3)]
    assert [row[0] for row in shown[:2]] == [
        "曾被审核暂缓，本批次再审",
        "审核剔除，事实变化前不发放",
    ]
    assert [row[3] for row in shown[:2]] == ["查账号", "已另行发放"] and all(
        row[1] for row in shown
    )
    assert [status for status in statuses(entitled) if status[1] == "held"] == [
        (key[0], "held", 2 if key[3] == TWO else 100001, "struck_out")
    ]
    again = import_review(home, later, filled(home, later, {1: ("暂缓", "仍未查清")}), by="乙")
    with open_ledger(home) as ledger:
        (held,) = ledger.books().held_lines.values()
    assert (held["reason"], held["since"], held["by"]) == ("仍未查清", today(), "乙")
    changed = [
        {**row, "amount_fen": row["amount_fen"] + (row["subject_id"] == key[3])} for row in ROWS
    ]
    assert again["held"] == 1
    entitled, _ = night(home, "R3", changed)
    assert not [status for status in statuses(entitled) if status[1] == "held"]


def test_a_line_struck_out_comes_back_when_its_account_changes(home: Home, batch: str) -> None:
    import_review(home, batch, filled(home, batch, {3: ("剔除", "账号有误")}))
    key = lines_of(home, batch).select(KEY).row(2)
    town = Town()
    for row in town.accounts or []:
        if row["subject_id"] == key[5]:
            row["account_no"] = "62220000000099"
    entitled, _ = night(home, "R2", ROWS, town)
    assert not [status for status in statuses(entitled) if status[1] == "held"]


@pytest.mark.parametrize(("names_it", "then"), [(True, "payable"), (False, "held")])
def test_a_strike_of_what_was_added_holds_no_more_than_that(
    home: Home, names_it: bool, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was paid before comes back to be paid again; strikes of before said no sum."""
    (batch,) = pay(home, "R1", ROWS[:1])
    added = night(home, "R2", [refund(100501)])[1].batches[0].batch_id
    if not names_it:
        monkeypatch.setattr(review_module, "facts_digest", lambda row, at, _: facts_digest(row, at))
    import_review(home, added, filled(home, added, {1: ("剔除", "金额存疑")}))
    line = ("stability_refund", "held", 500, "struck_out")
    assert statuses(night(home, "R3", [refund(100501)])[0]) == [line]
    answer = home.root / "answer.txt"
    answer.write_bytes(f"{ids_of(home, batch)[0]}|失败|系统故障|20200401\r\n".encode("gb18030"))
    settle_batch(home, batch, answer)
    (found,) = statuses(night(home, "R4", [refund(100501)])[0])
    assert found[1:3] == (then, 100501)


def test_the_same_file_again_gives_the_same_answer(home: Home, batch: str) -> None:
    path = filled(home, batch, {1: ("暂缓", "查账号")})
    first = import_review(home, batch, path)
    assert import_review(home, batch, path) == first
    with pytest.raises(LedgerForbidsError, match="superseded"):
        import_review(home, batch, filled(home, batch, {2: ("暂缓", "别的")}))


def test_a_batch_that_is_agreed_to_stands_as_it_is(home: Home, batch: str) -> None:
    said = import_review(home, batch, filled(home, batch, {1: ("同意", "")}))
    assert said["to_be_signed"] == batch and state_of(home, batch) == "draft"
    sign_both(home, batch)
    release_batch(home, batch)
    verify_home(home)


def test_a_batch_with_no_line_left_leaves_none_to_sign(home: Home, batch: str) -> None:
    every = {number: ("暂缓", "全部再查") for number in range(1, 5)}
    said = import_review(home, batch, filled(home, batch, every))
    assert said["to_be_signed"] == "" and state_of(home, batch) == "superseded"
    assert len(night(home, "R2", ROWS)[1].batches) == 1
    verify_home(home)


def cell(book: openpyxl.Workbook, number: int, label: str) -> Any:
    rows = list(book[LINES].iter_rows())
    head = next(row for row in rows if "意见" in [one.value for one in row])
    return rows[rows.index(head) + number][[one.value for one in head].index(label)]


def alter(number: int, label: str, value: object) -> Callable[[openpyxl.Workbook], None]:
    def change(book: openpyxl.Workbook) -> None:
        cell(book, number, label).value = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (alter(2, "本次金额(元)", 0.03), "altered"),
        (alter(2, "账号", "6222000000000000000"), "altered"),
        (alter(2, "序号", 1), "the same line twice"),
        (alter(2, "序号", 99), "no line of this batch"),
        (alter(2, "意见", "也许"), "none of 同意, 暂缓, 剔除"),
        (alter(2, "意见", "暂缓"), "原因 is missing"),
        (alter(0, "意见", "别的"), "column missing: 意见"),
        (lambda book: book[LINES].delete_rows(cell(book, 2, "序号").row), "序号 2 missing"),
        (lambda book: book[LINES].append([77] * book[LINES].max_column), "no line of this batch"),
        (lambda book: book.remove(book[LINES]), "no sheet is called 明细"),
    ],
)
def test_a_workbook_that_was_tampered_with_is_refused_whole(
    home: Home, batch: str, change: Callable[[openpyxl.Workbook], None], said: str
) -> None:
    with pytest.raises(DropRefusedError, match=said):
        import_review(home, batch, filled(home, batch, {1: ("暂缓", "查")}, change))
    assert state_of(home, batch) == "draft"


def put(sheet: str, cell: str, text: str = "暂缓") -> Callable[[openpyxl.Workbook], None]:
    def change(book: openpyxl.Workbook) -> None:
        book[sheet][cell].value = text

    return change


def put_above(book: openpyxl.Workbook) -> None:
    book[LINES].insert_rows(1, 2)
    book[LINES]["A1"].value = "请暂缓第3笔"


def commented(book: openpyxl.Workbook) -> None:
    book[LINES]["L4"].comment = Comment("暂缓", "周审核")


def copied(book: openpyxl.Workbook) -> None:
    page = book.copy_worksheet(book[LINES])
    page.title = f"{LINES}_2"


def pictured(book: openpyxl.Workbook) -> None:
    chart = BarChart()
    chart.add_data(Reference(book[LINES], min_col=10, min_row=2, max_row=4))
    book["疑点"].add_chart(chart, "B9")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put(LINES, "N4"), "明细: .* into N4:"),
        (put(LINES, "N1", "处理意见"), "明细: .* into N1:"),
        (put_above, "明细: .* into A1:"),
        (put("付款指令", "L2"), "付款指令: .* into "),
        (put("较上期", "N7"), "较上期: .* into N7:"),
        (put("审批表", "B15", "不同意，第3笔须核实"), "审批表: .* into B15:"),
        (put("抽样", "N4"), "抽样: .* into N4:"),
        (put("抽样", "D1"), "抽样: .* into D1:"),
        (copied, "明细_2: .* into A1, B1"),
        (commented, "明细: nobody reads the comments on L4:"),
        (pictured, "疑点: nobody reads pictures"),
    ],
)
def test_what_a_reviewer_wrote_where_nobody_reads_it_is_refused(
    home: Home, batch: str, change: Callable[[openpyxl.Workbook], None], said: str
) -> None:
    """A hold beside the table is an objection, never consent."""
    path = filled(home, batch, {}, change)
    with pytest.raises(DropRefusedError, match=said):
        import_review(home, batch, path)
    assert state_of(home, batch) == "draft"


def test_a_workbook_filled_in_at_its_place_is_held_against_a_fresh_one(
    home: Home, batch: str
) -> None:
    place = home.batches / batch / "review.xlsx"
    filled(home, batch, {}, put("审批表", "B15")).replace(place)
    with pytest.raises(DropRefusedError, match=r"审批表: .* into B15:"):
        import_review(home, batch, place)


def test_what_says_nothing_may_be_on_a_workbook_that_comes_back(home: Home, batch: str) -> None:
    def change(book: openpyxl.Workbook) -> None:
        for page in book.worksheets[1:]:
            page.insert_cols(2)
            page.column_dimensions["C"].width = 40
        book[LINES]["T9"].value = " "
        book.create_sheet("Sheet1")
        del book["参数"]

    said = import_review(home, batch, filled(home, batch, {1: ("暂缓", "查")}, change))
    assert (said["agreed"], said["held"]) == (3, 1)


def test_a_workbook_of_another_batch_or_digest_is_refused(home: Home, batch: str) -> None:
    other = night(home, "R2", [*ROWS, month("benefit_to_retirement", ANN, 5, "2020-03")])[1]
    path = filled(home, batch, {1: ("暂缓", "查")})
    with pytest.raises(DropRefusedError, match=f"is of batch {batch}"):
        import_review(home, other.batches[0].batch_id, path)

    def stale(book: openpyxl.Workbook) -> None:
        for row in book["审批表"].iter_rows():
            for place, one in enumerate(row[:-1]):
                if one.value == "批次摘要":
                    row[place + 1].value = "0" * 64

    later = other.batches[0].batch_id
    with pytest.raises(DropRefusedError, match="another digest"):
        import_review(home, later, filled(home, later, {1: ("暂缓", "查")}, stale))
    with pytest.raises(DropRefusedError, match="is no file"):
        import_review(home, later, home.root / "nothing.xlsx")


def test_a_signed_batch_is_not_reviewed_any_more(home: Home, batch: str) -> None:
    path = filled(home, batch, {1: ("暂缓", "查")})
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    with pytest.raises(LedgerForbidsError, match="only an unsigned draft"):
        import_review(home, batch, path)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("how", ["reject", "withdraw"])
def test_a_batch_that_is_left_frees_its_money_and_its_lines_come_back(
    home: Home, batch: str, how: str, is_signed: bool
) -> None:
    if is_signed:
        sign_both(home, batch)
        assert not night(home, "R2", ROWS)[1].batches
    if how == "reject":
        sign_batch(home, batch, "approver", key_of(home, "approver"), reason="材料不全")
    else:
        withdraw_batch(home, batch, "材料不全", by="丙")
    state = {"reject": "rejected", "withdraw": "withdrawn"}[how]
    assert state_of(home, batch) == state
    for act in (
        lambda: release_batch(home, batch),
        lambda: withdraw_batch(home, batch, "再次"),
        lambda: sign_batch(home, batch, "approver", key_of(home, "approver"), reason="再次"),
        lambda: sign_batch(home, batch, "approver", key_of(home, "approver")),
    ):
        with pytest.raises(LedgerForbidsError, match=state):
            act()
    later = night(home, "R3", ROWS)[1].batches[0].batch_id
    assert lines_of(home, later).select(KEY).equals(lines_of(home, batch).select(KEY))
    sign_both(home, later)
    release_batch(home, later)
    verify_home(home)


def test_a_batch_is_left_for_a_reason_and_never_after_its_release(home: Home, batch: str) -> None:
    for act in (
        lambda: withdraw_batch(home, batch, "  "),
        lambda: sign_batch(home, batch, "reviewer", key_of(home, "reviewer"), reason=" "),
    ):
        with pytest.raises(UsageError, match="--reason"):
            act()
    with pytest.raises(LedgerForbidsError, match="can't sign as approver"):
        sign_batch(home, batch, "approver", key_of(home, "reviewer"), reason="x")
    sign_both(home, batch)
    release_batch(home, batch)
    with pytest.raises(LedgerForbidsError, match="released"):
        withdraw_batch(home, batch, "太晚")


def test_a_rejection_can_be_signed_on_another_machine(
    home: Home, batch: str, tmp_path: Path
) -> None:
    exported = tmp_path / "batch.zip"
    export_batch(home, batch, exported)
    key = open_key(key_of(home, "reviewer").path, PASSPHRASE)
    signed = sign(read_export(exported), "reviewer", key, None, "金额存疑")
    forged = {**signed, "statement": {**signed["statement"], "reason": "别的"}}
    with pytest.raises(LedgerForbidsError, match="does not hold"):
        accept_signature(home, forged)
    assert accept_signature(home, signed)["state"] == "rejected"


def test_a_review_copy_in_an_export_that_was_changed_is_found(
    home: Home, batch: str, tmp_path: Path
) -> None:
    exported, forged = tmp_path / "batch.zip", tmp_path / "forged.zip"
    export_batch(home, batch, exported)
    with zipfile.ZipFile(exported) as source, zipfile.ZipFile(forged, "w") as target:
        for name in source.namelist():
            extra = b"x" if name == "review.xlsx" else b""
            target.writestr(name, source.read(name) + extra)
    with pytest.raises(DigestDiffersError, match=r"review\.xlsx"):
        read_export(forged)


# --- the public notice ---------------------------------------------------------------------------


@pytest.fixture
def announcing(home: Home) -> Home:
    """Let every policy need its notice."""
    lines = home.funds_path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("notice_not_needed")]
    home.funds_path.write_text("".join(kept), encoding="utf-8")
    return home


def test_a_batch_waits_for_five_working_days_after_its_notice(
    announcing: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = announcing
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    with pytest.raises(UsageError, match="--put-up"):
        write_notice(home, batch, "2020-03-30")
    with pytest.raises(UsageError, match="--put-up"):
        write_notice(home, batch, "2999-01-01")
    said = write_notice(home, batch, "2020-04-03")
    assert (said["first_day"], said["last_day"]) == ("2020-04-07", "2020-04-13")
    sign_both(home, batch)
    for day, is_over in (("2020-04-13", False), ("2020-04-14", True)):
        monkeypatch.setattr("flows.money.release.today", lambda day=day: day)
        if is_over:
            release_batch(home, batch)
            continue
        with pytest.raises(LedgerForbidsError, match="runs until 2020-04-13"):
            release_batch(home, batch)
    monkeypatch.undo()
    verify_home(home)


def test_lines_announced_in_an_earlier_batch_need_not_wait_again(announcing: Home) -> None:
    home = announcing
    first = night(home, "R1", ROWS)[1].batches[0].batch_id
    write_notice(home, first, "2020-04-01")
    changed = [*ROWS[:3], {**ROWS[3], "amount_fen": 5}]
    later = night(home, "R2", changed)[1].batches[0].batch_id
    sign_both(home, later)
    with pytest.raises(LedgerForbidsError, match="1 lines were not publicly announced"):
        release_batch(home, later)
    # Announced or not, what was signed is not announced for a day before its signatures.
    with pytest.raises(LedgerForbidsError, match="no notice of an earlier day"):
        write_notice(home, later, "2020-04-02")
    withdraw_batch(home, later, "未公示")
    again = night(home, "R3", changed)[1].batches[0].batch_id
    write_notice(home, again, "2020-04-02")
    with pytest.raises(LedgerForbidsError, match="no notice of an earlier day"):
        write_notice(home, again, "2020-04-01")
    sign_both(home, again)
    release_batch(home, again)
    verify_home(home)


def test_the_batch_a_review_leaves_is_announced_by_the_one_reviewed(
    announcing: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = announcing
    first = night(home, "R1", ROWS)[1].batches[0].batch_id
    put_up = write_notice(home, first, "2020-04-01")
    after = import_review(home, first, filled(home, first, {1: ("暂缓", "查账号")}), by="周审核")
    left = write_notice(home, after["to_be_signed"])
    assert left["last_day"] == put_up["last_day"] == "2020-04-09"
    out = home.root.parent / "letters"
    write_notices(home, after["to_be_signed"], Asked(), out)
    assert "2020年4月9日" in pl.read_parquet(out / "notices.parquet")["letter"][0]
    verify_home(home)
    with monkeypatch.context() as before:
        before.setattr(notice_module, "announced_from", lambda state, _: AS_OF)
        older = write_notice(home, after["to_be_signed"])
    assert older["last_day"] < "2020-04-09"
    verify_home(home)
    write_notice(home, after["to_be_signed"], "2020-04-02")
    assert write_notice(home, after["to_be_signed"])["last_day"] > "2020-04-09", "put up itself"


def test_what_was_never_announced_is_not_paid(announcing: Home) -> None:
    home = announcing
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    sign_both(home, batch)
    with pytest.raises(LedgerForbidsError, match="4 lines were not publicly announced"):
        release_batch(home, batch)


def test_a_batch_that_was_left_is_not_announced(home: Home, batch: str) -> None:
    withdraw_batch(home, batch, "不发")
    with pytest.raises(LedgerForbidsError, match="not to be announced"):
        write_notice(home, batch, "2020-04-01")
    assert notice_module.NOTICE not in {path.name for path in (home.batches / batch).iterdir()}


def test_who_acts_is_named_even_where_nobody_has_a_name(
    home: Home, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert withdraw_batch(home, batch, "不发")["by"].startswith("uid ")


# --- pure parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["1146.07", "1,146.07", " 1,146.070"])
def test_amounts_are_compared_to_the_cent_however_they_are_written(amount: str) -> None:
    table = pl.DataFrame(
        {"number": [1, 2], "amount_fen": [114607, 5], "verdict": ["", ""], "remark": ["", ""]}
    )
    cells = {
        "row_number": [5, 6],
        "序号": ["2", "1"],
        "金额(元)": ["0.05", amount],
        "意见": ["", "剔除"],
        "原因": ["", "重复"],
    }
    read = read_verdicts(pl.DataFrame(cells), table, "x.xlsx")
    assert read.rows() == [("verdict_strike", "重复"), ("verdict_agreed", "")]
    for other in ("1146.08", "1,146.08", "11,46.07", "1,146,07"):
        with pytest.raises(DropRefusedError, match="row 6: altered"):
            read_verdicts(pl.DataFrame({**cells, "金额(元)": ["0.05", other]}), table, "x.xlsx")
    with pytest.raises(DropRefusedError, match="row 5: 意见 is missing"):
        read_verdicts(pl.DataFrame({**cells, "原因": ["请暂缓", "重复"]}), table, "x.xlsx")


def test_facts_tell_every_change() -> None:
    row, place = {"period": "2020", "a": True, "amount_fen": 5}, {"account_no": "1"}
    facts = facts_digest(row, place)
    assert facts == facts_digest({**row, "period": "2021"}, place), "a key is no fact"
    for other in ({**row, "a": None}, {**row, "amount_fen": 6}):
        assert facts != facts_digest(other, place)
    assert facts != facts_digest(row, {"account_no": "2"})
    assert facts != facts_digest(row, place, 0) != facts_digest(row, place, 1)
    assert named_rows(list(range(30))).endswith("and 10 more")
