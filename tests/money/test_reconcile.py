"""A statement of the payer's account: every payment is paid, returned or open, and nothing else."""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cli import app
from flows.cli.console import run_command
from flows.money.acts import countersign
from flows.money.ledger_store import open_ledger
from flows.money.reconcile import reconcile_batch
from flows.money.settle import late_return_act, settle_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    TWO,
    account,
    ids_of,
    month,
    new_home,
    night,
    pay,
    refund,
)
from transforms.amounts import yuan_text
from transforms.answers.messages import in_chinese
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError
from transforms.payments.layouts import statement_layout
from transforms.payments.profile import DEFAULT_PROFILE, default_profile, parse_profile
from transforms.payments.statement import STANDINGS, merged, read_statement, reconcile

ROWS = [refund(1000), refund(500, TWO), month("benefit_to_retirement", ANN, 7)]
HEADING = "日期|借贷|金额|对方账号|对方户名|摘要"


def begin(home: Home) -> str:
    return pay(home, "R1", ROWS)[0]


def moved(name: str, fen: int, side: str = "借", day: str = "20200401", other: str = "") -> str:
    return f"{day}|{side}|{yuan_text(fen, ',')}|{other}|某|代发 {name} 补贴"


def statement(
    home: Home, batch: str, lines: Sequence[str], encoding: str = "gb18030"
) -> dict[str, Any]:
    path = home.root / "statement.txt"
    path.write_bytes("\r\n".join([HEADING, *lines]).encode(encoding))
    return reconcile_batch(home, batch, path)


def settle(home: Home, batch: str, *lines: str) -> None:
    path = home.root / "answer.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    settle_batch(home, batch, path)


