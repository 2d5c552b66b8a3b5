"""Somebody is told, once, by mail, web hook or command; what could not be sent is tried again."""

import errno
import json
import os
import shutil
import sqlite3
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.backup.vault import Vault
from flows.cli import app
from flows.cli.console import run_command
from flows.night.alerts import Alert, alerts_of, tell, told_night
from flows.night.page import night_page
from flows.night.sending import fault_of
from flows.night.settings import EVENTS, read_settings
from flows.night.status import look_at, status_lines, unsent
from flows.store import Home, append_line, read_lines
from tests.night.servers import HookServer, MailServer, OddServer, make_certificate, serving
from tests.night.test_status import SCHEDULED, TWO, good_night, home_with, note, raising
from transforms.answers.deliveries import LATE
from transforms.answers.messages import in_chinese
from transforms.errors import DropRefusedError, GateStoppedError

LATER = TWO + timedelta(hours=1)
REFUSED = DropRefusedError("张三.csv: 110101199003071234 is no id")


def hooked(tmp_path: Path, server: Any, form: str = "json", more: str = "") -> Home:
    address = f"http://127.0.0.1:{server.server_address[1]}/tell"
    hook = f'[alerts.webhook]\nform = "{form}"\nurl = "{address}"\n'
    return home_with(tmp_path, f"{SCHEDULED}{more}{hook}")


def titles(server: HookServer) -> list[str]:
    return [body["title"] for _, body in server.taken]


@pytest.mark.parametrize(
    ("stop", "event", "said"),
    [
        (REFUSED, "failed", "数据或文件被拒收"),
        (GateStoppedError("110101199003071234", "RX"), "stopped", "运行 RX，没有生成批次"),
        (ZeroDivisionError("张三"), "failed", "程序错误"),
        (KeyboardInterrupt(), "failed", "被人或系统停止"),
    ],
)
def test_a_night_that_fails_is_told_once_and_names_nobody(
    tmp_path: Path, stop: BaseException, event: str, said: str
) -> None:
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server)
        with pytest.raises(type(stop)):
            told_night(home, "2026-11-27", raising(stop), "nightly", clock=lambda: TWO)
        assert tell(home, LATER) == {"raised": 0, "sent": 0, "unsent": 0}
    ((path, body),) = server.taken
    assert path == "/tell" and body["event"] == event and said in body["title"]
    assert "怎么办" in body["text"] and str(home.root) in body["text"]
    for outside in (json.dumps(body, ensure_ascii=False), home.alerts_path.read_text("utf-8")):
        assert "张三" not in outside and "110101199003071234" not in outside


def test_each_event_is_told_and_each_has_its_words(tmp_path: Path, home_after_run: Home) -> None:
    with serving(HookServer()) as server:
        home_after_run.settings_path.write_text(
            hooked(tmp_path, server).settings_path.read_text("utf-8"), encoding="utf-8"
        )
        states = [*LATE, "fresh"]
        deliveries = [
            {"supplier": f"局{n}", "kind": "deaths", "state": s, "age_days": n, "file": "张三"}
            for n, s in enumerate(states)
        ]
        act = good_night(home_after_run, warnings=["w"], deliveries=deliveries)
        note(home_after_run, TWO, act)
        now = TWO + timedelta(days=1, minutes=10)
        tell(home_after_run, now)
    told = dict.fromkeys(body["event"] for _, body in server.taken)
    assert list(told) == ["warned", "missed", "late", "waiting"]
    late = look_at(home_after_run, read_settings(home_after_run), now)["late"]
    late.append({"supplier": "局9", "kind": "", "state": "refused"})
    lines = status_lines(
        look_at(home_after_run, read_settings(home_after_run), now) | {"late": late}
    )
    lines = [in_chinese(line) for line in lines]
    assert any(line.startswith("局9：") and "不由该单位提供" in line for line in lines)
    assert "迟到：局3，死亡信息：送来的被拒收，此前没有可用的" in lines
    text = "\n".join(titles(server))
    assert "有 1 条提醒" in text and "2026-11-28 的夜间运行没有开始" in text
    assert "局0 的数据迟到或不可用：死亡信息（迟到）" in text and f"局{len(LATE)}" not in text
    assert "个批次等待签字" in text and "待签：复核人、批准人" in text and "张三" not in text


