"""The bank's answer: what came back is due again, once; a file that does not fit is refused."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.money import whole
from flows.money.acts import countersign
from flows.money.batch import list_batches
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
    night,
    pay,
    refund,
    sign_both,
    statuses,
)
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError

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
    for meant, line in (("P0", {}), ("P0", {"period": "2020"}), (payment_id, {"period": "1999"})):
        said = " ".join([meant, *line.values()])
        with pytest.raises(LedgerForbidsError, match=f"nothing of payment {said} counts as paid"):
            recovered_act(home, meant, 1, "追〔2020〕2号", line)
    with pytest.raises(LedgerForbidsError, match=r"1号 is booked already with 4.00 元"):
        recovered_act(home, payment_id, 600, "追〔2020〕1号", {})
    rest = countersign(recovered_act(home, payment_id, 600, "追〔2020〕2号", {}), both)
    record_recovered(home, rest)
    with open_ledger(home) as ledger:
        assert sorted(ledger.paid_lines()["amount_fen"]) == [7, 500]
    verify_home(home)


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
