"""Take whole deliveries from the inbox: judge each file, register it, move it."""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from flows.inbox.judge import judge, refuse_older
from flows.inbox.lying import REASON_NAME, Whole, at_rest, look, sizes_of
from flows.inbox.register import Line, add_lines, read_register
from flows.inbox.suppliers import INBOX, REFUSED, TAKEN, Suppliers
from flows.store import Home, file_digest, sync_path
from transforms.answers.messages import in_chinese
from transforms.errors import DropRefusedError
from transforms.visible import holds_control, visible

SETTLE_SECONDS = 2.0
UNPACKED = ".unpacked"
# Of a name; with what is put behind it, a file's name has 255 bytes at most.
MOST_LETTERS = 70
Pause = Callable[[float], None]


def take(home: Home, suppliers: Suppliers, day: date, pause: Pause) -> list[Line]:
    """Take every delivery that is whole and at rest; return the register.

    Holds:   a kill at any moment loses nothing and takes nothing twice; nothing is deleted
    Raises:  DropRefusedError if the inbox is not where it was
    """
    inbox, known = suppliers.inbox, read_register(home)
    if known and not any((inbox / state).is_dir() for state in (TAKEN, REFUSED)):
        raise DropRefusedError(
            f"{inbox} does not hold what was taken before: connect the share, or move the folders "
            "taken and refused there (a restored home has them in its own folder inbox). Nothing "
            "was changed"
        )
    for name in (TAKEN, REFUSED, *(supplier.folder for supplier in suppliers.by_name.values())):
        (inbox / name).mkdir(parents=True, exist_ok=True)
    move(inbox, known)
    shutil.rmtree(inbox / UNPACKED, ignore_errors=True)
    lying = look(suppliers)
    if lying.whole:
        before = sizes_of(lying)
        pause(SETTLE_SECONDS)
        for whole in at_rest(lying, before):
            known = _take_one(home, suppliers, whole, known, day)
    return known


def _take_one(
    home: Home, suppliers: Suppliers, whole: Whole, known: list[Line], day: date
) -> list[Line]:
    inbox = suppliers.inbox
    try:
        lines = judge(suppliers, whole, inbox / UNPACKED)
    except FileNotFoundError:
        # Its supplier took a file back: it is not whole any more.
        return known
    act = known[-1].act + 1 if known else 1
    place = whole.folder.relative_to(inbox).as_posix()
    label = INBOX if place == "." else place.replace("/", "-")
    lines = [replace(line, delivery=act, day=day.isoformat()) for line in lines]
    known = _record(home, inbox, known, refuse_older(lines, known), day, label)
    shutil.rmtree(inbox / UNPACKED, ignore_errors=True)
    return known


def refuse(
    home: Home, suppliers: Suppliers, lines: Sequence[Line], reason: str, day: date
) -> list[Line]:
    """Refuse files that were taken: what was good before them is in force again."""
    refused = [replace(line, state=REFUSED, lay=line.lies, reason=reason) for line in lines]
    label = Path(refused[0].lay).parent.name
    return _record(home, suppliers.inbox, read_register(home), refused, day, label)


def _record(
    home: Home, inbox: Path, known: list[Line], lines: list[Line], day: date, label: str
) -> list[Line]:
    """Write lines into the register, then move their files; return the register."""
    act = known[-1].act + 1 if known else 1
    lines = [replace(line, act=act, day=day.isoformat()) for line in lines]
    known = add_lines(home, known, _placed(inbox, lines, label))
    move(inbox, known)
    return known


def _placed(inbox: Path, lines: list[Line], label: str) -> list[Line]:
    """Give each file its place below taken or refused, in folders that are not there yet."""
    count, folder = 1, label
    states = {REFUSED if line.state == REFUSED else TAKEN for line in lines}
    while any((inbox / state / lines[0].day / folder).exists() for state in states):
        count += 1
        folder = f"{label}-{count}"
    placed, used = list[Line](), set[str]()
    for line in lines:
        state = REFUSED if line.state == REFUSED else TAKEN
        name, count = _plain(line.name), 1
        while (lies := f"{state}/{line.day}/{folder}/{name}") in used:
            count += 1
            name = f"{count}-{_plain(line.name)}"
        used.add(lies)
        placed.append(replace(line, lies=lies))
    return placed


def _plain(name: str) -> str:
    return visible(name)[:MOST_LETTERS] if holds_control(name) else name


def move(inbox: Path, known: Sequence[Line]) -> None:
    """Move the files of the register's last act to their places, where they are not there yet."""
    for line in known:
        if line.act != known[-1].act:
            continue
        source, target = inbox / line.lay, inbox / line.lies
        target.parent.mkdir(parents=True, exist_ok=True)
        if line.state == REFUSED:
            beside = target.with_name(target.name[:MOST_LETTERS] + REASON_NAME)
            # Written again after a kill, as all of the last act is.
            reasons = dict.fromkeys((in_chinese(line.reason), line.reason))
            beside.write_bytes(visible("\n\n".join((line.name, *reasons)) + "\n").encode())
        if os.path.lexists(source):
            _bring(source, target, line.sha256)


def _bring(source: Path, target: Path, digest: str) -> None:
    """Move a file, also from a share of its own; what lies at the target was brought already."""
    # The same file that still lies on another disk was left there by a kill.
    is_left = os.path.lexists(target) and target.lstat().st_dev != source.parent.lstat().st_dev
    try:
        if not os.path.lexists(target):
            os.rename(source, target)
    except OSError as other_disk:
        if other_disk.errno != errno.EXDEV:
            raise
        making = target.with_name(f".making-{target.name[:MOST_LETTERS]}")
        shutil.copyfile(source, making, follow_symlinks=False)
        sync_path(making)
        os.replace(making, target)
        is_left = True
    if is_left and file_digest(source) == digest:
        source.unlink()
    sync_path(target.parent)
    sync_path(source.parent)
