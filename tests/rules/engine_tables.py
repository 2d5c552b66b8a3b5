"""Small typed tables for tests of the engine, written as a snapshot holds them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.night.determine import PAID_LINE_SCHEMA, Determined, determine
from tests.rules.golden import employer_code, person_id
from transforms.extracts.kinds import KINDS, table_schema

NO_PAYMENTS = pl.DataFrame(schema=PAID_LINE_SCHEMA)
EMPLOYER = employer_code(1, 1)
OTHER_EMPLOYER = employer_code(1, 2)
MAN = person_id(1, "1985-03-15", 1, "男")
WOMAN = person_id(1, "1985-03-15", 2, "女")
INSURANCES = ("养老", "医疗", "失业")


def frame_of(kind: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Make one kind's table: what ingest adds is added here too."""
    schema = table_schema(KINDS[kind])
    filled = []
    for line, row in enumerate(rows, start=2):
        added: dict[str, Any] = {"source_file": f"{kind}.csv", "source_line": line}
        if "person_key" in schema:
            added["person_key"] = int(row["person_id"][:17])
        if "name" in schema:
            added |= {"name": "张三", "name_raw": "张三"}
        filled.append(added | row)
    return pl.DataFrame(filled, schema=schema)


def write_tables(
    folder: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]], buckets: int = 1
) -> dict[str, list[Path]]:
    """Write all kinds, empty ones too; those of a person into one of the buckets."""
    tables: dict[str, list[Path]] = {}
    for kind in KINDS.values():
        frame = frame_of(kind.name, rows.get(kind.name, ()))
        parts = buckets if kind.bucketed else 1
        tables[kind.name] = []
        for part in range(parts):
            path = folder / f"{kind.name}-{part:02d}.parquet"
            kept = frame if parts == 1 else frame.filter(pl.col("person_key") % parts == part)
            kept.write_parquet(path)
            tables[kind.name].append(path)
    return tables


def paid(person: str, month: int, insurance: str, number: int, **changes: Any) -> dict[str, Any]:
    """Make one ordinary contribution of a person at the first employer."""
    return {
        "serial_no": f"S{number}",
        "unit_no": "1",
        "employer_key": 1,
        "person_id": person,
        "insurance": insurance,
        "month": month,
        "unit_fen": 10000,
        "person_fen": 5000,
        "entry": "正常",
        "state": "已到账",
        "paid_on": date(month // 100, month % 100, 20),
    } | changes


def run(folder: Path, rows: Mapping[str, Any], as_of: date, **options: Any) -> Determined:
    """Run the engine over a few rows."""
    payments = options.pop("payments", NO_PAYMENTS)
    tables = write_tables(folder, rows, options.pop("buckets", 1))
    for kind in options.pop("missing", ()):
        del tables[kind]
    return determine(tables, as_of, payments, threads=options.pop("threads", 1), **options)
