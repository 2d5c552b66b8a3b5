"""In force is the last good delivery of each kind, of a part month by month; its age is said."""

import hashlib
import json
import os
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.inbox.in_force import InForce, states_of_snapshot
from flows.inbox.register import Line, read_register, refused_since
from flows.inbox.standing import inbox_standing, standing_lines
from flows.inbox.suppliers import Delivers
from flows.inbox.tonight import Waiting, await_suppliers, refused_line
from flows.ingest.drop import SnapshotRef, ingest_drop
from flows.money.verify_folders import delivery_problems
from flows.store import Home
from tests.faults.bad_files.drops import BAD_DROPS, BadDrop
from tests.inbox.inbox_home import (
    DUE,
    FIRST,
    PERSONS,
    RESIDENTS,
    SUPPLIERS,
    at,
    contributions,
    in_force,
    make_inbox,
    night,
    no_pause,
    persons,
    put,
    residents,
    take_all,
    tree,
)
from tests.ingest.ingest_drops import table, write_drop
from transforms.answers.deliveries import delivery_states, warnings_of, with_ages
from transforms.answers.messages import in_chinese
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.extracts.kinds import KINDS
from transforms.policies.cards import PolicyStatus
from transforms.words import Said, worded

NEXT = FIRST + timedelta(days=1)
MARCH = "2020年3月个人缴费明细.csv"


@pytest.fixture()
def home(tmp_path: Path) -> Home:
    """An inbox in which both suppliers have delivered on the first day, and its night was read."""
    home = make_inbox(tmp_path / "home")
    march = {MARCH: contributions("202003")}
    put(home, "shebao", {PERSONS: persons(), **march, "_READY": ""})
    put(home, "民政局", {RESIDENTS: residents(), "_READY": ""})
    night(home)
    return home


def states(snapshot: SnapshotRef, day: date) -> dict[str, str]:
    return {one.kind: one.state for one in states_of_snapshot(snapshot.folder, day)}


def test_what_did_not_come_again_stays_in_force(home: Home) -> None:
    first = night(home)
    assert states(first, FIRST) == dict.fromkeys(
        ("contributions", "insured_persons", "residents"), "fresh"
    )
    put(home, "shebao", {PERSONS: persons("李四"), "_READY": ""})
    second = night(home, NEXT)
    assert table(second, "insured_persons")["name"].to_list() == ["李四"]
    assert table(second, "residents")["household_no"].to_list() == ["H1"]
    assert states(second, NEXT) == {
        "contributions": "old",
        "insured_persons": "fresh",
        "residents": "late",
    }
    assert [str(said) for said in warnings_of(states_of_snapshot(second.folder, NEXT))] == [
        "late of 民政局: residents; what came on 2020-03-30 is used, 1 days old"
    ]


def test_nothing_new_is_the_same_snapshot_whatever_the_day(home: Home) -> None:
    assert night(home, NEXT).snapshot_id == night(home).snapshot_id
    assert states(night(home, NEXT), NEXT)["residents"] == "late"


def test_the_same_file_again_is_said_to_be_the_same(home: Home) -> None:
    put(home, "民政局", {RESIDENTS: residents(), "_READY": ""})
    again = night(home, NEXT)
    assert states(again, NEXT)["residents"] == "same"
    assert table(again, "residents").height == 1


def test_a_month_replaces_the_same_month_and_an_older_one_may_come_later(home: Home) -> None:
    put(home, "shebao", {"2020年2月个人缴费明细.csv": contributions("202002"), "_READY": ""})
    assert table(night(home), "contributions")["month"].sort().to_list() == [202002, 202003]
    corrected = contributions("202003").replace("S202003", "corrected")
    put(home, "shebao", {"2020年3月个人缴费明细.csv": corrected, "_READY": ""})
    rows = table(night(home), "contributions").sort("month")
    assert rows["serial_no"].to_list() == ["S202002", "corrected"]


def test_too_old_is_left_out_and_named(home: Home) -> None:
    third = FIRST + timedelta(days=3)
    snapshot = night(home, third)
    assert "residents" not in snapshot.tables() and "insured_persons" in snapshot.tables()
    assert states(snapshot, third)["residents"] == "too_old"
    assert [str(said) for said in warnings_of(states_of_snapshot(snapshot.folder, third))] == [
        "late of 社保中心: insured_persons; what came on 2020-03-30 is used, 3 days old",
        "too old of 民政局 (2020-03-30, 3 days), so left out: residents",
    ]


