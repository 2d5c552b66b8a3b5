"""The blind workbook of damaged ids: written beside a run, read back, opened once answered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.lists import names_of
from flows.data_package import POLICIES, scan_tables
from flows.ingest.filled import read_filled
from flows.money.evidence import open_run
from flows.money.ledger_store import books_of
from flows.store import Home, replace_file
from sql import Connection
from sql.matching import clerical_links
from sql.texts import policy_cards
from transforms.answers.identity import (
    CANDIDATES,
    COLUMNS,
    DAMAGED,
    RUN,
    STAKES,
    TITLE,
    UNSURE,
    above,
    identity_sheet,
    read_answers,
)
from transforms.answers.identity_opened import agreement, opened_sheets
from transforms.errors import DropRefusedError
from transforms.extracts.kinds import KINDS, heading
from transforms.extracts.links import id_column, unanswered
from transforms.extracts.registers import LINKS
from transforms.sheets.filled import named_rows
from transforms.sheets.workbook import workbook_bytes
from transforms.words import worded

NAME = "clerical_review.xlsx"
GIVE = "the clerical_review.xlsx of a run, filled in"


def write_review(
    folder: Path,
    connection: Connection,
    frames: Mapping[str, pl.DataFrame],
    run_id: str,
) -> None:
    """Write the blind workbook into a run's folder, where rows with a damaged id wait.

    Holds:   a row of which clerks say that it is nobody known is not asked again
    """
    if DAMAGED not in frames:
        return
    damaged = unanswered(frames[DAMAGED], clerical_links(connection))
    candidates = frames[CANDIDATES]
    if not damaged.height:
        return
    ran = scan_tables(folder)
    cards = {name: card for name, card in policy_cards().items() if POLICIES + name in ran}
    codes = candidates.select(
        pl.lit("employer").alias("subject_kind"), subject_id="employer_code"
    ).drop_nulls()
    named = names_of(codes, connection)
    employers = named.select(employer_code="subject_id", employer_name="subject_name")
    sheet = identity_sheet(damaged, candidates, frames.get(STAKES), cards, employers, run_id)
    (folder / NAME).write_bytes(workbook_bytes([sheet]))


def read_review(
    home: Home, path: Path, given: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read a filled-in workbook and hold it against its run; all lines or none.

    Rows:    returns  the answers, and the candidates of the run
    Raises:  DropRefusedError naming the lines that can't be taken; DigestDiffersError if the run's
             rows or candidates are not what its manifest says
    """
    labels = [*COLUMNS, heading("stake_fen")]
    filled = read_filled(path, labels, GIVE, TITLE, [worded(said) for said in above(0)])
    runs = filled[RUN].str.strip_chars().unique().sort().to_list()
    if not runs:
        raise DropRefusedError(f"{path.name}: no line is left; there is nothing to import")
    if len(runs) > 1 or not (home.runs / runs[0]).is_dir() or not runs[0]:
        raise DropRefusedError(
            f"{path.name}: it names {', '.join(runs)}: give the workbook of one run of this home"
        )
    damaged, candidates = _frames_of(home, runs[0])
    return read_answers(filled, damaged, candidates, path.name, given), candidates


def _frames_of(home: Home, run_id: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    recorded = open_run(home, run_id, books_of(home))
    paths = [recorded.run / f"{name}.parquet" for name in (DAMAGED, CANDIDATES)]
    if not recorded.digests.keys() >= {*paths}:
        raise DropRefusedError(f"run {run_id} has no rows with damaged ids: give {GIVE}")
    damaged, candidates = map(pl.read_parquet, recorded.opened(paths))
    return damaged, candidates


def expect_known(home: Home, name: str, links: pl.DataFrame) -> None:
    """Make sure that persons whom an extract of links names are known to the newest night.

    Rows:    links  accepted clerical_links
    Raises:  DropRefusedError naming the lines whose person stands nowhere in its snapshot and was
             not proposed either
    """
    titles = [title for kind in KINDS.values() if id_column(kind) for title in kind.titles]
    unknown = links.filter(~pl.col("kind").is_in(titles))
    if unknown.height:
        raise DropRefusedError(
            f"{name}: nothing was imported; in row "
            f"{named_rows(unknown['source_line'].sort().to_list())}: no kind of extract with "
            "persons is called so"
        )
    books = books_of(home) if home.ledger_path.is_file() else None
    if books and books.newest_run:
        recorded = open_run(home, books.newest_run, books)
        kinds = [kind for kind in KINDS if "person_id" in KINDS[kind].column_named]
        places = [
            path for kind in kinds if kind != LINKS.kind.name for path in recorded.tables(kind)
        ]
        places.append(recorded.run / f"{CANDIDATES}.parquet")
        named = links.filter(pl.col("person_id").is_not_null())
        for place in recorded.opened(places):
            known = pl.scan_parquet(place).select("person_id").drop_nulls().unique()
            named = named.lazy().join(known, on="person_id", how="anti").collect()
        if named.height:
            rows = named_rows(named["source_line"].sort().to_list())
            raise DropRefusedError(
                f"{name}: nothing was imported; in row {rows}: the person stands nowhere in the "
                "newest night's snapshot, and was not proposed"
            )


def open_review(
    answers: pl.DataFrame, candidates: pl.DataFrame, known: pl.DataFrame, opened: Path
) -> dict[str, Any]:
    """Write the scores of the rows answered, and say how far their clerks agree with others.

    Rows:    known  the register's lines that stood before, oldest first
    """
    unsure = answers.filter(pl.col("answer") == UNSURE).height
    is_open = unsure < answers.height
    if is_open:
        replace_file(opened, workbook_bytes(opened_sheets(answers, candidates)))
    return {
        "unsure": unsure,
        "opened": str(opened) if is_open else "",
        "agreement": agreement(answers, known),
    }


def agreement_lines(made: Mapping[str, Any]) -> list[str]:
    """Write what an import of the blind workbook came to besides its answers."""
    lines = [
        f"{one['clerk']} and {one['other']} both answered {one['rows']} rows, {one['alike']} alike "
        f"({one['percent']} %, Cohen's kappa {one['kappa'] or '—'})"
        for one in made["agreement"]
    ]
    if made["unsure"]:
        lines.append(f"{made['unsure']} rows answered 说不准: nothing is registered of them")
    if made["opened"]:
        lines.append(f"the scores of the rows answered: {made['opened']}")
    return lines
