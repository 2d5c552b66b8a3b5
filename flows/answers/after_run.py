"""Writes into a run's folder what people ask next: lists, who was omitted, what a clerk decides."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from flows.answers.lists import names_of, write_lists
from flows.data_package import DETERMINATIONS, POLICIES, scan_tables, write_table
from flows.language import policy_titles
from flows.money.identity import identity_conflicts
from sql import Connection, run_sql, show_frame
from sql.texts import exclusions, policy_cards
from transforms.answers.clerical import (
    clerical_sheets,
    conflict_questions,
    objection_questions,
    recovery_questions,
)
from transforms.answers.identity_questions import (
    IDENTITY,
    held_in_doubt,
    identity_questions,
    with_doubts,
)
from transforms.answers.omitted import omitted_rows, omitted_sheets, parties_with_rows_set_aside
from transforms.answers.open_questions import all_questions, both_sides, parties_asked
from transforms.sheets.workbook import workbook_bytes
from transforms.words import word


def write_answers(
    folder: Path,
    connection: Connection,
    frames: Mapping[str, pl.DataFrame],
    snapshot: Path,
    as_of: date,
) -> None:
    """Write lists/, omitted.parquet, omitted.xlsx and clerical_decisions.xlsx.

    Rows:    folder  has the determinations, and the rows of each policy that ran, already
             frames  what else the run leaves, by name: `entitlements`, `objections`
    Holds:   the same run writes the same bytes
    """
    tables, entitlements = scan_tables(folder), frames["entitlements"]
    determinations = tables[DETERMINATIONS]
    quarantine = pl.read_parquet(snapshot / "quarantine.parquet")
    policy_rows = {
        name.removeprefix(POLICIES): rows
        for name, rows in tables.items()
        if name.startswith(POLICIES)
    }
    ran = {name: card for name, card in policy_cards().items() if name in policy_rows}
    titles = policy_titles()
    show_frame(connection, "asked_parties", parties_asked(determinations))
    gaps = run_sql(connection, "review/register_gaps.sql", {})
    questions = all_questions(ran, policy_rows, determinations, gaps)
    cards = list(ran.values())
    write_lists(folder, connection, cards, policy_rows, determinations, questions, as_of)
    set_aside = parties_with_rows_set_aside(quarantine, ran, determinations)
    held = held_in_doubt(entitlements)
    doubts = identity_conflicts(connection, held)
    omitted = with_doubts(omitted_rows(entitlements, questions, set_aside, titles), doubts)
    write_table(omitted, folder / "omitted.parquet")
    day = as_of.isoformat()
    sheets = omitted_sheets(omitted, titles, day)
    (folder / "omitted.xlsx").write_bytes(workbook_bytes(sheets))
    decided = [conflict_questions(entitlements, titles), recovery_questions(entitlements)]
    if "objections" in frames:
        decided.append(objection_questions(frames["objections"]))
    asked = pl.concat([questions, *decided, identity_questions(doubts, held)])
    differing = run_sql(connection, "review/differing_answers.sql", {})
    names = names_of(both_sides(asked, "subject"), connection)
    titles[IDENTITY] = word(IDENTITY)
    laid_out = clerical_sheets(asked, differing, names, titles, day, exclusions())
    book = workbook_bytes(laid_out)
    (folder / "clerical_decisions.xlsx").write_bytes(book)