def test_a_policy_says_whether_its_extract_is_too_old_or_did_not_come(home: Home) -> None:
    third = FIRST + timedelta(days=3)
    found = states_of_snapshot(night(home, third).folder, third)

    def said(kinds: list[str]) -> str:
        reason = Said("extract_not_delivered", {"kinds": kinds})
        policies = {"p": PolicyStatus("not_run", reason, None, None, [])}
        return worded(with_ages(policies, found)["p"].reason or reason)

    assert said(["residents"]) == "数据过期，不再使用：residents"
    assert said(["deaths"]) == "数据未送达：deaths"
    assert said(["deaths", "residents"]) == "数据未送达：deaths；数据过期，不再使用：residents"


def test_what_came_and_was_refused_is_not_said_never_to_have_come(tmp_path: Path) -> None:
    home = make_inbox(tmp_path / "home")
    put(home, "shebao", {"个人缴费明细.csv": contributions("2020x1"), "_READY": ""})
    lines = take_all(home, FIRST)
    told = delivery_states(in_force(home, lines, FIRST).text, FIRST)
    state = {one.kind: one.state for one in told}
    assert state["contributions"] == "unusable" and state["insured_persons"] == "missing"
    said = [worded(one) for one in warnings_of(told)]
    assert "社保中心送来的被拒收，此前没有可用的，没有读入：contributions" in said


def test_what_nobody_delivers_any_more_is_named(home: Home) -> None:
    text = home.suppliers_path.read_text("utf-8")
    home.suppliers_path.write_text(text.partition('["民政局"]')[0], "utf-8")
    told = states_of_snapshot(night(home, NEXT).folder, NEXT)
    assert [one.state for one in told if one.kind == "residents"] == ["nobody"]
    said = [worded(one) for one in warnings_of(told)]
    (one,) = (one for one in said if one.endswith("residents"))
    assert one.startswith("民政局到2020-03-30为止送来过，suppliers.toml 里现在没有单位送")
    for kinds, words in (
        (["residents"], "送达过而不再使用，suppliers.toml 里已无人报送：residents"),
        (["custody", "residents"], "数据未送达或已过期：custody；送达过而不再使用"),
    ):
        reason = Said("extract_not_delivered", {"kinds": kinds})
        policies = {"p": PolicyStatus("not_run", reason, None, None, [])}
        assert worded(with_ages(policies, told)["p"].reason or reason).startswith(words)


def test_a_correction_of_an_older_month_is_not_the_month_that_is_due(home: Home) -> None:
    may, due = date(2020, 5, 2), date(2020, 5, 6)
    put(home, "shebao", {"2020年1月个人缴费明细.csv": contributions("202001"), "_READY": ""})
    lines = take_all(home, may)
    for day, state in ((may, "late"), (due, "late"), (date(2020, 5, 20), "too_old")):
        told = delivery_states(in_force(home, lines, day).text, day)
        (one,) = (one for one in told if one.kind == "contributions")
        assert (one.state, one.delivered_on) == (state, str(FIRST))


def test_what_came_while_the_clock_was_ahead_ages_like_what_came_next(home: Home) -> None:
    put(home, "民政局", {RESIDENTS: residents("H2"), "_READY": ""})
    take_all(home, FIRST + timedelta(days=400))
    assert read_register(home)[0].day == str(FIRST)
    put(home, "shebao", {PERSONS: persons(), "_READY": ""})
    take_all(home, NEXT)
    days = {line.name: line.day for line in read_register(home)}
    assert days["户籍人口.csv"] == days[PERSONS] == str(NEXT)
    third = NEXT + timedelta(days=3)
    assert states(night(home, third), third)["residents"] == "too_old"
    # One that was behind makes nothing older.
    put(home, "民政局", {RESIDENTS: residents(), "_READY": ""})
    take_all(home, date(2010, 1, 1))
    put(home, "民政局", {RESIDENTS: residents(), "_READY": ""})
    take_all(home, third)
    assert read_register(home)[0].day == str(FIRST)


