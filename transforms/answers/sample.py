"""A sample for an audit: strata, how many of each, and which, drawn by digests of keys and seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from transforms.answers.run_summary import OUTCOMES
from transforms.digest import text_digest
from transforms.errors import UsageError
from transforms.money.entitlements import KEY, STATUSES
from transforms.sheets.workbook import Line, Sheet, said_lines
from transforms.strict_yaml import in_backticks
from transforms.words import Said, word, worded

DIMENSIONS = ("policy", "outcome", "amount", "period")
# Upper ends of the bands of amounts, in whole yuan; the last band is open.
ROWS_AT_ONCE = 200_000
BANDS_YUAN = (0, 1_000, 10_000, 100_000, 1_000_000)
FINDINGS = (
    *("sample_right", "sample_wrong_person", "sample_wrong_amount"),
    *("sample_wrong_source", "sample_not_proven"),
)
OPEN = ("finding", "finding_fen", "remark", "checked_by", "checked_on")


def population(determinations: pl.DataFrame, entitlements: pl.DataFrame) -> pl.DataFrame:
    """Put beside each determination what became of it: its entitlement's status, else its outcome.

    Rows:    returns  one per determination: its key, fate, amount_fen
    """
    status = entitlements.select(*KEY, "status")
    return determinations.join(status, on=KEY, how="left", validate="1:1").select(
        *KEY, pl.coalesce("status", "outcome").alias("fate"), "amount_fen"
    )


def in_strata(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Name the stratum of each row by the dimensions asked for.

    Raises:  UsageError for a dimension that is none
    """
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown or not by or len(set(by)) < len(by):
        raise UsageError(
            f"--by takes {in_backticks(DIMENSIONS)}, each once; found {','.join(by)!r}"
        )
    parts = {"policy": "policy_id", "outcome": "fate", "amount": "band", "period": "period"}
    band = pl.sum_horizontal(pl.col("amount_fen") > yuan * 100 for yuan in BANDS_YUAN)
    named = rows.with_columns(band.cast(pl.String).alias("band"))
    return named.with_columns(
        pl.concat_str((parts[name] for name in by), separator=" ").alias("stratum")
    )


def draw(rows: pl.DataFrame, count: int, seed: str) -> pl.DataFrame:
    """Draw rows: one of each stratum while there are enough, the rest as the strata are large.

    Rows:    rows     in_strata; returns: those drawn, by stratum and the order drawn
    Holds:   the same rows and seed give the same sample on every machine; more rows asked for
             never drop one that was drawn before from its stratum's order
    """
    sizes = dict(rows.group_by("stratum").len().sort("stratum").iter_rows())
    wanted = allot(sizes, count)
    limits = pl.DataFrame(
        {"stratum": list(wanted), "wanted": list(wanted.values())},
        schema={"stratum": pl.String, "wanted": pl.Int64},
    )
    # Some at a time: a batch's sample is drawn from all the millions that were refused.
    parts = [_first(_with_digest(part, seed), limits) for part in rows.iter_slices(ROWS_AT_ONCE)]
    return _first(pl.concat(parts or [_with_digest(rows, seed)]), limits)


def _with_digest(rows: pl.DataFrame, seed: str) -> pl.DataFrame:
    keys = rows.select(pl.concat_str(KEY, separator="\x1f"))
    digests = [int(text_digest(f"{seed}\x1f{key}")[:15], 16) for (key,) in keys.iter_rows()]
    return rows.with_columns(pl.Series("drawn", digests, dtype=pl.Int64))


def _first(rows: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """Keep of each stratum as many as are wanted, in the order of their digests."""
    ordered = rows.sort("stratum", "drawn", *KEY)
    places = ordered.with_columns(pl.int_range(pl.len()).over("stratum").alias("place"))
    chosen = places.join(limits, on="stratum", how="left", validate="m:1", maintain_order="left")
    return chosen.filter(pl.col("place") < pl.col("wanted")).drop("place", "wanted")


def allot(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Share a sample among strata: one each, the largest first; then by size, largest remainder.

    >>> allot({"a": 90, "b": 9, "c": 1}, 10), allot({"a": 5, "b": 3}, 1), allot({"a": 1}, 9)
    ({'a': 8, 'b': 1, 'c': 1}, {'a': 1, 'b': 0}, {'a': 1})
    """
    by_size = sorted(sizes, key=lambda name: (-sizes[name], name))
    wanted = {name: 1 if place < count else 0 for place, name in enumerate(by_size)}
    total = sum(sizes.values())
    for _ in range(min(count, total) - sum(wanted.values())):
        open_ones = [name for name in by_size if wanted[name] < sizes[name]]
        # The stratum that lies furthest behind its share of the whole.
        behind = max(open_ones, key=lambda name: sizes[name] * count - wanted[name] * total)
        wanted[behind] += 1
    return {name: wanted[name] for name in sizes}


def findings_sheets(
    sample: pl.DataFrame, strata: pl.DataFrame, titles: Mapping[str, str], said: Mapping[str, Any]
) -> list[Sheet]:
    """Lay out the workbook for findings: a line per determination, and the strata behind it.

    Rows:    sample  drawn, with `number` and `page`; strata: stratum, row_count, sample_count
    """
    lines = said_lines([Said("sample_of", said), Said("sample_how")])
    words = {name: word(name) for name in sample["fate"].unique()}
    empty = [pl.lit("").alias(name) for name in OPEN]
    shown = sample.select(
        pl.col("number").cast(pl.Int64),
        pl.col("policy_id").replace(titles).alias("policy_title"),
        "period",
        "subject_id",
        "beneficiary_id",
        pl.col("fate").replace(words).alias("outcome"),
        "amount_fen",
        "page",
        *empty,
    )
    listed = strata.with_columns(_stratum_words(titles).alias("stratum"))
    choices = {"finding": [word(code) for code in FINDINGS]}
    return [
        Sheet(word("sheet_list"), shown, lines, OPEN, choices),
        Sheet(word("sheet_sums"), listed, [Line("title", [word("sample_strata")])]),
    ]


def _stratum_words(titles: Mapping[str, str]) -> pl.Expr:
    names = pl.col("stratum").str.split(" ")
    band = {str(place): band_words(place) for place in range(len(BANDS_YUAN) + 1)}
    known = {**dict(titles), **band, **{code: word(code) for code in (*OUTCOMES, *STATUSES)}}
    return names.list.eval(pl.element().replace(known)).list.join("　")


def band_words(place: int) -> str:
    """Name a band of amounts.

    >>> band_words(0), band_words(1), band_words(5)
    ('不超过 0 元', '不超过 1,000 元', '超过 1,000,000 元')
    """
    if place == len(BANDS_YUAN):
        return worded(Said("band_above", {"yuan": BANDS_YUAN[-1]}))
    return worded(Said("band_up_to", {"yuan": BANDS_YUAN[place]}))
