"""Return files as banks send them: any encoding, replayed, altered; who acts on what came back."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.cli.doctor import examine
from flows.money.ledger_store import open_ledger
from flows.money.returned import list_returned
from flows.money.settle import settle_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.money.money_town import ANN, TWO, ids_of, month, new_home, pay, refund
from transforms.errors import DropRefusedError
from transforms.payments.layouts import OWNERS
from transforms.payments.profile import DEFAULT_PROFILE, default_profile, parse_profile
from transforms.payments.received import decoded

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