def test_a_kind_of_two_suppliers_is_read_whole_or_not_at_all(home: Home) -> None:
    line = (
        '"户籍人口" = { mode = "full", cadence = "nightly", deadline = "03:00", max_age_days = 9 }'
    )
    more = f'\n["公安分局"]\ncontact = "x"\n["公安分局".kinds]\n{line}\n'
    home.suppliers_path.write_text(SUPPLIERS + more, "utf-8")
    snapshot = night(home)
    told = [str(said) for said in warnings_of(states_of_snapshot(snapshot.folder, FIRST))]
    assert "residents" not in snapshot.tables()
    assert told[0].startswith("left out, as another supplier's part") and "民政局" in told[0]
    stand = {one.supplier: one.state for one in states_of_snapshot(snapshot.folder, FIRST)}
    assert (stand["民政局"], stand["公安分局"]) == ("fresh", "missing"), "it never came before"
    assert told[1] == "never delivered by 公安分局, so left out: residents"
    put(home, "公安分局", {RESIDENTS: residents("H2"), "_READY": ""})
    both = night(home)
    names = [entry["name"] for entry in both.manifest["files"] if entry["kind"] == "residents"]
    assert names == [f"公安分局-{RESIDENTS}", f"民政局-{RESIDENTS}"]


def test_what_a_restored_register_does_not_know_stops_the_night(home: Home) -> None:
    night(home)
    put(home, f"taken/{NEXT}", {"Thumbs.db": "", "notes.txt": "1", f"~${PERSONS}": ""})
    night(home, NEXT)
    put(home, f"taken/{NEXT}/shebao", {PERSONS: persons("李四")})
    with pytest.raises(DropRefusedError, match=f"does not know, as taken/{NEXT}/shebao/{PERSONS}"):
        night(home, NEXT)


def test_what_was_refused_of_one_month_is_told_beside_a_good_other(home: Home) -> None:
    of = Delivers.__new__(Delivers)
    object.__setattr__(of, "supplier", "社保")
    object.__setattr__(of, "kind", KINDS["contributions"])

    def line(act: int, day: str, state: str, month: str) -> Line:
        return Line(act, act, day, "社保", "contributions", f"{act}.csv", "", state, "", "", month)

    bad = [line(1, "d1", "refused", "2020-02"), line(2, "d1", "refused", "")]
    assert refused_since([*bad, line(3, "d1", "taken", "2020-03")], of) == bad
    assert refused_since([*bad, line(3, "d2", "taken", "2020-03")], of) == bad[:1]
    assert refused_since([*bad, line(3, "d2", "taken", "2020-02")], of) == []


def test_what_cannot_be_read_at_night_goes_back_and_the_older_is_read(home: Home) -> None:
    broken = f'{persons("李四")}"never closed\n'.encode()
    put(home, "shebao", {PERSONS: broken, "_READY": ""})
    put(home, "民政局", {RESIDENTS: residents("H2"), "_READY": ""})
    snapshot = night(home, NEXT)
    assert table(snapshot, "insured_persons")["name"].to_list() == ["张三"]
    assert table(snapshot, "residents")["household_no"].to_list() == ["H2"]
    assert states(snapshot, NEXT)["insured_persons"] == "refused"
    assert tree(home)[f"refused/{NEXT}/shebao/{PERSONS}"] == broken
    assert (
        b"line 3: a quote opens here" in tree(home)[f"refused/{NEXT}/shebao/{PERSONS}.reason.txt"]
    )
    assert night(home, NEXT).snapshot_id == snapshot.snapshot_id
    put(home, "shebao", {PERSONS: persons("李四"), "_READY": ""})
    assert states(night(home, NEXT), NEXT)["insured_persons"] == "fresh"


def test_a_note_that_states_other_rows_is_held_against_the_file_at_night(home: Home) -> None:
    put(home, "民政局", {RESIDENTS: residents("H2"), "交接单.csv": f"文件名,行数\n{RESIDENTS},2\n"})
    snapshot = night(home, NEXT)
    assert table(snapshot, "residents")["household_no"].to_list() == ["H1"]
    # The note of all files in force is none of the supplier's.
    assert "行数 stated 2, found 1 (交接单.csv); ask" in read_register(home)[-1].reason


def test_what_a_note_states_reaches_the_gates(home: Home) -> None:
    note = f"文件名,行数,核减行数,说明\n{RESIDENTS},1,7,更正\n"
    put(home, "民政局", {RESIDENTS: residents("H2"), "交接单.csv": note})
    entries = {entry["name"]: entry for entry in night(home, NEXT).manifest["files"]}
    assert (entries[RESIDENTS]["stated_rows"], entries[RESIDENTS]["removed_rows"]) == (1, 7)
    assert "stated_rows" not in entries[PERSONS]