def counts(told: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {n: (told[n]["count"], told[n]["amount_yuan"]) for n in ("instructed", *STANDINGS)}


def found(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(said["difference"], said["where"]) for said in told["differences"]]


def test_paid_and_returned_and_open_are_what_was_instructed(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    settle(home, batch, f"{second}|失败|销户|20200402")
    lines = [moved(first, 7), moved(second, 500), moved(second, 500, "贷", "20200402")]
    told = statement(home, batch, lines)
    assert counts(told) == {
        "instructed": (3, "15.07"),
        "paid": (1, "0.07"),
        "returned": (1, "5.00"),
        "open": (1, "10.00"),
    }
    assert not told["differences"] and not told["is_accounted_for"], "one is open"
    told = statement(home, batch, [moved(third, 1000, day="20200405")], "utf-8")
    assert counts(told)["paid"] == (2, "10.07") and told["is_accounted_for"]
    verify_home(home)


def test_a_payment_the_bank_refused_and_never_debited_is_returned(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    settle(home, batch, f"{second}|失败|销户|20200402")
    told = statement(home, batch, [moved(first, 7), moved(third, 1000)])
    assert counts(told)["returned"] == (1, "5.00") and told["is_accounted_for"]


def test_a_batch_that_is_debited_in_one_sum_or_one_for_each_file(home: Home, batch: str) -> None:
    second = ids_of(home, batch)[1]
    assert statement(home, batch, [moved(batch, 1507)])["is_accounted_for"]
    verify_home(home)
    told = statement(home, batch, [moved(batch, 1507), moved(second, 500, "贷", "20200403")])
    assert found(told) == [("return_without_file", second)]
    settle(home, batch, f"{second}|失败|销户|20200403")
    told = statement(home, batch, [moved(batch, 1507), moved(second, 500, "贷", "20200403")])
    assert told["is_accounted_for"] and counts(told)["returned"] == (1, "5.00")
    verify_home(home)


def test_a_profile_from_before_statements_were_part_of_it_reads_the_default_s(
    tmp_path: Path,
) -> None:
    home = new_home(tmp_path / "home")
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text[: text.index("[statement]")], encoding="utf-8")
    batch = pay(home, "R1", ROWS)[0]
    assert statement(home, batch, [moved(batch, 1507)])["is_accounted_for"]
    verify_home(home)


def test_a_batch_of_which_the_bank_debited_what_it_accepted(home: Home, batch: str) -> None:
    second = ids_of(home, batch)[1]
    assert found(statement(home, batch, [moved(batch, 1007)]))[0][0] == "batch_sum_differs"
    settle(home, batch, f"{second}|失败|销户|20200402")
    told = statement(home, batch, [moved(batch, 1007)])
    assert told["is_accounted_for"] and counts(told)["returned"] == (1, "5.00")
    # What comes back later was debited all the same.
    third = ids_of(home, batch)[2]
    back = home.root / "late.txt"
    settle(home, batch, f"{third}|成功||20200402")
    back.write_text(f"{third}|失败|退汇|20200410", encoding="utf-8")
    both = [key_of(home, role) for role in ("reviewer", "approver")]
    settle_batch(home, batch, back, countersign(late_return_act(home, batch, back), both))
    told = statement(home, batch, [moved(batch, 1007), moved(third, 1000, "贷", "20200410")])
    assert told["is_accounted_for"] and counts(told)["returned"] == (2, "15.00")
    verify_home(home)


def test_files_of_one_batch_that_are_debited_each(home: Home, batch: str) -> None:
    assert statement(home, batch, [moved(batch, 1000), moved(batch, 507)])["is_accounted_for"]


@pytest.mark.parametrize("side", ["借", "贷"])
def test_a_sum_that_is_not_the_batch_s(home: Home, batch: str, side: str) -> None:
    told = statement(home, batch, [moved(batch, 1506, side)])
    assert found(told)[0][0] == "batch_sum_differs" and counts(told)["open"][0] == 3


ANSWERED = {"": "", "arrived": "成功||20200402", "back": "失败|销户|20200402"}


@pytest.mark.parametrize(
    ("answered", "moves", "difference", "standing"),
    [
        ("", [("借", 500)], "", "paid"),
        ("arrived", [("借", 500)], "", "paid"),
        ("", [("借", 499)], "amount_differs", "paid"),
        ("", [("借", 501)], "amount_differs", "paid"),
        ("back", [("借", 500), ("贷", 499)], "amount_differs", "returned"),
        ("", [("借", 500), ("借", 500)], "debited_twice", "paid"),
        ("back", [("借", 500), ("贷", 500), ("借", 500)], "came_back_by_file_alone", "paid"),
        ("arrived", [("借", 500), ("贷", 500), ("借", 500)], "", "paid"),
        ("", [("借", 500), ("贷", 500)], "return_without_file", "returned"),
        ("arrived", [("借", 500), ("贷", 500)], "arrived_but_reversed", "returned"),
        ("back", [("借", 500), ("贷", 500)], "", "returned"),
        ("back", [("借", 500)], "came_back_by_file_alone", "paid"),
        ("back", [], "", "returned"),
        ("arrived", [], "", "open"),
        ("", [], "", "open"),
        ("", [("贷", 500)], "credit_without_debit", "returned"),
        # Red ink: a debit below zero is money that came in.
        ("back", [("借", 500), ("借", -500)], "", "returned"),
    ],
)
def test_each_payment_is_held_against_its_answer(
    home: Home,
    batch: str,
    answered: str,
    moves: list[tuple[str, int]],
    difference: str,
    standing: str,
) -> None:
    first, second, third = ids_of(home, batch)
    if answered:
        settle(home, batch, f"{second}|{ANSWERED[answered]}")
    lines = [moved(second, fen, side) for side, fen in moves]
    told = statement(home, batch, [moved(first, 7), moved(third, 1000), *lines])
    (line,) = [line for line in told["lines"] if line["payment_id"] == second]
    assert (line["difference"], line["standing"]) == (difference, standing)
    assert found(told) == ([(difference, second)] if difference else [])
    assert told["is_accounted_for"] is (not difference and standing != "open")
    verify_home(home)


@pytest.mark.parametrize(
    ("other", "difference"),
    [("own", ""), ("6222999999999999999", "paid_to_another"), ("", ""), ("masked", "")],
)
def test_a_debit_names_the_payee_s_account(
    home: Home, batch: str, other: str, difference: str
) -> None:
    rows = pl.read_parquet(home.batches / batch / "instructions.parquet")
    first, own, fen = rows.select("payment_id", "account_no", "amount_fen").row(0)
    other = {"own": own, "masked": f"{own[:3]}****{own[-3:]}"}.get(other, other)
    told = statement(home, batch, [moved(first, fen, other=other)])
    assert found(told) == ([(difference, first)] if difference else [])
    verify_home(home)


def test_lines_beside_the_batch_are_named(home: Home, batch: str) -> None:
    other = pay(home, "R2", [*ROWS, refund(3, policy="stability_refund_difficult")])
    strange = "P" + "0" * 31
    payee = account(ANN, "安娜")["account_no"]
    lines = [
        moved(ids_of(home, batch)[0], 7),
        moved(strange, 9),
        moved("", 8, other=payee),
        moved("", 8, "贷", other=payee),
        moved("", 5, other="6222999"),
        *(moved(name, 3) for batch_id in other for name in ids_of(home, batch_id)),
    ]
    told = statement(home, batch, lines)
    differences = [what for what, _ in found(told)]
    assert differences == ["unknown_payment", "unnamed_debit", "unnamed_credit"]
    assert [where.rpartition(":")[2] for _, where in found(told)] == ["3", "4", "5"]
    verify_home(home)


def test_the_same_statement_again_answers_the_same(home: Home, batch: str) -> None:
    first, second, _ = ids_of(home, batch)
    lines = [moved(first, 7), moved(second, 500)]
    once = statement(home, batch, lines)
    with open_ledger(home) as ledger:
        position = ledger.position()
    files = [Path(path).read_bytes() for path in once["files"]]
    assert statement(home, batch, lines) == once
    assert [Path(path).read_bytes() for path in once["files"]] == files
    with open_ledger(home) as ledger:
        assert ledger.position() == position
    verify_home(home)


def test_statements_that_overlap_count_once(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    statement(home, batch, [moved(first, 7), moved(second, 500)])
    told = statement(home, batch, [moved(second, 500), moved(third, 1000)])
    assert told["is_accounted_for"] and counts(told)["paid"] == (3, "15.07")
    verify_home(home)


def test_a_statement_that_is_lost_is_asked_for(home: Home, batch: str) -> None:
    first, second, _ = ids_of(home, batch)
    statement(home, batch, [moved(first, 7)])
    (kept,) = (home.batches / batch / "answers").iterdir()
    kept.unlink()
    with pytest.raises(DigestDiffersError):
        verify_home(home)
    with pytest.raises(DigestDiffersError, match="once more"):
        statement(home, batch, [moved(second, 500)])
    statement(home, batch, [moved(first, 7)])
    verify_home(home)


@pytest.mark.parametrize("name", ["reconciliation.csv", "reconciliation.xlsx"])
def test_a_reconciliation_that_was_edited_is_found(home: Home, batch: str, name: str) -> None:
    statement(home, batch, [moved(ids_of(home, batch)[0], 7)])
    path = home.batches / batch / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DigestDiffersError, match=name):
        verify_home(home)


def test_a_posting_that_is_not_what_the_statements_say_is_found(home: Home, batch: str) -> None:
    statement(home, batch, [moved(ids_of(home, batch)[0], 8)])
    with open_ledger(home) as ledger:
        (said,) = ledger.batch_states()[batch].reconciled
        assert said["difference_count"] == 1
        with ledger.transaction():
            forged = {**said, "difference_count": 0}
            ledger.post("reconciled", forged, batch, said["file_digest"])
    with pytest.raises(DigestDiffersError, match="another thing than was posted"):
        verify_home(home)


def test_only_a_released_batch_is_reconciled(home: Home) -> None:
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    with pytest.raises(LedgerForbidsError, match="not released"):
        statement(home, batch, [])


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("20200401|借|7|x|某", 2),
        ("20200431|借|7.00||某|代发", 2),
        ("20200401|付|7.00||某|代发", 2),
        ("20200401|借|7.001||某|代发", 2),
        ("20200401|借|七元||某|代发", 2),
        ("20200401|借|0.00||某|代发", 2),
    ],
)
def test_a_statement_that_does_not_fit_is_refused_whole(
    home: Home, batch: str, line: str, number: int
) -> None:
    with pytest.raises(DropRefusedError, match=f"line {number}: expected date.* for 失业保险基金"):
        statement(home, batch, [line, moved(ids_of(home, batch)[0], 7)])
    both = f"20200401|借|7.00||某|{' '.join(ids_of(home, batch)[:2])}"
    with pytest.raises(DropRefusedError, match=r"line 3: names more than one payment") as refused:
        statement(home, batch, [moved(batch, 7), both])
    assert "第 3 行：写有不止一笔付款的流水号" in in_chinese(str(refused.value))
    assert "funds.toml 现在为失业保险基金指定的银行配置" in in_chinese(str(refused.value))
    with open_ledger(home) as ledger:
        assert not ledger.batch_states()[batch].reconciled


