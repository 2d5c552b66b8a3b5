"""Write a synthetic district: a drop of extracts, and beside it the truth of its planted cases."""

import csv
import hashlib
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import xlsxwriter

from data_samples.town.background import background_tables, complete, empty
from data_samples.town.employers import Employers, employer_tables, make_employers
from data_samples.town.histories import Calendar, make_calendar
from data_samples.town.labels import file_title, text_table, typed_table
from data_samples.town.persons import make_people
from data_samples.town.planted import Planted, planted_cast
from data_samples.town.readme import cast_readme
from data_samples.town.registers import register_tables
from sql.texts import policy_cards
from transforms.amounts import yuan_text
from transforms.errors import UsageError
from transforms.extracts.kinds import KINDS

FORMATS = ("mixed", "csv", "csv-utf8", "parquet")
CHUNK_PERSONS = 40_000
MOST_XLSX_ROWS = 20_000
XLSX_KINDS = {"registrations", "designations", "accounts", "graduates", "tenancies"}
PARQUET_KINDS = {"residents", "insured_persons"}
CREATED = datetime(2020, 3, 26)


@dataclass
class SampleSummary:
    """What was written: the drop, the truth, rows by kind, planted cases."""

    drop: str
    truth: str
    persons: int
    employers: int
    planted_cases: int
    rows: dict[str, int] = field(default_factory=dict)

    def as_content(self) -> dict[str, object]:
        """Return the summary as plain content."""
        return asdict(self)


