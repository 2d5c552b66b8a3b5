"""A small town: enough of a snapshot to judge some persons and employers as the whole does."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from sql import Connection, register_frame, run_sql
from sql.texts import FOLDER, sql_text
from transforms.extracts.kinds import KINDS

STOOD = "identity/stood.sql"
PARTIES, TOWN = "identity/parties.sql", "identity/town.sql"


def can_weigh() -> bool:
    """Tell whether these are rules that say what a small town is: those of before did not."""
    return (FOLDER / TOWN).is_file()


def small_town(
    connection: Connection,
    tables: Mapping[str, Sequence[Path]],
    supposed: pl.DataFrame,
    folder: Path,
) -> tuple[dict[str, list[Path]], pl.DataFrame]:
    """Cut a snapshot's tables of persons to those near some rows; the others stay as they are.

    Rows:    supposed  person_id, employer_code of rows that may be theirs; the connection has the
                       snapshot's views
             returns   the tables, what was cut in `folder`; and parties: person_id, party_kind,
                       party_id, the employers and households of these persons
    """
    register_frame(connection, "supposed_rows", supposed)
    connection.execute(f"create or replace table identity_stood as {sql_text(STOOD)}")
    parties = run_sql(connection, PARTIES, {})
    register_frame(connection, "supposed_parties", parties)
    is_near = pl.col("person_key").is_in(run_sql(connection, TOWN, {}).to_series().implode())
    small = {kind: list(paths) for kind, paths in tables.items()}
    for kind in sorted(name for name in tables if "person_id" in KINDS[name].column_named):
        (folder / kind).mkdir(parents=True)
        small[kind] = [folder / kind / path.name for path in tables[kind]]
        # File by file: what lies in buckets stays in them, however many are near.
        for path, cut in zip(tables[kind], small[kind], strict=True):
            pl.scan_parquet(path).filter(is_near).sink_parquet(cut, compression="lz4")
    return small, parties
