"""Answers from what a run left: the policies as they stand, and why a row came out as it did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.run_money import entitlements_of, money_of_rows
from flows.answers.snapshot_rows import SnapshotRows
from flows.store import Home, read_manifest
from sql.texts import policy_cards, policy_grain, rules_digest
from transforms.answers.explanation import (
    KEY,
    explain_row,
    explanation_lines,
    short_lines,
    used_parameter_lines,
)
from transforms.errors import DigestDiffersError, DropRefusedError, UsageError
from transforms.identifiers import EMPLOYER_CODE_FORM, PERSON_ID_FORM
from transforms.policies.card_text import card_lines, describe_card
from transforms.policies.cards import PolicyCard

FULL_ROWS = 40
SHORT_ROWS = 200
FORM_OF_ID = {"person": PERSON_ID_FORM, "employer": EMPLOYER_CODE_FORM}
PROVISION = r"(s[0-9]+|g)_"
PERIOD = re.compile(r"\d{4}(-\d{2})?")


def describe_policies(policy: str | None) -> tuple[dict[str, Any], list[str]]:
    """Describe every policy, or one, from its own files.

    Raises:  UsageError for an unknown policy
    """
    cards = policy_cards() if policy is None else {policy: card_named(policy)}
    described = [describe_card(card, policy_grain(name)) for name, card in cards.items()]
    return {"policies": described}, [line for one in described for line in card_lines(one)]


def card_named(policy: str) -> PolicyCard:
    """Return a policy's card.

    Raises:  UsageError that names the policies there are
    """
    cards = policy_cards()
    if policy not in cards:
        raise UsageError(f"there is no policy {policy!r}; there are {', '.join(cards)}")
    return cards[policy]


def explain_lines(
    home: Home, run_id: str, policy: str, beneficiary: str, subject: str | None, period: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Say why: each matching determination of a run with provisions, facts and source rows.

    Raises:  UsageError for words that can't be meant; DropRefusedError if there is no such run;
             DigestDiffersError if a file of the run or its snapshot can't be read
    """
    try:
        return _explain(home, run_id, policy, beneficiary, subject, period)
    except (pl.exceptions.ComputeError, OSError) as broken:
        raise DigestDiffersError(
            f"a file of run {run_id} or of its snapshot can't be read: it is missing or damaged; "
            "`wuxing verify` names it"
        ) from broken


def _explain(
    home: Home, run_id: str, policy: str, beneficiary: str, subject: str | None, period: str | None
) -> tuple[dict[str, Any], list[str]]:
    card = card_named(policy)
    asked = _asked(card, beneficiary, subject, period)
    folder = home.runs / run_id
    manifest = read_manifest(folder, "run")
    status = manifest.get("policies", {}).get(policy)
    if status is None:
        at = manifest.get("stopped_at")
        raise DropRefusedError(f"run {run_id} has no determinations: it stopped at its gate {at}")
    head = {
        "run_id": run_id,
        "snapshot_id": manifest["snapshot_id"],
        "as_of": manifest["as_of"],
        "policy_id": policy,
        "title": card.title,
        "authority": card.authority,
        "clause": card.clause,
        "status": status["status"],
        "reason": status["reason"],
        "universe": policy_grain(policy),
        "parameters": status["parameters_used"],
        "rules_changed_since": manifest["rules_digest"] != rules_digest(),
    }
    if status["status"] != "ran":
        text = f"{policy} was not run: {status['reason']}"
        return {**head, "rows": [], "message": text}, [*_head_lines(head), text]
    rows, determinations = _rows_about(folder, policy, asked)
    expect_same_rules(run_id, card, rows)
    place = home.snapshots / manifest["snapshot_id"]
    read_manifest(place, "snapshot")
    source = SnapshotRows(place, date.fromisoformat(manifest["as_of"]), manifest["own_rows"])
    if not rows.height:
        return _explain_absence(head, card, asked, source, folder)
    return _explain_presence(head, card, rows, determinations, source, home, manifest)


def expect_same_rules(run_id: str, card: PolicyCard, rows: pl.DataFrame) -> None:
    """Check that saved rows have the provisions that the card has now.

    Raises:  DigestDiffersError if they were made by other rules
    """
    if [name for name in rows.columns if re.match(PROVISION, name)] != card.provision_names:
        raise DigestDiffersError(
            f"run {run_id} was made with other provisions of {card.policy_id} than the rules have "
            "now: explain it with the code version that its manifest.json names"
        )


