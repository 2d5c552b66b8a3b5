"""Deliveries are taken when they are whole, each file judged for itself, and nothing is lost."""

import errno
import io
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flows.inbox import lying, take
from flows.inbox.register import Line, read_register
from flows.inbox.suppliers import read_suppliers
from flows.store import Home, file_digest
from tests.inbox.inbox_home import (
    FIRST,
    PERSONS,
    RESIDENTS,
    contributions,
    make_inbox,
    no_pause,
    persons,
    put,
    residents,
    take_all,
    tree,
)
from transforms.digest import text_digest
from transforms.errors import DropRefusedError

NOTE = "交接单.csv"


@pytest.fixture()
def home(tmp_path: Path) -> Home:
    return make_inbox(tmp_path / "home")


def states(lines: list[Line]) -> dict[str, str]:
    return {line.name: line.state for line in lines}


def reason_of(lines: list[Line], name: str) -> str:
    (line,) = (line for line in lines if line.name == name)
    assert line.state == "refused"
    return line.reason


def note(**files: tuple[int, str]) -> str:
    rows = "".join(f"{name}.csv,{rows},{digest}\n" for name, (rows, digest) in files.items())
    return f"文件名,行数,SHA256\n{rows}"


def test_without_note_or_mark_nothing_is_taken(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons()})
    assert take_all(home) == []
    assert tree(home) == {f"shebao/{PERSONS}": persons().encode()}


def test_with_the_mark_all_is_taken_and_moved_with_it(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    assert states(take_all(home)) == {PERSONS: "taken", "_READY": "beside"}
    assert set(tree(home)) == {f"taken/{FIRST}/shebao/{name}" for name in (PERSONS, "_READY")}


def test_a_delivery_waits_until_all_that_its_note_lists_is_there(home: Home) -> None:
    put(
        home, "shebao", {PERSONS: persons(), NOTE: note(个人参保信息=(1, ""), 个人缴费明细=(1, ""))}
    )
    assert take_all(home) == []
    put(home, "shebao", {"个人缴费明细.csv": contributions("202002")})
    assert set(states(take_all(home)).values()) == {"taken", "beside"}


def test_a_file_that_no_note_lists_waits_for_its_own(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "个人缴费明细.csv": contributions("202002")})
    put(home, "shebao", {NOTE: note(个人参保信息=(1, ""))})
    assert states(take_all(home)) == {PERSONS: "taken", NOTE: "beside"}
    assert "shebao/个人缴费明细.csv" in tree(home)


def test_a_file_that_its_note_contradicts_is_refused_with_both_digests(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "个人缴费明细.csv": contributions("202002")})
    put(home, "shebao", {NOTE: note(个人参保信息=(1, "0" * 64), 个人缴费明细=(1, ""))})
    lines = take_all(home)
    assert "SHA256 stated 000" in reason_of(lines, PERSONS)
    assert text_digest(persons()) in reason_of(lines, PERSONS)
    assert states(lines)["个人缴费明细.csv"] == "taken"
    beside = tree(home)[f"refused/{FIRST}/shebao/{PERSONS}.reason.txt"].decode()
    assert "SHA256" in beside and beside.startswith(PERSONS)


def test_an_unreadable_note_is_refused_alone_and_the_files_wait(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), NOTE: "文件\nx\n"})
    lines = take_all(home)
    assert "column 文件名 is missing" in reason_of(lines, NOTE)
    assert lines[0].supplier == "社保中心", "who is to be asked"
    assert f"shebao/{PERSONS}" in tree(home)
    put(home, "shebao", {NOTE: note(个人参保信息=(1, ""))})
    assert states(take_all(home))[PERSONS] == "taken"


def test_what_is_still_being_written_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    suppliers, path = read_suppliers(home), home.root / "inbox" / "shebao" / PERSONS

    def write_on(_seconds: float) -> None:
        with path.open("a") as stream:
            stream.write("more")

    assert take.take(home, suppliers, FIRST, write_on) == []
    assert take.take(home, suppliers, FIRST, no_pause)
    put(home, "shebao", {PERSONS: persons(), "个人缴费明细.csv.filepart": "", "_READY": ""})
    assert take.take(home, suppliers, FIRST, no_pause) == read_register(home)
    assert f"shebao/{PERSONS}" in tree(home)


