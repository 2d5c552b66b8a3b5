"""What the two heads do together: name themselves, enrol and revoke keys, move the home.

An act is posted when both heads have signed: at one machine with their key files, or each at the
own one with `wuxing key countersign`.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.money.acts import POSTED_AS, unsigned
from flows.money.funds import write_initial_files
from flows.money.ledger import Ledger
from flows.money.ledger_store import create_ledger, open_ledger
from flows.money.seals import believed, expect_bound
from flows.money.whole import whole_ledger, witnessed
from flows.store import Home, place_of
from transforms.errors import DropRefusedError, LedgerForbidsError
from transforms.money.roster import (
    HEAD_ROLES,
    enrol_problem,
    heads_statement,
    key_id_of,
    person_problem,
    revoke_problem,
    revoke_statement,
)


def initialise_home(home: Home) -> list[Path]:
    """Make the files of a home and its ledger, where they are not yet; return what was written.

    Holds:   nothing that is there is changed; a ledger is never made beside runs or batches
    """
    written = write_initial_files(home)
    if not (home.ledger_path.is_file() and home.ledger_path.stat().st_size):
        create_ledger(home, {"home_id": f"H{secrets.token_hex(10)}", "place": place_of(home)})
        written.append(home.ledger_path)
    return written


def heads_act(home_id: str, hr: Mapping[str, str], finance: Mapping[str, str]) -> dict[str, Any]:
    """Prepare the act that names the two heads.

    Rows:    hr, finance  role, staff_number, name, bureau, public_key, as their keys say
    Raises:  DropRefusedError if one is not the key of that head
    """
    heads = dict(zip(HEAD_ROLES, (hr, finance), strict=True))
    for role, said in heads.items():
        wrong = person_problem(said)
        if said["role"] != role or wrong:
            raise DropRefusedError(f"expected the key of the {role}, found {wrong or said['role']}")
    return unsigned(heads_statement(home_id, heads))


def revoke_act(home: Home, key_id: str, reason: str) -> dict[str, Any]:
    """Prepare the act that revokes a key.

    Raises:  LedgerForbidsError without a reason, or for a key that can't be revoked
    """
    if not reason.strip():
        raise LedgerForbidsError("a key is revoked for a reason: give --reason")
    with open_ledger(home) as ledger:
        books = ledger.books()
    statement = revoke_statement(books.home_id, key_id, reason)
    problem = revoke_problem(books.roster, statement)
    if problem:
        raise LedgerForbidsError(problem)
    return unsigned(statement)


def move_act(home: Home) -> dict[str, Any]:
    """Prepare the act that moves a home to where it lies now.

    Raises:  LedgerForbidsError if it has not moved
    """
    with whole_ledger(home) as ledger:
        books = ledger.books()
    if books.place == place_of(home):
        raise LedgerForbidsError(f"home {books.home_id} has not moved: it is where it signs")
    statement = {
        "act": "move",
        "home_id": books.home_id,
        "from_place": books.place,
        "to_place": place_of(home),
        "ledger_position": books.position,
        "ledger_head": books.head,
    }
    return unsigned(statement)


def post_act(home: Home, act: Mapping[str, Any]) -> dict[str, Any]:
    """Post an act that both heads have signed; return the roster as it stands then.

    Raises:  LedgerForbidsError saying who has not signed, or what else forbids it
    """
    statement = act["statement"]
    if statement["act"] == "move" and statement["to_place"] != place_of(home):
        raise LedgerForbidsError(
            f"the act says that home {statement['home_id']} lies elsewhere: give it where it was "
            "written, or write one here with `wuxing home move`; nothing was posted"
        )
    subject = statement.get("key_id") or (
        key_id_of(statement["public_key"]) if statement["act"] == "enrol" else ""
    )
    with whole_ledger(home) as ledger:
        with witnessed(home, ledger, is_move=statement["act"] == "move"):
            ledger.post(POSTED_AS[statement["act"]], act, subject=subject)
        return roster_view(ledger)


def expect_enrollable(home: Home, statement: Mapping[str, Any]) -> None:
    """Check a request before the heads are asked to sign it.

    Raises:  LedgerForbidsError, DropRefusedError saying what is in the way
    """
    expect_bound(statement)
    with whole_ledger(home) as ledger:
        problem = enrol_problem(ledger.books().roster, statement)
    if problem:
        raise LedgerForbidsError(problem)


def list_keys(home: Home) -> dict[str, Any]:
    """Return the roster: every key that was ever enrolled, and the digest that stands on paper."""
    with open_ledger(home, only_look=True) as ledger:
        return roster_view(ledger)


def roster_view(ledger: Ledger) -> dict[str, Any]:
    """Return the roster in plain values."""
    books = ledger.books()
    names = ("key_id", "role", "staff_number", "name", "bureau", "valid_from", "valid_to")
    keys = [
        {
            **{name: getattr(member, name) for name in names},
            "state": "revoked" if member.revoked_at else "enrolled",
            "enrolled_at": member.enrolled_at,
        }
        for member in books.roster.members.values()
    ]
    seals, unbound = believed(ledger.home, books.roster)
    return {
        "home_id": books.home_id,
        "roster_digest": books.roster.digest(),
        "keys": keys,
        **({"seals": [*seals, *unbound]} if seals or unbound else {}),
    }