TWO_COLUMNS = """
[statement]
encoding = "gbk"
separator = ","
heading_lines = 0
trailing_lines = 2
fields = ["payment_id", "date", "debit_amount", "credit_amount", "="]
amount_unit = "分"
debit = ["D"]
credit = ["C"]
date_format = "YYYY-MM-DD"
"""
FIXED = """
[statement]
encoding = "gb18030"
separator = ""
heading_lines = 0
trailing_lines = 0
fields = [
    {field = "date", width = 8}, {field = "direction", width = 2},
    {field = "amount", width = 12}, {field = "purpose", width = 36},
]
amount_unit = "元"
debit = ["借"]
credit = ["贷"]
date_format = "YYYYMMDD"
"""
SOME = "P" + "A" * 31


@pytest.mark.parametrize(
    ("layout", "text", "encoding"),
    [
        (
            TWO_COLUMNS,
            f'{SOME},2020-04-01,"700",,"x,y"\n{SOME},2020-04-02,0,700,x\n合计,2\n\n完\n',
            "gbk",
        ),
        (
            FIXED,
            f"20200401借{'7.00':>12}代发{SOME:<32}\n20200402贷{'7.00':>12}退汇{SOME:<26}",
            "gb18030",
        ),
    ],
)
def test_each_bank_s_statement_in_the_form_of_its_profile(
    layout: str, text: str, encoding: str
) -> None:
    usual = DEFAULT_PROFILE.read_text(encoding="utf-8")
    head, tail = usual[: usual.index("[statement]")], usual[usual.index("[returns]") :]
    form = parse_profile(f"{head}{layout}{tail}", "profile").statement
    entries = read_statement(text.encode(encoding), form, "s")
    assert [(e.name, e.is_debit, e.amount_fen) for e in entries] == [
        (SOME, True, 700),
        (SOME, False, 700),
    ]


