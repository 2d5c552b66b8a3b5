"""Damaged rows and their candidates, as the night's matching leaves them, written by hand."""

from collections.abc import Sequence
from typing import Any

import polars as pl

DAMAGED_SCHEMA: dict[str, Any] = dict.fromkeys(("kind", "source_file", "file_digest"), pl.String())
DAMAGED_SCHEMA |= {"line": pl.Int64()}
TEXTS = (
    "content_digest",
    "id_text",
    "name",
    "employer_code",
    "employer_name",
    "birth_on",
    "months",
)
DAMAGED_SCHEMA |= dict.fromkeys(TEXTS, pl.String())
EVIDENCE = pl.Struct({"field": pl.String, "level": pl.String, "weight_milli": pl.Int64})
CANDIDATE_SCHEMA = {
    **dict.fromkeys(("kind", "file_digest"), pl.String()),
    **dict.fromkeys(("line", "rank"), pl.Int64()),
    **dict.fromkeys(("person_id", "name", "employer_code"), pl.String()),
    "probability_ppm": pl.Int64(),
    "evidence": pl.List(EVIDENCE),
}


def damaged_row(line: int, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "payroll",
        "source_file": "工资发放明细.csv",
        "file_digest": "a" * 64,
        "line": line,
        "content_digest": f"{line:064}",
        "id_text": "3.70302E+17",
        "name": "张三",
        "employer_code": "91370302MA3C00001A",
        "employer_name": "淄川甲厂有限公司",
        "birth_on": None,
        "months": "202001 202002",
    } | changes


def candidate(
    row: dict[str, Any], rank: int, person: str, weights: Sequence[int], **changes: Any
) -> dict[str, Any]:
    """One person proposed for a row: the prior's weight, then those of name and employer."""
    odds = 2.0 ** (sum(weights) / 1000)
    fields = ("prior", "name", "employment")
    levels = ["prior"] + ["equal" if weight > 0 else "differs" for weight in weights[1:]]
    told = zip(fields, levels, weights, strict=True)
    return {
        **{name: row[name] for name in ("kind", "file_digest", "line", "name", "employer_code")},
        "rank": rank,
        "person_id": person,
        "probability_ppm": round(1_000_000 * odds / (1 + odds)),
        "evidence": [dict(zip(EVIDENCE.to_schema(), one, strict=True)) for one in told],
    } | changes


def frames_of(
    damaged: list[dict[str, Any]], candidates: list[dict[str, Any]]
) -> dict[str, pl.DataFrame]:
    return {
        "damaged_rows": pl.DataFrame(damaged, schema=DAMAGED_SCHEMA).sort(
            "kind", "source_file", "line"
        ),
        "identity_candidates": pl.DataFrame(candidates, schema=CANDIDATE_SCHEMA).sort(
            "kind", "file_digest", "line", "rank"
        ),
    }
