"""Hold a home against its ledger: all that it names is there and as recorded, and nothing else."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import dropwhile
from pathlib import Path
from typing import Any

from flows.money.clock import today
from flows.money.funds import read_anchors
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.lift import lift_problems
from flows.money.objections import register_problems
from flows.money.recover import list_problems
from flows.money.seals import believed
from flows.money.signatures import holds_truly
from flows.money.verify_batches import batch_problems, changed_copies
from flows.money.verify_folders import (
    delivery_problems,
    run_problems,
    snapshot_problems,
    unknown_folders,
)
from flows.money.whole import former_anchors, unknown_payment_files
from flows.money.witnesses import (
    anchor_path,
    expect_witnessed,
    forgotten,
    told_anchors,
    unreached,
)
from flows.store import Home, file_digest, half_made, is_held, read_lines
from transforms.errors import DigestDiffersError, DropRefusedError, HomeBusyError, WuxingError
from transforms.money.books import Books, signed_in, too_early
from transforms.money.posting_rules import read_books
from transforms.money.postings import Posting, broken_link

SHOWN = 20
# Seconds until it is looked again at what a command may have half made.
PAUSES = (1, 2, 4, 0)
Check = Callable[[], Iterable[str]]


@dataclass
class Verified:
    """How many of each were held against the ledger, and what was not as recorded.

    `unchecked`: signatures whose seal's program is not here; `warnings`: anchors that are not,
    nights that nobody tells of, workbooks that a reviewer filled in, and batches released before
    their notice was over, or with files in another form; `seals`: which command verifies for each.
    """

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)

    def look(self, what: str, where: Path, check: Check) -> None:
        """Take in what a check finds."""
        self.take(what, problems_of(where, check))

    def take(self, what: str, found: list[str]) -> None:
        """Take in what was found of one thing that was held against the ledger."""
        self.counts[what] = self.counts.get(what, 0) + 1
        self.problems += found


def problems_of(where: Path, check: Check) -> list[str]:
    """Return what a check finds; one that breaks down has found damage in its file."""
    found: list[str] = []
    try:
        found += check()
    except WuxingError as stop:
        found.append(str(stop))
    # Whatever a damaged file makes a reader do is damage to be named, never a bug.
    except Exception as damage:
        found.append(f"{where} is damaged: it can't be read ({type(damage).__name__})")
    return found


def verify_home(home: Home) -> Verified:
    """Check everything that the ledger names, and that nothing else is there.

    Holds:   what a command has half made meanwhile is no damage: it is looked at again
    Raises:  DigestDiffersError naming files and records; DropRefusedError if there is no home, or
             all else is as recorded but a seal's program is not here to check its signatures;
             HomeBusyError if a command is still at work on what is not as recorded
    """
    if not home.root.is_dir() or not any(home.root.iterdir()):
        raise DropRefusedError(f"there is no home {home.root}: check --home")
    for pause in PAUSES:
        before = _position(home)
        try:
            return _verified(home)
        except DigestDiffersError as problem:
            if not is_held(home) and _position(home) == before:
                raise
            found = str(problem)
        time.sleep(pause)
    _, _, listed = found.partition(":\n")
    raise HomeBusyError(
        f"a command is at work in {home.root}, and this may be its half-made work: run `wuxing "
        f"verify` again when it has ended\n{listed or found}"
    )


def _position(home: Home) -> int:
    """Return how many postings a ledger has; none if it can't be read: then all says so."""
    with suppress(WuxingError), open_ledger(home, only_look=True) as ledger:
        return ledger.position()
    return 0


def _verified(home: Home) -> Verified:
    seen = Verified()
    # Bytes are hashed without Python, which meanwhile reads ledger and batches row by row.
    with open_ledger(home, only_look=True) as ledger, ThreadPoolExecutor(1) as beside:
        if not ledger.is_kept:
            raise DropRefusedError(f"{home.root} is no home: `wuxing init` makes one")
        postings = ledger.postings()
        books = read_books(postings, holds_truly(home, seen.unchecked, seen.problems))
        # SQLite asks for page by page: from a disk that is busy each would come late.
        file_digest(home.ledger_path)
        hashed = [
            (what, beside.submit(problems_of, folder, check))
            for what, folder, check in _evidence(home, books)
        ]
        seen.look("ledger rows", home.ledger_path, partial(_ledger_problems, ledger, books))
        seen.counts["ledger rows"] = len(postings) + ledger.count_entries()
        seen.counts["signatures"] = sum(len(s.signatures) for s in books.batches.values())
        # What a ledger that is not as recorded says that an anchor was told is no word of anybody.
        told = {} if seen.problems else told_anchors(postings)
        _verify_witnesses(home, books, told, seen)
        seen.warnings += [*untold_runs(home, books), *untrue_days(postings, books)]
        seen.seals, unbound = believed(home, books.roster)
        seen.warnings += unbound
        seen.warnings += [] if is_held(home) else map(_told_half_made, half_made(home))
        seen.look("registers", home.root, partial(register_problems, home, books.withdrawn))
        seen.look("registers", home.deliveries_path, partial(delivery_problems, home))
        for state in books.batches.values():
            folder = home.batches / state.batch_id
            seen.look(
                "batches", folder, partial(batch_problems, home, ledger, state, seen.warnings)
            )
            seen.warnings += changed_copies(home, state)
            count = seen.counts.get("payment files", 0) + len(state.payment_files)
            seen.counts["payment files"] = count
        for check in _lists(home, ledger, books):
            seen.look("recovery lists", home.ledger_path, check)
        for what, finding in hashed:
            seen.take(what, finding.result())
        seen.problems += unknown_folders(home, books)
        seen.problems += [f"{p} was not released" for p in unknown_payment_files(home, books)]
    found = "{count} not as recorded; sign and pay nothing, find out who changed it"
    unsure = "{count} signatures of outside seals can't be checked on this machine"
    if seen.problems:
        rest = f"\n{_told(seen.unchecked, unsure)}" if seen.unchecked else ""
        raise DigestDiffersError(_told(seen.problems, found) + rest)
    if seen.unchecked:
        raise DropRefusedError(_told(seen.unchecked, f"{unsure}; all else is as recorded"))
    return seen