@dataclass
class Drop:
    """A drop being written: its format, the files so far, and what the delivery note will say."""

    folder: Path
    formats: str
    note: list[tuple[str, int, str, str]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)

    def write(self, kind: str, table: pl.DataFrame, numbered: bool = False) -> None:
        """Write one file of a kind and note what is in it."""
        part = self.parts[kind] = self.parts.get(kind, 0) + 1
        stem = file_title(kind) + (f"_{part:03d}" if numbered else "")
        path = self.folder / f"{stem}.{self._ending(kind, table.height, part)}"
        writers: dict[str, Callable[[Path, str, pl.DataFrame], None]] = {
            ".csv": self._write_csv,
            ".xlsx": _write_xlsx,
            ".parquet": _write_parquet,
        }
        writers[path.suffix](path, kind, table)
        sums = KINDS[kind].note_sums
        total = sum(int(table[name].sum()) for name in sums)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self.note.append((path.name, table.height, yuan_text(total) if sums else "", digest))
        self.rows[kind] = self.rows.get(kind, 0) + table.height

    def _ending(self, kind: str, rows: int, part: int) -> str:
        if self.formats == "parquet":
            return "parquet"
        if self.formats != "mixed":
            return "csv"
        if kind in XLSX_KINDS and rows <= MOST_XLSX_ROWS:
            return "xlsx"
        return "parquet" if kind in PARQUET_KINDS or part % 2 == 0 else "csv"

    def _write_csv(self, path: Path, kind: str, table: pl.DataFrame) -> None:
        content = text_table(kind, table).write_csv(line_terminator="\r\n").encode()
        encoded = content if self.formats == "csv-utf8" else content.decode().encode("gb18030")
        path.write_bytes(encoded)

    def write_note(self) -> None:
        """Write the delivery note: what the supplier says it sent."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(("文件名", "行数", "金额合计", "SHA256"))
        writer.writerows(self.note)
        (self.folder / "交接单.csv").write_bytes(text.getvalue().encode("utf-8-sig"))


def _write_xlsx(path: Path, kind: str, table: pl.DataFrame) -> None:
    texts = text_table(kind, table)
    with xlsxwriter.Workbook(
        str(path), {"in_memory": True, "strings_to_formulas": False}
    ) as workbook:
        workbook.set_properties({"created": CREATED})
        as_text = workbook.add_format({"num_format": "@"})
        sheet = workbook.add_worksheet(file_title(kind))
        sheet.write_row(0, 0, [f"{file_title(kind)}（淄川区）"])
        sheet.write_row(1, 0, texts.columns)
        for number, row in enumerate(texts.iter_rows(), start=2):
            for place, cell in enumerate(row):
                if cell:
                    sheet.write_string(number, place, cell, as_text)


def _write_parquet(path: Path, kind: str, table: pl.DataFrame) -> None:
    pq.write_table(typed_table(kind, table), path, compression="zstd", compression_level=1)


def write_sample(
    folder: Path,
    persons: int,
    seed: int,
    as_of: date,
    dirty: bool = False,
    formats: str = "mixed",
    employers: int | None = None,
    months: int | None = None,
) -> SampleSummary:
    """Write a district of so many persons into an empty folder, and `truth` beside it.

    Holds:   the same words give the same bytes; never more than a chunk of persons in memory
             for contributions, payroll and attendance
    Raises:  UsageError if the folder, or the truth beside it, is not empty
    Source:  `months`: histories of exactly so many months, everybody insured all along (for bench)
    """
    if formats not in FORMATS:
        raise UsageError(f"--format takes {', '.join(FORMATS)}; found {formats!r}")
    truth = folder.parent / "truth"
    for place in (folder, truth):
        if place.exists() and any(place.iterdir()):
            raise UsageError(
                f"{place} is not empty, nothing is overwritten: name an empty folder, in one of "
                "its own, since truth is written beside it"
            )
    for place in (folder, truth):
        place.mkdir(parents=True, exist_ok=True)
    try:
        return _write_into(folder, truth, persons, seed, as_of, dirty, formats, employers, months)
    except BaseException:
        # The folder was empty: what is half made would only be in the way of the next attempt.
        for place in (folder, truth):
            shutil.rmtree(place, ignore_errors=True)
        raise


def _write_into(
    folder: Path,
    truth: Path,
    persons: int,
    seed: int,
    as_of: date,
    dirty: bool,
    formats: str,
    employers: int | None,
    months: int | None,
) -> SampleSummary:
    planted = planted_cast(as_of)
    count = employers or max(5, persons // 15)
    town = make_employers(np.random.default_rng([seed, 0]), count, persons)
    drop = Drop(folder, formats)
    _write_tables(drop, planted, town, persons, seed, as_of, months)
    if dirty:
        from data_samples.town.spoil import spoil_drop

        # A spoilt drop comes without a note: no supplier vouches for it.
        spoil_drop(drop.folder, truth, seed)
    else:
        drop.write_note()
    _write_truth(truth, planted)
    return SampleSummary(
        str(folder),
        str(truth),
        persons,
        count,
        planted.expected.height,
        dict(sorted(drop.rows.items())),
    )


def _write_tables(
    drop: Drop,
    planted: Planted,
    town: Employers,
    persons: int,
    seed: int,
    as_of: date,
    months: int | None,
) -> None:
    chance = np.random.default_rng([seed, 1])
    small: dict[str, list[pl.DataFrame]] = {kind: [] for kind in KINDS}
    first_tables = employer_tables(town, chance, as_of)
    calendar = _calendar(as_of, months)
    # Drawn by themselves: what the other kinds hold does not hang on them.
    registers = register_tables(np.random.default_rng([seed, 4]), town, calendar, as_of)
    for given in (planted.tables, first_tables, registers):
        for kind, table in given.items():
            if not KINDS[kind].bucketed:
                small[kind].append(complete(kind, table))
    lists = first_tables["designations"]
    for tables in _chunks(town, lists, persons, seed, as_of, calendar, months is not None):
        for kind, table in tables.items():
            if KINDS[kind].bucketed:
                drop.write(kind, table, numbered=True)
            else:
                small[kind].append(table)
    if not any(part.height for part in small["custody"]):
        small["custody"].append(_once_in_custody(small["residents"][-1]))
    _write_gathered(drop, planted, small)


def _once_in_custody(residents: pl.DataFrame) -> pl.DataFrame:
    """Return one row, of long ago: a register in which nobody stands has to be vouched for."""
    days = {"from_date": date(2000, 1, 1), "to_date": date(2000, 12, 31)}
    rows = (
        residents.tail(1)
        .select("person_id", "name")
        .with_columns(pl.lit(day).alias(name) for name, day in days.items())
    )
    return complete("custody", rows)


def _write_gathered(drop: Drop, planted: Planted, small: dict[str, list[pl.DataFrame]]) -> None:
    # A kind that a policy reads is delivered, empty or not: else the policy would not run.
    read = {kind for card in policy_cards().values() for kind in card.reads}
    for kind, parts in small.items():
        if KINDS[kind].bucketed:
            if kind in planted.tables:
                drop.write(kind, complete(kind, planted.tables[kind]), numbered=True)
        elif parts or kind in read:
            drop.write(kind, pl.concat([empty(kind), *parts]))


def _calendar(as_of: date, months: int | None) -> Calendar:
    if months is None:
        return make_calendar(as_of)
    place = as_of.year * 12 + as_of.month - months
    return make_calendar(as_of, place // 12 * 100 + place % 12 + 1)


def _chunks(
    town: Employers,
    lists: pl.DataFrame,
    persons: int,
    seed: int,
    as_of: date,
    calendar: Calendar,
    dense: bool,
) -> Iterator[dict[str, pl.DataFrame]]:
    for first in range(0, persons, CHUNK_PERSONS):
        chance = np.random.default_rng([seed, 2, first])
        count = min(CHUNK_PERSONS, persons - first)
        people = make_people(chance, first, count, calendar.count, as_of, town, dense)
        yield background_tables(chance, people, town, lists, calendar, first)


def _write_truth(truth: Path, planted: Planted) -> None:
    for name in ("expected", "entitlements", "not_reachable"):
        frame: pl.DataFrame = getattr(planted, name)
        frame.write_csv(truth / f"{name}.csv", include_bom=True)
    titles = {name: card.title for name, card in policy_cards().items()}
    page = cast_readme(planted.expected, titles)
    (truth / "README.md").write_text(page, encoding="utf-8")
