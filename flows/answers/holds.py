"""What keeps a determined line from being paid: the rows and the rules that it rests on."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.run_money import entitlements_where, lines_claiming
from flows.answers.snapshot_rows import SnapshotRows
from transforms.answers.accounts import REASONS
from transforms.answers.explanation import row_list
from transforms.answers.source_rows import Parties, parties_of
from transforms.identifiers import PERSON_ID_FORM
from transforms.money.exclusion_file import Exclusion
from transforms.money.exclusions import PAID_UNDER_OTHER, RIVAL_NOT_RUN
from transforms.money.payees import IDENTITY_CONFLICT

ACCOUNT_HOLDS = (*REASONS, "no_reference_name")
ACCOUNTS = "accounts"
# Where the name stands that an account's holder is held to, the first that has one (payees.sql).
NAMED_IN = {"employer": ("registrations",), "person": ("insured_persons", "residents")}
# What is shown of their rows beside what is shown of any.
ALSO = {ACCOUNTS: ("holder", "account_no"), "insured_persons": ("name",), "residents": ("name",)}
SUPERSEDED, CONFLICT = "superseded", "conflict"
PERSON = re.compile(PERSON_ID_FORM.strip("^$"))
Asked = tuple[str, str, Parties]
Money = Mapping[tuple[str, ...], Mapping[str, Any]]


def grounds_of_lines(
    folder: Path, source: SnapshotRows, rules: Sequence[Exclusion], money: Money
) -> dict[tuple[str, ...], dict[str, Any]]:
    """Say of lines what they are held by, in conflict or superseded.

    Rows:    money    by policy and key: `entitlement` and `doubts`; folder: the run's
             returns  by the same keys: `sources`, `superseded_by`, `exclusions`
    """
    sources = _rows_behind(source, money)
    return {
        key: {
            "sources": sources[key],
            "superseded_by": _lines_instead(folder, one["entitlement"]),
            "exclusions": _rules_applied(rules, one["entitlement"]),
        }
        for key, one in money.items()
    }


def _rows_behind(source: SnapshotRows, money: Money) -> dict[tuple[str, ...], list[Any]]:
    """List the rows by which lines are held: accounts with the names on record, persons in doubt.

    They show the names of persons and the last digits of accounts.
    """
    asked = {key: list(_asked(one["entitlement"], one["doubts"])) for key, one in money.items()}
    parties: dict[str, Parties] = {}
    for kind, _, about in (one for listed in asked.values() for one in listed):
        parties[kind] = parties.get(kind, Parties()) | about
    read = {kind: source.rows_about(kind, of, ALSO.get(kind, ())) for kind, of in parties.items()}
    return {
        key: [
            {"kind": kind, "of": role, **row_list(read[kind](about), money[key]["entitlement"])}
            for kind, role, about in listed
        ]
        for key, listed in asked.items()
    }


def _asked(line: Mapping[str, Any], doubts: Sequence[str]) -> Iterator[Asked]:
    """Say which rows a held line rests on: their kind, whose they are, and about whom."""
    if line["status"] != "held":
        return
    payee = parties_of([(line["beneficiary_kind"], line["beneficiary_id"])])
    if line["reason"] in ACCOUNT_HOLDS:
        for kind in (ACCOUNTS, *NAMED_IN.get(line["beneficiary_kind"], ())):
            yield kind, "beneficiary", payee
    if line["reason"] == IDENTITY_CONFLICT:
        sides = [(line[f"{side}_kind"], line[f"{side}_id"]) for side in ("subject", "beneficiary")]
        others = PERSON.findall(" ".join(doubts))
        persons = parties_of(
            [*(one for one in sides if one[0] == "person"), *(("person", one) for one in others)]
        )
        for kind in (*NAMED_IN["person"], *([ACCOUNTS] if others else [])):
            yield kind, "person_in_doubt", persons


def _lines_instead(folder: Path, line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the lines of other policies that supersede a line, with what they are determined at."""
    if line["status"] != SUPERSEDED:
        return []
    same = [pl.col(name) == line[name] for name in ("period", "beneficiary_id")]
    others = pl.col("policy_id").is_in(line["reason"].split(","))
    return lines_claiming(entitlements_where(folder, pl.all_horizontal(others, *same)))


def _rules_applied(
    exclusions: Iterable[Exclusion], line: Mapping[str, Any]
) -> list[dict[str, str]]:
    """List the rules of exclusion by which a line is not paid, each with its authority."""
    others = {line["policy_id"]}
    if line["status"] in (SUPERSEDED, CONFLICT):
        others = {*line["reason"].split(",")}
    elif line["reason"] not in (PAID_UNDER_OTHER, RIVAL_NOT_RUN):
        return []
    return [
        {"exclusion": one.exclusion, "authority": one.authority}
        for one in exclusions
        if line["policy_id"] in one.policies and others & {*one.policies}
    ]
