"""A home in a second place: whole at any moment, each content once, never worse than before."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.backup.restore import check_backup, restore
from flows.backup.save import back_up
from flows.backup.vault import Vault
from flows.cli.around import user_name
from flows.cli.console import app, run_command
from flows.money import whole
from flows.money.ledger_store import books_of, open_ledger, write_prefix
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import PLACE, key_of, revoke
from tests.conftest import AS_OF
from tests.faults.bounded import ROOT
from transforms.answers.messages import in_chinese
from transforms.errors import DigestDiffersError, DropRefusedError

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)


@pytest.fixture()
def bare_home(empty_home: Path, tmp_path: Path) -> Home:
    """A home with a ledger in which no night ran: enough where only states are compared."""
    return Home(shutil.copytree(empty_home, tmp_path / "home"))


def contents(home: Home) -> dict[str, bytes]:
    return {
        path.relative_to(home.root).as_posix(): path.read_bytes()
        for path in home.root.rglob("*")
        if path.is_file()
        and not path.name.startswith("ledger.sqlite-")
        # A key is its holder's alone, in every copy too.
        and not path.name.endswith((".key", ".seen"))
    }


def test_a_restored_home_is_the_same_and_knows_that_it_is_a_copy(
    home_after_run: Home, tmp_path: Path
) -> None:
    home, folder = home_after_run, tmp_path / "backup"
    taken = home.root / "inbox" / "taken" / "2020-03-31" / "keys"
    taken.mkdir(parents=True)
    (taken / "户籍人口.csv").write_text("a\n")
    (home.root / "deliveries.jsonl").write_text("{}\n")
    told = back_up(home, folder, NOW)
    assert told["problems"] == []
    copy = Home(tmp_path / "elsewhere" / "home")
    restored = restore(folder, copy)
    assert restored["state"] == told["state"] and not restored["is_at_home"]
    assert verify_home(copy).problems == []
    there, here = contents(copy), contents(home)
    # SQLite counts in a copy's first page that it is one.
    assert there.pop("ledger.sqlite") and here.pop("ledger.sqlite")
    assert there == here


@pytest.mark.parametrize("anchors", [[], ["anchor"]])
def test_a_restored_home_does_not_know_what_was_paid_since_and_says_so(
    bare_home: Home,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    anchors: list[str],
) -> None:
    # Where its heads have put it; an anchor folder that is empty is one that is not connected.
    monkeypatch.setattr("flows.backup.restore.place_of", lambda _: PLACE)
    home, folder, copy = bare_home, tmp_path / "backup", Home(tmp_path / "copy")
    text = home.funds_path.read_text("utf-8")
    home.funds_path.write_text(text.replace("folders = []", f"folders = {anchors}"), "utf-8")
    made_at = back_up(home, folder, NOW)["state"] and NOW.isoformat()
    assert run_command(app, ["restore", str(folder), str(copy.root)]) == 0
    said = capsys.readouterr().out
    assert f"what was signed or released after {made_at} is not in it" in said
    assert "nothing outside says it" in said and "it signs and releases here" not in said
    assert ("was not held against it" if anchors else "names no folder in [anchors]") in said


def test_what_the_backup_has_is_not_copied_again(home_after_run: Home, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    first = back_up(home_after_run, folder, NOW)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    second = back_up(home_after_run, folder, NOW + timedelta(days=1))
    assert first["new_bytes"] > 0 and second["new_bytes"] == 0
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert [path.parent.name for path in after.keys() - before.keys()] == ["states"]
    assert all(after[path] == stamp for path, stamp in before.items())
    assert Vault(folder).state_names() == [first["state"], second["state"]]
    assert check_backup(folder)["state"] == second["state"]


def wuxing(*words: object, home: Home) -> "subprocess.Popen[bytes]":
    named = [*map(str, words), "--home", str(home.root)]
    called = [sys.executable, "-m", "flows", *named]
    return subprocess.Popen(called, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_while_a_night_runs_every_backup_is_a_whole_home(
    town: Path, home_after_run: Home, tmp_path: Path
) -> None:
    home, folder, made = home_after_run, tmp_path / "backup", []
    night = wuxing("run", town, "--as-of", AS_OF + timedelta(days=1), home=home)
    while night.poll() is None:
        made.append(back_up(home, folder, NOW + timedelta(seconds=len(made))))
        time.sleep(0.5)
    assert night.returncode == 0 and len(made) > 2
    made.append(back_up(home, folder, NOW + timedelta(days=1)))
    assert made[0]["position"] < made[-1]["position"]
    for place, told in enumerate([made[0], made[len(made) // 2], made[-1]]):
        copy = Home(tmp_path / f"copy-{place}")
        restore(folder, copy, told["state"])
        assert told["problems"] == [] and verify_home(copy).problems == []
    there, here = contents(copy), contents(home)
    assert there.pop("ledger.sqlite") and here.pop("ledger.sqlite")
    assert there == here, "the last has the whole night"


@pytest.mark.parametrize("contents_there", [1, 40])
def test_a_killed_backup_harms_nothing_that_was_there(
    contents_there: int, home_after_run: Home, tmp_path: Path
) -> None:
    home, folder = home_after_run, tmp_path / "backup"
    first = back_up(home, folder, NOW)
    shutil.rmtree(folder / "content")
    state = folder / "states" / f"{first['state']}.json"
    kept = tmp_path / "state.json"
    state.rename(kept)
    going = wuxing("backup", folder, home=home)
    while going.poll() is None and len(list(folder.glob("content/*/*"))) < contents_there:
        time.sleep(0.002)
    os.kill(going.pid, signal.SIGKILL)
    going.communicate()
    assert list(folder.glob("states/*")) == [], "a backup that was killed is none"
    second = back_up(home, folder, NOW)
    assert second["state"] == first["state"] and second["new_bytes"] < first["new_bytes"]
    assert not list(folder.rglob(".making-*"))
    assert check_backup(folder)["contents"] > contents_there


def test_what_is_damaged_at_home_is_told_and_kept_as_it_was(
    home_after_run: Home, tmp_path: Path
) -> None:
    home, folder = home_after_run, tmp_path / "backup"
    first = back_up(home, folder, NOW)
    table = next(home.runs.glob("*/determinations.parquet"))
    before = table.read_bytes()
    table.write_bytes(before[:-9])
    lost = next(home.batches.glob("*/lines.parquet"))
    lost.unlink()
    second = back_up(home, folder, NOW + timedelta(days=1))
    assert len(second["problems"]) == 2 and all(p for p in second["problems"])
    assert run_command(app, ["backup", str(folder), "--home", str(home.root)]) == 14
    for state in (first["state"], ""):
        copy = Home(tmp_path / f"copy-{state}")
        told = restore(folder, copy, state)
        assert told["state"] == first["state"], "the newest whole one"
        assert (second["state"] in told["passed_over"]) is (not state)
        assert verify_home(copy).problems == []
    mended = Home(tmp_path / "mended")
    restore(folder, mended, second["state"])
    assert contents(mended)[table.relative_to(home.root).as_posix()] == before


def test_a_ledger_that_went_back_is_no_new_backup(home_after_run: Home, tmp_path: Path) -> None:
    home, folder = home_after_run, tmp_path / "backup"
    lines = home.journal_path.read_text().splitlines(keepends=True)
    back_up(home, folder, NOW)
    with open_ledger(home, only_look=True) as ledger:
        write_prefix(ledger, len(lines) - 1, tmp_path / "older.sqlite")
    (tmp_path / "older.sqlite").replace(home.ledger_path)
    with pytest.raises(DigestDiffersError, match="older than"):
        back_up(home, folder, NOW + timedelta(days=1))
    assert len(Vault(folder).state_names()) == 1


AHEAD, BEHIND = datetime(2099, 1, 1, tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC)


def before_its_last_entry(home: Home, root: Path) -> Home:
    """Copy a home as it stood before the last entry of its ledger."""
    shutil.copytree(home.root, root)
    older = Home(root)
    lines = home.journal_path.read_text().splitlines(keepends=True)
    with open_ledger(home, only_look=True) as ledger:
        write_prefix(ledger, len(lines) - 1, older.ledger_path)
    older.journal_path.write_text("".join(lines[:-1]))
    return older


@pytest.mark.parametrize(("first", "then"), [(AHEAD, NOW), (NOW, BEHIND)])
@pytest.mark.parametrize("is_named_as_of_old", [False, True])
def test_the_newest_is_of_the_longest_ledger_whatever_the_clock_said(
    first: datetime,
    then: datetime,
    is_named_as_of_old: bool,
    bare_home: Home,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, copy = tmp_path / "backup", tmp_path / "copy"
    older = back_up(before_its_last_entry(bare_home, tmp_path / "older"), folder, first)
    if is_named_as_of_old:
        stamp, *_, digest = older["state"].split("-")
        path = folder / "states" / f"{older['state']}.json"
        path.rename(path.with_name(f"{stamp}-{digest}.json"))
    newer = back_up(bare_home, folder, then)
    assert newer["position"] == older["position"] + 1
    assert Vault(folder).newest()["position"] == newer["position"]
    assert check_backup(folder)["state"] == newer["state"]
    assert run_command(app, ["--lang", "zh", "restore", str(folder), str(copy)]) == 0
    assert books_of(Home(copy)).position == newer["position"]
    assert ("有 1 个备份点的日期晚于现在" in capsys.readouterr().err) is (first == AHEAD)
    again = back_up(bare_home, folder, then - timedelta(days=9))
    assert Vault(folder).state_names()[-1] == again["state"], "of one ledger, the one written last"


def test_a_state_of_a_day_to_come_is_named_and_so_is_a_longer_ledger(
    bare_home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "backup"
    ahead = back_up(bare_home, folder, AHEAD)["state"]
    for words in (["backup", str(folder)], ["backup", str(folder), "--check"]):
        assert run_command(app, [*words, "--home", str(bare_home.root)]) == 0
        said = capsys.readouterr().out
        assert f"dated after now: 1, as {ahead}" in said and "longer ledger" not in said
    older = before_its_last_entry(bare_home, tmp_path / "older")
    assert run_command(app, ["backup", str(folder), "--home", str(older.root)]) == 0
    assert f"{Vault(folder).state_names()[-1]} is of a longer ledger" in capsys.readouterr().out


def test_a_state_that_was_renamed_is_not_the_newest(bare_home: Home, tmp_path: Path) -> None:
    folder, copy = tmp_path / "backup", Home(tmp_path / "copy")
    older = back_up(before_its_last_entry(bare_home, tmp_path / "older"), folder, NOW)
    back_up(bare_home, folder, NOW)
    stamp, position, number, digest = older["state"].split("-")
    path = folder / "states" / f"{older['state']}.json"
    path.rename(path.with_name(f"{stamp}-{int(position) + 9}-{number}-{digest}.json"))
    with pytest.raises(DigestDiffersError, match=f"{digest}.json is missing or was changed"):
        restore(folder, copy)
    assert not copy.root.exists()


def test_a_damaged_backup_restores_nothing(home_after_run: Home, tmp_path: Path) -> None:
    folder, copy = tmp_path / "backup", Home(tmp_path / "copy")
    back_up(home_after_run, folder, NOW)
    digest = next(
        e.sha256 for e in Vault(folder).tree(Vault(folder).newest()["trees"]["."]) if e.bytes > 99
    )
    Vault(folder).path_of(digest).write_bytes(b"x")
    for act in (lambda: restore(folder, copy), lambda: check_backup(folder)):
        with pytest.raises(DigestDiffersError, match=digest):
            act()
    assert not copy.root.exists() and not list(tmp_path.glob(".making-*"))


def test_a_backup_is_refused_where_it_would_be_none(
    home_after_run: Home, empty_home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    with pytest.raises(DropRefusedError, match="lies in the home"):
        back_up(home_after_run, home_after_run.root / "backup", NOW)
    with pytest.raises(DropRefusedError, match="other things"):
        back_up(home_after_run, empty_home, NOW)
    with pytest.raises(DropRefusedError, match="is no home"):
        back_up(Home(tmp_path / "nowhere"), folder, NOW)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DropRefusedError, match="is no folder"):
        back_up(home_after_run, tmp_path / "file", NOW)
    back_up(home_after_run, folder, NOW)
    with pytest.raises(DropRefusedError, match="lies in the backup"):
        restore(folder, Home(folder / "home"))
    with pytest.raises(DropRefusedError, match="is not empty"):
        restore(folder, home_after_run)
    other = Home(tmp_path / "other")
    assert run_command(app, ["init", "--home", str(other.root)]) == 0
    with pytest.raises(DropRefusedError, match="a folder of its own"):
        back_up(other, folder, NOW)
    with pytest.raises(DropRefusedError, match="no backup yet"):
        restore(tmp_path / "empty", Home(tmp_path / "new"))


def test_an_empty_folder_is_no_place_that_the_timer_begins_a_backup_in(
    bare_home: Home, tmp_path: Path
) -> None:
    """A disk that is not mounted leaves its folder, empty, on the system's own disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    bare_home.settings_path.write_text(f'[backup]\nfolder = "{folder}"\n', encoding="utf-8")
    at_home = ["--home", str(bare_home.root)]
    for words in ([], ["--check"]):
        assert run_command(app, ["backup", *words, *at_home]) == DropRefusedError.exit_code
    assert not list(folder.iterdir())
    assert run_command(app, ["backup", str(folder), *at_home]) == 0
    assert run_command(app, ["backup", *at_home]) == 0


