"""What the ledger's postings add up to, and what a signature of a batch states."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from transforms.money.batch_states import LEFT_BEHIND, BatchState
from transforms.money.claims import Claim
from transforms.money.persons import same_person
from transforms.money.postings import FIRST_HASH
from transforms.money.roster import Roster, signing_problem

OPEN_STATES = ("draft", "signed")


@dataclass
class Books:
    """The state of one home by its postings; `hashes` and `rosters` say it for each position.

    `snapshots`: by id, each manifest that runs recorded of it, with the first of these runs.
    `repeatable`: the runs recorded since what a run nets against last changed.
    `withdrawn`: by clerk's answer, the first run recorded that found it withdrawn.
    `held_lines`: by entitlement key, who held a line last and why, and since when;
    `struck_lines`: who struck it out and why, and the digest of its facts of then.
    `claims`: by entitlement key, what is asked back; `lists`, `lifts`: signed lists of them, by id.
    """

    place: str = ""
    roster: Roster = field(default_factory=Roster)
    batches: dict[str, BatchState] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, dict[str, str]] = field(default_factory=dict)
    repeatable: set[str] = field(default_factory=set)
    hashes: list[str] = field(default_factory=list)
    rosters: list[str] = field(default_factory=list)
    moved_at: int = 0
    problems: list[str] = field(default_factory=list)
    claims: dict[tuple[str, ...], Claim] = field(default_factory=dict)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    lifts: dict[str, dict[str, Any]] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    held_lines: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    struck_lines: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)

    @property
    def home_id(self) -> str:
        """Return the home's id."""
        return self.roster.home_id

    @property
    def position(self) -> int:
        """Return how many postings there are."""
        return len(self.hashes)

    @property
    def newest_run(self) -> str:
        """Return the run that was recorded last, of those that were not stopped."""
        return next((r for r in reversed(self.runs) if self.runs[r]["state"] == "done"), "")

    def last_day(self, today: str) -> str:
        """Return the last day that has come of whose night there is a run; nothing if none is."""
        come = (run["as_of"] for run in self.runs.values() if run["state"] == "done")
        return max((day for day in come if day <= today), default="")

    def later_day(self, run_id: str, today: str) -> str:
        """Return the last day that has come of whose night there is a run; none beyond a run's own.

        Of a day that has not come nobody needs a night again.
        """
        later = self.last_day(today)
        return later if later > self.runs[run_id]["as_of"] else ""

    def drawn_up_at(self, batch_id: str) -> int:
        """Return by which posting a batch was drawn up, or the first of those it is left from."""
        state = self.batches[batch_id]
        while state.came_from:
            state = self.batches[state.came_from]
        return state.drafted_at

    def claim_key(self, line: Sequence[str], payment_id: str) -> tuple[str, ...]:
        """Return the key of the claim that money given back of a line closes.

        A claim may name the payment of a policy that excludes its own. Where there is none, the
        line's own key.
        """
        key = tuple(line)
        behind = (
            other
            for other, claim in sorted(self.claims.items())
            if other[1:] == key[1:] and payment_id in claim.payments
        )
        return key if key in self.claims else next(behind, key)

    def may_stand_again(self, run_id: str) -> bool:
        """Say whether a run that is done once more is the newest again, as before what came since.

        Holds:   nothing it nets against has changed; all runs since are of an earlier day, or of
                 its own day and snapshot: what was delivered later is never passed over
        """
        if run_id not in self.repeatable or self.runs[run_id]["state"] != "done":
            return False
        mine, names = self.runs[run_id], [*self.runs]
        recorded = (self.runs[name] for name in names[names.index(run_id) + 1 :])
        since = [run for run in recorded if run["state"] == "done"]
        return bool(since) and all(
            run["as_of"] < mine["as_of"]
            or all(run[name] == mine[name] for name in ("as_of", "snapshot_id"))
            for run in since
        )

    @property
    def head(self) -> str:
        """Return the last posting's hash."""
        return self.hashes[-1] if self.hashes else FIRST_HASH


def neither_open_nor_paid(books: Books, signed: Mapping[str, str]) -> list[str]:
    """List which batches that somebody signed are by a ledger neither to be paid nor paid.

    Whoever puts a ledger back to before a payment has it paid again in another batch: only who
    signed the first one knows of it.

    Rows:    signed  by batch, the digest that was signed
    """
    left = {b: state.state in LEFT_BEHIND for b, state in books.batches.items()}
    digests = {b: state.batch_digest for b, state in books.batches.items()}
    return [b for b, digest in signed.items() if left.get(b, True) or digests[b] != digest]


