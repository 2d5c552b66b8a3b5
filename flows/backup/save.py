"""`wuxing backup`: a home as it stands, also while a night runs, beside all earlier states.

The ledger is copied first, by SQLite itself. Whatever it names was on disk before it was posted, so
what is copied afterwards can only be more: runs and batches that it does not know yet are left out,
the night that makes them is in the next backup.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.backup.vault import Entry, Vault, hold_vault
from flows.inbox.lying import is_mark
from flows.inbox.suppliers import INBOX, REFUSED, TAKEN
from flows.ingest.drop import raw_files, snapshot_files
from flows.money.batch_folder import read_batch
from flows.money.evidence import run_files
from flows.money.funds import PROFILE_FOLDER
from flows.money.ledger_store import books_of, copy_ledger, open_ledger
from flows.money.verify_batches import batch_files
from flows.money.verify_folders import NOTICES
from flows.money.whole import is_at_home
from flows.money.witnesses import ADVICE, expect_witnessed, tell_witness
from flows.scratch import scratch_folder
from flows.store import MANIFEST, Home, read_manifest
from transforms.errors import DigestDiffersError, DropRefusedError, WuxingError
from transforms.money.books import Books

# Signing keys are their holders', each on the own machine; the rest can be made again.
KEYS = ("*.key", "*.seen", ".*")
LEFT_OUT = (*KEYS, "keys", "tmp", "cache", "ledger.sqlite*", "ledger.journal")
# Of the inbox: what was taken, and what was refused with its reason.
DELIVERED = (TAKEN, REFUSED)
LAID = (".making-*",)
# What is smaller is read each time; what is larger and has the same size and time, is the same.
ALWAYS_READ_BYTES = 1 << 20
# How often all is looked through again if the ledger has grown meanwhile.
PASSES = 3
FORMAT = 1


@dataclass
class Saving:
    """One backup on its way: where to, what the backup before it knew, what can't be saved.

    `unread`: what can't be read either, but was refused when it came, or is an empty mark.
    """

    home: Home
    vault: Vault
    before: Mapping[str, Entry]
    trees: dict[str, list[Entry]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    new_bytes: int = 0

    def keep(self, folder: str, path: Path, name: str, expected: str = "") -> None:
        """Take a file of a folder in; one that is not as recorded is a problem to be told."""
        known = self.before.get(f"{folder}/{name}")
        entry = known if known and expected == known.sha256 else None
        try:
            if not expected and known and _is_same(path, known):
                expected = known.sha256
            entry, new_bytes = self.vault.take(path, name, expected)
            self.new_bytes += new_bytes
        except DigestDiffersError as differs:
            self.problems.append(str(differs))
        except (FileNotFoundError, PermissionError) as gone:
            is_closed = isinstance(gone, PermissionError)
            if is_closed and _is_read_by_nobody(folder, path):
                self.unread.append(str(path))
            # What no record names may have gone since it was listed.
            elif expected or is_closed:
                self.problems.append(f"{path} is missing or can't be read")
        if entry:
            self.trees.setdefault(folder, []).append(entry)


def _is_read_by_nobody(folder: str, path: Path) -> bool:
    """Say of a file of the inbox whether no night reads it: it was refused, or it is a mark."""
    return folder.startswith(f"{INBOX}/{REFUSED}") or (
        folder.startswith(f"{INBOX}/{TAKEN}") and is_mark(path)
    )


def _is_same(path: Path, known: Entry) -> bool:
    found = path.stat()
    is_large = found.st_size >= ALWAYS_READ_BYTES
    return is_large and (found.st_size, found.st_mtime_ns) == (known.bytes, known.changed_ns)


def back_up(home: Home, folder: Path, now: datetime, inbox: Path | None = None) -> dict[str, Any]:
    """Write one more state of a home into a backup's folder; nothing that is there is touched.

    Holds:   a kill at any moment leaves every earlier state as it was
    Raises:  DropRefusedError if the folder is another home's or lies in this one, or this is a
             copy and the folder its home's;
             DigestDiffersError if the ledger, or what it names, is not as recorded
    """
    if not home.ledger_path.is_file():
        raise DropRefusedError(f"{home.root} is no home: `wuxing init` makes one")
    if folder.resolve().is_relative_to(home.root.resolve()):
        raise DropRefusedError(f"{folder} lies in the home: a backup belongs on another disk")
    with hold_vault(folder) as vault:
        last = vault.newest()
        for _ in range(PASSES):
            state, saving = _pass(home, vault, last, inbox or home.root / INBOX)
            if state["position"] == books_of(home).position:
                break
        files = sum(len(entries) for entries in saving.trees.values())
        made_at = now.isoformat(timespec="seconds")
        name = vault.put_state(made_at, {**state, "made_at": made_at})
    told = {name: state[name] for name in ("home_id", "position", "problems", "unread")}
    return {"state": name, "files": files, "new_bytes": saving.new_bytes, **told}


def _pass(
    home: Home, vault: Vault, last: Mapping[str, Any], inbox: Path
) -> tuple[dict[str, Any], Saving]:
    """Take everything in that is not there yet; return the state, not written yet."""
    trees = last.get("trees", {})
    known = {f"{f}/{entry.name}": entry for f in trees for entry in vault.tree(trees[f])}
    saving = Saving(home, vault, known)
    with scratch_folder(vault.root) as scratch:
        books = _keep_ledger(saving, Home(scratch))
    if last and last["home_id"] != books.home_id:
        raise DropRefusedError(
            f"{vault.root} holds backups of home {last['home_id']}, this is {books.home_id}: give "
            "each home a folder of its own"
        )
    is_here = is_at_home(home, books)
    if last.get("is_at_home", bool(last)) and not is_here:
        raise DropRefusedError(
            f"this is a copy of home {books.home_id}, or it was moved, and {vault.root} holds its "
            "home's backups: both heads sign `wuxing home move`, or give the copy a folder of its "
            "own (`wuxing backup DIR`)"
        )
    for file in [*_named(saving, books), *_others(home, inbox)]:
        saving.keep(*file)
    listed = {
        where: vault.take_json([list(vars(entry).values()) for entry in entries])
        for where, entries in sorted(saving.trees.items())
    }
    said = {"home_id": books.home_id, "position": books.position, "head": books.head}
    said |= {"is_at_home": is_here}
    left_out = {"problems": saving.problems, "unread": saving.unread}
    return {"format": FORMAT, **said, "trees": listed, **left_out}, saving


def _keep_ledger(saving: Saving, scratch: Home) -> Books:
    """Copy the ledger with a journal that has seen exactly it; return what it adds up to.

    Raises:  DigestDiffersError if it is damaged, or older than the journal
    """
    home = saving.home
    if home.journal_path.is_file():
        shutil.copyfile(home.journal_path, scratch.journal_path)
    copy_ledger(home, scratch.ledger_path)
    with open_ledger(scratch, only_look=True) as ledger:
        postings, books = ledger.postings(), ledger.books()
        problem = next(ledger.entry_problems(), None)
    if problem:
        raise DigestDiffersError(f"{home.ledger_path}, {problem}; {ADVICE}")
    expect_witnessed(scratch.journal_path, books.hashes)
    tell_witness(scratch.journal_path, postings)
    for path in (scratch.ledger_path, scratch.journal_path):
        shutil.copystat(home.ledger_path, path)
        saving.keep(".", path, path.name)
    return books


def _named(saving: Saving, books: Books) -> Iterator[tuple[str, Path, str, str]]:
    """Give all that manifests and ledger name: folder, file, its name there, its digest."""
    home = saving.home
    for parent, known in ((home.snapshots, None), (home.runs, books.runs), (home.batches, None)):
        names = sorted(books.batches if parent == home.batches else known or _folders(parent))
        for folder in (parent / name for name in names):
            try:
                files = _files_of(home, folder, books)
            except (WuxingError, KeyError, TypeError) as damaged:
                saving.problems.append(f"{folder} is not in this backup: {damaged}")
                continue
            told = folder.relative_to(home.root).as_posix()
            for path, digest in files:
                yield told, path, path.relative_to(folder).as_posix(), digest


def _folders(parent: Path) -> list[str]:
    return [path.name for path in parent.glob("[!.]*") if path.is_dir()]


def _files_of(home: Home, folder: Path, books: Books) -> list[tuple[Path, str]]:
    if folder.parent == home.batches:
        state = books.batches[folder.name]
        named, beside = batch_files(home, read_batch(home, folder.name), state)
        there = [path for path in beside if path.is_file()]
        return [(folder / MANIFEST, state.batch_digest), *named, *((p, "") for p in there)]
    if folder.parent == home.runs:
        files, digest = run_files(folder), books.runs[folder.name]["run_manifest"]
        letters = [(p, "") for p in sorted((folder / NOTICES).rglob("[!.]*")) if p.is_file()]
        return [(folder / MANIFEST, digest), *files, *letters]
    manifest = read_manifest(folder, "snapshot")
    files = [*snapshot_files(folder, manifest), *raw_files(folder, manifest)]
    return [(folder / MANIFEST, ""), *files]


def _others(home: Home, inbox: Path) -> Iterator[tuple[str, Path, str, str]]:
    """Give what else lies in the home: configuration, registers, inputs, what was delivered."""
    known = {home.snapshots, home.runs, home.batches, inbox}
    tops = [(path, path.name, KEYS) for path in _below(home.root, LEFT_OUT) if path not in known]
    # What is being delivered is its supplier's until it is taken. An inbox may lie elsewhere.
    delivered = [(inbox / name, f"{INBOX}/{name}", LAID) for name in DELIVERED]
    for path, told, left_out in [*tops, *(one for one in delivered if one[0].is_dir())]:
        for file in [path] if path.is_file() else _files_below(path, left_out):
            name = f"{told}/{file.relative_to(path).as_posix()}".removesuffix("/.")
            *above, _ = name.split("/")
            folder = "/".join(above[:3]) or "."
            yield folder, file, name.removeprefix(f"{folder}/"), ""


def _files_below(folder: Path, left_out: Sequence[str]) -> Iterator[Path]:
    for path in _below(folder, left_out):
        if path.is_dir():
            yield from _files_below(path, left_out)
        else:
            yield path


def _below(folder: Path, left_out: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_taken(path, left_out))


def _is_taken(path: Path, left_out: Sequence[str]) -> bool:
    """Say whether a backup takes a path in: not what is left out, no device, no pipe.

    Configuration may be kept elsewhere, as links to files or to the folder of profiles. No other
    link is followed, and none that a supplier laid.
    """
    is_link = path.is_symlink()
    names = {path, path.resolve()} if is_link else {path}
    if any(name.match(form) for name in names for form in left_out):
        return False
    if not is_link:
        return path.is_dir() or path.is_file()
    return left_out is not LAID and (path.is_file() or path.name == PROFILE_FOLDER)