def _told_half_made(path: Path) -> str:
    return (
        f"{path} was left half made by a command that was stopped: it is no record, and the next "
        "command that changes the home takes it away; if that was a release, repeat it"
    )


def _told(findings: list[str], what: str) -> str:
    distinct = list(dict.fromkeys(findings))
    more = f"\n… and {len(distinct) - SHOWN} more" if len(distinct) > SHOWN else ""
    return what.format(count=len(distinct)) + ":\n" + "\n".join(distinct[:SHOWN]) + more


def _evidence(home: Home, books: Books) -> Iterator[tuple[str, Path, Check]]:
    """Give the snapshots on the disk and in the ledger, and its runs, each with what checks it."""
    there = home.snapshots.iterdir() if home.snapshots.is_dir() else ()
    # Those that no run used have no digest.
    found = {path.name: "" for path in sorted(there) if not path.name.startswith(".")}
    found |= {run["snapshot_id"]: run["snapshot_manifest"] for run in books.runs.values()}
    for snapshot_id, digest in found.items():
        folder = home.snapshots / snapshot_id
        yield "snapshots", folder, partial(snapshot_problems, folder, digest)
    for run_id, recorded in books.runs.items():
        folder = home.runs / run_id
        yield "runs", folder, partial(run_problems, folder, recorded)


def _lists(home: Home, ledger: Ledger, books: Books) -> Iterator[Check]:
    postings = ledger.postings()
    for posted, check in ((books.lists, list_problems), (books.lifts, lift_problems)):
        for said in posted.values():
            yield partial(check, home, ledger, postings[: said["position"]])


def _ledger_problems(ledger: Ledger, books: Books) -> Iterator[str]:
    path = ledger.home.ledger_path
    for (said,) in ledger.connection.execute("pragma integrity_check"):
        if said != "ok":
            yield f"{path} is damaged: {said}"
    position = broken_link(ledger.postings())
    if position:
        yield f"{path}, postings row {position} is not as it was written, or one is missing before"
    yield from (f"{path}, {problem}" for problem in books.problems)
    yield from (f"{path}, {problem}" for problem in ledger.entry_problems())


def _verify_witnesses(home: Home, books: Books, told: Mapping[str, int], seen: Verified) -> None:
    anchors = {anchor_path(one, books.home_id): str(one) for one in read_anchors(home)}
    # What a former one saw stays seen; whether it still holds all is nobody's concern any more.
    anchors |= {anchor_path(one, books.home_id): "" for one in former_anchors(home, told)}
    seen.warnings += [said for said in map(unreached, anchors) if said]
    seen.look("witnesses", home.journal_path, partial(_journal_problems, home, books))
    for path in (path for path in anchors if not unreached(path)):
        least = told.get(anchors[path], 0)
        seen.look("witnesses", path, partial(_anchor_problems, path, books, least))


def untold_runs(home: Home, books: Books) -> list[str]:
    """Name the runs of the ledger whose night the record of nights has lost, since its first.

    A night that ended without naming its run tells of one of its day. Only a warning: where a disk
    was full no line could be written.
    """
    nights: dict[str, dict[str, Any]] = {}
    for line in read_lines(home.nights_path):
        nights.setdefault(line.get("night", ""), {}).update(line)
    ended = [one for one in nights.values() if one.get("event") == "ended"]
    told = {one.get("run_id") or one.get("as_of") for one in ended}
    # Runs of before there was a record have no night in it.
    since = dropwhile(lambda run_id: run_id not in told, books.runs)
    return [
        f"{home.nights_path} does not tell how the night of run {run_id} ended: its line was taken "
        "out, or could not be written"
        for run_id in since
        if not told & {run_id, books.runs[run_id]["as_of"]}
    ]


def untrue_days(postings: Iterable[Posting], books: Books) -> Iterator[str]:
    """Name the signatures that say an earlier day than that of what they cover.

    Only a warning: once nobody held a clock that is behind against what was signed.
    """
    for posting in () if books.problems else postings:
        signed = signed_in(posting.said)
        early = too_early(books, posting.batch_id, signed, today()) if signed else ""
        if early:
            yield f"posting {posting.sequence} ({posting.kind}): {early}"


def _journal_problems(home: Home, books: Books) -> Iterator[str]:
    if expect_witnessed(home.journal_path, books.hashes) < books.position:
        path = home.journal_path
        yield f"{path} lacks postings of the ledger: the next run or release writes them again"


def _anchor_problems(path: Path, books: Books, told: int) -> Iterator[str]:
    if said := forgotten(path, books.hashes, told):
        yield said
