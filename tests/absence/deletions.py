"""Random deletions: who is paid more after one must be paid by an absence that a card declares.

A town falls into worlds that share no row, so that one run of the engine judges as many deletions
as there are worlds. Towns are the random ones of tests/reading, and the golden cases of every
policy, which stand one row away from being paid. `python -m tests.absence.deletions 10000`.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from data_samples.town.scene_rows import paid_lines_of, tables_of, typed_tables
from flows.night.determine import determine
from sql.texts import policy_cards
from tests.reading.towns import random_town
from tests.rules.golden_run import background, cases_of, write_tables
from transforms.extracts.kinds import KINDS, table_schema
from transforms.policies.cards import ABSENCE

HOUSEHOLDS = 60
DAYS = (date(2020, 6, 15), date(2020, 12, 31), date(2021, 3, 10), date(2020, 3, 31))
SORTS = ("row", "row", "person", "employer", "month", "file")
PARTIES = ("person_id", "employer_code", "subject_id", "unit_no", "last_unit_no", "legal_rep_id")
PAYING = tuple(name for name, card in policy_cards().items() if card.kind == "payment")
Row = dict[str, Any]
Rows = dict[str, list[Row]]
Key = tuple[str, str, str, str]
Found = dict[Key, tuple[int, tuple[str, ...]]]
# What was deleted in a world: the sort of deletion, and the kinds that lost rows.
Told = dict[int, tuple[str, frozenset[str]]]
# Where one row stands before another, that one comes forward when it goes: the earliest contract,
# the latest spell or degree, one of two employers, a refund or a reversal in a sum (rulebook §2).
RANKS: Mapping[str, frozenset[str]] = {
    "new_hire_subsidy": frozenset({"employment", "contributions"}),
    "graduate_hire_insurance": frozenset({"employment", "graduates", "contributions"}),
    "graduate_flexible_insurance": frozenset({"graduates", "contributions"}),
    "internship_subsidy": frozenset({"employment", "payroll"}),
    "public_post_extension": frozenset({"support", "employment", "contributions"}),
    "flexible_insurance_extension": frozenset({"support", "contributions"}),
    "benefit_to_retirement": frozenset({"unemployment_benefits"}),
    "holiday_production_subsidy": frozenset({"attendance", "payroll"}),
    "stability_refund": frozenset({"contributions"}),
}

# Two decisions of clerks that differ settle nothing: one of them alone does.
OPPOSED = frozenset({"clerical_decisions"})


@dataclass(frozen=True)
class Place:
    """A town to delete from: its day, its rows, what we paid before, the policies that are run."""

    as_of: date
    rows: Rows
    paid: pl.DataFrame
    policies: Sequence[str]


@cache
def places() -> tuple[Place, ...]:
    """Return the golden cases of every paying policy, day by day, as towns."""
    found = []
    for policy in PAYING:
        plain = [c for c in cases_of(policy) if not (c.missing or c.parameters or c.alone)]
        for as_of in sorted({case.as_of for case in plain}):
            cases = [*(case for case in plain if case.as_of == as_of), background(as_of)]
            rows = {kind: frame.to_dicts() for kind, frame in tables_of(cases, ()).items()}
            found.append(Place(as_of, rows, paid_lines_of(cases), [policy]))
    return tuple(found)


def random_place(seed: int) -> Place:
    """Make a random town."""
    as_of = DAYS[seed % len(DAYS)]
    rows = random_town(seed, as_of, HOUSEHOLDS).tables
    frames = typed_tables({kind: [dict(row) for row in table] for kind, table in rows.items()})
    whole = {kind: frame.to_dicts() for kind, frame in frames.items()}
    return Place(as_of, whole, paid_lines_of([]), PAYING)


def parties_in(row: Row) -> list[str]:
    """Name the persons, employers and units that a row is about."""
    return [str(row[name]) for name in PARTIES if row.get(name)]


def worlds_of(rows: Rows) -> dict[str, str]:
    """Name the world of each party: parties that share a row are in one."""
    leads: dict[str, str] = {}

    def lead(party: str) -> str:
        while leads.setdefault(party, party) != party:
            party = leads[party]
        return party

    for table in rows.values():
        for row in table:
            parties = parties_in(row)
            for party in parties[1:]:
                leads[lead(party)] = lead(parties[0])
    return {party: lead(party) for party in [*leads]}


def delete(rows: Rows, world: Mapping[str, str], random: Random) -> tuple[Rows, Told]:
    """Delete something in every world, but not in that which keeps every month filled."""
    own: dict[str, list[tuple[str, int]]] = {}
    for kind, table in sorted(rows.items()):
        for place, row in enumerate(table):
            named = next((world[party] for party in parties_in(row) if party in world), "")
            own.setdefault(named, []).append((kind, place))
    gone: set[tuple[str, int]] = set()
    told: Told = {}
    filling = max(own, key=lambda name: _months_filled(rows, own[name]))
    for name, found in sorted(own.items()):
        if name not in (filling, ""):
            sort = random.choice(SORTS)
            kind = random.choice(sorted({kind for kind, _ in found}))
            one = random.choice([place for place in found if place[0] == kind])
            hit = [place for place in found if _is_meant(sort, one, place, rows)]
            gone.update(hit)
            told[name] = (sort, frozenset(kind for kind, _ in hit))
    left = {
        kind: [row for place, row in enumerate(table) if (kind, place) not in gone]
        for kind, table in rows.items()
    }
    # Contributions to a unit that is not delivered are quarantined.
    units = {None, *(row["unit_no"] for row in left["insured_units"])}
    left["contributions"] = [row for row in left["contributions"] if row["unit_no"] in units]
    return left, {
        name: (sort, kinds | {"contributions"} if "insured_units" in kinds else kinds)
        for name, (sort, kinds) in told.items()
    }


def _months_filled(rows: Rows, own: Sequence[tuple[str, int]]) -> int:
    months = {rows[kind][place]["month"] for kind, place in own if kind == "contributions"}
    return len(months) * 1000 - len(own)


def _is_meant(sort: str, one: tuple[str, int], place: tuple[str, int], rows: Rows) -> bool:
    picked, row = rows[one[0]][one[1]], rows[place[0]][place[1]]
    if sort == "file":
        return one[0] == place[0]
    name = {"person": "person_id", "employer": "employer_code", "month": "month"}.get(sort, "")
    if not picked.get(name):
        return one == place
    if sort == "month":
        return one[0] == place[0] and row[name] == picked[name]
    return picked[name] in (row.get(name), row.get("subject_id"))


def determined_of(place: Place, rows: Rows) -> Found:
    """Run the policies; return amount and reasons by key."""
    frames = {
        kind: pl.DataFrame(table, schema=table_schema(KINDS[kind]), orient="row")
        for kind, table in rows.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        # A kind whose rows are all gone is still delivered: a file with a header only.
        paths = write_tables(frames, Path(folder))
        done = determine(paths, place.as_of, place.paid, threads=2, only=list(place.policies))
        names = ("policy_id", "period", "subject_id", "beneficiary_id", "amount_fen")
        found = done.determinations.select(*names, "reason_codes").iter_rows()
        return {(a, b, c, d): (amount, tuple(reasons)) for a, b, c, d, amount, reasons in found}


def widened(before: Found, after: Found, told: Told, world: Mapping[str, str]) -> Iterator[str]:
    """Tell each row that is paid more, and neither by a declared absence nor by a rank."""
    for key, (amount, _reasons) in sorted(after.items()):
        old, reasons = before.get(key, (0, ()))
        if amount <= old:
            continue
        name = next((world[party] for party in key[2:] if party in world), "")
        sort, kinds = told.get(name, ("nothing", frozenset[str]()))
        absences = {
            provision.name
            for provision in policy_cards()[key[0]].provisions
            if provision.holds == ABSENCE
            and (provision.limit or kinds & {spec["kind"] for spec in provision.rows})
        }
        is_declared = bool(reasons) and set(reasons) <= absences
        if not is_declared and not kinds & (RANKS.get(key[0], frozenset()) | OPPOSED):
            yield f"{sort} {sorted(kinds)}: {key} {old} → {amount}, before {reasons}"


def try_deletions(place: Place, seed: int) -> tuple[Counter[str], int, list[str]]:
    """Try one deletion in each world; return the sorts tried, the rows paid more, and faults."""
    world = worlds_of(place.rows)
    left, told = delete(place.rows, world, Random(seed))
    before, after = determined_of(place, place.rows), determined_of(place, left)
    more = sum(amount > before.get(key, (0, ()))[0] for key, (amount, _) in after.items())
    return Counter(sort for sort, _ in told.values()), more, [*widened(before, after, told, world)]


def try_many(wanted: int, seed: int = 0) -> tuple[Counter[str], int, list[str]]:
    """Try so many deletions, in random towns and golden cases by turns."""
    tried: Counter[str] = Counter()
    more, faults = 0, list[str]()
    while tried.total() < wanted:
        golden = places()[seed // 3 % len(places())]
        place = random_place(seed) if seed % 3 == 0 else golden
        sorts, paid_more, found = try_deletions(place, seed)
        faults += [f"seed {seed}: {fault}" for fault in found]
        tried, more, seed = tried + sorts, more + paid_more, seed + 1
    return tried, more, faults


def main(wanted: int) -> int:
    """Try so many deletions; print counts and every fault."""
    tried, more, faults = try_many(wanted)
    print(f"{tried.total():,} deletions {dict(sorted(tried.items()))}: {more:,} rows paid more,")
    print(f"{len(faults)} of them neither by a declared absence nor by a rank")
    print("\n".join(faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