def test_what_a_months_note_took_out_is_told_until_a_night_had_it(home: Home) -> None:
    """The night of its day may have been stopped by something else, and the next month come."""
    note = f"文件名,行数,核减行数,说明\n{MARCH},2,7,更正\n"
    put(
        home, "shebao", {MARCH: contributions("202003", "202002"), "交接单.csv": note, "_READY": ""}
    )
    april = MARCH.replace("3月", "4月")
    for day, more in ((NEXT, {}), (NEXT + timedelta(days=1), {april: contributions("202004")})):
        put(home, "shebao", {**more, "_READY": ""})
        entries = {one["name"]: one for one in night(home, day).manifest["files"]}
        assert entries[MARCH]["removed_rows"] == 7


@pytest.mark.parametrize("change", ["changed", "gone"])
def test_a_taken_file_that_somebody_changed_is_not_read(change: str, home: Home) -> None:
    path = home.root / "inbox" / "taken" / str(FIRST) / "shebao" / PERSONS
    path.write_text(persons("王五"), "utf-8") if change == "changed" else path.unlink()
    snapshot = night(home, NEXT)
    assert "insured_persons" not in snapshot.tables()
    assert states(snapshot, NEXT)["insured_persons"] == "unusable"
    assert read_register(home)[-1].state == "refused"


def test_a_taken_file_changed_with_its_digest_is_another_than_a_night_read(home: Home) -> None:
    (taken,) = (home.root / "inbox").rglob(f"taken/**/{RESIDENTS}")
    before = hashlib.sha256(taken.read_bytes()).hexdigest()
    taken.write_bytes(taken.read_bytes().replace(b"H1", b"H7"))
    after, text = hashlib.sha256(taken.read_bytes()).hexdigest(), home.deliveries_path.read_text()
    home.deliveries_path.write_text(text.replace(before, after))
    assert len([*delivery_problems(home)]) == 1 and before in text
    stops(home, RESIDENTS)


def stops(home: Home, file: str, of: date = FIRST, day: date = NEXT) -> None:
    said = f"does not have {file} of {of} any more as S[0-9A-F]+ read it"
    with pytest.raises(DigestDiffersError, match=said) as stopped:
        night(home, day)
    assert re.search(f"快照 S.* 所读的 {file}（{of} 交来）", in_chinese(str(stopped.value)))


def without(home: Home, **said: str) -> None:
    """Take the newest delivery of which this holds out of the register and out of taken."""
    every = [vars(line) for line in read_register(home)]
    fits = [line for line in every if said.items() <= line.items()]
    gone = [line for line in fits if line["act"] == fits[-1]["act"]]
    for line in gone:
        (home.root / "inbox" / line["lies"]).unlink()
    left = [json.dumps(line) + "\n" for line in every if line not in gone]
    home.deliveries_path.write_text("".join(left), "utf-8")


@pytest.mark.parametrize("again", [residents("H2"), residents("H1")], ids=["other", "as before"])
def test_a_delivery_taken_out_of_the_register_stops_the_night(again: str, home: Home) -> None:
    """The older list counted again: who had died since was payable, and nobody said a word."""
    later, day = NEXT + timedelta(days=1), NEXT + timedelta(days=2)
    put(home, "民政局", {RESIDENTS: residents("H9"), "_READY": ""})
    night(home, NEXT)
    put(home, "民政局", {RESIDENTS: again, "_READY": ""})
    night(home, later)
    assert [*delivery_problems(home)] == []
    without(home, name=RESIDENTS)
    assert len([*delivery_problems(home)]) == 1
    stops(home, RESIDENTS, later, day)


@pytest.mark.parametrize("change", [{"state": "beside"}, {"month": "2020-02"}, {"kind": "deaths"}])
def test_a_line_of_the_register_that_counts_for_something_else_stops_the_night(
    change: dict[str, str], home: Home
) -> None:
    lines = [vars(line) for line in read_register(home)]
    lines = [line | change if line["name"] == MARCH else line for line in lines]
    home.deliveries_path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    stops(home, MARCH)


def test_a_month_taken_out_of_the_register_stops_the_night(home: Home) -> None:
    put(home, "shebao", {MARCH: contributions("202003", "202003"), "_READY": ""})
    night(home, NEXT)
    without(home, name=MARCH)
    stops(home, MARCH, NEXT, NEXT + timedelta(days=1))


