"""What differs between two nights, as content, as lines and as a page with a waterfall."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from transforms.amounts import yuan_text
from transforms.answers.page import render_page
from transforms.audit.changes import counted_fen
from transforms.extracts.kinds import names_of_kinds
from transforms.masking import masked_keys
from transforms.money.entitlements import KEY
from transforms.visible import table
from transforms.words import BETWEEN, NO_NAMES, Language, word, words_column

SHOWN = 40
BAR_WIDTH, BAR_ROOM = 520, 160


def diff_content(
    changes: pl.DataFrame,
    totals: Mapping[str, Any],
    steps: Sequence[str],
    behind: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what `diff --json` prints: every change with its cause, its sums, the rows behind.

    Units:   fen
    """
    return {
        "steps": list(steps),
        **totals,
        "by_cause": by_cause(changes, steps),
        "changes": changes.to_dicts(),
        "rows_behind": list(behind),
    }


def by_cause(changes: pl.DataFrame, steps: Sequence[str]) -> list[dict[str, Any]]:
    """Add up what became due, by cause, in the order of the steps.

    Units:   fen
    """
    due = changes.filter(pl.col("table") == "entitlements")
    was, now = (counted_fen("entitlements", w, f"{w}_fen") for w in ("was", "is"))
    sums = due.group_by("cause").agg(pl.len().alias("rows"), (now - was).sum().alias("fen"))
    found = {row["cause"]: row for row in sums.iter_rows(named=True)}
    return [found.get(step, {"cause": step, "rows": 0, "fen": 0}) for step in steps]


def cause_words(cause: str, language: Language = "zh") -> str:
    """Word a cause, or several that were exchanged together."""
    said = [word(f"cause_{part}", language) for part in cause.split(", ")]
    return BETWEEN[language].join(said)


def worded_changes(changes: pl.DataFrame) -> pl.DataFrame:
    """Lay every change out for people, in their order: its row, before and after, because of what.

    Rows:    changes  as `attribute` gives them; returns the same
    """
    return changes.select(
        words_column("table").alias("diff_table"),
        "policy_id",
        "period",
        words_column("subject_kind"),
        "subject_id",
        words_column("beneficiary_kind"),
        "beneficiary_id",
        words_column("was").alias("diff_was"),
        words_column("is").alias("diff_is"),
        pl.col("was_fen").alias("diff_was_fen"),
        pl.col("is_fen").alias("diff_is_fen"),
        pl.col("cause").map_elements(cause_words, pl.String).alias("diff_cause"),
    )


def diff_lines(
    told: Mapping[str, Any], language: Language = "en", names: Mapping[str, str] = NO_NAMES
) -> list[str]:
    """Write what differs for the terminal: sums by cause and policy, then masked rows.

    Rows:    names  the titles of policies, by id
    """

    def say(code: str) -> str:
        return word(code, language, names)

    lines = [f"from {told['run_a']} to {told['run_b']}: one thing exchanged after the other"]
    heading = ("diff_table", "policy", "diff_cause", "row_count", "amount_changed")
    sums = [[say(code) for code in heading]]
    by_cause = ({**entry, "table": "entitlements"} for entry in told["by_cause"])
    for entry in (*by_cause, *told["by_policy"]):
        policy, cause = say(entry.get("policy_id", "sum")), cause_words(entry["cause"], language)
        sums.append([say(entry["table"]), policy, cause, f"{entry['rows']:,}"])
        sums[-1].append(yuan_text(entry["fen"], ","))
    lines += (
        [f"  {line}" for line in table(sums, {3, 4})] if len(sums) > 1 else ["  nothing is changed"]
    )
    shown = masked_changes(told["changes"][:SHOWN])
    lines += [
        f"    {say(row['policy_id'])} {row['period']} {row['subject_id']} → "
        f"{row['beneficiary_id']}: {say(row['was'] or '—')} {row['was_text']} → "
        f"{say(row['is'] or '—')} {row['is_text']} "
        f"({cause_words(row['cause'], language)}, {say(row['table'])})"
        for row in shown
    ]
    left = len(told["changes"]) - len(shown)
    lines += [f"    … and {left:,} more: --json or --csv lists all"] if left > 0 else []
    return [*lines, f"residual: {yuan_text(told['residual_fen'])} 元"]


def masked_changes(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mask the ids of changed rows and word their fen."""
    masked = masked_keys_of(changes)
    for row in masked:
        for name in ("was", "is"):
            fen = row[f"{name}_fen"]
            row[f"{name}_text"] = "" if fen is None else yuan_text(fen, ",")
    return masked


def diff_page(told: Mapping[str, Any], titles: Mapping[str, str] = NO_NAMES) -> str:
    """Render what differs as one page that stands alone, with a waterfall of what is due."""
    return render_page(
        "diff.html.j2",
        told=told,
        names={**names_of_kinds(), **titles},
        bars=waterfall(told["by_cause"]),
        width=BAR_WIDTH + BAR_ROOM,
        changes=masked_changes(told["changes"][:SHOWN]),
        left=max(0, len(told["changes"]) - SHOWN),
        behind=masked_keys_of(told["rows_behind"][:SHOWN]),
        cause_words=cause_words,
    )


def masked_keys_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mask the keys of rows that hold more than keys."""
    keys = pl.DataFrame([{name: row[name] for name in KEY} for row in rows])
    return [{**row, **key} for row, key in zip(rows, masked_keys(keys).to_dicts(), strict=True)]


def waterfall(causes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Place one bar per cause, each beginning where the one before ends, in whole pixels.

    >>> waterfall([{"cause": "facts", "fen": -50}, {"cause": "rules", "fen": 100}])[1]["width"]
    520
    """
    ends = [0]
    for entry in causes:
        ends.append(ends[-1] + entry["fen"])
    low, high = min(ends), max(ends)
    span = max(high - low, 1)

    def x(fen: int) -> int:
        return (fen - low) * BAR_WIDTH // span

    return [
        {
            **entry,
            "x": x(min(start, end)),
            "width": max(x(max(start, end)) - x(min(start, end)), 1),
            "is_more": entry["fen"] >= 0,
        }
        for entry, start, end in zip(causes, ends, ends[1:], strict=False)
    ]
