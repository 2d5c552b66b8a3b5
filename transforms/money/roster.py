"""The roster: who may sign what, and what the two heads did to make it so."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from transforms.digest import canonical_json, content_digest, text_digest
from transforms.money.persons import plain_name, plain_number, same_person

HEAD_ROLES = ("hr_head", "finance_head")
ROLES = ("reviewer", "approver")
KEY_ID_LENGTH = 16
PERSON_FIELDS = ("staff_number", "name", "bureau")
KEY_FIELDS = ("role", *PERSON_FIELDS, "valid_from", "valid_to", "public_key", "verifier")


@dataclass(frozen=True)
class Member:
    """One key of the roster, the person who holds it, and from when to when it signs.

    `verifier` is the digest of the program that verifies an outside seal's signatures; empty:
    Ed25519. `verifier_words`: what it is called with; none where only the program was signed.
    """

    role: str
    staff_number: str
    name: str
    bureau: str
    valid_from: str
    valid_to: str
    public_key: str
    verifier: str = ""
    verifier_words: tuple[str, ...] = ()
    enrolled_at: int = 0
    revoked_at: int = 0

    @property
    def key_id(self) -> str:
        """Return the key's name: the first letters of its digest."""
        return key_id_of(self.public_key)

    @property
    def person(self) -> tuple[str, str]:
        """Return staff number and name, by which persons are compared."""
        return self.staff_number, self.name


# What stands for a file in the words of a seal's command.
SEAL_FILES = ("{public_key}", "{statement}", "{signature}")
# Says whether a signature of a member over a message holds.
Holds = Callable[[Member, bytes, str], bool]


@dataclass
class Roster:
    """All keys that were ever enrolled in one home, by key id."""

    home_id: str = ""
    members: dict[str, Member] = field(default_factory=dict)

    def heads(self) -> dict[str, Member]:
        """Return the heads whose keys count now, by role."""
        return {m.role: m for m in self.members.values() if m.role in HEAD_ROLES and _counts(m)}

    def digest(self) -> str:
        """Return the digest of the whole roster, as it stands on paper."""
        return content_digest([self.home_id, *(_content(m) for m in self.members.values())])


def _counts(member: Member) -> bool:
    return not member.revoked_at


def _content(member: Member) -> list[Any]:
    said = [getattr(member, name) for name in KEY_FIELDS]
    # A roster of before there were words keeps the digest that stands on paper.
    words = [list(member.verifier_words)] if member.verifier_words else []
    return [*said, *words, member.enrolled_at, member.revoked_at]


def key_id_of(public_key: str) -> str:
    """Return the name of a public key."""
    return text_digest(public_key)[:KEY_ID_LENGTH]


def statement_bytes(statement: Mapping[str, Any]) -> bytes:
    """Return the bytes of a statement that are signed: canonical JSON."""
    return canonical_json(dict(statement)).encode()


def statement_digest(statement: Mapping[str, Any]) -> str:
    """Return the digest of the bytes that are signed: what an outside seal is given."""
    return content_digest(dict(statement))


