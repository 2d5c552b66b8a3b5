"""A review read back: lines held or struck out, the batch that is left, batches left behind."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.nights import list_nights
from flows.cli.console import app, run_command
from flows.money import review as review_module
from flows.money.clock import today
from flows.money.export import export_batch, read_export
from flows.money.keys import open_key
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.review import import_review
from flows.money.settle import settle_batch
from flows.money.sign import (
    accept_signature,
    sign,
    sign_batch,
    withdraw_batch,
)
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import PASSPHRASE, key_of
from tests.money.money_town import (
    ANN,
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
from transforms.masking import masked_keys
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


def cell(book: openpyxl.Workbook, number: int, label: str) -> Any:
    rows = list(book[LINES].iter_rows())
    head = next(row for row in rows if "意见" in [one.value for one in row])
    return rows[rows.index(head) + number][[one.value for one in head].index(label)]


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
    told = [(one["verdict"], one["remark"], one["subject_id"][6:-4]) for one in said["lines"]]
    masked = [one[6:-4] for one in masked_keys(before.select(KEY))["subject_id"]]
    assert told == [
        ("verdict_hold", "查账号", masked[0]),
        ("verdict_strike", "已另行发放", masked[2]),
    ]
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


def test_the_second_clerk_is_told_which_batch_the_first_ones_review_left(
    home: Home, batch: str
) -> None:
    second = filled(home, batch, {2: ("暂缓", "别的")})
    after = import_review(home, batch, filled(home, batch, {1: ("暂缓", "查账号")}), by="周审核")
    left = after["to_be_signed"]
    with pytest.raises(LedgerForbidsError, match=f"reviewed by 周审核.*batch {left}; fill in"):
        import_review(home, batch, second)
    with pytest.raises(DropRefusedError, match=f"not {left}: fill in the review.xlsx of {left}"):
        import_review(home, left, second)
    last = import_review(home, left, filled(home, left, {1: ("暂缓", "别的")}))["to_be_signed"]
    with pytest.raises(LedgerForbidsError, match=f"batch {last}; fill in"):
        import_review(home, batch, second)


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


@pytest.mark.parametrize("role", ["boss", "hr_head"])
@pytest.mark.parametrize("act", [["sign"], ["batch", "reject", "--reason", "x"]])
def test_a_role_that_signs_no_batch_is_refused_before_anything_is_read(
    role: str, act: list[str], home: Home, batch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [batch, "--role", role, "--key", "no.key", "--home", str(home.root)]
    assert run_command(app, ["--lang", "en", *act, *given]) == 2
    assert "give --role reviewer or --role approver" in capsys.readouterr().err


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
