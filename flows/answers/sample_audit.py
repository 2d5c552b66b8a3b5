"""`wuxing sample-audit`: a stratified sample of a run, a page for each, a workbook for findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.dossier import (
    Evidence,
    batches_of,
    explain_policies,
    head_of,
    read_evidence,
    repairs_of,
)
from flows.store import Home, staged_folder
from sql.texts import policy_cards
from transforms.answers.dossier import dossier_page
from transforms.answers.sample import KEY, draw, findings_sheets, in_strata, population
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.sheets.workbook import workbook_bytes

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
    try:
        rows = in_strata(_population(evidence), by)
        sample = draw(rows, count, seed)
        pages = _pages(evidence, sample)
    except (pl.exceptions.ComputeError, OSError) as broken:
        raise DigestDiffersError(
            f"a file of run {run_id} or of its snapshot can't be read; `wuxing verify` names it"
        ) from broken
    numbered = sample.with_columns(
        pl.int_range(1, pl.len() + 1).alias("number"), pl.Series("page", list(pages), pl.String)
    )
    strata = _strata(rows, sample)
    said = {"run_id": run_id, "as_of": evidence.manifest["as_of"], "seed": seed}
    told = said | {"by": list(by), "count": sample.height, "strata": strata.to_dicts()}
    titles = {name: card.title for name, card in policy_cards().items()}
    with staged_folder(folder) as staging:
        for name, page in pages.items():
            (staging / name).write_text(page, encoding="utf-8")
        book = workbook_bytes(findings_sheets(numbered, strata, titles, said))
        (staging / WORKBOOK).write_bytes(book)
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, indent=2) + "\n"
        (staging / SAID).write_text(text, encoding="utf-8")
    return {**told, "path": str(folder)}


def _population(evidence: Evidence) -> pl.DataFrame:
    path = evidence.folder / "entitlements.parquet"
    none = pl.DataFrame(schema=dict.fromkeys([*KEY, "status"], pl.String))
    entitled = pl.read_parquet(path, columns=[*KEY, "status"]) if path.is_file() else none
    columns = [*KEY, "outcome", "amount_fen"]
    determined = pl.read_parquet(evidence.folder / "determinations.parquet", columns=columns)
    return population(determined, entitled)


def _strata(rows: pl.DataFrame, sample: pl.DataFrame) -> pl.DataFrame:
    sizes = rows.group_by("stratum").agg(pl.len().cast(pl.Int64).alias("row_count"))
    drawn = sample.group_by("stratum").agg(pl.len().cast(pl.Int64).alias("sample_count"))
    joined = sizes.join(drawn, on="stratum", how="left", validate="1:1")
    return joined.with_columns(pl.col("sample_count").fill_null(0)).sort("stratum")


def _pages(evidence: Evidence, sample: pl.DataFrame) -> dict[str, str]:
    """Render the page of each determination drawn, in the sample's order; no id in a name."""
    wanted = pl.scan_parquet(evidence.folder / "determinations.parquet").join(
        sample.lazy().select(KEY), on=KEY, how="semi"
    )
    rows = wanted.collect().sort(KEY)
    by_policy = {
        name: rows.filter(pl.col("policy_id") == name) for name in rows["policy_id"].unique()
    }
    policies = {
        policy["policy_id"]: policy
        for policy in explain_policies(evidence, by_policy, most=sample.height)
    }
    explained = {
        tuple([name, *(row[column] for column in KEY[1:])]): row
        for name, policy in policies.items()
        for row in policy["rows"]
    }
    return {
        f"{place:04d}.html": _page(evidence, policies[key[0]], explained[key])
        for place, key in enumerate(sample.select(KEY).iter_rows(), start=1)
    }


def _page(evidence: Evidence, policy: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    alone = {**policy, "rows": [row], "row_count": 1}
    return dossier_page(
        {
            **head_of(evidence),
            "party": {"kind": row["subject_kind"], "id": row["subject_id"], "households": []},
            "policies": [alone],
            "repairs": repairs_of(evidence, [alone]),
            "batches": batches_of(evidence, [[alone]]),
        }
    )


def sample_lines(told: Mapping[str, Any]) -> list[str]:
    """Say what was drawn of which stratum, and where it lies."""
    return [
        f"{told['count']} determinations of run {told['run_id']}, seed {told['seed']}",
        *(
            f"  {one['sample_count']:>4} of {one['row_count']:>9,}  {one['stratum']}"
            for one in told["strata"]
        ),
        f"{told['path']}: a page for each, {WORKBOOK} for findings, {SAID} with the strata",
    ]
