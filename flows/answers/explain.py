"""Says why: all that a run says about a person or an employer, or of one policy and beneficiary."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import polars as pl

from flows.answers.evidence import explain_where, told_of
from flows.answers.opened import files_readable, read_evidence
from flows.answers.run_money import bank_answer
from flows.language import language
from flows.money.ledger_store import open_ledger
from flows.store import Home
from sql.card_words import check_cards
from sql.texts import policy_cards, policy_grain
from transforms.answers.explanation import sources_of
from transforms.answers.party_changes import Rows, changes_between, determined_by_one
from transforms.errors import DropRefusedError, UsageError
from transforms.extracts.kinds import KINDS
from transforms.identifiers import (
    EMPLOYER_CODE_FORM,
    PERSON_ID_FORM,
    check_employer_codes,
    check_person_ids,
)
from transforms.policies.card_text import card_lines, describe_card
from transforms.policies.cards import PolicyCard, Reach
from transforms.words import Said

SIDES = ("subject", "beneficiary")
FORM_OF_ID = {"person": PERSON_ID_FORM, "employer": EMPLOYER_CODE_FORM}
CHECKS = {"person": check_person_ids, "employer": check_employer_codes}
PERIOD = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?")


def describe_policies(policy: str | None) -> tuple[dict[str, Any], list[str]]:
    """Describe every policy, or one, from its own files.

    Raises:  UsageError for an unknown policy; RuleError for a card that is not as its rule
    """
    check_cards()
    cards = policy_cards() if policy is None else {policy: card_named(policy)}
    described = [describe_card(card, policy_grain(name)) for name, card in cards.items()]
    shown = described
    if language() == "zh":
        universes = (card.universe for card in cards.values())
        shown = [one | {"universe": of} for one, of in zip(described, universes, strict=True)]
    return {"policies": described}, [line for one in shown for line in card_lines(one)]


def card_named(policy: str) -> PolicyCard:
    """Return a policy's card.

    Raises:  UsageError that names the policies there are
    """
    cards = policy_cards()
    if policy not in cards:
        raise UsageError(f"there is no policy {policy!r}; there are {', '.join(cards)}")
    return cards[policy]


def explain_party(home: Home, kind: str, identifier: str, run_id: str) -> dict[str, Any]:
    """Say of every policy what a run determined about a person or an employer, and why.

    Rows:    returns  `policies`: one entry per policy of the run, with `rows` explained; none
             where the party is outside its universe; `ledger`: every entry about the party
    Raises:  UsageError if the id has no form of its kind; DropRefusedError, DigestDiffersError
    """
    identifier = valid_id(kind, identifier, kind)
    evidence = read_evidence(home, run_id)
    with files_readable(run_id):
        is_person = kind == "person"
        households = evidence.source.households_of(identifier) if is_person else []
        policies = explain_where(evidence, _is_about(identifier, households))
        with open_ledger(home, only_look=True) as ledger:
            entries = ledger.entries_about(identifier)
        party = {"kind": kind, "id": identifier, "households": households}
        counts = evidence.source.counts_about(tuple(KINDS), kind, identifier)
        return {
            **told_of(evidence, party, policies, (entry["batch_id"] for entry in entries)),
            "source_row_counts": {name: count for name, count in counts.items() if count},
            "ledger": [entry | bank_answer(evidence.books, entry) for entry in entries],
        }


def explain_line(
    home: Home, policy: str, beneficiary: str, subject: str | None, period: str | None, run_id: str
) -> dict[str, Any]:
    """Say the same of one policy and one beneficiary: each determination that the words mean.

    Raises:  UsageError for words that can't be meant; DropRefusedError, DigestDiffersError
    """
    card = policy_cards().get(policy) or _withdrawn_card(home, policy, run_id)
    beneficiary = valid_id("beneficiary", beneficiary, card.beneficiary)
    asked = {"beneficiary_id": beneficiary}
    if subject:
        asked["subject_id"] = valid_id("subject", subject, card.subject)
    if period:
        asked["period"] = period_of(period)
    evidence = read_evidence(home, run_id)
    if policy not in evidence.manifest["policies"]:
        raise UsageError(f"run {run_id} is of before {policy}: there was no such policy")
    with files_readable(run_id):
        wanted = pl.all_horizontal([pl.col(name) == value for name, value in asked.items()])
        policies = explain_where(evidence, wanted, policy)
        policies[0] |= _outside_reach(evidence.manifest["policies"][policy]["reach"], period)
        party = {"kind": card.beneficiary, "id": beneficiary, "households": []}
        told = told_of(evidence, party, policies)
        if not policies[0]["rows"]:
            count = evidence.source.counts_about
            told["source_row_counts"] = count(card.reads, card.beneficiary, beneficiary)
        return told


def _withdrawn_card(home: Home, policy: str, run_id: str) -> PolicyCard:
    """Return the card of a policy that was withdrawn since a run."""
    with suppress(DropRefusedError):
        card = read_evidence(home, run_id).law.cards.get(policy)
        if card:
            return card
    return card_named(policy)


def changes_since(home: Home, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Any]:
    """Say what changed for a party between two runs that were asked the same.

    Holds:   a source row is gone, or came, only if the other run's snapshot does not have it
    """
    there = [
        _rows_there(home, told["run_id"], determined_by_one(other, told))
        for told, other in ((was, now), (now, was))
    ]
    return changes_between(was, now, there)


def _rows_there(home: Home, run_id: str, wanted: Rows) -> Rows:
    """Look in a run's snapshot for the source rows of what another run determined."""
    evidence = read_evidence(home, run_id)
    source, cards = evidence.source, evidence.law.cards
    with files_readable(run_id):
        source.expect(wanted.values())
        return {
            key: {
                "provisions": [
                    {"sources": sources_of(entry.rows, row, source.rows_of)}
                    for entry in cards[key[0]].provisions
                ]
            }
            for key, row in wanted.items()
        }


