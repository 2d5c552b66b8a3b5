"""Writes the lists of relief and referral into a run's folder, for the bureaus in charge."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import polars as pl

from sql import Connection, run_sql, show_frame
from transforms.answers.lists import has_persons, list_of, list_sheet, listed_subjects, masked_list
from transforms.policies.cards import PolicyCard
from transforms.sheets.csv_file import csv_bytes
from transforms.sheets.workbook import workbook_bytes

INSIDE = "internal"


def write_lists(
    folder: Path,
    connection: Connection,
    ran: Iterable[PolicyCard],
    determinations: pl.DataFrame,
    as_of: date,
) -> list[Path]:
    """Write lists/<policy>.csv and .xlsx for each policy that pays nothing and ran.

    Rows:    determinations  as in the contract, at least those of these policies
    Holds:   what leaves the bureau names no person; its unmasked twin is <policy>.internal;
             a policy that found nobody has an empty list, so that the bureau knows
    """
    cards = [card for card in ran if card.kind != "payment"]
    listed = [listed_subjects(card, determinations) for card in cards]
    if not cards:
        return []
    names = names_of(pl.concat(listed), connection)
    written: list[Path] = []
    for card, subjects in zip(cards, listed, strict=True):
        rows = list_of(card, subjects, names)
        written += _write(folder / "lists", card.policy_id, card, masked_list(card, rows), as_of)
        if has_persons(card):
            name = f"{card.policy_id}.{INSIDE}"
            written += _write(folder / "lists", name, card, rows, as_of)
    return written


def names_of(listed: pl.DataFrame, connection: Connection) -> pl.DataFrame:
    """Look up by which name each listed subject is known.

    Rows:    listed  subject_kind, subject_id; returns  at most one per subject, with subject_name
    """
    subjects = listed.select("subject_kind", "subject_id").unique()
    show_frame(connection, "listed_subjects", subjects)
    return run_sql(connection, "review/subject_names.sql", {})


def _write(
    folder: Path, name: str, card: PolicyCard, rows: pl.DataFrame, as_of: date
) -> list[Path]:
    folder.mkdir(exist_ok=True)
    is_masked = not name.endswith(INSIDE)
    sheet = list_sheet(card, rows, as_of.isoformat(), is_masked=is_masked)
    contents = {f"{name}.csv": csv_bytes(rows), f"{name}.xlsx": workbook_bytes([sheet])}
    for file_name, content in contents.items():
        (folder / file_name).write_bytes(content)
    return [folder / file_name for file_name in contents]
