"""Return files as banks send them: any encoding, replayed, altered; who acts on what came back."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.takeup import take_up_today, takeup_lines
from flows.cli import app
from flows.cli.console import run_command
from flows.cli.doctor import examine
from flows.ingest.drop import SnapshotRef
from flows.money.ledger_store import open_ledger
from flows.money.owed import owed_to_nobody
from flows.money.release import release_batch
from flows.money.returned import list_returned, over_on_night, over_soon, owner_of, spoken_owner
from flows.money.review import import_review
from flows.money.settle import settle_batch
from flows.money.verify import verify_home
from flows.night import run_record
from flows.night.run_record import RunSoFar
from flows.store import Home
from tests.money.money_town import (
    ANN,
    BOB,
    TWO,
    ids_of,
    month,
    new_home,
    night,
    pay,
    refund,
    run_name,
    sign_both,
)
from tests.money.test_review import filled
from transforms.answers.messages import in_chinese
from transforms.errors import DropRefusedError
from transforms.money.entitlements import ENTITLEMENT_SCHEMA, KEY
from transforms.payments.layouts import OWNERS
from transforms.payments.profile import DEFAULT_PROFILE, default_profile, parse_profile
from transforms.payments.received import decoded
from transforms.words import said_of, worded

ROWS = [refund(1000), refund(500, TWO), month("benefit_to_retirement", ANN, 7)]
DAY = date(2020, 5, 31)


def begin(home: Home) -> str:
    return pay(home, "R1", ROWS)[0]


def settle(home: Home, batch: str, content: bytes) -> dict[str, object]:
    path = home.root / "answer.txt"
    path.write_bytes(content)
    return settle_batch(home, batch, path)


def text_of(home: Home, batch: str, end: str = "\r\n", last: str = "成功||20200402") -> str:
    first, second, third = ids_of(home, batch)
    lines = [f"{first}|成功||20200401", f"{second}|失败|账号户名不符|20200401", f"{third}|{last}"]
    return end.join(lines) + end


def postings(home: Home) -> int:
    with open_ledger(home) as ledger:
        return ledger.position()


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_utf_8_with_or_without_its_mark_and_the_profile_s_own_encoding(
    home: Home, batch: str, encoding: str, end: str
) -> None:
    settled = settle(home, batch, text_of(home, batch, end).encode(encoding))
    assert (settled["arrived"], settled["returned"], settled["state"]) == (2, 1, "settled")
    with open_ledger(home) as ledger:
        (said,) = ledger.batch_states()[batch].settled
    assert [reason for _, reason, _ in said["returned"]] == ["账号户名不符"]
    verify_home(home)


def test_any_encoding_that_the_profile_declares(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    head, tail = text.split("[answer]")
    tail = tail.replace('encoding = "gb18030"', 'encoding = "utf-16"', 1)
    profile.write_text(f"{head}[answer]{tail}", encoding="utf-8")
    batch = pay(home, "R1", ROWS)[0]
    assert settle(home, batch, text_of(home, batch).encode("utf-16"))["state"] == "settled"
    verify_home(home)


@pytest.mark.parametrize("text", ["目录", "户名·不符", "长期不动户", "成功", "销户", "AC01", ""])
def test_an_encoding_is_never_mistaken(text: str) -> None:
    assert decoded(text.encode("gb18030"), "gb18030", "x")[0] == text
    assert decoded(text.encode("utf-8-sig"), "gb18030", "x")[0] == text
    if "·" not in text:
        assert decoded(text.encode(), "gb18030", "x")[0] == text


def test_a_batch_is_counted_whole_whatever_the_files(home: Home, batch: str) -> None:
    lines = text_of(home, batch).splitlines()
    first = settle(home, batch, lines[0].encode("gb18030"))
    assert (first["arrived"], first["returned"], first["unanswered"]) == (1, 0, 2)
    second = settle(home, batch, lines[1].encode("gb18030"))
    assert (second["arrived"], second["returned"], second["unanswered"]) == (1, 1, 1)
    assert (second["state"], second["file"]) == ("released", {"arrived": 0, "returned": 1})
    last = settle(home, batch, lines[2].encode("gb18030"))
    assert (last["arrived"], last["returned"], last["unanswered"]) == (2, 1, 0)
    assert (last["state"], last["returned_yuan"]) == ("settled", "5.00")
    assert last["file"] == {"arrived": 1, "returned": 0}


def test_a_replay_answers_the_same_with_other_line_ends_and_marks_too(
    home: Home, batch: str
) -> None:
    text = text_of(home, batch)
    once, count = settle(home, batch, text.encode("gb18030")), postings(home)
    for again in (
        text.encode("gb18030"),
        text.replace("\r\n", "\n").encode("gb18030"),
        text.encode("utf-8-sig"),
        text.rstrip().encode(),
    ):
        assert settle(home, batch, again) == once
    assert postings(home) == count, "nothing of it is posted again"
    verify_home(home)


@pytest.mark.parametrize(
    ("altered", "line"),
    [
        ({"|成功||20200401": "|成功||20200402"}, 1),
        ({"账号户名不符": "销户"}, 2),
        ({"失败|账号户名不符": "成功|"}, 2),
        ({"成功||20200402": "成功|x|20200402"}, 3),
        ({"账号户名不符": "销户", "成功||20200402": "成功||20200403"}, 2),
    ],
)
def test_an_altered_replay_is_refused_naming_the_first_line_that_differs(
    home: Home, batch: str, altered: dict[str, str], line: int
) -> None:
    text = text_of(home, batch)
    settle(home, batch, text.encode("gb18030"))
    count = postings(home)
    for old, new in altered.items():
        assert old in text
        text = text.replace(old, new)
    for encoding in ("gb18030", "utf-8"):
        with pytest.raises(DropRefusedError, match=f"line {line}: differs from"):
            settle(home, batch, text.encode(encoding))
    assert postings(home) == count


def test_who_answers_in_a_form_that_came_later_is_told_so(home: Home, batch: str) -> None:
    """The batch keeps the form it was drawn up with, for every answer of it, and says it."""
    first = ids_of(home, batch)[0]
    profile = home.root / "bank_profiles" / "default.toml"
    text, old = profile.read_text(encoding="utf-8"), '["payment_id", "state", "reason", "date"]'
    assert text.count(old) == 1
    later = text.replace(old, '["date", "payment_id", "=", "state", "reason"]')
    profile.write_text(later, encoding="utf-8")
    with pytest.raises(DropRefusedError) as refused:
        settle(home, batch, f"20200401|{first}|x|失败|销户".encode())
    assert "expected payment_id|state|reason|date" in str(refused.value)
    assert "today" in str(refused.value) and "现在的 [answer]" in in_chinese(str(refused.value))
    with pytest.raises(DropRefusedError) as neither:
        settle(home, batch, f"{first};销户".encode())
    assert "today" not in str(neither.value)
    assert settle(home, batch, f"{first}|失败|销户|20200401".encode())["returned"] == 1


def test_what_came_back_is_listed_by_who_is_to_act(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    lines = [f"{first}|失败|销户|20200401", f"{second}|失败|AC01 账号不存在|20200401"]
    lines.append(f"{third}|失败|=cmd|20200401")
    listed = settle(home, batch, "\n".join(lines).encode())["returned_by_owner"]
    assert isinstance(listed, list)
    owners = {line["payment_id"]: line["owner"] for line in listed}
    assert owners == {first: "收款人", second: "收款人", third: "未知"}
    (unknown,) = [line for line in listed if line["owner"] == "未知"]
    assert "[returns]" in unknown["action"]
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(f'{text}"=cmd" = {{owner = "财政", action = "查"}}\n', encoding="utf-8")
    listed = settle(home, batch, "\n".join(lines).encode())["returned_by_owner"]
    assert isinstance(listed, list)
    assert "未知" not in {line["owner"] for line in listed}, "a batch that is paid knows new codes"
    verify_home(home)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('"x" = "人社"', "who acts, what to do"),
        ('"x" = {owner = "谁", action = "查"}', "人社、财政、银行、收款人"),
        ('"x" = {owner = "人社", action = ""}', "who acts, what to do"),
        ('"x" = {owner = "人社", action = "查", when = "now"}', "who acts, what to do"),
    ],
)
def test_a_return_code_says_who_acts_and_what_to_do(said: str, expected: str) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8")
    with pytest.raises(DropRefusedError, match=expected):
        parse_profile(f"{text}{said}\n", "profile")


def test_every_code_of_the_default_profile_has_one_who_can_act() -> None:
    codes = default_profile().returns
    assert {code.owner for code in codes.values()} == set(OWNERS)
    assert all(code.action for code in codes.values())


def test_what_came_back_ages_until_it_is_paid_again(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    assert list_returned(home, DAY)["lines"] == []
    lines = [
        f"{first}|失败|销户|20200401",
        f"{second}|失败|没见过|20200402",
        f"{third}|成功||20200401",
    ]
    settle(home, batch, "\n".join(lines).encode())
    told = list_returned(home, DAY)
    shown = [(line["owner"], line["payment_id"], line["age_days"]) for line in told["lines"]]
    assert shown == [("收款人", first, 60), ("未知", second, 59)] and not told["warnings"]
    assert [(p["payment_id"], p["line_count"]) for p in told["payments"]] == [
        (first, 1),
        (second, 1),
    ]
    told = list_returned(home, DAY + timedelta(days=1))
    assert [line["age_days"] for line in told["lines"]] == [61, 60] and not told["warnings"]
    (warning,) = list_returned(home, DAY + timedelta(days=2))["warnings"]
    assert second in warning and "61 days" in warning
    assert run_command(app, ["returned", "--home", str(home.root), "--as-of", "2020-09-01"]) == 0
    (said,) = [c for c in examine(home)["checks"] if c["what"] == "returned payments"]
    assert said["verdict"] == "warn" and second in said["found"]
    pay(home, "R2", ROWS)
    assert list_returned(home, DAY)["lines"] == [], "paid again"
    (said,) = [c for c in examine(home)["checks"] if c["what"] == "returned payments"]
    assert said["verdict"] == "good"


def test_a_top_up_of_what_came_back_since_pays_none_of_it(home: Home) -> None:
    """2.00 were drawn up while 10.00 stood: only what is drawn up after the return pays them again.

    What pays them again counts once, even if it comes back too.
    """
    (first,) = pay(home, "R1", [refund(1000)])
    pay(home, "R2", [refund(1200)])
    settle(home, first, f"{ids_of(home, first)[0]}|失败|没见过|20200401".encode())
    told = list_returned(home, DAY + timedelta(days=2))
    assert (told["total_yuan"], len(told["warnings"])) == ("10.00", 1)
    (again,) = pay(home, "R3", [refund(1200)])
    assert list_returned(home, DAY)["total_yuan"] == "0.00"
    settle(home, again, f"{ids_of(home, again)[0]}|失败|没见过|20200402".encode())
    told = list_returned(home, DAY)
    assert (told["total_yuan"], told["payments"][0]["batch_id"]) == ("10.00", again)
    verify_home(home)


def test_a_top_up_that_a_review_drew_up_anew_is_a_top_up(home: Home) -> None:
    (first,) = pay(home, "R1", [refund(1000)])
    (drawn,) = night(home, "R2", [refund(1200), refund(500, TWO)])[1].batches
    settle(home, first, f"{ids_of(home, first)[0]}|失败|销户|20200401".encode())
    lines = pl.read_parquet(home.batches / drawn.batch_id / "lines.parquet")
    place = lines["subject_id"].to_list().index(TWO) + 1
    path = filled(home, drawn.batch_id, {place: ("剔除", "本人放弃")})
    after = import_review(home, drawn.batch_id, path, by="周审核")["to_be_signed"]
    sign_both(home, after)
    release_batch(home, after)
    assert list_returned(home, DAY)["total_yuan"] == "10.00"


def test_what_no_night_pays_any_more_is_said_and_by_whom_it_is_decided(
    home: Home, batch: str
) -> None:
    """The refund's days are over with 2021-06-30; benefit to retirement has no end."""
    ids = ids_of(home, batch)
    lines = [f"{payment}|失败|户名不符|20210630" for payment in ids]
    (said,) = [li for li in settled_of(home, batch, lines[2:]) if li["payment_id"] == ids[2]]
    assert "补发" in said["action"]
    settle(home, batch, lines[0].encode())
    for day, is_over in ((date(2021, 6, 30), False), (date(2021, 7, 1), True)):
        night(home, f"of {day}", ROWS[2:], as_of=day, not_run=[ROWS[0]["policy_id"]])
        told = list_returned(home, day)
        over = {li["policy_id"]: li["over"] for li in told["lines"] if li["over"]}
        assert ([*over] == ["stability_refund"], bool(told["warnings"])) == (is_over, is_over)
        assert bool(over_on_night(home, day, "")) is is_over
        assert take_up_today(home)["over_fen"] == (1000 if is_over else 0)
    (late,) = [li for li in told["lines"] if li["over"]]
    assert "2021-06-30" in late["over"] and "tail_months" in late["action"]
    assert "10.00 元" in told["warnings"][0] and "outside the system" in told["warnings"][0]
    lines = takeup_lines(take_up_today(home))
    assert sum("10.00" in text and "no night" in text for text in lines) == 1
    assert take_up_today(home, "2021-01")["over_fen"] == 0, "of the months asked for"