def _outside_reach(reach: Sequence[int | None], period: str | None) -> dict[str, Any]:
    """Say, where it is so, that a run does not speak about a period: whoever is asked about."""
    first, last = reach
    if not period or first is None or last is None or Reach(first, last).covers(period):
        return {}
    said = Said("outside_reach", {"period": period, "first": first, "last": last})
    return {"reason": str(said), "said": said.content()}


def period_of(given: str) -> str:
    """Return a period as it was given.

    Raises:  UsageError if it is neither a year nor a month
    """
    if not PERIOD.fullmatch(given):
        raise UsageError(f"--period is written 2020 or 2020-03; found {given!r}")
    return given


def id_of(option: str, given: str, kind: str) -> str:
    """Return an id in the form that it stands in.

    Raises:  UsageError if it has another form than ids of its kind
    """
    given = given.strip()
    if kind == "household":
        return given
    if not re.match(FORM_OF_ID[kind], given.upper()):
        raise UsageError(
            f"--{option}: the id of one {kind} is meant; this one has another form "
            "(18 characters, a person's 17 digits and 0–9 or X)"
        )
    return given.upper()


def valid_id(option: str, given: str, kind: str) -> str:
    """Return an id that a row can have: a night sets others aside, nothing is about them.

    Raises:  UsageError if its form, check character or birth date is not as of its kind
    """
    identifier = id_of(option, given, kind)
    if kind in CHECKS and not CHECKS[kind](pl.Series([identifier])).item():
        raise UsageError(
            f"--{option}: this is no valid id of one {kind}: its check character or birth date is "
            "wrong"
        )
    return identifier


def _is_about(identifier: str, households: Sequence[str]) -> pl.Expr:
    """Say which determinations are about a party, or about its households."""
    return pl.any_horizontal(
        *(
            (pl.col(f"{side}_kind") != "household") & (pl.col(f"{side}_id") == identifier)
            for side in SIDES
        ),
        (pl.col("subject_kind") == "household") & pl.col("subject_id").is_in(list(households)),
    )