def heads_statement(home_id: str, heads: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """State who the two heads of a home are; both sign it."""
    names = (*PERSON_FIELDS, "public_key")
    persons = {role: {name: heads[role][name] for name in names} for role in HEAD_ROLES}
    return {"act": "heads", "home_id": home_id, **persons}


def revoke_statement(home_id: str, key_id: str, reason: str) -> dict[str, Any]:
    """State that a key signs nothing more; both heads sign it."""
    return {"act": "revoke", "home_id": home_id, "key_id": key_id, "reason": reason}


def register_heads(roster: Roster, act: Mapping[str, Any], position: int, holds: Holds) -> str:
    """Put the two heads of a statement on the roster; return what forbids it, or nothing."""
    statement, members = act["statement"], {}
    if roster.heads():
        return "the heads of this home are registered already"
    for role in HEAD_ROLES:
        person = statement[role]
        wrong = person_problem(person)
        if wrong:
            return f"{role}: {wrong}"
        said = {name: person[name] for name in (*PERSON_FIELDS, "public_key")}
        member = Member(role=role, valid_from="", valid_to="", enrolled_at=position, **said)
        members[member.key_id] = member
    if len(members) < 2 or same_person(*(member.person for member in members.values())):
        return "the two heads must be two different persons"
    missing = missing_signatures(members.values(), act, holds)
    if statement["home_id"] != roster.home_id or missing:
        return f"not signed by {missing[0]} for this home" if missing else "made for another home"
    roster.members |= members
    return ""


def enrol(roster: Roster, act: Mapping[str, Any], position: int, holds: Holds) -> str:
    """Put the key of a request on the roster; return what forbids it, or nothing.

    Holds:   a head's new key takes the place of the one before; a key is enrolled once, for ever
    """
    statement = act["statement"]
    said = {name: statement[name] for name in KEY_FIELDS}
    words = tuple(statement.get("verifier_words", ()))
    member = Member(**said, verifier_words=words, enrolled_at=position)
    wrong = enrol_problem(roster, statement)
    if wrong:
        return wrong
    missing = missing_signatures([*roster.heads().values()], act, holds)
    if not member.verifier:
        missing += missing_signatures([member], act, holds)
    if missing:
        return f"not signed by {missing[0]}"
    before = roster.heads().get(member.role)
    if before:
        roster.members[before.key_id] = replace(before, revoked_at=position)
    roster.members[member.key_id] = member
    return ""


def enrol_problem(roster: Roster, statement: Mapping[str, Any]) -> str:
    """Say why a request can't be enrolled, whoever signs it; nothing if it can."""
    return next(_enrol_problems(roster, statement), "")


def _enrol_problems(roster: Roster, statement: Mapping[str, Any]) -> Iterator[str]:
    if statement["home_id"] != roster.home_id:
        yield f"the request is for home {statement['home_id']}, this is {roster.home_id}"
    if len(roster.heads()) < len(HEAD_ROLES):
        yield "the two heads are not registered yet: `wuxing init --hr-key F --finance-key F`"
    if statement["role"] not in (*ROLES, *HEAD_ROLES):
        yield f"role is {statement['role']!r}; expected {' or '.join(ROLES)}"
    if key_id_of(statement["public_key"]) in roster.members:
        yield "the key is on the roster already, or was revoked: make a new one"
    yield from filter(None, (person_problem(statement), _validity_problem(statement)))
    if "verifier_words" in statement:
        yield from filter(None, (words_problem(statement["verifier_words"]),))
    person = (statement["staff_number"], statement["name"])
    for other in roster.members.values():
        is_theirs = plain_number(other.staff_number) == plain_number(person[0])
        is_theirs = is_theirs and plain_name(other.name) == plain_name(person[1])
        if _counts(other) and same_person(person, other.person) and not is_theirs:
            yield (
                f"staff number or name can't be told from that of key {other.key_id}: if it is the "
                "same person, give both as they stand there; if not, add what tells them apart"
            )


def person_problem(person: Mapping[str, Any]) -> str:
    """Say what is wrong with how a person is named; nothing if all is well."""
    for name in PERSON_FIELDS:
        said = person[name]
        if not isinstance(said, str) or not said.isprintable() or not plain_name(said):
            return f"{name} must be given, on one line"
    return ""


def words_problem(words: Any) -> str:
    """Say why the words of a seal's command can verify nothing; nothing if they can.

    >>> words_problem(["-k", "{public_key}", "--sig={signature}", "{statement}"])
    ''
    >>> words_problem(["version"])[:34]
    "a seal's command takes {public_key"
    """
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        once = all(" ".join(words).count(name) == 1 for name in SEAL_FILES)
        if once and all(sum(map(word.count, SEAL_FILES)) < 2 for word in words):
            return ""
    return f"a seal's command takes {', '.join(SEAL_FILES)}, each once, each in a word of its own"


def _validity_problem(statement: Mapping[str, Any]) -> str:
    try:
        days = [date.fromisoformat(statement[name]) for name in ("valid_from", "valid_to")]
    except ValueError:
        return "valid from and to must be days, YYYY-MM-DD"
    return "" if days[0] <= days[1] else "the key's validity ends before it begins"


def revoke(roster: Roster, act: Mapping[str, Any], position: int, holds: Holds) -> str:
    """Mark a key as revoked; return what forbids it, or nothing."""
    statement = act["statement"]
    problem = revoke_problem(roster, statement)
    missing = missing_signatures([*roster.heads().values()], act, holds)
    if problem or missing:
        return problem or f"not signed by {missing[0]}"
    member = roster.members[statement["key_id"]]
    roster.members[member.key_id] = replace(member, revoked_at=position)
    return ""


def revoke_problem(roster: Roster, statement: Mapping[str, Any]) -> str:
    """Say why a key can't be revoked, whoever signs it; nothing if it can."""
    member = roster.members.get(statement["key_id"])
    if statement["home_id"] != roster.home_id:
        return "the act was made for another home"
    if member is None or not _counts(member):
        return (
            f"key {statement['key_id']} is not on the roster, or was revoked before; `wuxing key "
            "list` lists the keys"
        )
    if member.role in HEAD_ROLES:
        return "a head's key is not revoked: enrol the successor's, it takes its place"
    return ""


def missing_signatures(
    members: Iterable[Member], act: Mapping[str, Any], holds: Holds
) -> list[str]:
    """List who of some members did not sign an act, by role and key id."""
    message, signatures = statement_bytes(act["statement"]), act["signatures"]
    return [
        f"{member.role} ({member.key_id})"
        for member in members
        if not holds(member, message, str(signatures.get(member.key_id, "")))
    ]


def signing_problem(member: Member | None, role: str, signed_on: str) -> str:
    """Say why a key can't sign in a role on a day; nothing if it can."""
    if member is None:
        return "the key is not on the roster: `wuxing key enrol`"
    if member.role != role:
        return f"key {member.key_id} signs as {member.role}: it can't sign as {role}"
    if not _counts(member):
        return f"key {member.key_id} was revoked"
    if date.fromisoformat(signed_on).isoformat() != signed_on:
        return f"it was signed on {signed_on}, which is no day"
    if not member.valid_from <= signed_on <= member.valid_to:
        return f"key {member.key_id} is valid from {member.valid_from} to {member.valid_to}"
    return ""


def confirm_problem(roster: Roster, act: Mapping[str, Any], holds: Holds) -> str:
    """Say why an act is not confirmed by a reviewer and an approver, two persons; else nothing."""
    signers = [roster.members[key] for key in act["signatures"] if key in roster.members]
    by_role = {member.role: member for member in signers}
    for role in ROLES:
        wrong = signing_problem(by_role.get(role), role, act["statement"]["signed_on"])
        if wrong:
            return wrong if role in by_role else f"not signed as {role}"
    if same_person(*(by_role[role].person for role in ROLES)):
        return "the same person signed it twice; two different persons must sign"
    missing = missing_signatures([by_role[role] for role in ROLES], act, holds)
    return f"not signed by {missing[0]}" if missing else ""
