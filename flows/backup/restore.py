"""`wuxing restore`: a home from a backup, in an empty place; and a backup read through."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.backup.vault import Entry, Vault
from flows.money.ledger_store import books_of
from flows.store import Home, digest_problems, place_of, sync_path, sync_tree
from transforms.errors import DigestDiffersError, DropRefusedError


def restore(folder: Path, home: Home, state_name: str = "") -> dict[str, Any]:
    """Write a backup's newest whole state, or one asked for, into an empty place.

    Rows:    returns  `passed_over`: newer states that are not whole
    Holds:   the home appears only after every file of it is on disk and was compared
    Raises:  DropRefusedError if the place is not empty; DigestDiffersError if the backup is damaged
    """
    if home.root.exists() and (not home.root.is_dir() or any(home.root.iterdir())):
        raise DropRefusedError(f"{home.root} is not empty: a home is restored into an empty folder")
    vault = Vault(folder)
    name = state_name or _newest_whole(vault)
    state = vault.read_state(name)
    names = [] if state_name else vault.state_names()
    newer = names[names.index(name) + 1 :] if names else []
    making = home.root.absolute().with_name(f".making-{home.root.name}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        entries = list(_entries(vault, state))
        for path, entry in entries:
            vault.write_out(entry, making / path / entry.name)
        sync_tree(making)
        os.rename(making, home.root)
        sync_path(home.root.absolute().parent)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    is_at_home = books_of(home).place == place_of(home)
    told = {key: state[key] for key in ("made_at", "home_id", "position", "problems")}
    told |= {"files": len(entries), "is_at_home": is_at_home, "passed_over": newer}
    return {"state": name, **told}


def check_backup(folder: Path, state_name: str = "") -> dict[str, Any]:
    """Read every content that a state names, and compare it with its digest.

    Raises:  DropRefusedError if there is none; DigestDiffersError naming what is damaged
    """
    vault = Vault(folder)
    name = state_name or next(reversed(vault.state_names()), "")
    state = vault.read_state(name)
    digests = {entry.sha256 for _, entry in _entries(vault, state)}
    found = digest_problems((vault.path_of(digest), digest) for digest in sorted(digests))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise DigestDiffersError(f"the backup {name} is damaged: {found[0]}{more}")
    told = {key: state[key] for key in ("made_at", "home_id", "position", "problems")}
    return {"state": name, **told, "contents": len(digests)}


def _newest_whole(vault: Vault) -> str:
    names = vault.state_names()[::-1]
    whole = (name for name in names if not vault.read_state(name)["problems"])
    return next(whole, next(iter(names), ""))


def _entries(vault: Vault, state: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
    for path, digest in state["trees"].items():
        yield from ((path, entry) for entry in vault.tree(digest))
