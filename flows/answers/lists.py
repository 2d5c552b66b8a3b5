"""Writes the lists of relief and referral into a run's folder, for the bureaus in charge."""

from datetime import date
from pathlib import Path

import polars as pl

from flows.night.determine import Determined
from sql import register_frame, run_sql
from sql.texts import policy_cards
from transforms.answers.lists import has_persons, list_of, list_sheet, listed_subjects, masked_list
from transforms.policies.cards import PolicyCard
from transforms.sheets.csv_file import csv_bytes
from transforms.sheets.workbook import workbook_bytes

INSIDE = "internal"


def write_lists(folder: Path, determined: Determined, as_of: date) -> list[Path]:
    """Write lists/<policy>.csv and .xlsx for each policy that pays nothing and ran.

    Holds:   what leaves the bureau names no person; its unmasked twin is <policy>.internal;
             a policy that found nobody has an empty list, so that the bureau knows
    """
    cards = [card for card in policy_cards().values() if _has_list(card, determined)]
    listed = [listed_subjects(card, determined.determinations) for card in cards]
    if not cards:
        return []
    names = _names_of(pl.concat(listed), determined)
    written: list[Path] = []
    for card, subjects in zip(cards, listed, strict=True):
        rows = list_of(card, subjects, names)
        written += _write(folder / "lists", card.policy_id, card, masked_list(card, rows), as_of)
        if has_persons(card):
            name = f"{card.policy_id}.{INSIDE}"
            written += _write(folder / "lists", name, card, rows, as_of)
    return written


def _has_list(card: PolicyCard, determined: Determined) -> bool:
    status = determined.policies.get(card.policy_id)
    return card.kind != "payment" and status is not None and status.status == "ran"


def _names_of(listed: pl.DataFrame, determined: Determined) -> pl.DataFrame:
    subjects = listed.select("subject_kind", "subject_id").unique()
    register_frame(determined.connection, "listed_subjects", subjects)
    return run_sql(determined.connection, "review/subject_names.sql", {})


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
