"""What parts of a town need of the database: rows by part, and tables in files, as they are."""

from collections.abc import Sequence
from pathlib import Path

from sql import Connection
from sql.plan import MIXED
from sql.spilling import quoted
from transforms.errors import ContractError
from transforms.extracts.kinds import KINDS
from transforms.identifiers import BUCKETS, MIXER

LAST_64_BITS = (1 << 64) - 1
NOBODYS = "nobodys"
# A fact is read often, and kept for a night: sooner written than small.
AS_PARQUET = "(format parquet, compression snappy, row_group_size 122880)"


def cut_kind(connection: Connection, kind: str, folder: Path, count: int) -> None:
    """Write the rows of `delivered_<kind>` by part, beside them those about nobody.

    Holds:   all rows of a person are in the part of its bucket
    """
    key = "person_key" if "person_id" in KINDS[kind].column_named else "person_key_of(subject_id)"
    part = f"{_bucket(key)} * {count} // {BUCKETS}"
    if kind in MIXED:
        part = f"case when subject_kind is not distinct from '单位' then -1 else {part} end"
    folder.mkdir(parents=True)
    connection.execute(
        f"copy (select *, {part} as in_part from delivered_{kind}) to {quoted(folder)} "
        "(format parquet, compression snappy, partition_by (in_part))"
    )
    for place in sorted(folder.glob("in_part=*")):
        number = int(place.name.partition("=")[2])
        name = NOBODYS if number < 0 else f"part-{number:02d}"
        for path in sorted(place.iterdir()):
            path.rename(folder / f"{name}.{path.stem}.parquet")
        place.rmdir()


def _bucket(key: str) -> str:
    return (
        f"cast(((cast(coalesce({key}, 0) as uhugeint) * cast({MIXER} as uhugeint)) "
        f"& cast({LAST_64_BITS} as uhugeint)) >> 60 as integer)"
    )


def write_tables(connection: Connection, names: Sequence[str], folder: Path) -> None:
    """Write tables to `<name>.parquet`, each of the types that it will be read with.

    Raises:  ContractError for a column of a type that such a file does not keep
    """
    for name in names:
        path = quoted(folder / f"{name}.parquet")
        connection.execute(f"copy {name} to {path} {AS_PARQUET}")
        made, kept = (
            {row[0]: row[1] for row in connection.execute(f"describe {text}").fetchall()}
            for text in (name, f"select * from read_parquet({path})")
        )
        if made != kept:
            changed = sorted(column for column in made if made[column] != kept.get(column))
            raise ContractError(f"{name}: a file does not keep the type of {', '.join(changed)}")
