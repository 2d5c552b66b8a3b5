"""`wuxing sample-audit`: a stratified sample of a run, a page for each, a workbook for findings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.delivered import raw_cells
from flows.answers.evidence import explain_where, told_of
from flows.answers.opened import Evidence, files_readable, read_evidence
from flows.answers.run_money import entitlements_where
from flows.language import headings, policy_titles, policy_word
from flows.money.batch_folder import FRAMES, known_state, verify_batch
from flows.money.ledger_store import books_of
from flows.money.review_pack import sample_of
from flows.store import Home, staged_folder, write_json
from transforms.answers.dossier import dossier_page
from transforms.answers.sample import draw, findings_sheets, in_strata, population
from transforms.errors import DropRefusedError
from transforms.money.entitlements import KEY
from transforms.sheets.workbook import workbook_bytes
from transforms.visible import table

WORKBOOK, SAID = "findings.xlsx", "sample.json"


def sample_audit(
    home: Home, run_id: str, folder: Path, count: int, seed: str, by: Sequence[str]
) -> dict[str, Any]:
    """Draw a sample of a run's determinations and write it into a folder of its own.

    Rows:    one page per determination drawn, findings.xlsx, sample.json with the strata
    Holds:   the same run, ledger and seed give the same bytes
    Raises:  DropRefusedError if the folder is there; UsageError, DigestDiffersError
    """
    if folder.exists():
        raise DropRefusedError(f"{folder} is there already: nothing is overwritten")
    evidence = read_evidence(home, run_id)
    with files_readable(run_id):
        rows = in_strata(_population(evidence), by)
        sample = draw(rows, count, seed)
        pages = _pages(evidence, sample)
    numbered = sample.with_columns(
        pl.int_range(1, pl.len() + 1).alias("number"), pl.Series("page", list(pages), pl.String)
    )
    strata = _strata(rows, sample)
    said = {"run_id": run_id, "as_of": evidence.manifest["as_of"], "seed": seed}
    told = said | {"by": list(by), "count": sample.height, "strata": strata.to_dicts()}
    titles = policy_titles()
    with staged_folder(folder) as staging:
        _write_pages(staging, pages)
        book = workbook_bytes(findings_sheets(numbered, strata, titles, said))
        (staging / WORKBOOK).write_bytes(book)
        write_json(staging / SAID, told)
    return {**told, "path": str(folder)}


def batch_sample(home: Home, batch_id: str, folder: Path) -> dict[str, Any]:
    """Write the page of each line of a batch's sample, numbered as on its sheet, into a folder.

    Raises:  DropRefusedError if the folder is there; LedgerForbidsError, DigestDiffersError
    """
    if folder.exists():
        raise DropRefusedError(f"{folder} is there already: nothing is overwritten")
    state = known_state(books_of(home).batches, batch_id)
    stored = verify_batch(home, state)
    evidence = read_evidence(home, state.run_id)
    frames = {name: stored.frame(name) for name in FRAMES}
    with files_readable(state.run_id):
        evidence.opened("determinations")
        sample = sample_of(home, stored.manifest, frames, state.batch_digest)
        pages = _pages(evidence, sample)
    with staged_folder(folder) as staging:
        _write_pages(staging, pages)
    return {"batch_id": batch_id, "path": str(folder), "pages": len(pages)}


def _population(evidence: Evidence) -> pl.DataFrame:
    folder = evidence.opened("determinations", "entitlements")
    entitled = entitlements_where(folder, pl.lit(True)).select(*KEY, "status")
    columns = [*KEY, "outcome", "amount_fen"]
    determined = pl.read_parquet(folder / "determinations.parquet", columns=columns)
    return population(determined, entitled)


def _strata(rows: pl.DataFrame, sample: pl.DataFrame) -> pl.DataFrame:
    sizes = rows.group_by("stratum").agg(pl.len().cast(pl.Int64).alias("row_count"))
    drawn = sample.group_by("stratum").agg(pl.len().cast(pl.Int64).alias("sample_count"))
    joined = sizes.join(drawn, on="stratum", how="left", validate="1:1")
    return joined.with_columns(pl.col("sample_count").fill_null(0)).sort("stratum")


def _pages(evidence: Evidence, sample: pl.DataFrame) -> dict[str, str]:
    """Render the page of each determination drawn, in the sample's order; no id in a name."""
    is_drawn = pl.struct(KEY).is_in(sample.select(pl.struct(KEY)).to_series().implode())
    entries = explain_where(evidence, is_drawn, most=sample.height)
    raw = raw_cells(evidence.home, told_of(evidence, {}, entries))
    alone = {
        tuple([entry["policy_id"], *(row[name] for name in KEY[1:])]): [
            {**entry, "rows": [row], "row_count": 1}
        ]
        for entry in entries
        for row in entry["rows"]
    }
    pages = {}
    for place, key in enumerate(sample.select(KEY).iter_rows(), start=1):
        told = told_of(evidence, {"kind": key[2], "id": key[3], "households": []}, alone[key])
        pages[f"{place:04d}.html"] = dossier_page(told, raw, policy_titles())
    return pages


def _write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    for name, page in pages.items():
        (folder / name).write_text(page, encoding="utf-8")


def sample_lines(told: Mapping[str, Any]) -> list[str]:
    """Say what was drawn of which stratum, and where it lies."""
    rows = [headings("stratum", "row_count", "sample_count")]
    for one in told["strata"]:
        counts = (f"{one[name]:,}" for name in ("row_count", "sample_count"))
        rows.append([" ".join(map(policy_word, one["stratum"].split())), *counts])
    return [
        f"{told['count']} determinations of run {told['run_id']}, seed {told['seed']}",
        *(f"  {line}" for line in table(rows, {1, 2})),
        f"{told['path']}: a page for each, {WORKBOOK} for findings, {SAID} with the strata",
    ]
