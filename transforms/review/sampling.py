"""A batch's sample: drawn by its digest of what is paid, refused and omitted; what was found."""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

import polars as pl

from transforms.amounts import SHARE_UNITS
from transforms.answers.sample import draw, in_strata, population
from transforms.errors import DropRefusedError
from transforms.money.entitlements import KEY
from transforms.sheets.filled import ROW_NUMBER, refuse_rows
from transforms.words import Said, word, words_column

SAMPLE_SIZE = 60
CLASSES = ("sample_paid", "sample_refused", "sample_omitted")
ANSWERS = ("sample_is_right", "sample_is_wrong")
OPEN = ("sample_answer", "sample_note")
SHEET = (
    *("number", "sample_class", "policy_title", "period", "subject_id", "subject_name"),
    *("beneficiary_id", "outcome", "amount_fen", "page", *OPEN),
)
TOLD_APART = ["number", "period", "subject_id", "beneficiary_id"]
# One-sided: the true rate lies above the bound with a chance of at most one in twenty.
CHANCE = 20


def draw_sample(
    determinations: pl.DataFrame, lines: pl.DataFrame, unpaid_lines: pl.DataFrame, digest: str
) -> pl.DataFrame:
    """Draw the sample of a batch, as many of what is paid, refused and omitted as there are.

    Rows:    determinations  of the run, those of the fund's policies
             lines           of the batch; unpaid_lines: beside it
             returns         at most SAMPLE_SIZE: number, class, KEY, fate, amount_fen
    Holds:   the digest decides alone; a class that is too small leaves its places to the others
    """
    became = pl.concat(
        [
            lines.select(*KEY, pl.lit("payable").alias("status")),
            unpaid_lines.select(*KEY, "status"),
        ]
    )
    known = determinations.select(*KEY, "outcome", "amount_fen")
    kind = (
        pl.when(pl.col("fate") == "payable")
        .then(pl.lit(CLASSES[0]))
        .when(pl.col("fate") == "ineligible")
        .then(pl.lit(CLASSES[1]))
        # What is eligible and neither in the batch nor beside it was paid before.
        .when(pl.col("fate") != "eligible")
        .then(pl.lit(CLASSES[2]))
    )
    rows = population(known, became).with_columns(kind.alias("class")).drop_nulls("class")
    strata = in_strata(rows, ["policy"])
    sizes = {name: strata.filter(pl.col("class") == name).height for name in CLASSES}
    counts = places(sizes, SAMPLE_SIZE)
    drawn = [draw(strata.filter(pl.col("class") == name), counts[name], digest) for name in CLASSES]
    return pl.concat(drawn).select(
        pl.int_range(1, pl.len() + 1).cast(pl.Int64).alias("number"),
        "class",
        *KEY,
        "fate",
        "amount_fen",
    )