def test_no_payment_stands_where_a_profile_has_headings_or_totals(home: Home, batch: str) -> None:
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace("trailing_lines = 0", "trailing_lines = 2"), encoding="utf-8")
    path = home.root / "statement.txt"

    def given(heading: str, *lines: str) -> dict[str, Any]:
        path.write_text("\n".join([heading, *lines]), encoding="utf-8")
        return reconcile_batch(home, batch, path)

    def unread(line: int, key: str) -> Any:
        return pytest.raises(DropRefusedError, match=f"line {line}: it stays unread by {key}")

    ids = ids_of(home, batch)
    paid = [moved(name, fen) for name, fen in zip(ids, (7, 500, 1000), strict=True)]
    totals = ["20200401|借|15.07|||合计", "20200401|贷|1,000.00|9558800||余额"]
    instructions = pl.read_parquet(home.batches / batch / "instructions.parquet")
    account_no = instructions["account_no"][0]
    for lost in (moved(ids[0], 7, "贷"), moved(batch, 1507, "贷"), f"{ids[0]} 退汇"):
        with unread(1, "heading_lines"):
            given(lost, *paid, *totals)
    with unread(4, "trailing_lines"):
        given(HEADING, *paid, totals[0])
    with unread(5, "trailing_lines"):
        given(HEADING, *paid, moved("退汇", 1000, "贷", other=account_no), totals[0])
    with open_ledger(home) as ledger:
        assert not ledger.batch_states()[batch].reconciled
    for heading in (HEADING, f"批次 {batch} 对账单", totals[1]):
        assert given(heading, *paid, *totals)["is_accounted_for"]
    content = {**default_profile().content["statement"], "trailing_lines": 3}
    layout = statement_layout(content, "profile, statement")
    assert read_statement(f"{HEADING}\n合计\n完".encode(), layout, "s") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount_unit": "万元"}, "amount_unit"),
        ({"fields": ["date", "amount", "purpose"]}, "direction"),
        ({"fields": ["date", "debit_amount", "purpose"]}, "credit_amount"),
        ({"fields": ["date", "direction", "amount"]}, "payment_id, or purpose"),
        ({"debit": ["借", "贷"]}, "none in both"),
        ({"date_format": "YYYYMM"}, "date_format"),
        ({"more": 1}, "unknown `more`"),
        ({"trailing_lines": -1}, "trailing_lines"),
        ({"amount_unit": 1}, "amount_unit"),
    ],
)
def test_a_layout_that_can_t_be_read_is_refused(change: dict[str, Any], said: str) -> None:
    content = dict(default_profile().content["statement"])
    with pytest.raises(DropRefusedError, match=said):
        statement_layout({**content, **change}, "profile, statement")


