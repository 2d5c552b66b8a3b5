"""Three people, one of them dishonest and master of the machine: all they can do, step by step.

The rules are the program's own (`transforms/money`); only disks and signatures are played: a
signature is a digest that needs its holder's secret. E and F are honest, and the two heads; E
approves, F reviews. D reviews too, owns the machine, changes what lies on it, puts it back as it
was, and posts past every rule. What D can't do is sign as another, or reach the anchor.

    python -m tests.money.model [DEPTH]
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from transforms.digest import canonical_json, text_digest
from transforms.money.books import (
    Books,
    batch_statement,
    neither_open_nor_paid,
    signing_obstacle,
)
from transforms.money.posting_rules import read_books
from transforms.money.postings import FIRST_HASH, Posting, broken_link, next_posting, parted_at
from transforms.money.roster import Member, heads_statement, revoke_statement, statement_bytes

Said = dict[str, Any]
HOME, PLACE, ELSEWHERE, TODAY = "H1", "here", "elsewhere", "2020-04-01"
DEPTH = 8
RUNS = 3
UNSIGNED = {"draft", "withdrawn"}
# Who holds which key: role, staff number, name.
KEYS = {
    "E head": ("hr_head", "1", "Ellen"),
    "F head": ("finance_head", "2", "Frank"),
    "D": ("reviewer", "3", "Doris"),
    "E": ("approver", "1", "Ellen"),
    "F": ("reviewer", "2", "Frank"),
    "D alias": ("approver", "4", "Siród"),
    "D twin": ("approver", "3", "Doris"),
}
HEADS = ("E head", "F head")


def public(key: str) -> str:
    return text_digest(f"public {key}")


OWNER = {public(key): key for key in KEYS}


def made_by(key: str, message: bytes) -> str:
    """Sign: only who holds the key calls this."""
    return text_digest(f"secret {key} {message.hex()}")


def holds(member: Member, message: bytes, signature: str) -> bool:
    return signature == made_by(OWNER[member.public_key], message)


def person_of(key: str) -> str:
    return key.split(maxsplit=1)[0]


@dataclass(frozen=True)
class World:
    """What lies on the machine, what others have seen, and what money left."""

    head: str
    disk: tuple[tuple[str, str], ...]
    place: str = PLACE
    kept: "World | None" = None
    anchor: tuple[str, ...] = ()
    seen: tuple[tuple[str, int, str, tuple[tuple[str, str], ...]], ...] = ()
    signatures: tuple[tuple[str, str, str], ...] = ()
    paid: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @property
    def ledger(self) -> tuple[Posting, ...]:
        """Return the postings: the last one's hash says which they are."""
        return LEDGERS[self.head]


LEDGERS: dict[str, tuple[Posting, ...]] = {FIRST_HASH: ()}


def following(ledger: tuple[Posting, ...], kind: str, batch: str, subject: str, said: Said) -> str:
    """Chain one more posting on; return the head."""
    posting = next_posting(ledger[-1] if ledger else None, kind, batch, subject, said)
    return LEDGERS.setdefault(posting.posting_hash, (*ledger, posting))[-1].posting_hash


@cache
def books_of(head: str) -> Books:
    books = read_books(LEDGERS[head], holds)
    assert not broken_link(LEDGERS[head]), "who changes a ledger chains it anew"
    return books


def add(
    world: World, kind: str, content: dict[str, Any], batch: str = "", subject: str = ""
) -> World:
    """Post by the rules; what they forbid is not posted."""
    head = following(world.ledger, kind, batch, subject, content)
    return world if books_of(head).problems else replace(world, head=head)


def force(world: World, kind: str, content: dict[str, Any], batch: str, subject: str) -> World:
    """Post past the rules, as D can."""
    return replace(world, head=following(world.ledger, kind, batch, subject, content))


def is_whole(world: World, has_anchor: bool) -> bool:
    """Do the program's checks before anything is signed or paid."""
    books = books_of(world.head)
    witnessed = [*enumerate(world.anchor, start=1)] if has_anchor else []
    return (
        not books.problems and not parted_at(books.hashes, witnessed) and world.place == books.place
    )


def digest_of(world: World, batch: str) -> str:
    return text_digest(dict(world.disk).get(batch, ""))


