"""Reads from a snapshot's tables only the rows that a question is about."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.tables import buckets_of
from flows.money.evidence import Recorded
from transforms.answers.explanation import row_list
from transforms.answers.source_rows import (
    PLACE,
    Parties,
    Register,
    about,
    key_columns,
    months_asked_for,
    parties_of,
    persons_asked_for,
    persons_of,
    rows_asked_for,
    shown_columns,
    visible_rows,
    without_own,
)
from transforms.extracts.kinds import KINDS, table_schema
from transforms.masking import masked_account

BUCKET_NAME = "bucket-{:02d}"
KEYS_OF_DECISION = ("period", "subject_id", "beneficiary_id")


@dataclass
class SnapshotRows:
    """The visible source rows about the rows to be explained; each kind is read once per question.

    `own_rows`: places of our own payments come back, which no rule looked at; `recorded`: of a run
    that is told of, so that each file is held against its digest before it is read.
    """

    folder: Path
    as_of: date
    own_rows: Sequence[Mapping[str, Any]] = ()
    recorded: Recorded | None = None
    register: Register = field(default_factory=Register)
    subjects: Parties = field(default_factory=Parties)
    beneficiaries: Parties = field(default_factory=Parties)
    read: dict[str, pl.DataFrame] = field(default_factory=dict)

    def files(self, kind: str) -> list[Path]:
        """List the files of a kind; none if it was not delivered."""
        return self.recorded.tables(kind) if self.recorded else table_files(self.folder, kind)

    def lists(self, name: str) -> list[Path]:
        """Return a list that lies beside the tables, opened; none if there is no such list.

        Raises:  DigestDiffersError if it was changed
        """
        return self._opened(
            path for path in [self.folder / name] if self.recorded or path.is_file()
        )

    def _opened(self, paths: Iterable[Path]) -> list[Path]:
        return self.recorded.opened(paths) if self.recorded else [*paths]

    def expect(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take note of all rows to be explained, so that each extract is read once for all."""
        listed = list(rows)
        self.subjects = parties_of((row["subject_kind"], row["subject_id"]) for row in listed)
        self.beneficiaries = parties_of(
            (row["beneficiary_kind"], row["beneficiary_id"]) for row in listed
        )
        self.register = self._register(self.subjects | self.beneficiaries)
        self.read = {}

    def rows_of(self, spec: Mapping[str, Any], row: Mapping[str, Any]) -> pl.DataFrame:
        """Return the source rows that one `rows` entry of a card means for one policy row."""
        kind = spec["kind"]
        subject = parties_of([(row["subject_kind"], row["subject_id"])])
        beneficiary = parties_of([(row["beneficiary_kind"], row["beneficiary_id"])])
        meant = rows_asked_for(spec, subject, beneficiary, self.register)
        if meant is None or not self.files(kind):
            types = table_schema(KINDS[kind])
            return pl.DataFrame(schema={name: types[name] for name in shown_columns(kind)})
        persons = persons_asked_for(spec, subject, beneficiary, self.register)
        found = self._rows_once(kind, persons is not None).filter(meant)
        months = months_asked_for(spec, row["period"], self.as_of)
        if months is not None:
            found = found.filter(months)
        # A column that a kind got later is not in the snapshots of before.
        return found.select(name for name in shown_columns(kind) if name in found.columns)

    def rows_about(
        self, kind: str, parties: Parties, also: Sequence[str]
    ) -> Callable[[Parties], pl.DataFrame]:
        """Read the visible rows about some parties once, and give those about some of them.

        Rows:    also  columns shown of them that are shown of no other; an account by its end
        """
        meant, shown = about(kind, parties, self.register), [*also, *shown_columns(kind)]
        if meant is None or not self.files(kind):
            nothing = pl.DataFrame(schema=dict.fromkeys(shown, pl.String()))
            return lambda some: nothing
        persons = None if parties.employers else persons_of(parties, self.register)
        read = self._visible_rows(kind, meant, persons, also)
        if "account_no" in also:
            read = read.with_columns(masked_account("account_no").alias("account_no"))
        read = read.sort(PLACE)

        def of(some: Parties) -> pl.DataFrame:
            theirs = about(kind, some, self.register)
            found = read.clear() if theirs is None else read.filter(theirs)
            return found.select(name for name in shown if name in found.columns)

        return of

    def rows_of_person(self, kind: str, person: str) -> pl.DataFrame:
        """Return the visible rows of one of the persons to be explained, of a kind delivered."""
        is_theirs = about(kind, parties_of([("person", person)]), self.register)
        assert is_theirs is not None, kind
        return self._rows_once(kind, by_person=True).filter(is_theirs)

    def decisions_about(self, policy: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """List a clerk's decisions on one determination, with their place."""
        kind = "clerical_decisions"
        if not self.files(kind):
            return []
        same = [pl.col(name) == row[name] for name in KEYS_OF_DECISION]
        found = self._visible_rows(kind, pl.all_horizontal(pl.col("policy_id") == policy, *same))
        return list(row_list(found.select(shown_columns(kind)), row)["rows"])

    def counts_about(
        self, kinds: Sequence[str], party_kind: str, identifier: str
    ) -> dict[str, int]:
        """Count the visible rows of some extracts about one party."""
        parties = parties_of([(party_kind, identifier)])
        register = self._register(parties)
        counts = {}
        for kind in kinds:
            meant = about(kind, parties, register)
            read = self.read.get(f"{kind} by {party_kind}")
            if meant is not None and read is not None:
                counts[kind] = read.filter(meant).height
            elif meant is not None and self.files(kind):
                persons = [identifier] if party_kind == "person" else None
                counts[kind] = self._visible_rows(kind, meant, persons).height
        return counts

    def households_of(self, person: str) -> list[str]:
        """Return the numbers of the households that the snapshot has a person in."""
        if not self.files("residents"):
            return []
        rows = pl.scan_parquet(self._opened(self.files("residents")))
        mine = rows.filter(pl.col("person_key") == int(person[:17]))
        numbers = mine.select("household_no").unique().drop_nulls().collect()
        return numbers["household_no"].sort().to_list()

    def _rows_once(self, kind: str, by_person: bool) -> pl.DataFrame:
        """Read a kind once for all that is to be explained: about its persons, or its employers."""
        name = f"{kind} by {'person' if by_person else 'employer'}"
        if name not in self.read:
            both = self.subjects | self.beneficiaries
            employers = Parties(employers=both.employers)
            parties = replace(both, employers=frozenset()) if by_person else employers
            meant = about(kind, parties, self.register)
            assert meant is not None, "only rows that can be about them are asked for"
            persons = persons_of(parties, self.register)
            self.read[name] = self._visible_rows(kind, meant, persons)
        return self.read[name]

    def _visible_rows(
        self,
        kind: str,
        meant: pl.Expr,
        persons: Sequence[str] | None = None,
        also: Sequence[str] = (),
    ) -> pl.DataFrame:
        columns = [*also, *shown_columns(kind), *key_columns(kind)]
        scanned = pl.scan_parquet(self._opened(_files_of(self.files(kind), persons)))
        there = scanned.collect_schema()
        later = {name: of for name, of in table_schema(KINDS[kind]).items() if name not in there}
        known = scanned.filter(meant).with_columns(
            pl.lit(None, later[name]).alias(name) for name in later
        )
        rows = visible_rows(known, kind, self.as_of).select(n for n in columns if n in there)
        return without_own(rows.collect(), kind, self.own_rows)

    def _register(self, parties: Parties) -> Register:
        units = ("insured_units", "employer_code", sorted(parties.employers))
        keys = self._beside(*units, "employer_key")
        return Register(
            unit_nos=self._beside(*units, "unit_no"),
            employer_keys={code: key for code, (key, *_) in keys.items()},
            members=self._beside(
                "residents", "household_no", sorted(parties.households), "person_id"
            ),
        )

    def _beside(
        self, kind: str, column: str, wanted: Sequence[str], other: str
    ) -> dict[str, tuple[Any, ...]]:
        """Give what stands in another column beside each of the values wanted."""
        if not wanted or not self.files(kind):
            return {}
        rows = pl.scan_parquet(self._opened(self.files(kind))).filter(pl.col(column).is_in(wanted))
        found = rows.group_by(column).agg(pl.col(other).unique().sort()).collect()
        return {value: tuple(others) for value, others in found.iter_rows()}


def table_files(folder: Path, kind: str) -> list[Path]:
    """Return the Parquet files of one kind in a snapshot; none if it was not delivered."""
    single = folder / "tables" / f"{kind}.parquet"
    return [single] if single.is_file() else sorted((folder / "tables" / kind).glob("*.parquet"))


def _files_of(files: list[Path], persons: Sequence[str] | None) -> list[Path]:
    """Leave out the buckets that hold none of the persons; at least one file stays."""
    if not persons or len(files) < 2:
        return files
    keys = pl.Series([int(person[:17]) for person in persons], dtype=pl.Int64)
    wanted = {BUCKET_NAME.format(number) for number in buckets_of(keys).tolist()}
    return [path for path in files if path.name.partition(".")[0] in wanted] or files[:1]