def test_no_honest_register_is_said_to_lack_a_delivery(home: Home, tmp_path: Path) -> None:
    """Same names of two suppliers, a clock ahead, a moved inbox, a change of suppliers, a drop."""
    put(home, "民政局", {RESIDENTS: residents("H2"), "_READY": ""})
    night(home, date(2099, 1, 1))
    put(home, "民政局", {RESIDENTS: residents("H2"), "_READY": ""})
    night(home, NEXT)
    put(home, "shebao", {"2020年2月个人缴费明细.csv": contributions("202002"), "_READY": ""})
    night(home, NEXT)
    text = SUPPLIERS.replace('"李工"', '"李工"\nfolder = "mz"').replace(
        f'"part", {DUE}', f'"full", {DUE}'
    )
    home.suppliers_path.write_text(text, "utf-8")
    night(home, NEXT)
    write_drop(tmp_path / "drop", {RESIDENTS: residents("H3").encode()})
    ingest_drop(tmp_path / "drop", home.snapshots)
    assert [*delivery_problems(home)] == []
    moved = Home(tmp_path / "moved")
    shutil.move(home.root, moved.root)
    night(moved, NEXT)
    assert [*delivery_problems(moved)] == []
    moved.deliveries_path.unlink()
    assert [*delivery_problems(moved)] == [], "a home that nothing was delivered to has none"


def test_what_is_given_again_to_a_restored_register_is_what_a_night_read(home: Home) -> None:
    """Also where what is given again is refused, as a newer one was given before it."""
    kept = home.deliveries_path.read_bytes()
    older, newer = f"20200330{RESIDENTS}", f"20200331{RESIDENTS}"
    for day, name in ((FIRST, older), (NEXT, newer)):
        put(home, "民政局", {name: residents(name), "_READY": ""})
        night(home, day)
    home.deliveries_path.write_bytes(kept)
    inbox, day = home.root / "inbox", NEXT + timedelta(days=3)
    for name in (newer, older):
        (taken,) = inbox.rglob(f"taken/**/{name}")
        put(home, "民政局", {name: taken.read_bytes(), "_READY": ""})
        taken.unlink()
        take_all(home, day)
    assert [line.state for line in read_register(home)[-2:]] == ["refused", "beside"]
    assert table(night(home, day), "residents")["household_no"].to_list() == [newer]


def test_raw_files_alone_are_the_same_snapshot_again(home: Home, tmp_path: Path) -> None:
    snapshot = night(home, NEXT)
    again = ingest_drop(snapshot.folder / "raw", tmp_path / "again")
    assert again.snapshot_id == snapshot.snapshot_id and again.manifest == snapshot.manifest


def test_nothing_in_force_is_a_plain_refusal(tmp_path: Path) -> None:
    with pytest.raises(DropRefusedError, match="nothing is in force"):
        night(make_inbox(tmp_path / "home"))


def test_a_damaged_register_stops_the_night(home: Home) -> None:
    with home.deliveries_path.open("a") as stream:
        stream.write("{}\n")
    with pytest.raises(DigestDiffersError, match="is damaged"):
        night(home)


@pytest.mark.parametrize("bad", BAD_DROPS, ids=lambda bad: str(bad.why))
def test_every_refusal_of_a_file_begins_with_its_name(bad: BadDrop, tmp_path: Path) -> None:
    with pytest.raises(DropRefusedError) as refused:
        ingest_drop(write_drop(tmp_path, bad.files), tmp_path / "snapshots")
    line = Line(1, 1, "", "", "", "", "", "", "taken", "", "")
    chosen = InForce("", dict.fromkeys(bad.files, line))
    is_of_the_drop = "drop holds" in str(refused.value)
    assert (refused_line(str(refused.value), chosen) is None) == is_of_the_drop


def test_a_night_waits_for_who_is_due_until_the_deadline(home: Home) -> None:
    waited = list[str]()
    hours = iter([2, 2, 3, 4])
    waiting = Waiting(clock=lambda: at(NEXT, next(hours)).clock(), pause=no_pause)
    await_suppliers(home, NEXT, waiting, lambda what, _rows: waited.append(what))
    # At three o'clock only one may still come, at four nobody.
    assert waited == ["waiting for 民政局, 社保中心"] * 2 + ["waiting for 社保中心"]