def newest(world: World) -> str:
    """Return the batch that people are asked to sign."""
    states = books_of(world.head).batches
    return next((b for b in reversed(states) if states[b].state in ("draft", "signed")), "")


# --- what people do ------------------------------------------------------------------------------


def run(world: World, has_anchor: bool) -> World:
    """Draw up what is due: entitlement X, unless the ledger says it is paid or signed."""
    books = books_of(world.head)
    count = len(books.runs)
    if not is_whole(world, has_anchor) or count >= RUNS:
        return world
    world = record(world, f"R{count}")
    if any(state.state in ("signed", "released") for state in books.batches.values()):
        return world
    world = replace(world, disk=(*world.disk, (f"B{count}", "to the right account")))
    return draw_up(world, count)


def run_again(world: World, has_anchor: bool) -> World:
    """Do the first run again, as it was: what it netted against is the same, nothing signed."""
    books = books_of(world.head)
    states = {state.state for state in books.batches.values()}
    if not is_whole(world, has_anchor) or books.newest_run == "R0" or states - UNSIGNED:
        return world
    after = record(world, "R0")
    drawn = draw_up(after, 0)
    return world if drawn is after else drawn


def record(world: World, run_id: str) -> World:
    """Record a run, and withdraw the drafts of the others."""
    recorded = dict.fromkeys(("snapshot_id", "run_manifest", "snapshot_manifest"), run_id)
    said = {"state": "done", "as_of": TODAY, **recorded}
    after = add(world, "run_recorded", said, subject=run_id)
    for old, state in books_of(world.head).batches.items():
        if state.state == "draft" and state.run_id != run_id:
            after = add(after, "withdrawn", {"by_run": run_id}, old, run_id)
    return after


def draw_up(world: World, number: int) -> World:
    """Draft a run's batch, as it lies on the disk."""
    run_id, batch = f"R{number}", f"B{number}"
    said = {"run_id": run_id, "fund": "F", "as_of": TODAY, "mark": "", "line_count": 0}
    said |= {"batch_digest": digest_of(world, batch), "instruction_count": 1, "amount_fen": 0}
    return add(world, "drafted", said, batch, run_id)


def sign(*keys: str) -> Callable[[World, bool], World]:
    """Sign the newest batch; several keys sign one export of it, and all is handed in then."""

    def signed(world: World, has_anchor: bool) -> World:
        books, batch = books_of(world.head), newest(world)
        if not batch or batch not in books.batches:
            return world
        for key in keys:
            world = sign_as(key, world, books, batch, has_anchor)
        return world

    return signed


def sign_as(key: str, world: World, books: Books, batch: str, has_anchor: bool) -> World:
    """Sign a batch as the books show it, and hand it in."""
    state, who = books.batches[batch], person_of(key)
    mine = [said[1:] for said in world.seen if said[0] == key]
    before = dict(batches for *_, known in mine for batches in known)
    if who != "D":
        # Honest people sign what the program lets them sign, and look at what they have seen.
        if not is_whole(world, has_anchor) or digest_of(world, batch) != state.batch_digest:
            return world
        if dict(world.disk)[batch] != "to the right account":
            return world
        if parted_at(books.hashes, [(position, head) for position, head, _ in mine]):
            return world
        if [one for one in neither_open_nor_paid(books, before) if one != batch]:
            return world
    signer = {"role": KEYS[key][0], "key_id": key_id(key), "signed_on": TODAY, "anchors": []}
    if signing_obstacle(books, batch, signer, books.position):
        return world
    statement = batch_statement(books, state, signer, books.position)
    signature = made_by(key, statement_bytes(statement))
    others = [said for said in world.seen if said[0] != key]
    paid = {one for one, known in books.batches.items() if known.released}
    open_still = {one: d for one, d in before.items() if one not in paid}
    known = tuple(sorted((open_still | {batch: state.batch_digest}).items()))
    seen = sorted([*others, (key, books.position, books.head, known)])
    world = replace(world, seen=tuple(seen))
    if who != "D":
        # What was signed for which content of the batch: the property looks at this alone.
        said = (key, state.batch_digest, canonical_json(dict(statement)) + "|" + signature)
        world = replace(world, signatures=tuple(sorted({*world.signatures, said})))
    content = {"statement": statement, "signature": signature}
    return add(world, "signed", content, batch, KEYS[key][0])