def test_what_the_budget_does_not_cover_is_told(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    told = look_at(home, read_settings(home), TWO)
    budget = {"fund": "就业补助资金", "amount_fen": 123456, "mark": "m", "as_of": "2026-11-27"}
    told["budget"] = [budget | {"batch_id": "B1"}]
    (alert,) = alerts_of(told, read_settings(home), TWO)
    told["budget"] = [budget | {"batch_id": "B2"}]
    (again,) = alerts_of(told, read_settings(home), TWO)
    assert again.key == alert.key, "the draft of the next night lacks the same"
    assert alert.event == "budget" and "1,234.56 元" in alert.content(home, "now")["title"]


def test_a_supplier_is_told_again_only_after_it_delivered(tmp_path: Path) -> None:
    def night(days: int, age_days: int) -> None:
        at = TWO + timedelta(days=days)
        one = {"supplier": "民政", "kind": "deaths", "state": "late", "age_days": age_days}
        one["delivered_on"] = (at - timedelta(days=age_days)).date().isoformat()
        note(home, at, good_night(home, deliveries=[one]))
        tell(home, at)

    with serving(HookServer()) as server:
        home = hooked(tmp_path, server)
        night(0, 3)
        night(1, 4)
        assert len(server.taken) == 1, "the same delivery, a day older"
        night(9, 3)
    assert sum(body["event"] == "late" for _, body in server.taken) == 2


def test_only_what_was_asked_for_is_told(tmp_path: Path) -> None:
    with serving(HookServer()) as server:
        more = '[alerts]\nevents = ["warned"]\nwarned_above = 2\n'
        home = hooked(tmp_path, server, more=more)
        note(home, TWO, good_night(home, warnings=["a", "b"]))
        with pytest.raises(DropRefusedError):
            note(home, LATER, raising(REFUSED))
        tell(home, LATER)
        assert not server.taken
        note(home, LATER, good_night(home, warnings=["a", "b", "c"]))
        tell(home, LATER)
    assert ["有 3 条提醒" in title for title in titles(server)] == [True]


@pytest.mark.parametrize("form", ["dingtalk", "wecom"])
def test_a_chat_takes_its_own_body_and_may_refuse_with_200(tmp_path: Path, form: str) -> None:
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server, form)
        note(home, TWO, good_night(home, warnings=["w"]))
        server.answer = {"errcode": 310000}
        assert tell(home, TWO)["unsent"] == 1
        assert read_lines(home.alerts_path)[-1]["reason"] == "errcode 310000"
        server.answer = {"errcode": 0}
        assert tell(home, LATER) == {"raised": 0, "sent": 1, "unsent": 0}
    ((_, body),) = server.taken
    assert body["msgtype"] == "text" and "夜间运行完成" in body["text"]["content"]
    assert len(body["text"]["content"].encode()) <= 2048


def test_what_could_not_be_sent_is_tried_again_and_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server)
        server.code = 500
        words = ["status", "--home", str(home.root)]
        with pytest.raises(DropRefusedError):
            told_night(home, "2026-11-27", raising(REFUSED), "nightly")
        assert run_command(app, [*words, "--alert"]) == 12
        assert "alerts that could not be sent yet: 1" in capsys.readouterr().out
        tries = [line for line in read_lines(home.alerts_path) if line["event"] == "failed"]
        assert [line["reason"] for line in tries] == ["HTTP 500"], "the same fault is noted once"
        server.code = 200
        assert run_command(app, [*words, "--alert", "--json"]) == 12
        told = json.loads(capsys.readouterr().out)
        assert told["alerts"] == {"raised": 0, "sent": 1, "unsent": 0}
        assert run_command(app, [*words, "--alert"]) == 12
    assert len(server.taken) == 1