def test_nobody_is_waited_for_who_has_delivered(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons("李四"), "_READY": ""})
    put(home, "", {RESIDENTS: residents("H2"), "_READY": ""})

    def pause(_seconds: float) -> None:
        raise AssertionError("all is there")

    waiting = Waiting(clock=at(NEXT, 2).clock, pause=pause)
    await_suppliers(home, NEXT, waiting, lambda what, rows: None)
    assert take_all(home, NEXT)[-1].day == str(NEXT)
    await_suppliers(home, NEXT, waiting, lambda what, rows: None)
    early = Waiting(clock=at(NEXT, 2).clock, pause=pause, until_deadline=False)
    await_suppliers(home, NEXT, early, lambda what, rows: None)


def test_the_inbox_tells_what_is_in_force_what_waits_and_what_was_refused(home: Home) -> None:
    put(home, "shebao", {PERSONS: persons().replace("姓名", "名"), "x.docx": "x", "_READY": ""})
    take_all(home, NEXT)
    put(home, "民政局", {RESIDENTS: residents()})
    before = tree(home)
    told = inbox_standing(home, NEXT)
    lines = "\n".join(standing_lines(told))
    (row,) = (line.split() for line in lines.splitlines() if " 个人参保信息 " in line)
    assert row == ["社保中心", "个人参保信息", "refused", "2020-03-30", "1", PERSONS]
    assert "to be asked at 社保中心: 王工 0533-1" in lines
    why = "no delivery note lists it and there is no _READY"
    assert f"  民政局/ {why}\n    {RESIDENTS}\n" in lines
    assert "required column missing: 姓名" in lines and "x.docx: can't tell what kind" in lines
    assert tree(home) == before


def two_in_one_night(home: Home, *folders: str) -> SnapshotRef:
    """Put two deliveries of one kind in, an hour apart, and run the night."""
    hours = zip(folders, ("王五", "赵六"), (7200, 3600), strict=True)
    for folder, name, age in hours:
        put(home, f"shebao/{folder}", {PERSONS: persons(name), "_READY": ""})
        for path in (home.root / "inbox" / "shebao" / folder).iterdir():
            moment = path.stat().st_mtime - age
            os.utime(path, (moment, moment))
    return night(home, NEXT)


@pytest.mark.parametrize("folders", [("a", "b"), ("b", "a")])
def test_of_two_deliveries_in_one_night_the_later_one_counts_and_it_is_said(
    home: Home, folders: tuple[str, str]
) -> None:
    snapshot = two_in_one_night(home, *folders)
    assert table(snapshot, "insured_persons")["name"].to_list() == ["赵六"]
    first, then = (f"taken/{NEXT}/shebao-{folder}/{PERSONS}" for folder in folders)
    found = states_of_snapshot(snapshot.folder, NEXT)
    (state,) = (one for one in found if one.replaced_file)
    assert (state.kind, state.replaced_file, state.counting_file) == (
        "insured_persons",
        first,
        then,
    )
    said = warnings_of(found)[-1]
    assert f"what came later counts ({then}), what came before does not ({first})" in str(said)
    assert f"以后到的为准（{then}），先到的不算（{first}）" in worded(said)
    later = NEXT + timedelta(days=1)
    assert not any(
        one.replaced_file for one in states_of_snapshot(night(home, later).folder, later)
    )


def test_deliveries_of_one_moment_count_by_name_and_equal_ones_are_not_told(home: Home) -> None:
    for folder in ("b", "a"):
        put(home, f"shebao/{folder}", {PERSONS: persons(folder), "_READY": ""})
        for path in (home.root / "inbox" / "shebao" / folder).iterdir():
            os.utime(path, (1_500_000_000, 1_500_000_000))
    assert table(night(home, NEXT), "insured_persons")["name"].to_list() == ["b"]
    put(home, "shebao/c", {PERSONS: persons("b"), "_READY": ""})
    (state,) = (
        one for one in states_of_snapshot(night(home, NEXT).folder, NEXT) if one.replaced_file
    )
    assert state.replaced_file == f"taken/{NEXT}/shebao-a/{PERSONS}"


def test_a_note_of_before_has_no_word_of_what_was_replaced(home: Home) -> None:
    snapshot = night(home)
    path = snapshot.folder / "raw" / "in_force.csv"
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].endswith(",refused_file,replaced_file,counting_file")
    before = "\n".join(
        line.removesuffix(",replaced_file,counting_file").removesuffix(",,") for line in lines
    )
    assert not any(one.replaced_file for one in delivery_states(before, FIRST))
