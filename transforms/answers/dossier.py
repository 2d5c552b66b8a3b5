"""All that a run says about one party: as lines, and as one page in Chinese."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from transforms.amounts import yuan_text
from transforms.answers.amount import formula_lines
from transforms.answers.explanation import (
    SHOWN_ROWS,
    cell_words,
    explanation_lines,
    short_lines,
    source_lines,
    used_parameter_lines,
)
from transforms.answers.money_text import bank_day_text, entitlement_text
from transforms.answers.open_questions import fact_label
from transforms.answers.page import render_page
from transforms.answers.party_changes import change_lines
from transforms.answers.source_rows import AT, shown_columns
from transforms.extracts.kinds import KINDS, names_of_kinds
from transforms.extracts.links import REPAIR
from transforms.policies.card_form import PROVISION
from transforms.words import NO_NAMES, Language, Said, said_of, word, worded

CODED = ("outcome", "entitlement", "policy_state")
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")
SHORT_ROWS = 200
# Shown by its last digits only, also where the cell is at hand as it was delivered.
MASKED = "account_no"
RawCells = Mapping[str, Mapping[str, str]]
Titles = Mapping[str, str]
NO_CELLS: RawCells = {}
NO_CELL: Mapping[str, str] = {}
FUNCTIONS = ("half_up", "rounded_down", "least", "greatest")


def dossier_lines(
    told: Mapping[str, Any], language: Language = "en", titles: Titles = NO_NAMES
) -> list[str]:
    """Write what a run says about a party for the terminal: rows first, then what it is not in."""
    titles = {**titles, **_titles_of(told["policies"])}
    lines = [
        f"run {told['run_id']} as of {told['as_of']}, snapshot {told['snapshot_id']}: "
        f"{told['party']['kind']} {told['party']['id']}"
    ]
    if told["rules_changed_since"]:
        lines.append(
            "note: rule files were changed since this run; clauses are shown as they were"
            if told["clauses_of"] == "run"
            else "note: the rules of this run were changed since, or can't be read; clauses are "
            "today's"
        )
    for policy in told["policies"]:
        lines += _policy_lines(policy, language, titles) if is_inside(policy) else []
    lines += ["", *_why_nothing(told["policies"], language)]
    if "source_row_counts" in told:
        counts = (
            f"{word(kind, language, names_of_kinds())} {count:,}"
            for kind, count in told["source_row_counts"].items()
        )
        lines.append(f"rows about it in the extracts: {', '.join(counts) or 'none'}")
    for one in told.get("set_aside", ()):
        kind, fault = word(one["kind"], language, names_of_kinds()), word(one["rule"], language)
        lines.append(f"set aside, decides nothing: {kind} {one['source']}: {fault}")
    for batch in told["batches"]:
        signed = ", ".join(f"{one['name']} {one['signed_on']}" for one in batch["signatures"])
        lines.append(f"batch {batch['batch_id']}: {batch['state']}, signed by {signed or 'nobody'}")
    for entry in _payments_of(told):
        day = entry["bank_day"]
        bank = f"  {entry['bank_said']} {bank_day_text(day)}" if day else ""
        policy = word(entry["policy_id"], language, titles)
        lines.append(
            f"ledger {entry['kind']} {yuan_text(entry['amount_fen'])} 元 {policy} "
            f"{entry['period']} {entry['payment_id']} {entry['of']}{bank}"
        )
    if "changes" not in told:
        return lines
    if language == "en":
        return lines + change_lines(told["changes"])
    named = partial(_changed, _titles_of_provisions(told["policies"]))
    changes = [
        {**one, "policy_id": word(one["policy_id"], "zh", titles)} for one in told["changes"]
    ]
    return lines + change_lines(changes, named)


def _payments_of(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ledger's entries about a party, those of one payment, policy and period as one.

    Rows:    returns  `of`: the subject, or of several how many; `amount_fen`: their sum
    """
    found = dict[tuple[Any, ...], list[Mapping[str, Any]]]()
    for entry in told.get("ledger", ()):
        names = ("kind", "payment_id", "policy_id", "period", "bank_said", "bank_day")
        key = tuple(entry[name] for name in names)
        found.setdefault(key, []).append(entry)
    return [
        {
            **parts[0],
            "of": parts[0]["subject_id"] if len(parts) == 1 else f"×{len(parts):,}",
            "amount_fen": sum(part["amount_fen"] for part in parts),
        }
        for parts in found.values()
    ]