def _asked(
    card: PolicyCard, beneficiary: str, subject: str | None, period: str | None
) -> dict[str, str]:
    asked = {"beneficiary_id": beneficiary.strip(), "subject_id": (subject or "").strip()}
    kinds = {"beneficiary_id": card.beneficiary, "subject_id": card.subject}
    for name, kind in kinds.items():
        if kind != "household" and asked[name]:
            asked[name] = asked[name].upper()
            if not re.match(FORM_OF_ID[kind], asked[name]):
                raise UsageError(
                    f"--{name.removesuffix('_id')}: {card.policy_id} is about a {kind} here; that "
                    f"id has another form (18 characters, a person's 17 digits and 0–9 or X)"
                )
    if period is not None and not PERIOD.fullmatch(period):
        raise UsageError(f"--period is written 2020 or 2020-03; found {period!r}")
    return {name: value for name, value in (asked | {"period": period or ""}).items() if value}


def _rows_about(
    folder: Path, policy: str, asked: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    wanted = pl.all_horizontal(pl.col(name) == value for name, value in asked.items())
    determined = pl.scan_parquet(folder / "determinations.parquet").filter(
        wanted & (pl.col("policy_id") == policy)
    )
    rows = pl.scan_parquet(folder / "policies" / f"{policy}.parquet").filter(wanted)
    return rows.collect().sort(KEY), determined.collect().sort(KEY)


def _explain_presence(
    head: Mapping[str, Any],
    card: PolicyCard,
    rows: pl.DataFrame,
    determinations: pl.DataFrame,
    source: SnapshotRows,
    home: Home,
    manifest: Mapping[str, Any],
) -> tuple[dict[str, Any], list[str]]:
    found = {tuple(row[name] for name in KEY): row for row in determinations.to_dicts()}
    full = rows.head(FULL_ROWS).to_dicts()
    source.expect(full)
    money = money_of_rows(home, manifest, card.policy_id, full)
    explained = []
    for row in full:
        key = tuple(row[name] for name in KEY)
        explained.append(
            explain_row(row, found[key], card, source.rows_of)
            | money[key]
            | {"clerical_decisions": source.decisions_about(card.policy_id, row)}
        )
    rest = determinations.slice(FULL_ROWS)
    content = {**head, "rows": explained, "row_count": rows.height, "more_rows": rest.to_dicts()}
    lines = _head_lines(head)
    for one in explained:
        lines += [*explanation_lines(one), *_decision_lines(one["clerical_decisions"])]
    if rest.height:
        lines.append(f"{rest.height:,} more rows; --subject and --period narrow to what you want:")
        lines += short_lines(rest.head(SHORT_ROWS).to_dicts())
    return content, [*lines, "parameters used", *used_parameter_lines(head["parameters"])]


def _explain_absence(
    head: Mapping[str, Any],
    card: PolicyCard,
    asked: Mapping[str, str],
    source: SnapshotRows,
    folder: Path,
) -> tuple[dict[str, Any], list[str]]:
    counts = source.counts_about(card.reads, card.beneficiary, asked["beneficiary_id"])
    message = (
        f"{card.policy_id} has no row for this {card.beneficiary} here: it is not in its universe, "
        f"which is: {head['universe']}"
    )
    recovered = entitlements_of(folder, card.policy_id).filter(
        pl.all_horizontal(pl.col(name) == value for name, value in asked.items())
    )
    content = {
        **head,
        "rows": [],
        "message": message,
        "source_row_counts": counts,
        "entitlements": recovered.to_dicts(),
    }
    lines = [*_head_lines(head), message, "rows about it in the extracts that the policy reads:"]
    lines += [f"  {kind}: {count:,}" for kind, count in counts.items()]
    lines += [
        f"  entitlement {row['status']} of {row['period']}" for row in content["entitlements"]
    ]
    return content, lines


def _head_lines(head: Mapping[str, Any]) -> list[str]:
    changed = "  note: rule files were changed since this run; clauses are shown as they are now"
    return [
        f"{head['policy_id']}  {head['title']}  {head['authority']}",
        f"  run {head['run_id']} as of {head['as_of']}, snapshot {head['snapshot_id']}",
        f"  {head['clause']}",
        *([changed] if head["rules_changed_since"] else []),
    ]


def _decision_lines(decisions: list[dict[str, Any]]) -> list[str]:
    return [
        f"  decision     {row['source']}  {row['provision']}: {row['decision']}, "
        f"{row['decided_by']}, {row['decided_on']}, {row.get('document_no', 'no document')}"
        for row in decisions
    ]
