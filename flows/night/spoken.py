"""Whether rows say by themselves that what was paid was wrong: the rules are asked without them.

Time passes, rows vanish, and others come beside: only what rows take away is asked back.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows, scan_kind, table_files
from flows.ingest.tables import rows_beside
from flows.money.standing import Standing
from flows.night.against import Claim, Lost, Places, RunThen, rows_changed, rows_vanished
from flows.night.by_rules import Amounts, amounts_due, given_by
from flows.night.part import Means
from flows.scratch import scratch_folder
from flows.store import Home
from sql import connect, register_tables
from sql.town import can_weigh, small_town
from transforms.answers.source_rows import PLACE
from transforms.errors import ParameterMissingError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.money.entitlements import KEY

Tables = Mapping[str, Sequence[Path]]
AT = list(PLACE)


@dataclass(frozen=True)
class Weighed:
    """A claim and what bears on it: the runs that paid it, and the day of the last of them.

    `came`: rows that are new where a row could speak, by kind; `gone`: those of before, by snapshot
    and kind; `vanished`: those in whose place none came, of all that the card looks at.
    """

    claim: Claim
    last_day: date
    came: dict[str, Places]
    gone: Lost
    vanished: Lost


@dataclass(frozen=True)
class Spoken:
    """Asks the rules what rows take away from claims.

    Source:  rulebook §4.4
    """

    home: Home
    snapshot: Path
    as_of: date
    standing: Standing
    means: Means

    def taken_away(
        self,
        claims: Mapping[int, Claim],
        tonight: SnapshotRows,
        then: Mapping[int, Sequence[RunThen]],
    ) -> dict[int, tuple[int, list[str]]]:
        """Say, of claims by place, what new rows take away, and which rows vanished beside them.

        Rows say it where tonight's, with those that vanished, give less for the day it was paid
        on; or where they give less tonight than they do without the new ones.

        Rows:    claims, then  by place
        Units:   fen
        """
        weighed = {place: _weigh(claim, tonight, then[place]) for place, claim in claims.items()}
        if not weighed:
            return {}
        policies = set[str]().union(*(given_by(one.claim) for one in weighed.values()))
        with scratch_folder(self.home.temporary) as folder:
            vanished = _rows_lost(_all_of(one.vanished for one in weighed.values()))
            town = self._town(_parties_of(weighed.values(), vanished), folder)
            back = _with_rows(town, {}, vanished, folder)
            taken = self._on_their_days(weighed, back, policies)
            left = {place: one for place, one in weighed.items() if taken[place] < _excess(one)}
            if left:
                came = _came_in(left.values())
                gone = _all_of(lost for one in left.values() for lost in (one.gone, one.vanished))
                without = _with_rows(town, came, _rows_lost(gone), folder)
                now, else_ = (self._due(tables, self.as_of, policies) for tables in (back, without))
                for place, one in left.items():
                    more_fen = _due_of(one.claim, else_) - _due_of(one.claim, now)
                    taken[place] = max(taken[place], more_fen)
        return {place: (taken[place], _named(one.vanished)) for place, one in weighed.items()}

    def _on_their_days(
        self, weighed: Mapping[int, Weighed], tables: Tables, policies: Set[str]
    ) -> dict[int, int]:
        """Say what is not due any more for the day on which each claim was last paid."""
        taken = {}
        for day in sorted({one.last_day for one in weighed.values()}):
            due = self._due(tables, day, policies)
            for place, one in weighed.items():
                if one.last_day == day:
                    taken[place] = one.claim["paid_before_fen"] - _due_of(one.claim, due)
        return taken

    def _due(self, tables: Tables, day: date, policies: Set[str]) -> Amounts:
        try:
            return amounts_due(tables, day, self.standing, self.means, policies)[0]
        except ParameterMissingError:
            # The rules of tonight say nothing of that day: what rows do then can't be told apart.
            return {}

    def _town(self, parties: pl.DataFrame, folder: Path) -> Tables:
        """Cut tonight's tables to those near the claims; by rules that can't, take them whole."""
        tables = {kind: files for kind in KINDS if (files := table_files(self.snapshot, kind))}
        if not can_weigh():
            return tables
        with connect(self.means.threads, self.means.memory_limit, self.means.temp_folder) as con:
            register_tables(con, tables, self.as_of)
            return small_town(con, tables, parties, folder)[0]


def _weigh(claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen]) -> Weighed:
    came, gone = rows_changed(claim, tonight, then)
    last = max(run.rows.as_of for run in then)
    return Weighed(claim, last, came, gone, rows_vanished(claim, tonight, then))


def _excess(one: Weighed) -> int:
    return int(one.claim["paid_before_fen"] - one.claim["determined_fen"])


def _due_of(claim: Claim, due: Amounts) -> int:
    group = tuple(claim[name] for name in KEY[1:])
    return max(due.get((policy, *group), 0) for policy in given_by(claim))


def _parties_of(weighed: Iterable[Weighed], vanished: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Name the persons and employers of claims, and the persons of rows that vanished."""
    found = set[tuple[str | None, str | None]]()
    for one in weighed:
        for side in ("subject", "beneficiary"):
            party = one.claim[f"{side}_id"]
            is_person = one.claim[f"{side}_kind"] == "person"
            found.add((party, None) if is_person else (None, party))
    for rows in vanished.values():
        persons = rows["person_id"] if "person_id" in rows.columns else ()
        found |= {(person, None) for person in persons}
    schema = dict.fromkeys(("person_id", "employer_code"), pl.String)
    return pl.DataFrame(list(found), schema=schema, orient="row").sort(pl.all())


