"""`wuxing restore`: a home from a backup, in an empty place; and a backup read through."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.backup.vault import Entry, Vault, is_of_home
from flows.money.ledger_store import books_of
from flows.store import Home, digest_problems, place_of, sync_path, sync_tree
from transforms.errors import DigestDiffersError, DropRefusedError, WuxingError
from transforms.money.postings import parted_at, read_postings

# A copy of a home posts these, too; all else is signed, or says what was paid, at its place alone.
OF_NIGHTS = frozenset({"home_made", "run_recorded", "drafted", "withdrawn"})


def restore(folder: Path, home: Home, state_name: str = "") -> dict[str, Any]:
    """Write a backup's newest whole state, or one asked for, into an empty place.

    Rows:    returns  `passed_over`: newer states that are not whole; `parted`: those of a copy, or
             of another course of the ledger
    Holds:   the home appears only after every file of it is on disk and was compared
    Raises:  DropRefusedError if the place is not empty, or in the backup; DigestDiffersError if the
             backup is damaged
    """
    root = home.root.resolve()
    # A folder that stands alone on its disk, or in a folder of others, can't be exchanged.
    stays = root.is_dir() and (root.is_mount() or not os.access(root.parent, os.W_OK))
    making = (root if stays else root.parent) / f".making-{root.name}"
    if root.exists() and (not root.is_dir() or any(path != making for path in root.iterdir())):
        raise DropRefusedError(f"{home.root} is not empty: a home is restored into an empty folder")
    if root.is_relative_to(folder.resolve()):
        raise DropRefusedError(f"{root} lies in the backup: a home belongs elsewhere")
    vault = Vault(folder)
    name = state_name or _newest_whole(vault)
    state = vault.read_state(name)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        entries = list(_entries(vault, state))
        for path, entry in entries:
            vault.write_out(entry, making / path / entry.name)
        sync_tree(making)
        _put(making, home, stays)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    is_at_home = books_of(home).place == place_of(home)
    names = [] if state_name else vault.state_names()
    newer = names[names.index(name) + 1 :] if names else []
    told = {key: state[key] for key in ("made_at", "home_id", "position", "problems")}
    told |= {"files": len(entries), "is_at_home": is_at_home}
    told["passed_over"] = [one for one in newer if vault.read_state(one)["problems"]]
    told["parted"] = [one for one in newer if one not in told["passed_over"]]
    return {"state": name, **told}


def _put(making: Path, home: Home, stays: bool) -> None:
    """Put a home in place: at once, or its ledger last, without which it is none."""
    root = home.root.resolve()
    if stays:
        for path in sorted(making.iterdir(), key=lambda path: path.name == home.ledger_path.name):
            os.rename(path, root / path.name)
    else:
        os.rename(making, root)
    sync_path(root if stays else root.parent)


def check_backup(folder: Path, state_name: str = "") -> dict[str, Any]:
    """Read every content that a state names, and compare it with its digest.

    Raises:  DropRefusedError if there is none; DigestDiffersError naming what is damaged
    """
    vault = Vault(folder)
    name = state_name or vault.newest_name()
    state = vault.read_state(name)
    digests = {entry.sha256 for _, entry in _entries(vault, state)}
    found = digest_problems((vault.path_of(digest), digest) for digest in sorted(digests))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise DigestDiffersError(f"the backup {name} is damaged: {found[0]}{more}")
    told = {key: state[key] for key in ("made_at", "home_id", "position", "problems")}
    return {"state": name, **told, "contents": len(digests)}


def _newest_whole(vault: Vault) -> str:
    """Name the newest state that is whole; of courses that parted, that in which more was signed.

    Older releases let a copy write beside its home, which signs and pays nothing.
    """
    states = _readable(vault)
    of_home = [name for name in states if is_of_home(states[name])] or [*states]
    left = [name for name in of_home if not states[name]["problems"]] or of_home[:1]
    best, most = "", -1
    while left:
        postings = _journal(vault, states[left[0]])
        signed = sum(kind not in OF_NIGHTS for kind, _ in postings)
        best, most = (left[0], signed) if signed > most else (best, most)
        chain = [posting_hash for _, posting_hash in postings]
        seen = {name: (states[name]["position"], states[name]["head"]) for name in left[1:]}
        left = [name for name in seen if parted_at(chain, [seen[name]])]
    return best


def _readable(vault: Vault) -> dict[str, dict[str, Any]]:
    """Read the states, the newest first; a damaged one counts as none if a newer one is whole."""
    states = dict[str, dict[str, Any]]()
    for name in reversed(vault.state_names()):
        try:
            states[name] = vault.read_state(name)
        except WuxingError:
            if not any(is_of_home(one) and not one["problems"] for one in states.values()):
                raise
    return states


def _journal(vault: Vault, state: dict[str, Any]) -> list[tuple[str, str]]:
    """Give kind and hash of all postings of a state."""
    files = {entry.name: entry.sha256 for entry in vault.tree(state["trees"]["."])}
    postings = read_postings(vault.read(files[Home(Path()).journal_path.name]).decode())
    return [(posting.kind, posting.posting_hash) for posting in postings]


def _entries(vault: Vault, state: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
    for path, digest in state["trees"].items():
        yield from ((path, entry) for entry in vault.tree(digest))
