"""Whether rows say by themselves that what was paid was wrong: the rules are asked without them.

Time passes, rows vanish, and others come beside: only what rows take away is asked back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import TypeVar

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows, table_files
from flows.ingest.tables import rows_beside, scan_table
from flows.money.standing import Standing
from flows.night.against import (
    Lost,
    Places,
    Reasons,
    RunThen,
    places_of,
    rows_changed,
    rows_vanished,
)
from flows.night.by_rules import Claim, determined, given_by, groups_of, key_of
from flows.night.paid_lines import DETERMINATION_SCHEMA
from flows.night.part import Means
from flows.scratch import scratch_folder
from flows.store import Home
from sql.opening import connect_to
from sql.town import can_weigh, small_town
from transforms.answers.source_rows import PLACE
from transforms.errors import ParameterMissingError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.money.entitlements import KEY

Tables = Mapping[str, Sequence[Path]]
Where = TypeVar("Where")
AT = list(PLACE)


@dataclass
class Weighed:
    """A claim, what is weighed of it, and what was found.

    `then`: the runs that paid it; `vanished`: rows in whose place none came, of all that the card
    looks at; `came`, `gone`: rows taken out of tonight, by kind, and those of before laid back;
    `taken_fen`, `rows`: the most that new rows take away, and which ones; `reasons`: why it is not
    due where they were asked last.
    """

    claim: Claim
    then: Sequence[RunThen]
    vanished: Lost
    came: dict[str, Places] = field(default_factory=dict)
    gone: Lost = field(default_factory=dict)
    taken_fen: int = 0
    rows: str = ""
    reasons: Reasons = None

    @property
    def last_day(self) -> date:
        """The day of the last run that paid it."""
        return max(run.rows.as_of for run in self.then)

    @property
    def is_whole(self) -> bool:
        """Say whether all is taken away that was paid beyond what is determined."""
        return self.taken_fen >= int(self.claim["paid_before_fen"] - self.claim["determined_fen"])

    def note(self, taken_fen: int, came: Mapping[str, Places]) -> None:
        """Keep what rows take away, if it is more than was found before."""
        if taken_fen > self.taken_fen:
            self.taken_fen, self.rows = taken_fen, places_of(came)


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
    ) -> dict[int, Weighed]:
        """Say, of claims by place, what new rows take away, and which rows vanished beside them.

        Rows say it where tonight's, with those that vanished, give less for the day it was paid
        on; or where they give less tonight than they do without the new ones.

        Rows:    claims, then  by place
        Units:   fen
        """
        weighed = {
            place: Weighed(claim, then[place], rows_vanished(claim, tonight, then[place]))
            for place, claim in claims.items()
        }
        if not weighed:
            return {}
        asked = [*weighed.values()]
        with scratch_folder(self.home.temporary) as folder:
            vanished = _rows_lost(_all_of(one.vanished for one in asked))
            town = self._town(_parties_of(asked, vanished), folder)
            back = _with_rows(town, {}, vanished, folder)
            self._on_their_days(asked, tonight, back)
            if left := [one for one in asked if not one.is_whole]:
                self._without_new(left, tonight, town, back, folder)
        return weighed

    def _on_their_days(
        self, asked: Sequence[Weighed], tonight: SnapshotRows, tables: Tables
    ) -> None:
        """Note what is not due any more for the day on which each claim was last paid."""
        for day in sorted({one.last_day for one in asked}):
            mine = [one for one in asked if one.last_day == day]
            for one, due_fen in zip(mine, self._due(tables, day, mine), strict=True):
                came, _ = rows_changed(one.claim, tonight, one.then, one.reasons)
                one.note(one.claim["paid_before_fen"] - due_fen, came)

    def _without_new(
        self,
        left: Sequence[Weighed],
        tonight: SnapshotRows,
        town: Tables,
        back: Tables,
        folder: Path,
    ) -> None:
        """Note what is due tonight without the new rows of what claims fail by.

        Without these a row may fail by others, which are new too: then they are taken out as well.
        """
        now = {
            id(one): fen for one, fen in zip(left, self._due(back, self.as_of, left), strict=True)
        }
        while left := [one for one in left if not one.is_whole and _take_out(one, tonight)]:
            came = _all_of(one.came for one in left)
            lost = _all_of(lost for one in left for lost in (one.gone, one.vanished))
            without = _with_rows(town, came, _rows_lost(lost), folder)
            for one, due_fen in zip(left, self._due(without, self.as_of, left), strict=True):
                one.note(due_fen - now[id(one)], one.came)

    def _due(self, tables: Tables, day: date, asked: Sequence[Weighed]) -> list[int]:
        """Return what is due of each claim by tables on a day; it keeps the reasons."""
        of = [one.claim for one in asked]
        policies = set[str]().union(*map(given_by, of))
        try:
            found, _ = determined(tables, day, self.standing, self.means, policies)
        except ParameterMissingError:
            # The rules of tonight say nothing of that day: what rows do then can't be told apart.
            found = pl.DataFrame(schema=DETERMINATION_SCHEMA)
        known = found.join(groups_of(of), on=KEY[1:], how="semi").select(
            *KEY, "amount_fen", "reason_codes"
        )
        said = {tuple(key): (fen, codes) for *key, fen, codes in known.iter_rows()}
        for one in asked:
            one.reasons = said.get(key_of(one.claim), (0, None))[1]
        return [_due_of(claim, said) for claim in of]

    def _town(self, parties: pl.DataFrame, folder: Path) -> Tables:
        """Cut tonight's tables to those near the claims; by rules that can't, take them whole."""
        tables = {kind: files for kind in KINDS if (files := table_files(self.snapshot, kind))}
        if not can_weigh():
            return tables
        with connect_to(tables, self.as_of, **vars(self.means)) as con:
            return small_town(con, tables, parties, folder)[0]


def _take_out(one: Weighed, tonight: SnapshotRows) -> bool:
    """Add the new rows of what a claim fails by; say whether there are any more than before."""
    came, gone = rows_changed(one.claim, tonight, one.then, one.reasons)
    before = sum(map(len, one.came.values()))
    one.came, one.gone = _all_of([one.came, came]), _all_of([one.gone, gone])
    return sum(map(len, one.came.values())) > before


def _due_of(claim: Claim, said: Mapping[tuple[str, ...], tuple[int, Reasons]]) -> int:
    group = key_of(claim)[1:]
    return max(said.get((policy, *group), (0, None))[0] for policy in given_by(claim))


def _parties_of(weighed: Sequence[Weighed], vanished: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
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


def _all_of(many: Iterable[Mapping[Where, Places]]) -> dict[Where, Places]:
    found: dict[Where, Places] = {}
    for one in many:
        for where, places in one.items():
            found.setdefault(where, set()).update(places)
    return found


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
        there = scan_table(KINDS[kind], table_files(folder, kind))
        rows = there.join(_at(kind, places), on=AT, how="semi").collect()
        found.setdefault(kind, []).append(rows)
    content = {kind: [n for n in table_schema(KINDS[kind]) if n not in AT] for kind in found}
    return {
        kind: pl.concat(frames).unique(content[kind], keep="first", maintain_order=True)
        for kind, frames in found.items()
    }
