"""`wuxing whatif`: a reform against the law in force, on any past night; nothing is recorded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.audit.again import read_night
from flows.audit.diff import mixture_of, recorded
from flows.audit.recompute import Computed, Mixture, compute
from flows.language import headings, policy_word, said
from flows.program import made_by_this_program
from flows.store import Home
from sql import run_sql, show_frame
from sql.opening import connect_to
from transforms.amounts import is_amount, yuan_text
from transforms.audit.effect import BENEFICIARY, SMALLEST, effect, lists_changed
from transforms.audit.reform import (
    change_lines,
    never_asked,
    parse_setting,
    policies_touched,
    with_file,
    with_setting,
)
from transforms.errors import UsageError
from transforms.strict_yaml import read_yaml
from transforms.visible import table

HIDDEN = "not shown"
SUBJECT = ("subject_kind", "subject_id")
SUMS = ("rows_changed", "was_listed", "is_listed", "was_fen", "is_fen")


def whatif(
    home: Home,
    run_id: str,
    settings: Sequence[str],
    files: Sequence[Path],
    *,
    threads: int | None = None,
) -> dict[str, Any]:
    """Compute a recorded night once more by changed rules, and say what would differ.

    Units:   fen
    Holds:   no change at all: 0 rows, 0 fen; no batch, no posting, nothing in the home is written
    Raises:  UsageError if the reform can't be read; DropRefusedError if the rules refuse it
    """
    night = read_night(home, run_id)
    law = mixture_of(night)
    texts = dict(law.texts)
    numbers = [parse_setting(text) for text in settings]
    for number in numbers:
        texts = with_setting(texts, number)
    for path in files:
        texts = with_file(texts, path.name, _read(path))
    by_law = (
        recorded(night) if made_by_this_program(night.manifest) else compute(law, threads=threads)
    )
    reform = Mixture(law.as_of, law.tables, texts, night)
    by_reform = by_law
    if texts != law.texts:
        only = policies_touched(law.texts, texts)
        by_reform = compute(reform, threads=threads, only=only, beside=by_law)
    return {
        "run_id": run_id,
        "as_of": night.as_of.isoformat(),
        "change": change_lines(law.texts, texts),
        "never_asked": [
            {"name": one.name, "from": str(one.since)}
            for one in never_asked(texts, numbers, law.as_of)
        ],
        **_effect(law, by_law, by_reform, texts),
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise UsageError(f"--policy {path}: expected a text file in UTF-8") from unreadable


def _effect(
    law: Mixture, by_law: Computed, by_reform: Computed, texts: Mapping[str, str]
) -> dict[str, Any]:
    cards = [
        read_yaml(text)
        for path, text in texts.items()
        if path.startswith("sql/policies/") and path.removesuffix(".yaml") + ".sql" in texts
    ]
    funds = {card["policy"]: card["fund"] for card in cards if "fund" in card}
    lists = [card["policy"] for card in cards if "fund" not in card]
    towns = beneficiary_towns(law, by_law, by_reform)
    return {
        **effect(by_law.entitlements, by_reform.entitlements, funds, towns),
        "lists": lists_changed(by_law.determinations, by_reform.determinations, lists),
    }


def beneficiary_towns(law: Mixture, *computed: Computed) -> pl.DataFrame:
    """Read in which town each beneficiary is on record.

    Rows:    returns  one per beneficiary that has a code: its kind and id, town
    """
    sides = [pl.col(ours).alias(theirs) for ours, theirs in zip(BENEFICIARY, SUBJECT, strict=True)]
    listed = pl.concat([one.entitlements.select(sides) for one in computed]).unique()
    with connect_to(law.tables, law.as_of) as connection:
        show_frame(connection, "listed_subjects", listed)
        towns = run_sql(connection, "review/party_towns.sql", {})
    return towns.select(pl.col(SUBJECT).name.replace("subject", "beneficiary"), "town")


def whatif_lines(told: Mapping[str, Any]) -> list[str]:
    """Write a reform's effect for the terminal; small cells are not shown."""
    lines = [f"what if, on night {told['run_id']} as of {told['as_of']}; nothing is recorded"]
    lines += [f"  {line}" for line in told["change"] or ["nothing is changed"]]
    lines += [
        f"  {one['name']} from {one['from']}: no rule takes it on a day this night asks for, so it "
        "changes nothing"
        for one in told["never_asked"]
    ]
    lines.append(
        f"  due by the law in force {_yuan(told['was_fen'])}, by the reform "
        f"{_yuan(told['is_fen'])}: {_yuan(told['difference_fen'])}"
    )
    lines += [
        f"  of it {headings(one['status'])[0]}: {_yuan(one['was_fen'])} before, "
        f"{_yuan(one['is_fen'])} now"
        for one in told["standing"]
        if one["was_fen"] or one["is_fen"] != 0
    ]
    lines.append(
        f"  rows changed {_count(told['rows_changed'])}; beneficiaries: "
        f"more {_count(told['winners'])}, less {_count(told['losers'])}, "
        f"the same {_count(told['unchanged'])}, newly reached {_count(told['newly_reached'])}"
    )
    for one in told["lists"]:
        sums = {name: _yuan(one[name]) if is_amount(name) else _count(one[name]) for name in SUMS}
        lines.append(
            f"  list {policy_word(one['policy_id'])}: rows changed {sums['rows_changed']}; "
            f"on it {sums['was_listed']} before, {sums['is_listed']} now; "
            f"amounts {sums['was_fen']} before, {sums['is_fen']} now"
        )
    rows = [headings("group", "cell", "payee_count", "amount_fen")]
    for dimension, cells in told["by"].items():
        for cell in cells:
            size, money = said(_count(cell["beneficiaries"])), said(_yuan(cell["fen"]))
            named = policy_word(cell["cell"]) or said("not registered")
            rows.append([*headings(dimension), named, size, money])
    lines += (f"  {line}" for line in table(rows, {2, 3}))
    return [*lines, f"  {HIDDEN}: about fewer than {SMALLEST}, or it would tell such a one"]


def _count(number: int | None) -> str:
    return HIDDEN if number is None else f"{number:,}"


def _yuan(fen: int | None) -> str:
    return HIDDEN if fen is None else f"{yuan_text(fen, ',')} 元"