def withdraw(world: World, has_anchor: bool) -> World:
    """Give up the newest batch: the operator may, alone."""
    batch = newest(world)
    if not batch or not is_whole(world, has_anchor):
        return world
    return add(world, "given_up", {"reason": "r", "by": "D", "on": TODAY}, batch)


def key_id(key: str) -> str:
    return text_digest(public(key))[:16]


def person(key: str) -> dict[str, str]:
    return {
        "staff_number": KEYS[key][1],
        "name": KEYS[key][2],
        "bureau": "b",
        "public_key": public(key),
    }


def act_of(statement: dict[str, Any], *keys: str) -> dict[str, Any]:
    signatures = {key_id(key): made_by(key, statement_bytes(statement)) for key in keys}
    return {"statement": statement, "signatures": signatures}


def request(key: str) -> dict[str, Any]:
    days = {"valid_from": "2020-01-01", "valid_to": "2020-12-31", "verifier": ""}
    return {"act": "enrol", "home_id": HOME, "role": KEYS[key][0], **person(key), **days}


def enrol(key: str, *by: str) -> Callable[[World, bool], World]:
    def enrolled(world: World, has_anchor: bool) -> World:
        if not is_whole(world, has_anchor):
            return world
        act = act_of(request(key), key, *by)
        return told(add(world, "enrolled", act, subject=key_id(key)), world)

    return enrolled


def revoke(key: str, *by: str) -> Callable[[World, bool], World]:
    def revoked(world: World, has_anchor: bool) -> World:
        if not is_whole(world, has_anchor):
            return world
        statement = revoke_statement(HOME, key_id(key), "left")
        return told(add(world, "revoked", act_of(statement, *by), subject=key_id(key)), world)

    return revoked


def told(world: World, before: World) -> World:
    """Let the anchor see what was posted by the program."""
    if world.head == before.head:
        return before
    return replace(world, anchor=tuple(books_of(world.head).hashes))


def edit(world: World, has_anchor: bool) -> World:
    """D turns the payment to the own account, on the disk alone."""
    batch = newest(world)
    disk = tuple((b, "to D" if b == batch else content) for b, content in world.disk)
    return replace(world, disk=disk)


def edit_and_chain(world: World, has_anchor: bool) -> World:
    """D does the same, and writes ledger and chain to fit from the draft on."""
    batch, world = newest(world), edit(world, has_anchor)
    head = FIRST_HASH
    for posting in world.ledger:
        said = dict(posting.said)
        if posting.kind == "drafted" and posting.batch_id == batch:
            said["batch_digest"] = digest_of(world, batch)
        head = following(LEDGERS[head], posting.kind, posting.batch_id, posting.subject, said)
    return replace(world, head=head)


def swap(world: World, has_anchor: bool) -> World:
    """D pastes an honest signature, made for whatever batch, under the newest one."""
    batch = newest(world)
    if not world.signatures or not batch:
        return world
    statement, signature = world.signatures[-1][2].rsplit("|", 1)

    content = {"statement": json.loads(statement), "signature": signature}
    return force(world, "signed", content, batch, content["statement"]["role"])


def keep(world: World, has_anchor: bool) -> World:
    return replace(world, kept=replace(world, kept=None))


def roll_back(world: World, has_anchor: bool) -> World:
    """D puts back all that lies on the machine, and takes the payment files away."""
    if world.kept is None:
        return world
    return replace(world, head=world.kept.head, disk=world.kept.disk, place=world.kept.place)


def copy(world: World, has_anchor: bool) -> World:
    """D carries on with a copy on another machine, or comes back to the first."""
    return replace(world, place=ELSEWHERE if world.place == PLACE else PLACE)


def release(world: World, has_anchor: bool) -> World:
    batch = newest(world)
    if not batch or not is_whole(world, has_anchor):
        return world
    state = books_of(world.head).batches[batch]
    if digest_of(world, batch) != state.batch_digest:
        return world
    said = {"line_count": 0, "amount_fen": 0, "files": {}, "is_rehearsal": False}
    after = add(world, "released", said, batch)
    if after is world:
        return world
    keys = tuple(sorted(OWNER_BY_ID[s["statement"]["key_id"]] for s in state.signatures.values()))
    payment = (batch, dict(world.disk)[batch], keys)
    return told(replace(after, paid=(*after.paid, payment)), world)


