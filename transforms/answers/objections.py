"""Objections answered: the register with its clock, and a letter with both sides of each line."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from transforms.amounts import yuan_text
from transforms.answers.explanation import cell_words
from transforms.answers.letter_sentences import letter_texts
from transforms.answers.open_questions import fact_label
from transforms.answers.page import render_page
from transforms.extracts.kinds import names_of_kinds
from transforms.money.entitlements import KEY
from transforms.money.exclusions import NONE_STANDS
from transforms.money.objections import CONFLICT, upheld_shares
from transforms.payments.working_days import working_day_after, working_days_between
from transforms.words import word, words_column

# Whoever objects to what is longer ago is answered, but not by this clock.
CLOCK_DAYS = 730
SHOWN_LINES, SHOWN_PLACES = 12, 5
# Who may object to a line about themselves; the first alone reads of the person's own matters.
SIDES = ("subject_id", "beneficiary_id")
TIMED = ["answer_due_on", "working_days", "is_late"]


def objection_register(
    weighed: pl.DataFrame,
    titles: Mapping[str, str],
    provisions: Mapping[str, Mapping[str, str]],
    days: int,
) -> pl.DataFrame:
    """List the night's objections, one a row, with what became of each and how long it took.

    Rows:    weighed     one per objection and line
             titles      of policies, by id; provisions: their titles, by policy and id
             returns     one per objection, in the order of the day they came; working days up to
                         the first letter
    """
    reasons = pl.concat_list(
        pl.col("reasons_before").fill_null([]), pl.col("reason_codes").fill_null([])
    )
    one = (
        weighed.with_columns(reasons.alias("reasons"))
        .group_by("objection_id")
        .agg(
            pl.col("policy_id", "subject_id", "raised_by", "raised_on", "objection_reason").first(),
            pl.col("document_no", "objected_period", "objection_state", "answered_on").first(),
            pl.col("decided_on", "decided_by").max(),
            pl.col("reasons").explode().drop_nulls().unique().sort(),
        )
        .sort("raised_on", "objection_id")
    )
    named = [
        "、".join(provisions.get(policy, {}).get(code, code) for code in codes)
        for policy, codes in one.select("policy_id", "reasons").iter_rows()
    ]
    timed = [
        answer_clock(raised, date.fromisoformat(answered), days)
        for raised, answered in one.select("raised_on", "answered_on").iter_rows()
    ]
    return one.with_columns(
        *(pl.Series(name, [t[i] for t in timed], pl.String) for i, name in enumerate(TIMED)),
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.col("policy_id").replace(titles).alias("policy_title"),
        pl.col("objected_period").fill_null(word("all_periods")),
        words_column("objection_state"),
        pl.Series("objected_provisions", named, pl.String),
        pl.col("raised_on", "decided_on").dt.to_string("%Y-%m-%d").fill_null(""),
        pl.col("document_no", "decided_by").fill_null(""),
    ).select(
        *("number", "objection_id", "policy_title", "objected_period", "subject_id", "raised_by"),
        *("raised_on", "objection_reason", "document_no", "objection_state", "answered_on"),
        *TIMED,
        *("objected_provisions", "decided_on", "decided_by"),
    )


def answer_clock(raised: date, answered: date, days: int) -> tuple[str, str, str]:
    """Say by when an objection was to be answered, how many working days it took, if it was late.

    >>> answer_clock(date(2020, 4, 3), date(2020, 4, 8), 1)
    ('2020-04-07', '2', '是')
    """
    if (answered - raised).days > CLOCK_DAYS:
        return "", "", word("cell_yes")
    due, took = working_day_after(raised, days), working_days_between(raised, answered)
    return due.isoformat(), str(took), word("cell_yes" if answered > due else "cell_no")


def objections_pages(
    register: pl.DataFrame,
    weighed: pl.DataFrame,
    explained: Mapping[tuple[str, ...], Mapping[str, Any]],
    told: Mapping[str, Any],
) -> tuple[str, str]:
    """Render two pages: the register with what is upheld, and a letter for each that has news.

    Rows:    explained  by (run, policy, *key): a determination explained, as far as it can be
             told       run_id, as_of, titles, provisions, cards (policy's clause, authority and
                        own_matters: provisions that the subject alone reads), instead (by key: why
                        what is eligible tonight is not paid as such), asked_back (policy,
                        subject, period, fen of each recovery of tonight), names (by id: who is
                        nobody of them reads only what came of it)
             returns    the letters' page says so if nobody gets one
    """
    letters = [
        _letter(row, weighed.filter(pl.col("objection_id") == row["objection_id"]), explained, told)
        for row in register.iter_rows(named=True)
    ]
    render = partial(
        render_page,
        "objections.html.j2",
        told=told,
        register=register.to_dicts(),
        shares=upheld_shares(weighed).to_dicts(),
        names=names_of_kinds(),
        label=fact_label,
        cell=cell_words,
        places=SHOWN_PLACES,
    )
    news = [letter for letter in letters if letter["is_news"]]
    return render(letters=[], are_letters=False), render(letters=news, are_letters=True)


def _letter(
    row: Mapping[str, Any],
    lines: pl.DataFrame,
    explained: Mapping[tuple[str, ...], Mapping[str, Any]],
    told: Mapping[str, Any],
) -> dict[str, Any]:
    first = lines.row(0, named=True)
    is_own, is_party = (_is_raised_by(row, lines, told, sides) for sides in (SIDES[:1], SIDES))
    told = {**told, "provisions": told["provisions"].get(first["policy_id"], {})}
    if not is_own:
        told = _without_own_matters(told, told["cards"][first["policy_id"]])
    # Who is neither the subject nor the payee reads of no line: not even how many there are.
    shown = [_line(line, explained, told) for line in lines.head(SHOWN_LINES * is_party).to_dicts()]
    party, only = (first["policy_id"], first["subject_id"]), first["objected_period"]
    asked = [
        fen
        for *of, period, fen in told["asked_back"]
        if (*of,) == party and (not only or period.startswith(only) or only.startswith(period))
    ]
    return {
        "asked_back_fen": sum(asked),
        **row,
        "pays": True,
        **told["cards"][first["policy_id"]],
        "is_news": any(lines["is_news"]),
        "state": first["objection_state"],
        "lines": shown if first["period"] is not None else [],
        "is_determined": lines["outcome"].is_not_null().any(),
        "is_own": is_own,
        "is_party": is_party,
        "is_corrected": lines["is_corrected"].any(),
        "left": max(0, lines.height - SHOWN_LINES),
    }


def _is_raised_by(
    row: Mapping[str, Any], lines: pl.DataFrame, told: Mapping[str, Any], sides: Sequence[str]
) -> bool:
    """Say whether who objects is called as one on a side of the lines is; of a household anyone."""
    parties = {party for side in sides for party in lines[side].drop_nulls()}
    names = [told["names"].get(one, "") for one in parties]
    if "household" in lines["subject_kind"]:
        names = [member for name in names for member in name.split("、")]
    return _plain(row["raised_by"]) in {_plain(name) for name in names} - {""}


def _without_own_matters(told: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what nobody but the subject is told: who died or is in custody, for example."""
    masked = dict.fromkeys(card.get("own_matters", ()), letter_texts()["parts"]["own_matter"])
    return {**told, "provisions": {**told["provisions"], **masked}, "hidden": masked}