def test_an_inbox_elsewhere_is_saved_too_but_not_what_is_being_delivered(
    home_after_run: Home, tmp_path: Path
) -> None:
    inbox, copy = tmp_path / "inbox", Home(tmp_path / "copy")
    for name in ("taken/2020-03-31/社保/a.csv", "refused/2020-03-31/b.csv", "社保/half.csv"):
        (inbox / name).parent.mkdir(parents=True)
        (inbox / name).write_text(name)
    back_up(home_after_run, tmp_path / "backup", NOW, inbox)
    restore(tmp_path / "backup", copy)
    there = [p.relative_to(copy.root).as_posix() for p in copy.root.glob("inbox/**/*.csv")]
    assert sorted(there) == ["inbox/refused/2020-03-31/b.csv", "inbox/taken/2020-03-31/社保/a.csv"]


def test_what_goes_meanwhile_is_no_damage_and_what_is_closed_is_told(
    home_after_run: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, taken = home_after_run, home_after_run.root / "inbox" / "taken"
    taken.mkdir(parents=True)
    for name in ("gone.csv", "closed.csv", "there.csv"):
        (taken / name).write_text(name)
    take = Vault.take

    def deny(vault: Vault, source: Path, name: str, expected: str = "") -> Any:
        if name == "gone.csv":
            source.unlink()
        if name == "closed.csv":
            raise PermissionError
        return take(vault, source, name, expected)

    monkeypatch.setattr(Vault, "take", deny)
    (problem,) = back_up(home, tmp_path / "backup", NOW)["problems"]
    assert "closed.csv is missing or can't be read" in problem


def test_a_pipe_that_was_refused_is_not_waited_for(bare_home: Home, tmp_path: Path) -> None:
    refused = bare_home.root / "inbox" / "refused" / "2020-03-31" / "社保"
    refused.mkdir(parents=True)
    os.mkfifo(refused / "a.csv")
    (refused / "a.csv.reason.txt").write_text("a device")
    assert wuxing("backup", tmp_path / "backup", home=bare_home).wait(timeout=60) == 0
    restore(tmp_path / "backup", Home(tmp_path / "copy"))
    assert [path.name for path in (tmp_path / "copy" / "inbox").rglob("a.*")] == [
        "a.csv.reason.txt"
    ]


def test_what_was_refused_as_unreadable_is_named_and_no_problem(
    home_after_run: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A supplier's file of mode 0600; tests may run as root, whom nothing is denied."""
    home, day = home_after_run, "2020-03-31/社保"
    names = [f"refused/{day}/a b.csv", f"taken/{day}/_READY", f"taken/{day}/c.csv"]
    closed = [home.root / "inbox" / name for name in names]
    for path in closed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    opened, denied = Path.open, list(closed)

    def deny(path: Path, *form: Any, **forms: Any) -> Any:
        if path in denied:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *form, **forms)

    monkeypatch.setattr(Path, "open", deny)
    told = back_up(home, tmp_path / "backup", NOW)
    assert told["problems"] == [f"{closed[2]} is missing or can't be read"]
    assert told["unread"] == [str(closed[1]), str(closed[0])]
    denied.pop()
    words = ["backup", str(tmp_path / "backup"), "--home", str(home.root)]
    assert run_command(app, ["--lang", "zh", *words]) == 0
    said = capsys.readouterr().out
    assert f"`chown {user_name(os.geteuid())} '{closed[0]}'`" in said and "没有进入此备份" in said
    assert not Vault(tmp_path / "backup").newest()["problems"]


def copy_of(home: Home, root: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Copy a home elsewhere, where it is known to be a copy."""
    monkeypatch.setattr(whole, "place_of", lambda h: PLACE if h == home else str(h.root))
    return Home(shutil.copytree(home.root, root))


def test_a_copy_writes_no_state_beside_those_of_its_home(
    home_after_run: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, folder, own = home_after_run, tmp_path / "backup", tmp_path / "own"
    copy = copy_of(home, tmp_path / "copy", monkeypatch)
    first = back_up(home, folder, NOW)["state"]
    with pytest.raises(DropRefusedError, match="this is a copy of home") as refused:
        back_up(copy, folder, NOW)
    assert "home move" in str(refused.value) and "副本" in in_chinese(str(refused.value))
    assert Vault(folder).state_names() == [first]
    # In a folder of its own it is saved, and taken until its home writes there, too.
    made = back_up(copy, own, NOW)["state"]
    assert restore(own, Home(tmp_path / "one"))["state"] == made == Vault(own).newest_name()
    night(copy)
    longer = back_up(copy, own, NOW)["state"]
    of_home = back_up(home, own, NOW)["state"]
    assert Vault(own).state_names()[-1] == longer and Vault(own).newest_name() == of_home
    told = restore(own, Home(tmp_path / "two"))
    assert told["state"] == of_home and told["parted"] == [longer] and not told["passed_over"]
    with pytest.raises(DropRefusedError, match="this is a copy of home"):
        back_up(copy, own, NOW)


def night(home: Home) -> None:
    """Post what a night posts, twice: a ledger that grows without anybody's signature."""
    with open_ledger(home) as ledger, ledger.transaction():
        run_id, said = next(iter(ledger.books().runs.items()))
        for number in (1, 2):
            ledger.post("run_recorded", said | {"as_of": f"2020-04-0{number}"}, subject=run_id)


def test_a_copy_that_older_releases_let_in_does_not_hide_what_was_signed(
    home_after_run: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home, folder = home_after_run, tmp_path / "backup"
    copy = copy_of(home, tmp_path / "copy", monkeypatch)
    back_up(home, folder, NOW)
    night(copy)
    with monkeypatch.context() as of_old:
        of_old.setattr(whole, "place_of", lambda _: PLACE)
        longest = back_up(copy, folder, NOW)["state"]
        revoke(home, key_of(home, "reviewer"))
        signed = back_up(home, folder, NOW)["state"]
    assert Vault(folder).state_names()[-1] == longest
    words = ["backup", str(folder), "--home", str(home.root)]
    assert run_command(app, ["--lang", "zh", *words]) == 0
    assert "或者有副本写进过那里" in capsys.readouterr().out
    signed = Vault(folder).state_names()[-2]
    assert run_command(app, ["--lang", "zh", "restore", str(folder), str(tmp_path / "back")]) == 0
    assert f"`--state {longest}` 恢复" in capsys.readouterr().err
    assert books_of(Home(tmp_path / "back")).head == books_of(home).head
    # As it is written in the folder of states, or as a shell completes it.
    for number, given in enumerate((f"{signed}.json", str(folder / "states" / f"{signed}.json"))):
        target = str(tmp_path / f"named-{number}")
        assert run_command(app, ["restore", str(folder), target, "--state", given]) == 0
        assert books_of(Home(Path(target))).head == books_of(home).head


def test_a_home_comes_back_where_its_folder_can_not_be_exchanged(
    home_after_run: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk's own folder; a link to one."""
    folder, disk = tmp_path / "backup", tmp_path / "disk"
    back_up(home_after_run, folder, NOW)
    disk.mkdir()
    (tmp_path / "link").symlink_to(disk)
    restore(folder, Home(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink() and (disk / "ledger.sqlite").is_file()
    assert contents(Home(disk)).keys() == contents(home_after_run).keys()
    mounted, moved = tmp_path / "mounted", list[Path]()
    (mounted / ".making-mounted" / "runs").mkdir(parents=True)
    is_mount, rename = Path.is_mount, os.rename

    def renamed(source: Path, target: Path) -> None:
        assert target != mounted, "Device or resource busy"
        moved.append(Path(target))
        rename(source, target)

    monkeypatch.setattr(Path, "is_mount", lambda path: path == mounted or is_mount(path))
    monkeypatch.setattr(os, "rename", renamed)
    restore(folder, Home(mounted))
    assert moved[-1].name == "ledger.sqlite", "without it there is no home"
    assert contents(Home(mounted)).keys() == contents(home_after_run).keys()
    assert not [*mounted.glob(".making-*")]


def test_configuration_that_is_kept_elsewhere_is_saved(
    home_after_run: Home, tmp_path: Path
) -> None:
    """Links to files are; what a supplier laid, a key and a folder of another kind are not."""
    home, folder, kept = home_after_run, tmp_path / "backup", tmp_path / "kept"
    kept.mkdir()
    for path in (home.funds_path, home.root / "bank_profiles"):
        path.rename(kept / path.name)
        path.symlink_to(kept / path.name)
    (home.root / "more").symlink_to(kept)
    (home.root / "plain").symlink_to(home.root / "reviewer.key")
    taken = home.root / "inbox" / "taken" / "2020-03-31"
    taken.mkdir(parents=True)
    (taken / "a.csv").symlink_to("/etc/hostname")
    assert back_up(home, folder, NOW)["problems"] == []
    copy = Home(tmp_path / "copy")
    restore(folder, copy)
    assert copy.funds_path.read_bytes() == home.funds_path.read_bytes()
    assert [path.name for path in (copy.root / "bank_profiles").iterdir()] == [
        path.name for path in (kept / "bank_profiles").iterdir()
    ]
    assert not {"more", "plain", "inbox"} & {path.name for path in copy.root.iterdir()}