def places(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Share a sample evenly; what a class can't fill the others do, in order.

    >>> places({"a": 100, "b": 3, "c": 100}, 60), places({"a": 1, "b": 0, "c": 5}, 60)
    ({'a': 29, 'b': 3, 'c': 28}, {'a': 1, 'b': 0, 'c': 5})
    """
    taken = dict.fromkeys(sizes, 0)
    for _ in range(min(count, sum(sizes.values()))):
        open_ones = [name for name in sizes if taken[name] < sizes[name]]
        taken[min(open_ones, key=lambda name: taken[name])] += 1
    return taken


def sample_sheet_table(
    sample: pl.DataFrame, titles: Mapping[str, str], parties: pl.DataFrame
) -> pl.DataFrame:
    """Lay a sample out as its sheet shows it: a line each, its page, what is to be filled in."""
    names = parties.select("subject_kind", "subject_id", "subject_name")
    named = sample.join(names, on=["subject_kind", "subject_id"], how="left", validate="m:1")
    return named.select(
        "number",
        words_column("class").alias("sample_class"),
        pl.col("policy_id").replace(titles).alias("policy_title"),
        "period",
        "subject_id",
        pl.col("subject_name").fill_null(""),
        "beneficiary_id",
        words_column("fate").alias("outcome"),
        "amount_fen",
        pl.format("{}.html", pl.col("number").cast(pl.String).str.zfill(4)).alias("page"),
        *(pl.lit("").alias(name) for name in OPEN),
    )


def said_of_sample(batch_id: str, count: int) -> list[Said]:
    """Say what stands above the sample."""
    said = {"batch_id": batch_id, "count": count}
    return [Said("sample_is", said), Said("sample_pages", {"batch_id": batch_id})]


def read_sample_answers(
    filled: pl.DataFrame, sample: pl.DataFrame, file_name: str
) -> list[dict[str, Any]]:
    """Read what was filled in on the sheet of a sample.

    Rows:    filled   text cells by column label, with row_number, the sheet's own
             sample   as drawn
             returns  one per answered line, in order: number, is_right, note
    Raises:  DropRefusedError naming the rows; all or nothing
    """
    labels = {name: word(name) for name in (*TOLD_APART, *OPEN)}
    missing = [label for label in labels.values() if label not in filled.columns]
    if missing:
        raise DropRefusedError(f"{file_name}: column missing: {', '.join(missing)}; restore it")
    stripped = (pl.col(label).str.strip_chars().alias(name) for name, label in labels.items())
    read = filled.select(ROW_NUMBER, *stripped)
    drawn = sample.select(pl.col(name).cast(pl.String) for name in TOLD_APART)
    here = read.join(drawn, on=TOLD_APART, how="semi")[ROW_NUMBER]
    said, note = (pl.col(name) for name in OPEN)
    right, wrong = (word(code) for code in ANSWERS)
    refuse_rows(
        read,
        {
            "no line of this sample": ~pl.col(ROW_NUMBER).is_in(here.implode()),
            "the same line twice": pl.col("number").is_duplicated(),
            f"{labels[OPEN[0]]} is none of {right}, {wrong}": ~said.is_in([right, wrong, ""]),
            f"{labels[OPEN[1]]} is missing": (said == wrong) & (note == ""),
            f"{labels[OPEN[0]]} is missing": (said == "") & (note != ""),
        },
        file_name,
    )
    if read.height < sample.height:
        raise DropRefusedError(
            f"{file_name}: {sample.height - read.height} lines of its sample "
            "are missing: restore them as they came"
        )
    return (
        read.filter(said != "")
        .select(
            pl.col("number").cast(pl.Int64),
            (said == right).alias("is_right"),
            note.alias("note"),
        )
        .sort("number")
        .to_dicts()
    )


def sample_result(answers: Sequence[Mapping[str, Any]], drawn: int) -> dict[str, Any]:
    """Say what a sample showed; its rate and bound only when every line was answered.

    Units:   error_share and bound_share in 1/10,000, both up
    >>> sample_result([{"is_right": True}] * 60, 60)
    {'drawn': 60, 'answered': 60, 'errors': 0, 'error_share': 0, 'bound_share': 488}
    """
    errors = sum(not answer["is_right"] for answer in answers)
    said = {"drawn": drawn, "answered": len(answers), "errors": errors}
    if not drawn or len(answers) < drawn:
        return said
    share = -(-errors * SHARE_UNITS // drawn)
    return {**said, "error_share": share, "bound_share": error_bound(errors, drawn)}


def error_bound(errors: int, count: int) -> int:
    """Return the exact one-sided 95 % upper bound of a rate of errors, in 1/10,000, up.

    Holds:   at the bound so few errors come up at most once in twenty; in whole numbers
    Source:  Clopper and Pearson (1934), Biometrika 26: 404–413
    >>> error_bound(0, 60), error_bound(1, 60), error_bound(3, 3)
    (488, 767, 10000)
    """
    assert 0 <= errors <= count and count > 0, "errors are counted among what was looked at"
    if errors == count:
        return SHARE_UNITS
    low, high = 0, SHARE_UNITS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_rare(errors, count, middle) else (middle, high)
    return high


def _is_rare(errors: int, count: int, share: int) -> bool:
    """Say whether at a rate of share / 10,000 so few errors come at most once in CHANCE times."""
    rest = SHARE_UNITS - share
    few = sum(comb(count, k) * share**k * rest ** (count - k) for k in range(errors + 1))
    return bool(few * CHANCE <= SHARE_UNITS**count)
