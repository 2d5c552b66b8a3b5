"""Writes the lists of relief, referral and warning into a run's folder, for the bureaus."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.data_package import PACKAGE
from flows.store import write_json
from sql import Connection, run_sql, show_frame
from transforms.answers.list_months import first_month, months_sheet
from transforms.answers.lists import (
    MEMBERS,
    ON_LIST,
    fields_of,
    for_machines,
    list_of,
    list_parts,
    list_sheets,
    masked_list,
    members_of,
)
from transforms.answers.region import LAYOFFS, region_figure, region_notes
from transforms.policies.cards import PolicyCard, month_of
from transforms.sheets.csv_file import csv_bytes
from transforms.sheets.workbook import Sheet, workbook_bytes

FOLDER, INSIDE = "lists", "internal"
SUBJECT = ["subject_kind", "subject_id"]


def write_lists(
    folder: Path,
    connection: Connection,
    ran: Sequence[PolicyCard],
    policy_rows: Mapping[str, pl.LazyFrame],
    determinations: pl.LazyFrame,
    questions: pl.DataFrame,
    as_of: date,
) -> list[Path]:
    """Write both editions of the list of each policy that pays nothing and ran.

    Rows:    policy_rows, determinations, questions  of all policies that ran
    Holds:   lists/<policy>.xlsx and .csv name no person; the internal edition is
             <policy>.internal, with the same numbers; what is unknown stands apart; a policy that
             found nobody has an empty list, so that the bureau knows
    """
    cards = [card for card in ran if card.kind != "payment"]
    if not cards:
        return []
    is_asked = pl.col("policy_id").is_in([card.policy_id for card in cards])
    shown = determinations.filter(is_asked & (pl.col("outcome") != "ineligible"))
    subjects = shown.select(SUBJECT).unique().collect()
    told = [names_of(subjects, connection), run_sql(connection, "review/party_towns.sql", {})]
    lists = {
        card.policy_id: list_of(card, policy_rows[card.policy_id], determinations, questions, told)
        for card in cards
    }
    layoffs = policy_rows.get(LAYOFFS)
    region = [] if layoffs is None else region_notes(region_figure(layoffs, determinations))
    members = run_sql(connection, "review/household_members.sql", {})
    last_month = month_of(as_of)
    by_month = _by_month(connection, cards, lists, last_month)
    written: list[Path] = []
    resources: list[dict[str, Any]] = []
    for card in cards:
        for is_masked in (True, False):
            rows = lists[card.policy_id]
            parts = list_parts(masked_list(card, rows) if is_masked else rows)
            if card.subject == "household" and not is_masked:
                parts[MEMBERS] = members_of(rows, members)
            notes = region if card.policy_id == LAYOFFS else []
            sheets = list_sheets(card, parts, as_of.isoformat(), notes, is_masked=is_masked)
            if card.listing.get("series") and parts[ON_LIST].height:
                sheets.append(months_sheet(card, parts[ON_LIST], by_month, last_month))
            written += _write(folder / FOLDER, card, parts, sheets, is_masked=is_masked)
            resources += _described(card, parts, is_masked=is_masked)
    package = {"profile": "data-package", "name": FOLDER, "resources": resources}
    write_json(folder / FOLDER / PACKAGE, package)
    return written


def names_of(listed: pl.DataFrame, connection: Connection) -> pl.DataFrame:
    """Look up by which name each listed subject is known.

    Rows:    listed  subject_kind, subject_id; returns  at most one per subject, with subject_name
    """
    subjects = listed.select(SUBJECT).unique()
    show_frame(connection, "listed_subjects", subjects)
    return run_sql(connection, "review/subject_names.sql", {})


def _by_month(
    connection: Connection,
    cards: Sequence[PolicyCard],
    lists: Mapping[str, pl.DataFrame],
    last_month: int,
) -> pl.DataFrame:
    """Count persons present and payments by month at the employers of lists that show months."""
    shown = [list_parts(lists[c.policy_id])[ON_LIST] for c in cards if c.listing.get("series")]
    if not shown:
        return pl.DataFrame()
    listed = pl.concat([rows.select("identifier") for rows in shown]).unique()
    employers = listed.select(pl.lit("employer").alias("subject_kind"), subject_id="identifier")
    show_frame(connection, "listed_subjects", employers)
    first = min(first_month(rows, last_month) for rows in shown)
    span = {"first_month": first, "last_month": last_month}
    return run_sql(connection, "review/employer_months.sql", span)


def _write(
    folder: Path,
    card: PolicyCard,
    parts: Mapping[str, pl.DataFrame],
    sheets: Sequence[Sheet],
    *,
    is_masked: bool,
) -> list[Path]:
    folder.mkdir(exist_ok=True)
    contents = {
        _file(card, part, is_masked=is_masked): csv_bytes(for_machines(card, rows))
        for part, rows in parts.items()
    }
    book = Path(_file(card, ON_LIST, is_masked=is_masked)).with_suffix(".xlsx").name
    contents[book] = workbook_bytes(sheets)
    for file_name, content in contents.items():
        (folder / file_name).write_bytes(content)
    return [folder / file_name for file_name in contents]


def _file(card: PolicyCard, part: str, *, is_masked: bool) -> str:
    names = [card.policy_id, "" if is_masked else INSIDE, "" if part == ON_LIST else part, "csv"]
    return ".".join(filter(None, names))


def _described(
    card: PolicyCard, parts: Mapping[str, pl.DataFrame], *, is_masked: bool
) -> list[dict[str, Any]]:
    """Describe an edition's tables: for whom, what for, and whose data each column holds."""
    return [
        {
            "name": f"{FOLDER}.{_file(card, part, is_masked=is_masked).removesuffix('.csv')}",
            "title": card.title,
            "path": _file(card, part, is_masked=is_masked),
            "format": "csv",
            "edition": "masked" if is_masked else INSIDE,
            "bureau": card.bureau,
            **card.listing,
            "rows": rows.height,
            "schema": {"fields": fields_of(card, rows.columns, is_masked=is_masked)},
        }
        for part, rows in parts.items()
    ]