def _plain(name: str) -> str:
    """Return a name as it is compared."""
    return "".join(unicodedata.normalize("NFKC", name).split())


def _line(
    line: Mapping[str, Any],
    explained: Mapping[tuple[str, ...], Mapping[str, Any]],
    told: Mapping[str, Any],
) -> dict[str, Any]:
    key = tuple(line[name] for name in KEY)
    before = explained.get((line["run_before"], *key), {})
    now = explained.get((told["run_id"], *key), {})
    sides = [{e["provision"]: e for e in side.get("provisions", ())} for side in (before, now)]
    asked = [line["reasons_before"] or [], line["reason_codes"] or []]
    return {
        **line,
        "instead": told["instead"].get(key, ""),
        "was": determined_text(line["outcome_before"], line["amount_before_fen"], asked[0], told),
        "became": determined_text(line["outcome"], line["amount_fen"], asked[1], told),
        "provisions": [
            (sides[0].get(name), sides[1].get(name))
            for name in dict.fromkeys([*sides[1], *sides[0]])
            if name not in told.get("hidden", {})
        ],
    }


def instead_text(status: str, reason: str, titles: Mapping[str, str]) -> str:
    """Say what stands instead of a superseded line, or what a line is in conflict with.

    >>> instead_text("conflict", "internship_subsidy", {"internship_subsidy": "就业见习补贴"})
    '与它重复的是：就业见习补贴。同月只能享受一项，由经办人裁定。'
    """
    parts = letter_texts()["parts"]
    name = "、".join(titles.get(one, one) for one in reason.split(","))
    if status == CONFLICT:
        return str(parts["same_month"].format(name=name) + parts["one_of_them"])
    said = parts["none_stands" if reason == NONE_STANDS else "stands_instead"]
    return str(said.format(name=name))


def determined_text(
    outcome: str | None, fen: int | None, reasons: Sequence[str], told: Mapping[str, Any]
) -> str:
    """Write one side of a line in words."""
    if outcome is None:
        return word("not_determined")
    text = f"{word(outcome)}，{yuan_text(fen or 0, ',')} 元"
    # In an order, and as often, as tells nothing of what stands behind a title.
    names = "、".join(sorted({told["provisions"].get(reason, reason) for reason in reasons}))
    return f"{text}（{names}）" if names else text