def test_two_that_tell_at_once_tell_once(tmp_path: Path) -> None:
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server)
        for hour in range(5):
            note(home, TWO + timedelta(hours=hour), good_night(home, warnings=["w"]))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: tell(home, LATER), range(8)))
    assert len(titles(server)) == 5


def test_a_new_way_is_not_told_what_is_old(tmp_path: Path) -> None:
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server)
        note(home, TWO, good_night(home, warnings=["w"]))
        tell(home, TWO + timedelta(days=8))
    assert {body["event"] for _, body in server.taken} == {"missed"}


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_mail_goes_out(tmp_path: Path, security: str, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path / "own.pem") if security == "starttls" else None
    with serving(MailServer(certificate, "my secret")) as server:
        home = home_with(
            tmp_path,
            f'[alerts.mail]\nhost = "localhost"\nport = {server.server_address[1]}\n'
            f'security = "{security}"\nuser = "wuxing"\npassword_env = "TEST_MAIL_PASSWORD"\n'
            'sender = "wuxing@example.cn"\nto = ["a@example.cn", "b@example.cn"]\n',
        )
        note(home, TWO, good_night(home, warnings=["w"]))
        tell(home, TWO)
        monkeypatch.setenv("TEST_MAIL_PASSWORD", "my secret")
        if certificate:
            tell(home, TWO)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        server.refuses = True
        tell(home, TWO)
        server.refuses = False
        assert tell(home, TWO)["sent"] == 1
    reasons = [line["reason"] for line in read_lines(home.alerts_path) if "reason" in line]
    nobody = ["SSLCertVerificationError"] if certificate else []
    unset = "the variable TEST_MAIL_PASSWORD is not set"
    assert reasons == [*(nobody or [unset]), "SMTPSenderRefused"]
    (mail,) = server.taken
    assert mail["To"] == "a@example.cn, b@example.cn" and "有 1 条提醒" in mail["Subject"]
    assert "怎么办" in mail.get_content() and mail["Message-ID"]
    assert "secret" not in home.alerts_path.read_text("utf-8")


ODD = {
    "BadStatusLine": b"220 mail.example.cn ESMTP\r\n",
    "RemoteDisconnected": b"",
    "LineTooLong": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "HTTP 302: it redirects; write the address where it leads": (
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"
    ),
    "IncompleteRead": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{",
    "it answered no JSON with an errcode: is it the robot's address?": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
    ),
}
BY_COMMAND = '[alerts.command]\nrun = ["/bin/true"]\n'


def reasons(home: Home) -> list[str]:
    return [line["reason"] for line in read_lines(home.alerts_path) if "reason" in line]


@pytest.mark.parametrize("fault", ODD)
def test_an_odd_answer_is_that_ways_fault_and_stops_nothing(tmp_path: Path, fault: str) -> None:
    with serving(OddServer(ODD[fault])) as server:
        home = hooked(tmp_path, server, "dingtalk", BY_COMMAND)
        with pytest.raises(DropRefusedError):
            told_night(home, "2026-11-27", raising(REFUSED), "nightly", clock=lambda: TWO)
    assert reasons(home) == [fault]
    assert [one["by"] for one in unsent(home, ["webhook", "command"])] == [["webhook"]]