def test_no_cell_of_what_is_written_is_a_formula(home: Home, batch: str) -> None:
    first = ids_of(home, batch)[0]
    path = home.root / "=cmd|' '!A1.txt"
    text = f"{HEADING}\n20200401|借|7.00|=1+1|<b>某</b>|=HYPERLINK(1) {first} \x0b\u2028"
    path.write_bytes(text.encode("gb18030"))
    told = reconcile_batch(home, batch, path)
    csv, workbook = (Path(name) for name in told["files"])
    assert not [c for c in csv.read_text("utf-8-sig").replace("\n", ",").split(",") if c[:1] == "="]
    book = openpyxl.load_workbook(BytesIO(workbook.read_bytes()))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    verify_home(home)


def test_the_command_ends_with_13_until_all_is_accounted_for(home: Home, batch: str) -> None:
    path = home.root / "statement.txt"
    path.write_text(HEADING, encoding="utf-8")
    command = ["reconcile", batch, str(path), "--home", str(home.root)]
    assert run_command(app, command) == 13
    path.write_text(f"{HEADING}\n{moved(batch, 1507)}", encoding="utf-8")
    assert run_command(app, command) == 0


MOVES = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from([5, 6, 7])), max_size=8
)


@given(st.lists(MOVES, max_size=3), st.dictionaries(st.integers(0, 2), st.booleans()))
def test_every_fen_is_in_exactly_one_place(
    statements: list[list[tuple[int, bool, int]]], answers: dict[int, bool]
) -> None:
    names = [f"P{number:031d}" for number in range(4)]
    paid = {"payment_id": names[:3], "amount_fen": [5, 6, 7], "account_no": ["1", "2", "3"]}
    entries = [
        read_statement(
            "\n".join(
                [HEADING, *(moved(names[n], fen, "借" if out else "贷") for n, out, fen in moves)]
            ).encode("gb18030"),
            default_profile().statement,
            "s",
        )
        for moves in statements
    ]
    told = {names[n]: arrived for n, arrived in answers.items()}
    reconciled = reconcile("B", pl.DataFrame(paid), told, merged(entries), ())
    sums = reconciled.sums()
    assert (
        sums["instructed"]
        == (3, 18)
        == tuple(sum(sums[name][part] for name in STANDINGS) for part in (0, 1))
    )
    # Where nothing differs, what left the account is what is paid.
    lines = reconciled.lines.filter(pl.col("difference") == "")
    net = lines["debited_fen"].sum() - lines["credited_fen"].sum()
    assert net == lines.filter(pl.col("standing") == "paid")["amount_fen"].sum()


@pytest.mark.parametrize("cell", ['"' + "x" * 200_000, '"open', '""', 'a"b'])
def test_a_line_whose_quotes_do_not_fit_is_refused(cell: str) -> None:
    content = {**default_profile().content["statement"], "separator": ","}
    layout = statement_layout({**content, "heading_lines": 0}, "profile, statement")
    good = f"20200401,借,7.00,,某,{SOME}"
    for line in (f"{cell},借,7.00,,某,{SOME}", f"{good},{cell}"):
        with pytest.raises(DropRefusedError, match="line 1: expected"):
            read_statement(line.encode(), layout, "s")


def test_people_read_words_and_no_codes(home: Home, batch: str) -> None:
    first, *others = ids_of(home, batch)
    settle(home, batch, f"{first}|失败|销户|20200402")
    statement(home, batch, [moved(first, 7), moved(others[0], 500)])
    book = openpyxl.load_workbook(home.batches / batch / "reconciliation.xlsx")
    cells = [cell.value for row in book.active.iter_rows() for cell in row if cell.value]
    texts = " ".join(cell for cell in cells if isinstance(cell, str))
    assert not re.findall(r"(?<![\w./])[a-z]+(?:_[a-z0-9]+)+", texts)
    assert {"应付：3 笔，15.07 元", "未见：1 笔，10.00 元"} <= set(cells)
    assert {"已付", "未见", "回盘退回而账户未收回"} <= set(cells)