def _came_in(weighed: Iterable[Weighed]) -> dict[str, Places]:
    found: dict[str, Places] = {}
    for one in weighed:
        for kind, places in one.came.items():
            found.setdefault(kind, set()).update(places)
    return found


def _all_of(losses: Iterable[Lost]) -> Lost:
    found: Lost = {}
    for lost in losses:
        for where, places in lost.items():
            found.setdefault(where, set()).update(places)
    return found


def _named(lost: Lost) -> list[str]:
    return [f"{file}:{line}" for places in lost.values() for file, line in places]


def _with_rows(
    town: Tables, came: Mapping[str, Places], lost: Mapping[str, pl.DataFrame], folder: Path
) -> Tables:
    """Take rows out of tables, and lay rows of before beside them.

    Holds:   what stands elsewhere in them under its number or code is not laid beside
    """
    into = next(path for n in count() if not (path := folder / f"given-{n}").exists())
    tables = dict(town)
    for kind, places in came.items():
        (into / kind).mkdir(parents=True, exist_ok=True)
        at = _at(kind, places)
        tables[kind] = [into / kind / path.name for path in town[kind]]
        for path, target in zip(town[kind], tables[kind], strict=True):
            pl.scan_parquet(path).join(at, on=AT, how="anti").sink_parquet(target)
    for kind, rows in lost.items():
        (into / kind).mkdir(parents=True, exist_ok=True)
        paths, beside = list(tables.get(kind, ())), rows
        if KINDS[kind].key and paths:
            there = pl.scan_parquet(paths)
            beside = rows.lazy().join(there, on=KINDS[kind].key, how="anti").collect()
        tables[kind] = [*paths, *rows_beside(kind, beside, paths, into / kind)]
    return tables


def _at(kind: str, places: Places) -> pl.LazyFrame:
    schema = {name: table_schema(KINDS[kind])[name] for name in AT}
    return pl.LazyFrame(sorted(places), schema=schema, orient="row")


def _rows_lost(lost: Lost) -> dict[str, pl.DataFrame]:
    """Read rows from the snapshots that have them; two alike of two nights are one."""
    found: dict[str, list[pl.DataFrame]] = {}
    for (folder, kind), places in sorted(lost.items()):
        schema = pl.Schema(table_schema(KINDS[kind]))
        there = scan_kind(folder, kind)
        later = {n: t for n, t in schema.items() if n not in there.collect_schema()}
        rows = there.join(_at(kind, places), on=AT, how="semi").with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in later.items()
        )
        found.setdefault(kind, []).append(rows.select(schema.names()).collect())
    content = {kind: [n for n in table_schema(KINDS[kind]) if n not in AT] for kind in found}
    return {
        kind: pl.concat(frames).unique(content[kind], keep="first", maintain_order=True)
        for kind, frames in found.items()
    }