OWNER_BY_ID = {key_id(key): key for key in KEYS}
DEEDS: dict[str, Callable[[World, bool], World]] = {
    "run": run,
    "run again": run_again,
    "D signs": sign("D"),
    "E signs": sign("E"),
    "F signs": sign("F"),
    "F and E sign one export": sign("F", "E"),
    "D signs by an alias": sign("D alias"),
    "D signs by a second key": sign("D twin"),
    "an alias of D is enrolled, the heads were fooled": enrol("D alias", *HEADS),
    "a second key of D is enrolled": enrol("D twin", *HEADS),
    "D enrols an alias alone": enrol("D alias", "D"),
    "D's key is revoked": revoke("D", *HEADS),
    "D revokes F's key alone": revoke("F", "D"),
    "edit": edit,
    "edit and chain": edit_and_chain,
    "swap": swap,
    "keep": keep,
    "roll back": roll_back,
    "copy": copy,
    "the batch is given up": withdraw,
    "release": release,
}


def beginning() -> World:
    """Found a home with two heads, three enrolled keys, one run and its draft."""
    world = add(World(FIRST_HASH, ()), "home_made", {"home_id": HOME, "place": PLACE})
    pair = {KEYS[key][0]: person(key) for key in HEADS}
    world = add(world, "heads_registered", act_of(heads_statement(HOME, pair), *HEADS))
    for key in ("D", "E", "F"):
        world = add(world, "enrolled", act_of(request(key), key, *HEADS), subject=key_id(key))
    world = run(replace(world, anchor=tuple(books_of(world.head).hashes)), True)
    assert newest(world) == "B0" and len(world.ledger) == 7
    return world


def wrongs(world: World, has_anchor: bool) -> Iterator[str]:
    """Say what must never be: money by one person, to another account, or twice unseen."""
    for batch, content, keys in world.paid:
        persons = {person_of(key) for key in keys}
        honest = [key for key in keys if person_of(key) != "D"]
        signed = {(key, digest) for key, digest, _ in world.signatures}
        if len(persons) < 2 or any((key, text_digest(content)) not in signed for key in honest):
            yield f"{batch} was paid on the keys {keys}"
        if content != "to the right account":
            yield f"{batch} was paid {content}"
    ids = [batch for batch, _, _ in world.paid]
    # Without an anchor the same file can be sent to the bank again, with or without this program:
    # the same payment ids, which the bank refuses. Never other ids for the same money.
    if len(ids) > 1 and (has_anchor or len(set(ids)) > 1):
        yield f"paid twice: {ids}"


def explore(depth: int, has_anchor: bool) -> tuple[int, int, int, list[str]]:
    """Walk all sequences; return how many, over how many states, payments seen, and what is wrong.

    Sequences that lead to one state are walked on from it together, and counted each.
    """
    after: dict[World, list[World]] = {}
    level, sequences, payments, wrong = Counter({beginning(): 1}), 0, 0, list[str]()
    for _ in range(depth):
        following: Counter[World] = Counter()
        for world, count in level.items():
            if world not in after:
                after[world] = [deed(world, has_anchor) for deed in DEEDS.values()]
                for reached in after[world]:
                    wrong += wrongs(reached, has_anchor)
            for reached in after[world]:
                following[reached] += count
        sequences += sum(following.values())
        payments = max(payments, *(len(world.paid) for world in following))
        level = following
    return sequences, len(after), payments, wrong


def main() -> int:
    depth = int(sys.argv[1]) if len(sys.argv) > 1 else DEPTH
    failed = 0
    for has_anchor in (True, False):
        sequences, states, payments, wrong = explore(depth, has_anchor)
        print(
            f"{'with' if has_anchor else 'without'} anchor: {sequences:,} sequences up to {depth} "
            f"deeds, {states:,} states, {payments} payments at most, {len(wrong)} wrong",
            flush=True,
        )
        failed += len(wrong)
        for said in sorted(set(wrong))[:10]:
            print(f"  {said}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
