"""Judge a delivery file by file: what is taken, what is refused, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG

from flows.inbox.lying import (
    FILE_FAULTS,
    Whole,
    denied_is_refused,
    expect_file,
    is_note,
    names_in,
    read_note,
)
from flows.inbox.part_month import day_named, month_of_part, months_named
from flows.inbox.register import BESIDE, Good, Line, Unit, good_deliveries
from flows.inbox.suppliers import REFUSED, TAKEN, Delivers, Supplier, Suppliers
from flows.ingest.delivery import Delivery
from flows.ingest.files import digest_file, recognise
from flows.ingest.folders import ARCHIVE, unpack
from flows.ingest.kind import open_part
from flows.store import file_digest
from transforms.amounts import yuan_text
from transforms.errors import DropRefusedError
from transforms.extracts.headers import kinds_of_file
from transforms.extracts.kinds import KINDS, Kind
from transforms.extracts.registers import REGISTERS
from transforms.visible import holds_control

# A refused file, and the kinds it may be of.
Refused = tuple[Line, set[str]]


def judge(suppliers: Suppliers, whole: Whole, unpacked: Path) -> list[Line]:
    """Judge each file of a delivery; with a refused file goes what belongs to it.

    Rows:    unpacked  a scratch folder of the inbox for what lies in archives
    Holds:   every file of the delivery has its line; nothing is moved
    Raises:  FileNotFoundError if a file was taken back meanwhile
    """
    inbox = suppliers.inbox
    top = whole.folder.relative_to(inbox).parts
    own = suppliers.by_folder(top[0]) if top else None
    beside = [_line(inbox, path, own) for path in whole.beside]
    if whole.bad_note:
        return [replace(line, state=REFUSED, reason=whole.bad_note) for line in beside]
    files, note, fault, shut = list[Path](), whole.note, "", list[Refused]()
    for path in whole.files:
        inner = [path]
        if path.suffix.lower() == ARCHIVE:
            try:
                inner = _unpacked(path, unpacked)
                beside.append(_line(inbox, path, own))
            except DropRefusedError as hostile:
                inner, kinds = [], _kinds_told(names_in(path)) or set(KINDS)
                line = replace(_line(inbox, path, own), state=REFUSED, reason=str(hostile))
                shut.append((replace(line, kind=min(kinds)) if len(kinds) == 1 else line, kinds))
        files += [one for one in inner if not is_note(one)]
        for one in filter(is_note, inner):
            beside.append(_line(inbox, one, own))
            note, fault = _inner_note(one, inner)
    lines = [_judge_file(path, own, suppliers, note) for path in files]
    if fault:
        lines = [replace(line, state=REFUSED, reason=fault) for line in lines]
    return [*_together(lines, shut), *(line for line, _ in shut), *beside]


def _inner_note(path: Path, files: list[Path]) -> tuple[Delivery | None, str]:
    """Read the note of an archive, which can't wait for what it lists."""
    try:
        note = read_note(path)
    except DropRefusedError as unreadable:
        return None, str(unreadable)
    absent = {line.name for line in note.lines} - {one.name for one in files}
    listed = f"{path.name}: {', '.join(sorted(absent))} is listed but was not delivered"
    return note, listed if absent else ""


def _unpacked(path: Path, unpacked: Path) -> list[Path]:
    expect_file(path)
    place = unpacked / str(len(list(unpacked.iterdir())) if unpacked.exists() else 0)
    place.mkdir(parents=True)
    with denied_is_refused(path.name):
        return unpack(path, place, [])


def _line(inbox: Path, path: Path, own: Supplier | None, sha256: str | None = None) -> Line:
    return Line(
        act=0,
        delivery=0,
        day="",
        supplier=own.name if own else "",
        kind="",
        name=path.name,
        sha256=_digest(path) if sha256 is None else sha256,
        state=BESIDE,
        lay=path.relative_to(inbox).as_posix(),
        lies="",
    )


def _digest(path: Path) -> str:
    try:
        return file_digest(path) if S_ISREG(path.lstat().st_mode) else ""
    except OSError as denied:
        if denied.errno not in FILE_FAULTS:
            raise
        return ""


def _judge_file(
    path: Path, own: Supplier | None, suppliers: Suppliers, note: Delivery | None
) -> Line:
    """Judge one file: its kind, its supplier, what the note says of it, its header, its month."""
    line = _line(suppliers.inbox, path, own, "")
    try:
        kind = _kind_of(path)
        line = replace(line, kind=kind.name)
        expect_file(path)
        of = _who_delivers(path.name, kind, own, suppliers)
        line = replace(line, supplier=of.supplier)
        months = months_named(path.name) if of.mode == "part" else set()
        line = replace(line, month=months.pop() if len(months) == 1 else "")
        raw = digest_file(recognise(path))
        line = _as_noted(replace(line, sha256=raw.sha256), note)
        _, pieces = open_part(raw, path, kind)
        told = month_of_part(path.name, kind, pieces) if of.mode == "part" else ("", "")
    except DropRefusedError as refused:
        digest = line.sha256 or _digest(path)
        return replace(line, state=REFUSED, sha256=digest, reason=str(refused))
    except OSError as denied:
        if denied.errno not in FILE_FAULTS:
            raise
        return replace(line, state=REFUSED, reason=f"{path.name}: can't be read: {denied.strerror}")
    return replace(line, state=TAKEN, month=told[0], month_from=told[1])


