"""Sentences of letters.yaml filled in, column by column: which conditions, what else, why."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from transforms.money.exclusions import NONE_STANDS
from transforms.policies.card_form import SIDES_OF_ROLE
from transforms.policies.cards import ABSENCE, PolicyCard, Provision
from transforms.strict_yaml import read_yaml
from transforms.words import filled, said_column, vocabulary, word, words_column

LETTERS = Path(__file__).parent.parent / "letters.yaml"
# What is granted for a person, and whom an employer reports: the reader must know of it.
TOLD_TO_OTHERS = ("support", "employment")
# A cause as somebody reads it who does not know the program.
CAUSES = {"row_found": "letter_row_found", "clerk_decided": "letter_clerk_decided"}
OTHER = "other"
IS_ABOUT_ANOTHER = pl.col("subject_id") != pl.col("beneficiary_id")
IS_TO_FAMILY = pl.col("meant") != ""


@cache
def letter_texts() -> Mapping[str, Any]:
    """Return the words of letters.yaml."""
    texts: dict[str, Any] = read_yaml(LETTERS.read_text(encoding="utf-8"))
    return texts


def own_matters(card: PolicyCard) -> list[str]:
    """Name the provisions that a letter to another than the subject does not name.

    Those that rows of the person alone speak against (dead, in custody, insured elsewhere), all
    behind one phrase: alone behind it, each would be told by it.
    """
    if card.subject == "employer":
        return []
    return [entry.name for entry in card.provisions if _is_own_matter(entry)]


def _is_own_matter(entry: Provision) -> bool:
    rests_on = [(SIDES_OF_ROLE[row["of"]], row["kind"]) for row in entry.rows]
    are_own = (of == ("subject",) and kind not in TOLD_TO_OTHERS for of, kind in rests_on)
    return entry.holds == ABSENCE and bool(rests_on) and all(are_own)


def kinds_for_others(card: PolicyCard) -> list[str]:
    """Return the kinds a policy reads, without those that only its own matters rest on."""
    own = own_matters(card)
    behind = {row["kind"] for one in card.provisions if one.name in own for row in one.rows}
    others = [one.rows for one in card.provisions if one.name not in own]
    told = {row["kind"] for rows in (card.rows, *others) for row in rows}
    return [kind for kind in card.reads if kind not in behind - told]


def conditions(card: PolicyCard) -> list[pl.Expr]:
    """Give the columns that name conditions: those not met, those not known, all of them."""
    texts = letter_texts()
    provisions = {entry.name: entry.title for entry in card.provisions} | texts["plain"]
    masked = provisions | dict.fromkeys(own_matters(card), texts["parts"]["own_matter"])
    uncertain = pl.col("not_known").fill_null(pl.lit([], pl.List(pl.String())))
    unmet = pl.col("reason_codes").list.set_difference(uncertain).list.sort()
    unmet, not_known, asked = (
        pl.when(IS_ABOUT_ANOTHER)
        .then(_reasons(codes, masked))
        .otherwise(_reasons(codes, provisions))
        for codes in (unmet, uncertain, pl.col("reason_codes"))
    )
    unmet = unmet.fill_null("")
    not_certain = (
        pl.when(uncertain.list.len() > 0)
        .then(filled(texts["parts"]["not_known"], titles=not_known))
        .otherwise(pl.lit(""))
    )
    said = said_column("letter_unmet", titles=unmet)
    return [
        unmet.alias("unmet"),
        asked.fill_null("").alias("asked"),
        not_certain.alias("not_certain"),
        _grounds(pl.when(unmet == "").then(pl.lit("")).otherwise(said)).alias("grounds"),
        pl.when(unmet == "")
        .then(not_certain)
        .otherwise(filled("{said}。{more}", said=said, more=not_certain))
        .alias("lacking"),
    ]


def _grounds(unmet: pl.Expr) -> pl.Expr:
    """Say why money is asked back, as the letter of a signed list does; nothing without a cause."""
    causes = vocabulary() | {code: word(said) for code, said in CAUSES.items()}
    cause = pl.col("cause").fill_null("").replace(causes)
    both = pl.when(unmet == "").then(cause).otherwise(filled("{c}：{u}", c=cause, u=unmet))
    said = filled(letter_texts()["parts"]["grounds"], grounds=both)
    return pl.when(cause == "").then(pl.lit("")).otherwise(said)


def _reasons(codes: pl.Expr, titles: Mapping[str, str]) -> pl.Expr:
    # In an order, and as often, as tells nothing of what stands behind a title.
    return codes.list.eval(pl.element().replace(titles).unique().sort()).list.join("；")


def day_text(day: date) -> str:
    """Write a day as letters do."""
    return f"{day.year}年{day.month}月{day.day}日"


def titles_beside(policy: str, titles: Mapping[str, str]) -> dict[str, str]:
    """Return what a line of a policy calls the others: its own is the line of another employer."""
    return {**titles, policy: letter_texts()["parts"]["elsewhere"]}


def other_named(status: str, policy: str, titles: Mapping[str, str]) -> pl.Expr:
    """Say which other policies stand instead, or are claimed for the same month."""
    parts = letter_texts()["parts"]
    named = words_column("reason", titles_beside(policy, titles))
    if status == "superseded":
        instead = filled(parts["stands_instead"], name=named)
        none = pl.lit(parts["none_stands"])
        return pl.when(pl.col("reason") == NONE_STANDS).then(none).otherwise(instead)
    return filled(parts["same_month"], name=named)


@cache
def why_said(status: str, name: str) -> pl.Expr:
    """Give what the catalogue says of a reason to be held, or of the cause of money unsupported.

    Of one that it does not know, in general.
    """
    column, listed = ("cause", status) if status == "unsupported" else ("reason", "held")
    why = letter_texts()[listed]
    said = filled(why[OTHER][name])
    for code, texts in why.items():
        said = pl.when(pl.col(column) == code).then(_to_reader(texts, name)).otherwise(said)
    return said.alias(name)


def _to_reader(texts: Mapping[str, Any], name: str) -> pl.Expr:
    """Take the words for whoever reads: the family of who died, another, or the one it is about."""
    said = filled(texts[name])
    for reader, is_reader in (("to_others", IS_ABOUT_ANOTHER), ("to_family", IS_TO_FAMILY)):
        if name in texts.get(reader, {}):
            said = pl.when(is_reader).then(filled(texts[reader][name])).otherwise(said)
    return said