def test_a_file_of_no_kind_is_refused_alone(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "会议纪要.docx": "x", "_READY": ""})
    lines = take_all(home)
    reason = reason_of(lines, "会议纪要.docx")
    assert "can't tell what kind" in reason and "Nothing was read" not in reason
    assert states(lines)[PERSONS] == "taken"


def test_renamed_columns_are_refused_when_they_are_taken(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons().replace("社会保障号码", "编号"), "_READY": ""})
    assert "required column missing: 社会保障号码" in reason_of(take_all(home), PERSONS)


def test_all_files_of_a_kind_are_taken_or_none(home: Home) -> None:
    files = {"个人参保信息-1.csv": persons(), "个人参保信息-2.csv": "x\n", "_READY": ""}
    put(home, "shebao", files | {"个人缴费明细202002.csv": contributions("202002")})
    lines = take_all(home)
    assert "belongs to 个人参保信息-2.csv" in reason_of(lines, "个人参保信息-1.csv")
    assert states(lines)["个人缴费明细202002.csv"] == "taken"


def test_an_older_state_of_a_whole_kind_that_comes_late_replaces_nothing(home: Home) -> None:
    newer, older = "个人参保信息_20200330.csv", "个人参保信息_20200329.csv"
    for name in (newer, "个人参保信息.csv", "个人参保信息_2020年3月.csv"):
        put(home, "shebao", {name: persons(), "_READY": ""})
        assert states(take_all(home))[name] == "taken"
    put(home, "shebao", {newer: persons(), "_READY": ""})
    assert states(take_all(home))[newer] == "taken"
    late = {older: persons(), "个人参保信息_2.csv": persons()}
    put(
        home, "shebao", {**late, "2020年1月个人缴费明细.csv": contributions("202001"), "_READY": ""}
    )
    lines = take_all(home)
    assert f"is of 20200329, older than {newer} of 20200330" in reason_of(lines, older)
    # What came with it is the same older state; a month of a part may come at any time.
    assert "older than" in reason_of(lines, "个人参保信息_2.csv")
    assert states(lines)["2020年1月个人缴费明细.csv"] == "taken"


@pytest.mark.parametrize("slip", ["20990101", "202012", "2020_2"])
def test_a_name_that_is_a_slip_does_not_keep_the_next_delivery_out(home: Home, slip: str) -> None:
    for name in (f"个人参保信息_{slip}.csv", "个人参保信息_20200330.csv"):
        put(home, "shebao", {name: persons(), "_READY": ""})
        assert states(take_all(home))[name] == "taken"


def test_a_part_says_its_month_by_name_or_by_rows_or_is_refused(home: Home) -> None:
    by_name, by_rows = "2020年3月个人缴费明细.csv", "个人缴费明细-b.csv"
    exported, day = "个人缴费明细_20200511.csv", "个人缴费明细_2020年4月30日.csv"
    put(home, "shebao", {exported: contributions("202005"), day: contributions("202001", "202004")})
    mixed = contributions("202001", "202003")
    put(home, "shebao", {by_name: mixed, by_rows: contributions("202002"), "_READY": ""})
    lines = take_all(home)
    told = {line.name: (line.month, line.month_from) for line in lines if line.state == "taken"}
    assert told == {
        by_name: ("202003", "name"),
        by_rows: ("202002", "rows"),
        exported: ("202005", "rows"),
        day: ("202004", "name"),
    }
    # The day of an export takes no other month away.
    put(home, "shebao", {"个人缴费明细_20200611.csv": contributions("202003"), "_READY": ""})
    assert take_all(home)[-2].month == "202003"
    wrong = "个人缴费明细_202004.csv"
    put(home, "shebao", {wrong: contributions("202003"), "_READY": ""})
    assert "no row is of that month (found: 202003)" in reason_of(take_all(home), wrong)
    both, other = "个人缴费明细-c.csv", "个人缴费明细-202004.csv"
    put(home, "shebao", {both: contributions("202001", "202002"), other: contributions("202004")})
    put(home, "shebao", {"_READY": ""})
    lines = take_all(home)
    assert "found: 202001, 202002" in reason_of(lines, both)
    # A file whose month nobody knows may belong to any: none is taken without it.
    assert f"belongs to {both}" in reason_of(lines, other)


