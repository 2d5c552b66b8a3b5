"""What depends on damaged rows: what would be determined otherwise if each were its first
candidate's.

The rules run twice over a small town around these persons and the employers of the rows, without
the rows and with them, read as ingest reads rows that a clerk recognised. What a small town lacks
it lacks both times. Nothing of it goes into the night: no line, no batch, no finding.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from flows.ingest.files import RawFile
from flows.ingest.kind import take_piece
from flows.ingest.tables import TableWriter, rows_beside, scan_table
from flows.ingest.tally import FileTally, KindTally
from flows.money.standing import Standing
from flows.night.by_rules import determined
from flows.night.part import Means
from flows.night.run_record import RunSoFar
from flows.scratch import scratch_folder
from sql.opening import connect_to
from sql.texts import policy_cards
from sql.town import small_town
from transforms.answers.omitted import readers_of
from transforms.answers.stakes import ROW, held_for_accounts, stakes_of_rows
from transforms.extracts.cells import Piece
from transforms.extracts.duplicates import judge_candidates
from transforms.extracts.kinds import KINDS, Kind, table_schema
from transforms.extracts.links import id_column
from transforms.extracts.references import names_on_record
from transforms.extracts.registers import LINKS
from transforms.extracts.rules import References
from transforms.identifiers import person_keys
from transforms.money.entitlements import KEY

Tables = Mapping[str, Sequence[Path]]
Pieces = Sequence[tuple[RawFile, Piece]]
PLACE = ["source_file", "source_line"]


def stakes_of(
    run: RunSoFar,
    entitlements: pl.DataFrame,
    standing: Standing,
    means: Means,
    pieces: Pieces,
    waiting: pl.DataFrame,
    first: pl.DataFrame,
) -> pl.DataFrame:
    """Say of each waiting row what would come out otherwise if it were its first candidate's.

    Rows:    waiting  damaged rows that no clerk settled; first: candidates, the first of each row
             returns  STAKES_SCHEMA
    Units:   fen
    """
    employers = waiting.select(*ROW, "employer_code")
    supposed = first.select(*ROW, "person_id").join(employers, on=ROW, how="inner", validate="1:1")
    held = held_for_accounts(supposed, entitlements)
    ran = {name for name, status in run.policies.items() if status.status == "ran"}
    cards = {name: card for name, card in policy_cards().items() if name in ran}
    readers = readers_of(cards).join(supposed, on="kind", how="semi")
    if not readers.height:
        return held
    tables = run.snapshot.tables()
    with scratch_folder(run.home.temporary) as folder:
        with connect_to(tables, run.as_of, **vars(means)) as connection:
            meant = supposed.select("person_id", "employer_code")
            town, parties = small_town(connection, tables, meant, folder)
        given = dict(town)
        for kind, rows in _rows_as_read(run, pieces, supposed, folder):
            given[kind.name] = _with_rows(run, kind, rows, town[kind.name], folder)
        if given == town:
            return held
        asked = set(readers["policy_id"])
        found = (determined(t, run.as_of, standing, means, asked)[0] for t in (town, given))
        outcomes = (frame.select(*KEY, "outcome", "amount_fen") for frame in found)
        told = stakes_of_rows(supposed, parties, readers.select("policy_id", "kind"), *outcomes)
    return pl.concat([told, held]).sort(*ROW, "policy_id")


def _rows_as_read(
    run: RunSoFar, pieces: Pieces, supposed: pl.DataFrame, folder: Path
) -> Iterator[tuple[Kind, pl.DataFrame]]:
    """Read the rows as ingest does once a clerk has said whose they are; some fall all the same.

    Rows:    gives  per kind those that are accepted
    """
    beside = _references(run, supposed)
    (folder / "rows").mkdir()
    for name in supposed["kind"].unique().sort():
        kind = KINDS[name]
        tally = KindTally(kind, TableWriter(kind, folder / "rows"))
        judged_beside = replace(beside, names=None) if kind.others_look_up else beside
        for file, piece in pieces:
            mine = supposed.filter(kind=kind.name, file_digest=file.sha256)
            if file.file.kind is kind and mine.height:
                take_piece(tally, FileTally(file), piece, judged_beside, _as_links(mine))
        tally.table.close()
        rows = pl.concat(map(pl.read_parquet, tally.table.paths()))
        if rows.height:
            yield kind, rows


def _as_links(supposed: pl.DataFrame) -> pl.DataFrame:
    """Write what is supposed as a clerk would have decided it."""
    schema = pl.Schema(table_schema(LINKS.kind))
    said = supposed.with_columns(
        decided_by=pl.lit(""), decided_on=pl.lit(0, pl.Date), source_file=pl.lit(""), source_line=0
    )
    return said.match_to_schema(
        schema, missing_columns="insert", extra_columns="ignore", integer_cast="upcast"
    )


def _references(run: RunSoFar, supposed: pl.DataFrame) -> References:
    """Give what ingest holds rows against: all units, and the names of these persons."""
    tables = run.snapshot.tables()
    units, names = None, None
    for kind in KINDS.values():
        if kind.others_look_up == "units" and kind.name in tables:
            units = scan_table(kind, tables[kind.name]).select("unit_no", "employer_key").collect()
        if kind.others_look_up == "names" and kind.name in tables:
            keys = person_keys(supposed["person_id"]).implode()
            persons = scan_table(kind, tables[kind.name])
            mine = persons.filter(pl.col("person_key").is_in(keys)).collect()
            names = names_on_record(names, mine.lazy())
    return References(units=units, names=names)


def _with_rows(
    run: RunSoFar, kind: Kind, rows: pl.DataFrame, paths: Sequence[Path], folder: Path
) -> list[Path]:
    """Lay rows beside a table's files; those that repeat or contradict another fall, as at ingest.

    Rows:    paths  the table's files in the small town
    """
    fallen = _fallen(run, kind, rows)
    into = folder / "given" / kind.name
    into.mkdir(parents=True)
    beside = list(paths) if fallen.height == 0 else [_without(path, fallen, into) for path in paths]
    return [*beside, *rows_beside(kind.name, rows.join(fallen, on=PLACE, how="anti"), paths, into)]


def _fallen(run: RunSoFar, kind: Kind, rows: pl.DataFrame) -> pl.DataFrame:
    """List the rows that fall once these are there too, theirs and others': PLACE."""
    name = id_column(kind)
    assert name
    alike = pl.col(name).is_in(rows[name].implode())
    for key in kind.key:
        alike |= pl.col(key).is_in(rows[key].drop_nulls().implode())
    known = scan_table(kind, run.snapshot.tables()[kind.name]).filter(alike).collect()
    order = {entry["name"]: place for place, entry in enumerate(run.snapshot.manifest["files"])}
    read = pl.concat([known, rows]).sort(
        pl.col("source_file").replace_strict(order, return_dtype=pl.Int64), "source_line"
    )
    return judge_candidates(kind, read).select(PLACE)


def _without(path: Path, fallen: pl.DataFrame, into: Path) -> Path:
    pl.read_parquet(path).join(fallen, on=PLACE, how="anti").write_parquet(into / path.name)
    return into / path.name