@pytest.mark.parametrize(
    "address",
    [
        "http://a.cn/ ?token=SECRET",
        "'http://a.cn/SECRET'",
        "http://a.cn:x/SECRET",
        "http:///SECRET",
    ],
)
def test_an_address_that_is_none_is_told_by_its_variable(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_HOOK", address)
    home = home_with(tmp_path, '[alerts.webhook]\nurl_env = "TEST_HOOK"\n')
    note(home, TWO, good_night(home, warnings=["w"]))
    assert tell(home, TWO)["unsent"] == 1
    (said,) = reasons(home)
    assert said.startswith("TEST_HOOK: expected an address") and "SECRET" not in said


@pytest.mark.parametrize("way", ["webhook", "mail"])
def test_a_server_that_never_comes_to_an_end_holds_nobody(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.night.channels.SECONDS", 2)
    drips = (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n") if way == "webhook" else (b"", b"220-hi\r\n")
    with serving(OddServer(*drips)) as server:
        home = hooked(tmp_path, server)
        if way == "mail":
            port = server.server_address[1]
            home.settings_path.write_text(
                f'[alerts.mail]\nhost = "127.0.0.1"\nport = {port}\nsender = "a@b"\nto = ["a@b"]\n'
            )
        note(home, TWO, good_night(home, warnings=["w"]))
        began = time.monotonic()
        tell(home, TWO)
        assert time.monotonic() - began < 8
    assert reasons(home) == ["it did not end within 2 seconds"]


def test_a_bug_in_telling_hides_no_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bug(*_given: object) -> None:
        raise ZeroDivisionError("张三")

    home = home_with(tmp_path, BY_COMMAND)
    monkeypatch.setattr("flows.night.alerts.alerts_of", bug)
    assert told_night(home, "2026-11-27", good_night(home), "run")["run_id"] == "R1"
    said = capsys.readouterr().err
    assert "unexpected ZeroDivisionError at test_alerts.py" in said and "张三" not in said
    monkeypatch.undo()
    monkeypatch.setattr("flows.night.channels._command", bug)
    note(home, TWO, good_night(home, warnings=["w"]))
    tell(home, TWO)
    assert reasons(home)[0].startswith("unexpected ZeroDivisionError at test_alerts.py")


def test_a_fault_from_outside_is_its_type_and_one_of_ours_its_place() -> None:
    assert fault_of(MemoryError("SECRET")) == "MemoryError"
    assert fault_of(KeyError("SECRET")) == "unexpected KeyError at unknown place"


def test_a_slow_way_goes_on_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.night.alerts.PATIENCE", 1e-9)
    home = home_with(tmp_path, BY_COMMAND)
    for hour in range(3):
        note(home, TWO + timedelta(hours=hour), good_night(home, warnings=["w"]))
    assert [tell(home, LATER)["unsent"] for _ in range(4)] == [2, 1, 0, 0]


def test_whom_the_mail_server_refuses_is_named_and_the_others_hear_it_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(MailServer()) as server:
        server.refused, server.farewell = "bad@", "421 bye"
        home = home_with(
            tmp_path,
            f'[alerts.mail]\nhost = "localhost"\nport = {server.server_address[1]}\n'
            'sender = "wuxing@example.cn"\nto = ["a@example.cn", "bad@example.cn"]\n',
        )
        words = ["status", "--home", str(home.root)]
        note(home, TWO, good_night(home, warnings=["w"]))
        assert [tell(home, TWO)["sent"] for _ in range(2)] == [1, 0]
        run_command(app, words)
        missed = "the newest mail was not taken for bad@example.cn: correct `to` in wuxing.toml"
        assert missed in capsys.readouterr().out
        assert run_command(app, [*words, "--test"]) == 10
        assert "it was taken, but not for bad@example.cn" in capsys.readouterr().out
        server.refused = "nobody@"
        note(home, LATER, good_night(home, warnings=["w"]))
        tell(home, LATER)
        run_command(app, words)
        assert "not taken" not in capsys.readouterr().out
    assert len(server.taken) == 3


def test_a_command_is_done_when_it_ends_whatever_it_leaves_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.night.channels.COMMAND_SECONDS", 3)
    home = home_with(tmp_path, '[alerts.command]\nrun = ["/bin/sh", "-c", "sleep 9 & exit 0"]\n')
    note(home, TWO, good_night(home, warnings=["w"]))
    assert tell(home, TWO)["sent"] == 1


def test_a_command_takes_the_json(tmp_path: Path) -> None:
    program = tmp_path / "tell.py"
    program.write_text(
        "import sys, pathlib\n"
        "pathlib.Path(sys.argv[1]).open('ab').write(sys.stdin.buffer.read() + b'\\n')\n"
        "sys.exit(3 if len(sys.argv) > 2 else 0)\n"
    )
    taken = tmp_path / "taken"

    def command(*more: str) -> str:
        words = [sys.executable, str(program), str(taken), *more]
        return f"[alerts.command]\nrun = {json.dumps(words)}\n"

    home = home_with(tmp_path, command("fail"))
    note(home, TWO, good_night(home, warnings=["w"]))
    assert tell(home, TWO) == {"raised": 1, "sent": 0, "unsent": 1}
    assert read_lines(home.alerts_path)[-1]["reason"] == "exit code 3"
    home.settings_path.write_text(command(), encoding="utf-8")
    assert tell(home, TWO)["sent"] == 1
    assert json.loads(taken.read_text().splitlines()[-1])["event"] == "warned"


def test_a_test_goes_out_by_every_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["status", "--test", "--home", str(tmp_path / "home")]
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server)
        assert run_command(app, words) == 0
        assert capsys.readouterr().out == "webhook: the test was sent\n"
        server.code = 403
        assert run_command(app, words) == 10
        assert capsys.readouterr().out == "webhook: HTTP 403\n"
    assert titles(server) == ["无形：这是一条测试通知"] and not home.alerts_path.exists()
    assert run_command(app, ["status", "--test", "--home", str(tmp_path)]) == 10


def test_a_damaged_ledger_keeps_nobody_from_being_told(home_after_run: Home) -> None:
    with serving(HookServer()) as server:
        settings = hooked(home_after_run.root.parent / "x", server).settings_path
        shutil.copy(settings, home_after_run.settings_path)
        home_after_run.ledger_path.write_bytes(b"no ledger" * 1000)
        with pytest.raises(DropRefusedError):
            note(home_after_run, TWO, raising(REFUSED))
        told = look_at(home_after_run, read_settings(home_after_run), TWO)
        tell(home_after_run, TWO)
    assert not told["good"] and told["ledger"] and len(server.taken) == 1


def test_the_page_says_state_gates_money_deliveries_and_what_to_do(home_after_run: Home) -> None:
    (folder,) = home_after_run.runs.iterdir()
    late = {"supplier": "民政局", "kind": "deaths", "state": "too_old", "age_days": 40}
    summary = {"run_id": folder.name, "warnings": ["w"], "deliveries": [late]}
    note(home_after_run, TWO, lambda: summary)
    page = night_page(home_after_run, look_at(home_after_run, read_settings(home_after_run), TWO))
    assert "# 无形夜间运行：完成，有提醒" in page and folder.name in page
    assert "| 民政局 | 死亡信息 | 过期" in page and "| 40 |" in page
    assert "复核人、批准人" in page and "| 应付明细 | " in page
    assert page.count("\n- ") == 3, "read the warnings, ask the supplier, sign"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["gates"]["extracts"] = {"kinds_usable": "failed", "another": "passed"}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    stop = GateStoppedError("a.toml, 370302198503151234: unknown x; correct it", folder.name)
    with pytest.raises(GateStoppedError):
        note(home_after_run, LATER, raising(stop))
    page = night_page(home_after_run, look_at(home_after_run, read_settings(home_after_run), LATER))
    assert "关口未通过" in page or "检查未过" in page
    assert "退出码 12" in page and "kinds_usable" in page and "370302198503151234" not in page
    assert "请改正" in page and "correct" not in page
    told = look_at(home_after_run, read_settings(home_after_run), LATER)
    mark = "over budget: the batch needs 2.00 元, 1.00 元 are left of 1.00 元"
    budget = [one | {"mark": mark} for one in told["signature"]]
    page = night_page(home_after_run, told | {"signature": [], "budget": budget})
    assert budget and "超出预算：" in page and "over budget" not in page


def test_nobody_is_told_where_no_way_is_named_and_a_night_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = home_with(tmp_path)
    told_night(home, "2026-11-27", good_night(home, warnings=["w"]), "run")
    assert not home.alerts_path.exists()
    home.settings_path.write_text("[alerts]\nevents = 1\n")
    assert told_night(home, "2026-11-27", good_night(home), "run")["run_id"] == "R1"
    assert "nobody could be told how the night ended" in capsys.readouterr().err


def test_every_event_says_what_to_do() -> None:
    from flows.night.alerts import EXIT_CODES, TOLD_AS
    from transforms.words import Said, catalogue

    said = {f"alert_{name}" for name in (*TOLD_AS, *(f"{event}_do" for event in EVENTS))}
    assert {*said, *(f"exit_{code}" for code in EXIT_CODES)} <= set(catalogue())
    assert set(TOLD_AS.values()) <= set(EVENTS)
    for event in EVENTS:
        alert = Alert(event, "k", Said("alert_missed", {"day": "2026-11-27"}))
        assert "怎么办" in alert.content(Home(Path("x")), "now")["text"]


def test_a_backup_that_is_too_old_is_told_once_until_there_is_a_newer(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server, more=f'[backup]\nfolder = "{folder}"\n')
        for hours, made in (
            (0, False),
            (1, True),
            (2, False),
            (28, False),
            (29, False),
            (30, False),
        ):
            if hours in (0, 30):
                shutil.rmtree(folder, ignore_errors=True)
            if made:
                Vault(folder).put_state(
                    (TWO + timedelta(hours=1)).isoformat(),
                    {"made_at": (TWO + timedelta(hours=1)).isoformat(), "position": 1},
                )
            tell(home, TWO + timedelta(hours=hours))
    told = [body["title"] for _, body in server.taken if body["event"] == "backup"]
    lost = "文件夹不在或读不了"
    newest = [one.rpartition("：")[2] for one in told]
    assert newest == [lost, "2026-11-27T03:00:00+08:00", lost], "a disk may be lost twice"
    status = look_at(home, read_settings(home), TWO)
    assert "backup too old: the folder is not there or can't be read" in status_lines(status)
    (folder / "lost+found").mkdir(parents=True)
    (line,) = (s for s in status_lines(look_at(home, read_settings(home), TWO)) if "backup" in s)
    assert in_chinese(line) == "备份过期：文件夹里还没有备份"


def test_on_a_full_disk_a_night_is_told_though_no_line_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(handle: int, text: bytes) -> int:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, text)

    full_disk = sqlite3.OperationalError("database or disk is full")
    with serving(HookServer()) as server:
        home = hooked(tmp_path, server)
        os.utime(home.settings_path, times=(TWO.timestamp(), TWO.timestamp()))
        with monkeypatch.context() as patched, pytest.raises(sqlite3.OperationalError):
            patched.setattr("flows.store.os.write", full)
            told_night(home, "2026-11-27", raising(full_disk), "nightly", clock=lambda: TWO)
        with monkeypatch.context() as patched:
            patched.setattr("flows.store.os.write", full)
            assert tell(home, TWO + timedelta(days=1, hours=1))["sent"] == 1, "the missed night"
    first, second = titles(server)
    assert "机器空间、内存、权限不足" in first and "没有开始" in second
    assert not read_lines(home.alerts_path) and not read_lines(home.nights_path)


def test_a_way_that_was_taken_out_is_awaited_no_more(tmp_path: Path) -> None:
    """What nobody heard goes by those that are there instead."""
    home = home_with(tmp_path, SCHEDULED)
    raised = [{"event": "raised", "key": key, "by": ["mail", "webhook"]} for key in ("old", "new")]
    for line in (*raised, {"event": "sent", "key": "old", "by": "webhook"}):
        append_line(home.alerts_path, line)
    assert [line["by"] for line in unsent(home, ["mail", "webhook"])] == [raised[1]["by"], ["mail"]]
    assert [(line["key"], line["by"]) for line in unsent(home, ["command"])] == [
        ("new", ["command"])
    ]
    assert unsent(home, []) == []