def snapshot_before(books: Books, snapshot_id: str) -> str:
    """Name the snapshot that a finished run read last, another one than this; nothing if none."""
    read = [run["snapshot_id"] for run in books.runs.values() if run["state"] == "done"]
    return next((snapshot for snapshot in reversed(read) if snapshot != snapshot_id), "")


def batch_statement(
    books: Books,
    state: BatchState,
    signer: Mapping[str, Any],
    position: int,
    reason: str | None = None,
) -> dict[str, Any]:
    """State what a signature covers: the batch, the run behind it, and the ledger as it stands.

    Rows:    signer  role, key_id, signed_on and anchors, which the signer says
             position  of the last posting that the signer has seen
             reason    why the batch is refused: then the signature is under that
    """
    run = books.runs[state.run_id]
    return {
        "act": "sign" if reason is None else "reject",
        "home_id": books.home_id,
        "batch_id": state.batch_id,
        "batch_digest": state.batch_digest,
        "run_manifest": run["run_manifest"],
        "snapshot_manifest": run["snapshot_manifest"],
        "roster_digest": books.rosters[position - 1],
        "ledger_position": position,
        "ledger_head": books.hashes[position - 1],
        "fund": state.fund,
        "count": state.instruction_count,
        "amount_fen": state.amount_fen,
        **{name: signer[name] for name in ("role", "key_id", "signed_on", "anchors")},
        **({} if reason is None else {"reason": reason}),
    }


def signing_obstacle(books: Books, batch_id: str, signer: Mapping[str, Any], position: int) -> str:
    """Say why somebody who has seen a position can't sign a batch; nothing if it can be signed."""
    return next(_signing_obstacles(books, batch_id, signer, position), "")


def _signing_obstacles(
    books: Books, batch_id: str, signer: Mapping[str, Any], position: int
) -> Iterator[str]:
    state, role = books.batches.get(batch_id), signer["role"]
    member = books.roster.members.get(signer["key_id"])
    yield from filter(None, (signing_problem(member, role, signer["signed_on"]),))
    if state is None:
        yield f"this home's ledger knows no batch {batch_id}"
    assert member is not None and state is not None, "nobody asks on after an answer"
    if state.state not in OPEN_STATES:
        yield f"batch {batch_id} is already {state.state}: not to be signed"
    if role in state.signatures:
        yield f"batch {batch_id} is already signed as {role}"
    for other in state.signatures.values():
        signed_by = books.roster.members[other["statement"]["key_id"]]
        if same_person(signed_by.person, member.person):
            yield (
                f"batch {batch_id}: the same person signed it as {signed_by.role}; "
                "two different persons must sign"
            )
    if not max(state.drafted_at, member.enrolled_at) <= position <= books.position:
        yield "it was signed before the batch was drawn up or the key enrolled"


def signed_in(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the statement that is signed on a day in what a posting says; nothing if none is."""
    statement = (said.get("act") or said).get("statement") or {}
    return statement if "signed_on" in statement else {}


def too_early(books: Books, batch_id: str, statement: Mapping[str, Any], today: str) -> str:
    """Say why a signature is not of the day that it says: what it covers is of a later one.

    A clock may be a day behind another; a day to come says nothing but that some clock was wrong.

    Rows:    batch_id  nothing: it covers what was posted of any batch
    """
    states = [books.batches[batch_id]] if batch_id else books.batches.values()
    position, signed_on = statement["ledger_position"], statement["signed_on"]
    covered = [day for state in states for at, day in state.days if at <= position]
    latest = max((day for day in covered if day <= today), default="")
    if latest and date.fromisoformat(signed_on) + timedelta(days=1) < date.fromisoformat(latest):
        return (
            f"it says that it was signed on {signed_on}, and covers what was recorded on {latest}: "
            "look at the clock where it was signed, and sign again"
        )
    return ""


def leaving_obstacle(books: Books, batch_id: str) -> str:
    """Say why a batch can't be refused or given up; nothing if it can."""
    state = books.batches.get(batch_id)
    if state is None:
        return f"this home's ledger knows no batch {batch_id}"
    if state.state not in OPEN_STATES:
        return f"batch {batch_id} is {state.state}: only what is not released is left"
    return ""