def _kind_of(path: Path) -> Kind:
    if holds_control(path.name):
        raise DropRefusedError(
            f"{path.name}: the name is no UTF-8, or holds characters that can't be seen; rename it"
        )
    kind = recognise(path).kind
    if kind is None or path.name in {register.named for register in REGISTERS.values()}:
        raise DropRefusedError(f"{path.name}: is called like a file of this program; rename it")
    return kind


def _who_delivers(name: str, kind: Kind, own: Supplier | None, suppliers: Suppliers) -> Delivers:
    """Find what suppliers.toml says of a kind: the folder tells the supplier, else the kind."""
    if own is not None:
        if kind.name not in own.kinds:
            raise DropRefusedError(
                f"{name}: {own.name} delivers no {kind.titles[1]} (suppliers.toml); rename the "
                "file, put it into the right folder, or name the kind there"
            )
        return own.kinds[kind.name]
    known = [one for one in suppliers.deliveries if one.kind is kind]
    if len(known) == 1:
        return known[0]
    names = ", ".join(one.supplier for one in known) or "nobody"
    raise DropRefusedError(
        f"{name}: can't tell whose file this is: {kind.titles[1]} is delivered by {names} "
        "(suppliers.toml); put it into its supplier's folder"
    )


def _as_noted(line: Line, note: Delivery | None) -> Line:
    """Hold a file against its delivery note; keep what the note says of rows for the night."""
    found = [one for one in note.lines if one.name == line.name] if note else []
    for said in found:
        if said.sha256 not in (None, line.sha256):
            raise DropRefusedError(
                f"{line.name}: SHA256 stated {said.sha256}, found {line.sha256}; ask the supplier "
                "which is right"
            )
    if not found:
        return line
    said = found[0]
    amount = "" if said.amount_fen is None else yuan_text(said.amount_fen)
    rows = "" if said.rows is None else str(said.rows)
    return replace(line, rows=rows, amount=amount, removed_rows=str(said.removed_rows))


def _kinds_told(names: Iterable[str]) -> set[str]:
    return {kind.name for name in names for kind in kinds_of_file(name)}


def _together(lines: list[Line], shut: list[Refused]) -> list[Line]:
    """Refuse with a file all of its kind in the delivery (of a part: of its month).

    Rows:    shut  archives that can't be unpacked, with the kinds that may lie in them
    """
    names = [line.name for line in lines]
    lines = [
        replace(line, state=REFUSED, reason=f"{line.name}: two files have this name; rename one")
        if names.count(line.name) > 1
        else line
        for line in lines
    ]
    bad = [
        (line, {line.kind} if line.kind else _kinds_told([line.name]))
        for line in lines
        if line.state == REFUSED
    ]
    return [_with_others(line, [*bad, *shut]) for line in lines]


def refuse_older(lines: list[Line], known: list[Line]) -> list[Line]:
    """Refuse what would replace a whole kind by an older state of it, as the files' names say.

    Rows:    lines  of one delivery, with its day; known: of the register, delivered before
    """
    before = good_deliveries(known)
    return [_unless_older(line, lines, before) for line in lines]


def _unless_older(line: Line, lines: list[Line], before: Mapping[Unit, list[Good]]) -> Line:
    if line.state != TAKEN or line.month or line.unit not in before:
        return line
    in_force = before[line.unit][-1].lines
    new = _latest_day(one for one in lines if one.unit == line.unit)
    old = _latest_day(in_force)
    digits = min(len(new), len(old))
    if new[:digits] >= old[:digits]:
        return line
    reason = (
        f"{line.name}: is of {new}, older than {in_force[0].name} of {old}, which is in force and "
        "which it would replace; if it is the newer one, write its day into its name"
    )
    return replace(line, state=REFUSED, reason=reason)


def _latest_day(lines: Iterable[Line]) -> str:
    days = (day_named(line.name, line.day.replace("-", "")) for line in lines)
    return max(days, default="")


def _with_others(line: Line, bad: Iterable[Refused]) -> Line:
    for one, kinds in bad:
        is_of_it = line.kind in kinds and one.supplier in ("", line.supplier)
        if line.state == TAKEN and is_of_it and (line.month == one.month or not one.month):
            reason = (
                f"{line.name}: belongs to {one.name}, which was refused; deliver all files of "
                "this kind again"
            )
            return replace(line, state=REFUSED, reason=reason)
    return line
