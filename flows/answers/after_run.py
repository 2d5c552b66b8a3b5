"""Writes into a run's folder what people ask next: lists, who was omitted, what a clerk decides."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from flows.answers.lists import write_lists
from flows.night.determine import Determined
from sql import register_frame, run_sql
from sql.texts import policy_cards
from transforms.answers.clerical import clerical_sheet, conflict_questions
from transforms.answers.omitted import omitted_rows, omitted_sheets, parties_with_rows_set_aside
from transforms.answers.open_questions import all_questions, parties_asked
from transforms.sheets.workbook import workbook_bytes

POLICIES = "policies/"


def write_answers(
    folder: Path,
    determined: Determined,
    frames: Mapping[str, pl.DataFrame],
    snapshot: Path,
    as_of: date,
) -> None:
    """Write lists/, omitted.parquet, omitted.xlsx and clerical_decisions.xlsx.

    Rows:    frames  what the run leaves, by name: `entitlements`, and `policies/<policy>` as
                     Determined.policy_rows gives them
    Holds:   the same run writes the same bytes
    """
    entitlements = frames["entitlements"]
    quarantine = pl.read_parquet(snapshot / "quarantine.parquet")
    policy_rows = {
        name.removeprefix(POLICIES): frame
        for name, frame in frames.items()
        if name.startswith(POLICIES)
    }
    ran = {name: card for name, card in policy_cards().items() if name in policy_rows}
    titles = {name: card.title for name, card in policy_cards().items()}
    write_lists(folder, determined, as_of)
    register_frame(determined.connection, "asked_parties", parties_asked(determined.determinations))
    gaps = run_sql(determined.connection, "review/register_gaps.sql", {})
    questions = all_questions(ran, policy_rows, determined.determinations, gaps)
    set_aside = parties_with_rows_set_aside(quarantine, ran, determined.determinations)
    omitted = omitted_rows(entitlements, questions, set_aside, titles)
    omitted.write_parquet(folder / "omitted.parquet", compression="zstd", statistics=False)
    day = as_of.isoformat()
    sheets = omitted_sheets(omitted, titles, day)
    (folder / "omitted.xlsx").write_bytes(workbook_bytes(sheets))
    asked = pl.concat([questions, conflict_questions(entitlements, titles)])
    book = workbook_bytes([clerical_sheet(asked, titles, day)])
    (folder / "clerical_decisions.xlsx").write_bytes(book)
