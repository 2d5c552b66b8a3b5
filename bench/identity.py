"""`make bench-identity`: damaged ids of planted persons, and how often the right one is proposed.

    python -m bench.identity [PERSONS …] [--rows N] [--threads N]

A town of so many persons is made, with names by Chinese frequencies, and rows of ten kinds of
damage; the same rows in every town, for a larger town is the smaller one and more. Printed: how
often the planted person comes first and among three, by damage and by what stood in the row;
wrong persons a row; of those shown with a probability, how many are true; seconds, peak memory;
how many rows have the same first candidate in both towns. Reading raw files is not measured here.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data_samples.town.naming import DIVISIONS, GIVEN, employer_codes, person_names
from sql import connect, register_tables
from sql.matching import DAMAGED, READ, propose_persons
from transforms.extracts.damaged_ids import read_damaged_ids
from transforms.extracts.kinds import KINDS, table_schema
from transforms.identifiers import check_person_ids, person_keys, with_check_character

OUT = Path(__file__).parent / "out" / "identity"
AS_OF = date(2020, 3, 31)
MONTHS = [201904 + n for n in range(9)] + [202001, 202002, 202003]
BLOCK = 10_000
STRANGERS = 100
DAMAGES = {
    **{"excel_15": 0.24, "float_6": 0.10, "float_15": 0.05, "one_wrong": 0.21, "transposed": 0.13},
    **{"one_missing": 0.11, "one_more": 0.02, "old_wrong": 0.06, "two_wrong": 0.05, "binary": 0.03},
}
KINDS_MIXED = {
    **{"contributions": 0.42, "payroll": 0.2, "attendance": 0.08, "employment": 0.1},
    **{"unemployment": 0.1, "graduates": 0.06, "deaths": 0.04},
}
WITH_EMPLOYER = ("contributions", "payroll", "attendance", "employment")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("persons", nargs="*", type=int, default=[10_000, 1_000_000])
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="one town, in this process")
    words = parser.parse_args()
    if words.alone:
        print(json.dumps(measure(words.persons[0], words.rows, words.threads)))
        return
    firsts = [tell(persons, alone(persons, words.rows, words.threads)) for persons in words.persons]
    if len(firsts) > 1:
        same = sum(a == b for a, b in zip(firsts[0], firsts[-1], strict=True))
        print(f"the same first candidate in both towns: {same:,} of {len(firsts[0]):,} rows")


def alone(persons: int, rows: int, threads: int) -> dict[str, Any]:
    """Measure a town in a process of its own, so that the peak is its own."""
    make_town(persons, rows)
    asked = [str(persons), "--rows", str(rows), "--threads", str(threads), "--alone"]
    told = subprocess.run(
        [sys.executable, "-m", "bench.identity", *asked], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def measure(persons: int, rows: int, threads: int) -> dict[str, Any]:
    folder = OUT / str(persons)
    tables = {path.stem: [path] for path in sorted((folder / "tables").glob("*.parquet"))}
    damaged = pl.read_parquet(folder / "damaged.parquet")
    started = time.perf_counter()
    with connect(threads) as connection:
        register_tables(connection, tables, AS_OF)
        _, candidates, weights = propose_persons(connection, damaged.head(rows))
    seconds = time.perf_counter() - started
    candidates.write_parquet(folder / "candidates.parquet")
    weights.write_parquet(folder / "weights.parquet")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mib": peak}


def tell(persons: int, measured: dict[str, Any]) -> list[str | None]:
    """Print what came of a town; return the first candidate of each row."""
    folder = OUT / str(persons)
    truth = pl.read_parquet(folder / "truth.parquet")
    shown = pl.read_parquet(folder / "candidates.parquet")
    joined = shown.join(truth, on=["kind", "line"]).with_columns(
        right=pl.col("person_id") == pl.col("true_id")
    )
    best = joined.filter("right").select("kind", "line", place="rank")
    # 1:1: a row has its planted person among its candidates at most once
    judged = truth.join(best, on=["kind", "line"], how="left").sort("line")
    known = judged.filter("is_known")
    print(
        f"\n== {persons:,} persons × {truth.height:,} damaged rows: {measured['seconds']:.1f} s, "
        f"peak {measured['peak_mib'] / 1024:.2f} GiB"
    )
    is_first = (pl.col("place") == 1).fill_null(False).mean() * 100
    in_three = pl.col("place").is_not_null().mean() * 100
    first, three = known.select(is_first, in_three.alias("three")).row(0)
    wrong = joined.filter(~pl.col("right")).height / truth.height
    print(f"  first {first:.2f} %   among three {three:.2f} %   wrong persons a row {wrong:.2f}")
    for column in ("damage", "kind", "name_written"):
        by = known.group_by(column).agg(pl.len(), first=is_first, three=in_three).sort(column)
        for name, count, one, some in by.iter_rows():
            print(f"    {name:<16} {count:>6,} rows   first {one:6.2f} %   three {some:6.2f} %")
    strangers = joined.filter(~pl.col("is_known"))
    print(
        f"  persons of no register: {judged.filter(~pl.col('is_known')).height} rows, best "
        f"probability {(strangers['probability_ppm'].max() or 0) / 1e6:.3f}"
    )
    print("  probability shown: rows, true of them")
    edges = [0, 10_000, 100_000, 300_000, 500_000, 700_000, 850_000, 950_000, 990_000, 1_000_001]
    for low, high in pairwise(edges):
        inside = joined.filter(pl.col("probability_ppm").is_between(low, high, closed="left"))
        if inside.height:
            mean = (inside["probability_ppm"].mean() or 0) / 1e4
            print(
                f"    {low / 1e4:5.1f}–{high / 1e4:5.1f} %  {inside.height:>6,}   said "
                f"{mean:6.2f} %   true {inside['right'].mean() * 100:6.2f} %"
            )
    firsts = truth.join(shown.filter(pl.col("rank") == 1), on=["kind", "line"], how="left")
    return firsts.sort("line")["person_id"].to_list()


def make_town(persons: int, rows: int) -> None:
    """Write the tables of a town and its damaged rows; a larger town begins as a smaller one."""
    folder = OUT / str(persons)
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    blocks = [_block(number) for number in range(-(-persons // BLOCK))]
    people = _numbered(pl.concat(blocks)).head(persons)
    damaged, truth, gone = _damage(people.head(BLOCK), rows)
    strangers = set(truth.filter(~pl.col("is_known"))["true_id"])
    people = people.filter(~pl.col("person_id").is_in(list(strangers)))
    damaged.write_parquet(folder / "damaged.parquet")
    truth.write_parquet(folder / "truth.parquet")
    names = people.select("person_id", "name", "person_key")
    _write(folder, "insured_persons", names)
    units = people.select("employer_key", "employer_code").unique().sort("employer_key")
    unit = {"unit_no": "U" + pl.col("employer_key").cast(pl.String)}
    _write(folder, "insured_units", units.with_columns(**unit, employer_name="employer_code"))
    away = gone.lazy()
    worked = (
        people.lazy()
        .join(pl.LazyFrame({"month": MONTHS}), how="cross")
        .filter(pl.col("month") >= pl.col("from_month"))
        .with_columns(pl.col("month").cast(pl.Int32))
    )
    in_order = [
        worked.with_columns(insurance=pl.lit(insurance)).join(
            away.filter(pl.col("insurance") == insurance), on=["person_key", "month"], how="anti"
        )
        for insurance in ("养老", "失业")
    ]
    paid = {"state": pl.lit("未到账"), "paid_on": pl.lit(None, pl.Date)}
    _write(folder, "contributions", pl.concat(in_order).with_columns(**unit, **paid))
    wages = worked.join(
        away.filter(pl.col("insurance").is_null()), on=["person_key", "month"], how="anti"
    )
    _write(folder, "payroll", wages.with_columns(paid_on=pl.lit(date(2020, 3, 1))))


def _write(folder: Path, kind: str, frame: pl.DataFrame | pl.LazyFrame) -> None:
    schema = table_schema(KINDS[kind])
    there = frame.lazy().collect_schema().names()
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in there]
    laid = frame.lazy().with_columns(absent).select(list(schema)).cast(pl.Schema(schema))
    laid.sink_parquet(folder / "tables" / f"{kind}.parquet")


def _block(number: int) -> pl.DataFrame:
    """Make ten thousand persons and the employers they work at, whatever the town's size."""
    chance = np.random.default_rng([13, number])
    local = chance.random(BLOCK) < 0.6
    division = np.where(local, 370302, DIVISIONS[chance.integers(0, len(DIVISIONS), BLOCK)])
    born = np.datetime64("1958-01-01") + chance.integers(0, 44 * 365, BLOCK)
    sizes = np.minimum(np.ceil(chance.lognormal(2.2, 1.3, BLOCK)), 1500).astype(np.int64)
    ends = np.cumsum(sizes)
    at = np.searchsorted(ends, np.arange(BLOCK), side="right")
    key = number * BLOCK + at + 1
    started = np.where(chance.random(BLOCK) < 0.85, MONTHS[0], chance.choice(MONTHS, BLOCK))
    return pl.DataFrame(
        {
            "division": division,
            "born": pl.Series(born).dt.strftime("%Y%m%d"),
            "name": person_names(chance, BLOCK),
            "employer_key": pl.Series(key, dtype=pl.Int32),
            "from_month": started,
            "order": chance.permutation(BLOCK),
        }
    )