def test_a_file_is_its_folders_suppliers_else_that_of_its_kind(home: Home) -> None:
    put(home, "shebao", {RESIDENTS: residents(), "_READY": ""})
    put(home, "", {RESIDENTS: residents(), "死亡信息.csv": "x", "_READY": ""})
    lines = take_all(home)
    refused = [line for line in lines if line.state == "refused"]
    assert [line.supplier for line in lines if line.state == "taken"] == ["民政局"]
    assert "社保中心 delivers no 户籍人口" in refused[0].reason
    assert "死亡信息 is delivered by nobody" in refused[1].reason


def test_rubbish_stays_where_it_lies(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "~$个人参保信息.xlsx": "x", "_READY": ""})
    assert "~$个人参保信息.xlsx" not in states(take_all(home))
    assert "shebao/~$个人参保信息.xlsx" in tree(home)


def test_a_link_and_a_name_that_cannot_be_shown_are_refused(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    folder = home.root / "inbox" / "shebao"
    (folder / "个人缴费明细1.csv").symlink_to("/etc/hostname")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.csv")).write_text("x")
    (folder / "个人缴费明细202002.csv").write_text(contributions("202002"), encoding="utf-8")
    lines = take_all(home)
    assert "is a link" in reason_of(lines, "个人缴费明细1.csv")
    # Half a kind is none.
    assert "belongs to 个人缴费明细1.csv" in reason_of(lines, "个人缴费明细202002.csv")
    assert "no UTF-8" in reason_of(lines, "\udcff.csv")
    assert states(lines)[PERSONS] == "taken" and read_register(home) == lines


def archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def test_an_archive_is_unpacked_and_kept(home: Home) -> None:
    put(home, "shebao", {"3月.zip": archive({f"a/{PERSONS}": persons()}), "_READY": ""})
    assert states(take_all(home)) == {PERSONS: "taken", "3月.zip": "beside", "_READY": "beside"}
    assert tree(home)[f"taken/{FIRST}/shebao/{PERSONS}"] == persons().encode()
    assert not (home.root / "inbox" / take.UNPACKED).exists()


def test_an_archive_with_its_own_note_needs_no_other(home: Home) -> None:
    listed = note(个人参保信息=(1, text_digest(persons())))
    put(home, "shebao", {"a.zip": archive({PERSONS: persons(), NOTE: listed})})
    assert states(take_all(home))[PERSONS] == "taken"
    put(home, "shebao", {"b.zip": archive({NOTE: listed, "个人缴费明细1.csv": "x"})})
    assert "listed but was not delivered" in reason_of(take_all(home), "个人缴费明细1.csv")


@pytest.mark.parametrize(
    ("name", "inside", "cut", "refused"),
    [
        ("x.zip", f"../../{PERSONS}", 0, [PERSONS]),
        ("个人缴费明细_2.zip", "a.csv", 9, ["个人缴费明细_1.csv"]),
        # Nobody can tell what lies in it: it may be half of either.
        ("x.zip", PERSONS, 9, [PERSONS, "个人缴费明细_1.csv"]),
        ("个人参保信息_2.rar", PERSONS, 0, [PERSONS]),
    ],
)
def test_with_an_archive_that_cannot_be_opened_goes_what_belongs_to_it(
    home: Home, name: str, inside: str, cut: int, refused: list[str]
) -> None:
    packed = archive({inside: persons()})
    files = {PERSONS: persons(), "个人缴费明细_1.csv": contributions("202002")}
    put(home, "shebao", {**files, name: packed[: len(packed) - cut], "_READY": ""})
    lines = take_all(home)
    assert [line.name for line in lines if f"belongs to {name}" in line.reason] == refused
    assert {line.supplier for line in lines} == {"社保中心"}
    assert states(lines)[name] == "refused"


def test_a_second_delivery_of_a_day_lies_beside_the_first(home: Home) -> None:
    for name in ("张三", "李四"):
        put(home, "shebao", {PERSONS: persons(name), "_READY": ""})
        lines = take_all(home)
    assert [line.lies for line in lines if line.name == PERSONS] == [
        f"taken/{FIRST}/shebao/{PERSONS}",
        f"taken/{FIRST}/shebao-2/{PERSONS}",
    ]
    for line in lines:
        assert file_digest(home.root / "inbox" / line.lies) == line.sha256


def test_a_supplier_who_takes_a_file_back_stops_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    put(home, "民政局", {RESIDENTS: residents(), "_READY": ""})
    gone = home.root / "inbox" / "shebao" / PERSONS

    def lose(suppliers: Any, whole: lying.Whole, unpacked: Path) -> list[Line]:
        gone.unlink(missing_ok=True)
        return judge(suppliers, whole, unpacked)

    judge = take.judge
    monkeypatch.setattr(take, "judge", lose)
    assert states(take_all(home)) == {RESIDENTS: "taken", "_READY": "beside"}


EFFECTS = [(os, "rename"), (os, "replace"), (os, "mkdir"), (os, "fsync"), (Path, "write_bytes")]


class KilledError(BaseException):
    """Stands for SIGKILL: nothing after it runs that writes."""


def killed_at(fatal: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Die before or after the n-th effect on the disk."""
    effects = list[str]()

    def dying(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*given: Any, **named: Any) -> Any:
            for when in ("before", "after"):
                effects.append(when)
                if len(effects) == fatal:
                    raise KilledError
                if when == "before":
                    outcome = act(*given, **named)
            return outcome

        return acted

    for place, name in EFFECTS:
        monkeypatch.setattr(place, name, dying(getattr(place, name)))
    return effects


def test_a_kill_at_any_write_loses_nothing_and_takes_nothing_twice(tmp_path: Path) -> None:
    def prepared(name: str) -> Home:
        home = make_inbox(tmp_path / name)
        put(home, "shebao", {"a.zip": archive({PERSONS: persons()}), "_READY": "", "x.doc": "x"})
        put(home, "民政局", {RESIDENTS: residents(), NOTE: note(户籍人口=(1, ""))})
        return home

    undisturbed = prepared("whole")
    expected = take_all(undisturbed)
    for fatal in range(1, 200):
        home = prepared(str(fatal))
        with pytest.MonkeyPatch.context() as patch:
            effects = killed_at(fatal, patch)
            with suppress(KilledError):
                take_all(home)
        if len(effects) < fatal:
            break
        assert take_all(home) == expected == read_register(home), fatal
        assert tree(home) == tree(undisturbed), fatal
    assert 20 < fatal == len(effects) + 1


def test_what_comes_after_a_kill_under_the_same_name_is_a_delivery_of_its_own(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    lines = take_all(home)
    put(home, "shebao", {PERSONS: persons("李四"), "_READY": ""})
    take.move(home.root / "inbox", lines)
    assert tree(home)[f"shebao/{PERSONS}"] == persons("李四").encode()
    assert states(take_all(home)) and len(read_register(home)) == 2 * len(lines)


@pytest.mark.parametrize("closed", ["a.zip", NOTE])
def test_an_archive_or_note_of_mode_0600_is_refused_alone(
    closed: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, whom nothing is denied."""
    put(home, "shebao", {closed: archive({PERSONS: persons()}), PERSONS: persons()})
    put(home, "shebao", {} if closed == NOTE else {"_READY": ""})
    put(home, "民政局", {RESIDENTS: residents(), "_READY": ""})

    def deny(opened: Callable[..., Any]) -> Callable[..., Any]:
        def given(file: Any, *form: Any, **forms: Any) -> Any:
            if Path(str(file)).name == closed:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
            return opened(file, *form, **forms)

        return given

    monkeypatch.setattr(Path, "open", deny(Path.open))
    monkeypatch.setattr("zipfile.io.open", deny(io.open))
    lines = take_all(home)
    assert reason_of(lines, closed) == f"{closed}: can't be read: Permission denied"
    assert states(lines)[RESIDENTS] == "taken"


def test_a_share_that_is_not_connected_refuses_nothing_for_good(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    lines = take_all(home)
    inbox = home.root / "inbox"
    inbox.rename(home.root / "elsewhere")
    inbox.mkdir()
    with pytest.raises(DropRefusedError, match="connect the share"):
        take_all(home)
    inbox.rmdir()
    (home.root / "elsewhere").rename(inbox)
    assert take_all(home) == lines


def test_a_file_comes_over_from_a_disk_of_its_own(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    monkeypatch.setattr(os, "rename", refuse)
    lines = take_all(home)
    assert set(tree(home)) == {f"taken/{FIRST}/shebao/{name}" for name in (PERSONS, "_READY")}
    assert take_all(home) == lines


def test_a_file_called_as_a_register_of_the_home_is_refused(home: Home) -> None:
    put(home, "shebao", {"异议登记簿.csv": "x", PERSONS: persons(), "_READY": ""})
    assert "called like a file of this program" in reason_of(take_all(home), "异议登记簿.csv")