def _why_nothing(policies: Sequence[Mapping[str, Any]], language: Language) -> Iterator[str]:
    for policy in policies:
        if language == "zh" and not is_inside(policy):
            not_run = "" if policy["status"] == "ran" else f"{word('not_run')}，"
            yield f"{policy['policy_id']}  {policy['title']}：{not_run}{why_not_run(policy)}"
        elif policy["status"] != "ran":
            yield f"{policy['policy_id']}: not run: {policy['reason']}"
        elif policy["said"] and not is_inside(policy):
            yield f"{policy['policy_id']}: {policy['reason']}"
        elif not is_inside(policy):
            yield f"{policy['policy_id']}: not in its universe, which is: {policy['universe']}"


def _titles_of(policies: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {policy["policy_id"]: policy["title"] for policy in policies}


def is_inside(policy: Mapping[str, Any]) -> bool:
    """Say whether a run determined or claims anything of a policy here."""
    return bool(policy["rows"] or policy["claims"])


def _policy_lines(policy: Mapping[str, Any], language: Language, titles: Titles) -> list[str]:
    lines = ["", f"{policy['policy_id']}  {policy['title']}  {policy['authority']}"]
    lines.append(f"  {policy['clause']}")
    for row in policy["rows"]:
        lines += [
            *explanation_lines(row, language, titles),
            *formula_lines(row["formula"], language),
        ]
    for claim in policy["claims"]:
        lines += _claim_lines(claim, policy, language, titles)
    left = policy["more_rows"]
    if left:
        lines.append(f"{len(left):,} more rows; --policy, --subject and --period narrow:")
        lines += short_lines(left[:SHORT_ROWS], language, _titles_of_provisions([policy]))
    return [*lines, "parameters that these rows took", *used_parameter_lines(policy["parameters"])]


def _claim_lines(
    claim: Mapping[str, Any], policy: Mapping[str, Any], language: Language, titles: Titles
) -> Iterator[str]:
    """Write what was paid and is not determined: whom the policy covers, and the rows of that."""
    yield (
        f"{claim['period']}  {claim['subject_id']} → {claim['beneficiary_id']}: "
        f"not determined; entitlement {entitlement_text(claim, language, titles)}"
    )
    if "sources" in claim:
        universe = policy["covers" if language == "zh" else "universe"]
        yield f"           not in its universe, which is: {universe}"
    for source in claim.get("sources", ()):
        yield from source_lines(source, language)


def dossier_page(
    told: Mapping[str, Any], raw: RawCells = NO_CELLS, titles: Titles = NO_NAMES
) -> str:
    """Render what a run says about a party, or of one determination, as a page that stands alone.

    Rows:    raw  by file:line and column the cells as they were delivered, as far as at hand
    Holds:   the same content gives the same bytes; nothing is loaded from anywhere
    """
    return render_page(
        "dossier.html.j2",
        told=told,
        payments=_payments_of(told),
        inside=[policy for policy in told["policies"] if is_inside(policy)],
        outside=[policy for policy in told["policies"] if not is_inside(policy)],
        batches={batch["batch_id"]: batch for batch in told["batches"]},
        names=names_of_kinds(),
        titles={**titles, **_titles_of(told["policies"])},
        provisions=_titles_of_provisions(told["policies"]),
        tables=partial(source_table, told["repairs"], raw),
        changed=changed_words,
        day=bank_day_text,
        chinese=chinese_part,
        cell=cell_words,
        label=fact_label,
        functions=functions_in,
        other_facts=other_facts,
        why_not_run=why_not_run,
    )


def source_table(
    repairs: RawCells, raw: RawCells, row: Mapping[str, Any], source: Mapping[str, Any]
) -> dict[str, Any]:
    """Lay the source rows of a provision out as a table, with the cells as they were delivered.

    Rows:    returns  `columns`: those in which any row shown has something; `rows`: per row its
                      place and per column `raw` (None where only the stored value is at hand),
                      `value` as it was taken, and `repairs`
    """
    known = {row["subject_id"], row["beneficiary_id"]}
    lines, listed = [], _columns_of(source)
    for found in source["rows"][:SHOWN_ROWS]:
        came, mended = (of.get(found[AT], NO_CELL) for of in (raw, repairs))
        cells = {
            name: {
                "raw": None if name == MASKED else came.get(name),
                "value": found.get(name),
                "repairs": _repairs_of(mended.get(name, ""), found),
            }
            for name in listed
            if name in found or name in mended or came.get(name, "").strip() not in {"", *known}
        }
        lines.append({"place": found[AT], "cells": cells})
    columns = [c for c in listed if any(c in one["cells"] for one in lines)]
    return {"columns": columns, "rows": lines, "left": source["row_count"] - len(lines)}


def _columns_of(source: Mapping[str, Any]) -> list[str]:
    """Return what is shown of source rows: first the names and accounts that a hold rests on."""
    shown = shown_columns(source["kind"])
    more = [
        n for n in KINDS[source["kind"]].column_named if any(n in one for one in source["rows"])
    ]
    return [*(name for name in more if name not in shown), *shown]


def _repairs_of(repair: str, found: Mapping[str, Any]) -> list[str]:
    """List what was mended in a cell, and by which clerks."""
    named = [found["linked_by"]] if REPAIR in repair and "linked_by" in found else []
    return [code for code in repair.split("+") if code] + named


def other_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a row that neither a provision nor the amount's formula shows."""
    shown = {name for entry in row["provisions"] for name in entry["facts"]}
    shown |= {number["name"] for number in row["formula"]["numbers"]}
    return {name: fact for name, fact in row["facts"].items() if name not in shown}


def functions_in(formula: str) -> list[str]:
    """Return which functions a formula uses that a reader must be told of.

    >>> functions_in("least(counted_fen, $holiday_cap_fen)")
    ['least']
    """
    return [name for name in FUNCTIONS if f"{name}(" in formula]


def chinese_part(comment: str) -> str:
    """Return the clause in a rule's comment, without the remark in English behind it.

    >>> chinese_part("不超过其缴费的2/3 (a ceiling)"), chinese_part("what was paid")
    ('不超过其缴费的2/3', '')
    """
    clause = comment.partition(" (")[0].partition(": ")[0]
    return "" if LATIN_WORD.search(clause) else clause


def changed_words(name: str, value: Any) -> str:
    """Write one side of what changed: a code in words, a cell as a cell; nothing as a dash."""
    if value is None:
        return "—"
    if name in CODED:
        return word(value)
    return word(f"value_{value}") if PROVISION.match(name) else cell_words(name, value)


def _changed(provisions: Mapping[str, str], name: str, was: Any, now: Any) -> str:
    label = provisions.get(name) or fact_label(name)
    return f"{label}：{changed_words(name, was)} → {changed_words(name, now)}"


def _titles_of_provisions(policies: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {
        entry["provision"]: entry["title"]
        for policy in policies
        for row in policy["rows"][:1]
        for entry in row["provisions"]
    }


def why_not_run(policy: Mapping[str, Any]) -> str:
    """Say in Chinese why a policy has no row of a party."""
    if policy["status"] == "ran" and not policy["said"]:
        covers = policy["covers"] or policy["universe"]
        return worded(Said("not_in_universe", {"universe": covers}))
    said = said_of(policy["said"]) if policy["said"] else None
    return worded(said, names=names_of_kinds()) if said else str(policy["reason"])