def _numbered(people: pl.DataFrame) -> pl.DataFrame:
    """Give everybody an id: the numbers of one day in one division in an order that looks free."""
    place = pl.int_range(pl.len()).over("division", "born")
    bodies = people.with_columns(
        serial=(place * 373 + pl.col("born").cast(pl.Int64) * 7 + pl.col("division")) % 999 + 1
    ).select(pl.format("{}{}{}", "division", "born", pl.col("serial").cast(pl.String).str.zfill(3)))
    ids = pl.Series([with_check_character(body) for body in bodies.to_series()])
    numbers = people["employer_key"].unique(maintain_order=True)
    codes = pl.DataFrame(
        {"employer_key": numbers, "employer_code": employer_codes(numbers.to_numpy())}
    )
    named = people.with_columns(person_id=ids, person_key=person_keys(ids))
    return named.join(codes, on="employer_key", maintain_order="left")


def _damage(people: pl.DataFrame, rows: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Choose persons and damage a row of each; say who is meant, and which rows are gone for it."""
    chance = np.random.default_rng([13, 999_999])
    chosen = people[chance.choice(people.height, rows, replace=False)]
    kinds = chance.choice(list(KINDS_MIXED), rows, p=np.array(list(KINDS_MIXED.values())))
    damages = chance.choice(list(DAMAGES), rows, p=np.array(list(DAMAGES.values())))
    made, truth, gone = [], [], []
    for line, person in enumerate(chosen.iter_rows(named=True), start=2):
        kind, damage = str(kinds[line - 2]), str(damages[line - 2])
        text = _damaged_text(chance, person["person_id"], damage)
        name, written = _written(chance, person["name"])
        later = [month for month in MONTHS if month >= person["from_month"]]
        month = int(chance.choice(later)) if kind in WITH_EMPLOYER else None
        insurance = str(chance.choice(["养老", "失业"])) if kind == "contributions" else None
        at = person["employer_code"] if kind in WITH_EMPLOYER else None
        made.append((kind, line, text, name, at, month, insurance))
        truth.append((kind, line, person["person_id"], line > STRANGERS + 1, damage, written))
        if kind in ("contributions", "payroll") and chance.random() < 0.95:
            gone.append((person["person_key"], month, insurance))
    columns = ["kind", "line", "id_text", "name", "employer_code", "month", "insurance"]
    frame = pl.DataFrame(made, schema=columns, orient="row", infer_schema_length=None)
    read = frame.hstack(read_damaged_ids(frame["id_text"]))
    schema = {**DAMAGED, **READ}
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in read.columns]
    whole = read.with_columns(absent).select(list(schema)).cast(pl.Schema(schema))
    named = ["kind", "line", "true_id", "is_known", "damage", "name_written"]
    lacking = {"person_key": pl.Int64, "month": pl.Int32, "insurance": pl.String}
    return (
        whole.sort("kind", "source_file", "line"),
        pl.DataFrame(truth, schema=named, orient="row"),
        pl.DataFrame(gone, schema=lacking, orient="row"),
    )


def _written(chance: np.random.Generator, name: str) -> tuple[str, str]:
    drawn = chance.random()
    if drawn < 0.003:
        return str(person_names(chance, 1)[0]), "other"
    if drawn < 0.015:
        place = int(chance.integers(1, len(name)))
        return name[:place] + str(chance.choice(list(GIVEN))) + name[place + 1 :], "one_character"
    return name, "equal"


def _damaged_text(chance: np.random.Generator, whole: str, damage: str) -> str:
    """Damage an id until it is no valid one."""
    for _ in range(1000):
        text = _damaged_once(chance, whole, damage)
        if not _is_valid(text):
            return text
    return whole[:15] + "000"


@lru_cache(1)
def _is_valid(text: str) -> bool:
    """Say whether a text is read as an id; what is damaged again is often damaged to the same."""
    old = with_check_character(text[:6] + "19" + text[6:]) if len(text) == 15 else text
    return bool(check_person_ids(pl.Series([old]))[0])


def _damaged_once(chance: np.random.Generator, whole: str, damage: str) -> str:
    digits, place = list(whole), int(chance.integers(0, 17))
    if damage == "excel_15":
        return whole[:15] + "000"
    if damage in ("float_6", "float_15"):
        kept = 6 if damage == "float_6" else 15
        return f"{whole[0]}.{whole[1:kept]}E+17"
    if damage == "binary":
        return str(int(float(whole.replace("X", "0"))))
    if damage == "transposed":
        digits[place], digits[place + 1] = digits[place + 1], digits[place]
    elif damage == "one_missing":
        del digits[place]
    elif damage == "one_more":
        digits.insert(place, digits[place])
    else:
        if damage == "old_wrong":
            digits = list(whole[:6] + whole[8:17])
            place = int(chance.integers(8, 12))
        for spot in {place, int(chance.integers(0, 17))} if damage == "two_wrong" else {place}:
            digits[spot] = str(
                (int(digits[spot]) + int(chance.integers(1, 10))) % 10 if digits[spot] != "X" else 0
            )
    return "".join(digits)


if __name__ == "__main__":
    main()
