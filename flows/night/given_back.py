"""What would be due tonight if the rows were still there that vanished since money was paid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows, scan_kind, table_files
from flows.ingest.drop import SnapshotRef
from flows.ingest.tables import rows_beside
from flows.money.standing import Standing
from flows.night.against import Claim, RunThen, vanished
from flows.night.by_rules import Amounts, amounts_due, given_by
from flows.night.part import Means
from flows.scratch import scratch_folder
from flows.store import Home, read_manifest
from sql import policy_cards
from transforms.answers.source_rows import PLACE
from transforms.extracts.kinds import KINDS, table_schema
from transforms.money.entitlements import KEY

# The places of rows that are gone, by the snapshot that has them and their kind.
Gone = dict[tuple[Path, str], set[tuple[str, int]]]


@dataclass(frozen=True)
class GivenBack:
    """Asks the rules about tonight's rows and those gone beside them: a row speaks against money
    only where it does so by itself.

    Source:  rulebook §4.4
    """

    home: Home
    snapshot: Path
    as_of: date
    standing: Standing
    means: Means

    def give(
        self,
        claims: Mapping[int, Claim],
        tonight: SnapshotRows,
        then: Mapping[int, Sequence[RunThen]],
    ) -> dict[int, tuple[int, list[str]]]:
        """Say, of claims by place, what is due with the rows that vanished, and which these are.

        Rows:    claims, then  by place; returns  none of a claim of which no row vanished
        Units:   fen
        """
        gone = {place: _gone_of(claim, tonight, then[place]) for place, claim in claims.items()}
        gone = {place: rows for place, rows in gone.items() if rows}
        if not gone:
            return {}
        policies = {place: given_by(claims[place]) for place in gone}
        amounts = self._determined_with(gone.values(), set().union(*policies.values()))
        told = {}
        for place, rows in gone.items():
            group = tuple(claims[place][name] for name in KEY[1:])
            due_fen = max(amounts.get((policy, *group), 0) for policy in policies[place])
            at = {f"{file}:{line}" for places in rows.values() for file, line in places}
            told[place] = due_fen, sorted(at)
        return told

    def _determined_with(self, gone: Iterable[Gone], policies: set[str]) -> Amounts:
        snapshot = read_manifest(self.snapshot, "snapshot")
        tables = SnapshotRef(self.snapshot.name, self.snapshot, snapshot).tables()
        with scratch_folder(self.home.temporary) as folder:
            for kind, rows in _rows_gone(gone, self.snapshot).items():
                (folder / kind).mkdir()
                paths = list(tables.get(kind, ()))
                tables[kind] = [*paths, *rows_beside(kind, rows, paths, folder / kind)]
            return amounts_due(tables, self.as_of, self.standing, self.means, policies)[0]


def _gone_of(claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen]) -> Gone:
    """List the rows that vanished of all that a card looks at."""
    card, gone = policy_cards()[claim["policy_id"]], Gone()
    for spec in (*card.rows, *(spec for p in card.provisions for spec in p.rows)):
        now = tonight.rows_of(spec, claim)
        for run in then:
            lost = vanished(spec["kind"], now, run.rows.rows_of(spec, claim))
            places = gone.setdefault((run.rows.folder, spec["kind"]), set())
            places |= set(lost.select(PLACE).iter_rows())
    return {where: places for where, places in gone.items() if places}


def _rows_gone(gone: Iterable[Gone], tonight: Path) -> dict[str, pl.DataFrame]:
    """Read rows that vanished from the snapshots that have them; two alike of two nights are one.

    Holds:   what stands elsewhere tonight under its number or code did not vanish
    """
    places: Gone = {}
    for of_claim in gone:
        for where, listed in of_claim.items():
            places.setdefault(where, set()).update(listed)
    found: dict[str, list[pl.DataFrame]] = {}
    for (folder, kind), listed in sorted(places.items()):
        schema = pl.Schema(table_schema(KINDS[kind]))
        at = pl.LazyFrame(sorted(listed), schema={n: schema[n] for n in PLACE}, orient="row")
        there = scan_kind(folder, kind)
        later = {n: t for n, t in schema.items() if n not in there.collect_schema()}
        rows = there.join(at, on=PLACE, how="semi").with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in later.items()
        )
        if KINDS[kind].key and table_files(tonight, kind):
            rows = rows.join(scan_kind(tonight, kind), on=KINDS[kind].key, how="anti")
        found.setdefault(kind, []).append(rows.select(schema.names()).collect())
    content = {kind: [n for n in table_schema(KINDS[kind]) if n not in PLACE] for kind in found}
    return {
        kind: pl.concat(frames).unique(content[kind], keep="first", maintain_order=True)
        for kind, frames in found.items()
    }
