"""The night after a new month: `python -m bench.new_month [PERSONS] [--drop DROP]`.

Contributions and payroll lie in a file for each of 24 months. A night reads all but the newest
month; then the newest comes, and the night reads it alone. A third night, in another home, reads
the same from nothing: its snapshot must have the same id and the same bytes.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import duckdb

from bench.scale import OUT, make_drop, phase, tell

NOTE = "交接单.csv"
BY_MONTH = {"个人缴费明细": "费款所属期", "工资发放明细": "发放月份"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("persons", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--drop", type=Path, help="a drop that is there already, month by month")
    words = parser.parse_args()
    folder = OUT / "new-month"
    shutil.rmtree(OUT, ignore_errors=True)
    drop = words.drop or by_month(make_drop(words.persons, "parquet")[0], folder / "drop")
    newest = sorted(path for path in drop.iterdir() if is_of_month(path))[-1].stem[-6:]
    before = folder / "before"
    before.mkdir(parents=True)
    for path in drop.iterdir():
        if newest not in path.name:
            (before / path.name).hardlink_to(path)
    lived, fresh = folder / "home", folder / "fresh"
    night("all but the newest month", before, lived)
    new = night("the newest month comes", drop, lived)
    whole = night("the same from nothing", drop, fresh)
    name = f"snapshots/{new['snapshot']}/manifest.json"
    is_same = (lived / name).read_bytes() == (fresh / name).read_bytes()
    print(f"  the same snapshot, to the byte: {is_same}")
    for what in ("ingest", "all", "ingest_cpu", "all_cpu"):
        print(f"  {what:<12} {new[what] / whole[what]:6.1%} of the night from nothing")
    shutil.rmtree(OUT, ignore_errors=True)


def by_month(drop: Path, target: Path) -> Path:
    """Write the files of a drop anew, one for each month where they hold months."""
    target.mkdir(parents=True)
    for path in sorted(drop.iterdir()):
        if not is_of_month(path) and path.suffix == ".parquet":
            shutil.copy(path, target)
    for title, column in BY_MONTH.items():
        rows = f"read_parquet('{drop}/{title}_*.parquet')"
        found = duckdb.sql(f"select distinct {column} from {rows} order by 1").fetchall()
        for (month,) in found:
            where = f"select * from {rows} where {column} = '{month}'"
            into = f"'{target}/{title}_{month}.parquet' (compression zstd)"
            duckdb.sql(f"copy ({where}) to {into}")
    # The note says of the empty registers that they are meant to be empty.
    note = (drop / NOTE).read_text("utf-8-sig").splitlines(keepends=True)
    kept = [line for line in note[1:] if (target / line.split(",")[0]).exists()]
    (target / NOTE).write_text("".join([note[0], *kept]), "utf-8-sig")
    return target


def is_of_month(path: Path) -> bool:
    """Say whether a file is one of those that come month by month."""
    return path.name.startswith(tuple(BY_MONTH))


def night(title: str, drop: Path, home: Path) -> dict[str, Any]:
    """Do a night in a process of its own, and tell what it took."""
    found = phase("night", drop, home)
    note = f"ingest {found['ingest']:.1f} s, processor {found['all_cpu']:.0f} s"
    tell(title, found["all"], found, note)
    return found


if __name__ == "__main__":
    main()