def test_what_the_last_run_that_looked_owes_to_nobody_is_asked_of_nobody(
    home: Home, batch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one policy one line is owed still, one is not; of the other nothing ran."""
    lines = [f"{payment}|失败|销户|20200401" for payment in ids_of(home, batch)]
    settle(home, batch, "\n".join(lines).encode())
    night(home, "R2", [refund(500, TWO)], not_run=["benefit_to_retirement"])
    told = list_returned(home, DAY)
    owners = {line["beneficiary_id"]: line["owner"] for line in told["lines"]}
    assert owners == {TWO: "收款人", ANN: "收款人", refund(1)["beneficiary_id"]: "无"}
    assert (told["total_yuan"], told["not_due_yuan"]) == ("5.07", "10.00")
    (said,) = [line for line in told["lines"] if line["not_due_by"]]
    assert said["not_due_by"] == run_name("R2") and "不补发" in said["action"]
    assert run_command(app, ["--lang", "en", "returned", "--home", str(home.root)]) == 0
    shown = capsys.readouterr().out
    assert "2 payments wait: 5.07 元" in shown and "nothing is to be done" in shown
    assert "1 came back and are owed to nobody: 10.00 元" in shown
    (found,) = [c for c in examine(home)["checks"] if c["what"] == "returned payments"]
    assert "2 lines wait" in found["found"]
    # When the policy's days are over, it warns of what is owed alone.
    day = date(2021, 7, 1)
    (warning,) = over_on_night(home, day, "")
    assert "1 payments (5.00 元)" in str(warning) and take_up_today(home)["over_fen"] == 0
    with open_ledger(home) as ledger:
        keys = pl.DataFrame([{name: said[name] for name in KEY}])
        assert owed_to_nobody(ledger, keys) == {keys.row(0): run_name("R2")}
        assert owed_to_nobody(ledger, keys, run_name("R2")) == {}, "by R1 it is owed"
    # What is found again is due again; the same night once more says what it said.
    night(home, "R3", [refund(1000), refund(500, TWO)])
    assert list_returned(home, DAY)["not_due_yuan"] == "0.00"
    assert over_on_night(home, day, run_name("R3")) == [warning]
    (warning,) = over_on_night(home, day, "")
    assert "2 payments (15.00 元)" in str(warning)


def test_what_comes_back_late_of_money_that_is_asked_back_is_not_asked_for(home: Home) -> None:
    """The run knew it paid; of a payment of two lines the one that is due waits."""
    months = [month("internship_subsidy", one, 1000, payee=TWO) for one in (ANN, BOB)]
    (batch,) = pay(home, "R1", months)
    night(home, "R2", months[1:])
    (payment,) = ids_of(home, batch)
    (said,) = settled_of(home, batch, [f"{payment}|失败|销户|20200401"])
    assert said["owner"] == "收款人"
    told = list_returned(home, DAY)
    assert [(p["owner"], p["amount_yuan"], p["line_count"]) for p in told["payments"]] == [
        ("收款人", "10.00", 1),
        ("无", "10.00", 1),
    ]
    night(home, "R3", [month("internship_subsidy", BOB, 5, "2020-01", payee=TWO)])
    (payment,) = list_returned(home, DAY)["payments"]
    assert (payment["owner"], payment["line_count"]) == ("无", 2)
    same = settled_of(home, batch, [f"{payment['payment_id']}|失败|销户|20200401"])
    assert [one["owner"] for one in same] == ["无"]
    # A run that was changed tells nothing: then it stays with who acts on it.
    path = home.runs / run_name("R3") / "entitlements.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    assert [p["owner"] for p in list_returned(home, DAY)["payments"]] == ["收款人", "无"]


def test_a_night_warns_of_it_in_its_report_and_record(home: Home, batch: str) -> None:
    ten = ids_of(home, batch)[2]
    settle(home, batch, f"{ten}|失败|销户|20200401".encode())
    snapshot = SnapshotRef("S1", home.root, {"warnings": []})
    for day, warned in ((date(2021, 6, 30), 0), (date(2021, 7, 1), 1)):
        found = run_record._warnings(RunSoFar(home, day, snapshot, {"run_id": "R1"}))
        assert len(found) == warned
    (said,) = found
    assert "1 笔、10.00 元" in worded(said) and "no night" in str(said)
    assert in_chinese(f"warning: {said}").startswith("提醒：stability_refund有退回而未补发的 1 笔")
    assert said_of(said.content()) == said


def settled_of(home: Home, batch: str, lines: list[str]) -> list[dict[str, Any]]:
    listed = settle(home, batch, "\n".join(lines).encode())["returned_by_owner"]
    assert isinstance(listed, list)
    return listed


def test_the_bank_s_day_tells_that_it_came_back_too_late(home: Home, batch: str) -> None:
    """No night has come since the batch's own."""
    _, five, ten = ids_of(home, batch)
    (in_time,) = settled_of(home, batch, [f"{five}|失败|销户|20210630"])
    assert (in_time["owner"], "tail_months" in in_time["action"]) == ("收款人", False)
    said = settle(home, batch, f"{ten}|失败|销户|20210701".encode())
    rows, warnings = said["returned_by_owner"], said["warnings"]
    assert isinstance(rows, list) and isinstance(warnings, list)
    actions = {row["payment_id"]: row["action"] for row in rows}
    assert ["tail_months" in actions[name] for name in (five, ten)] == [False, True]
    assert "10.00 元" in warnings[0] and len(warnings) == 1


def test_what_arrived_after_all_waits_for_nobody(home: Home, batch: str) -> None:
    second = ids_of(home, batch)[1]
    settle(home, batch, f"{second}|失败|系统忙|20200401".encode())
    assert len(list_returned(home, DAY)["lines"]) == 1
    settle(home, batch, f"{second}|成功||20200402".encode())
    assert list_returned(home, DAY)["lines"] == []


def test_the_ledger_names_what_each_entry_is(
    home: Home, batch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(home, batch, text_of(home, batch).encode())
    assert run_command(app, ["ledger", "--beneficiary", TWO, "--home", str(home.root)]) == 0
    told = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert [line.split()[1] for line in told] == ["payment", "return"]
    words = ["--lang", "zh", "ledger", "--beneficiary", "无此人", "--home", str(home.root)]
    assert run_command(app, words) == 0
    assert capsys.readouterr().out == "账本中没有 无此人 的记录\n"


def ending_rows(*rows: dict[str, Any]) -> pl.DataFrame:
    row = {**dict.fromkeys(ENTITLEMENT_SCHEMA, ""), "policy_id": "stability_refund"}
    row |= {"determined_fen": 500, "paid_before_fen": 200, "due_fen": 0}
    return pl.DataFrame([{**row, **one} for one in rows], schema=ENTITLEMENT_SCHEMA)


def test_in_its_last_weeks_a_policy_says_what_will_be_lost(home: Home) -> None:
    """What is held or drawn up on its last night no later night draws up again."""
    found = ending_rows(
        *({"status": status} for status in ("held", "conflict", "payable", "payable")),
        {"status": "nothing_due", "paid_before_fen": 500},
        {"policy_id": "benefit_to_retirement", "status": "held"},
    )
    (said,) = over_soon(home, found, date(2021, 6, 1), "R1")
    assert said.values == {
        **{"policy": "stability_refund", "last": "2021-06-30"},
        **{"held": 2, "held_fen": 600, "drawn": 2, "drawn_fen": 600},
    }
    assert "2021-06-30" in str(said) and "6.00" in worded(said)
    assert over_soon(home, found, date(2021, 5, 30), "R1") == []
    assert over_soon(home, found.filter(status="nothing_due"), date(2021, 6, 30), "R1") == []


def test_in_its_last_weeks_a_policy_says_what_will_not_be_asked_back(home: Home) -> None:
    """Twelve months asked back on the last night were gone on the next, and no word was said."""
    claim = {"status": "recovery", "determined_fen": 0, "due_fen": -200, "cause": "row_speaks"}
    open_row = {"status": "unsupported", "determined_fen": 50, "cause": "nothing_found"}
    found = ending_rows(
        claim,
        {**claim, "determined_fen": 80, "due_fen": -50, "cause": "paid_in_part"},
        {**claim, "cause": "clerk_decided"},
        open_row,
        {**open_row, "cause": "clerk_kept"},
        {**open_row, "reason": "outside_span"},
        {**claim, "policy_id": "benefit_to_retirement"},
    )
    (said,) = over_soon(home, found, date(2021, 6, 1), "R1")
    assert said.values == {
        **{"policy": "stability_refund", "last": "2021-06-30"},
        **{"claims": 2, "claims_fen": 250, "asked": 2, "asked_fen": 220},
    }
    assert over_soon(home, found, date(2021, 5, 30), "R1") == []
    assert over_soon(home, found.slice(5), date(2021, 6, 30), "R1") == []


def test_a_reason_that_the_profile_does_not_know_is_said_in_either_language() -> None:
    unknown = owner_of("付款账户余额不足", {})
    assert spoken_owner(unknown, "en") == ["unknown", "unknown: add it to the profile"]
    assert spoken_owner(unknown, "zh")[0] == "未知"
    known = {"owner": "银行", "action": "查"}
    assert spoken_owner(known, "en") == ["银行", "查"], "the profile's words stay as they are"
