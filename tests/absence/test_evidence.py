"""Excluding evidence is whole: tonight's extracts against those of the last finished night."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from data_samples.town.scene_rows import typed_tables
from data_samples.town.scenes import person_id
from expectations.suites import load_suite
from flows.audit.carry import carried, export_night
from flows.audit.replay import replay
from flows.ingest.drop import SnapshotRef
from flows.night import gates
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.night.run_name import held_against, last_finished
from flows.store import Home, read_manifest, write_manifest
from sql.compared import COMPARED_SCHEMA, EMPTIED_SCHEMA
from sql.texts import policy_cards
from tests.conftest import AS_OF, make_home
from tests.ingest.ingest_drops import csv_text, ingest, row
from tests.reading.towns import random_town
from tests.rules.golden_run import write_tables
from transforms.errors import GateStoppedError
from transforms.extracts.kinds import KINDS
from transforms.gates import GateOutcome
from transforms.policies.evidence import excluding_rows

DAY = date(2020, 6, 30)
EXCLUDING = excluding_rows(policy_cards().values())


def outcome_of(now: Any, before: Any = None) -> GateOutcome:
    with gates.connected(now, DAY, [before] if before else ()) as connection:
        return gates.judge_boundary(connection, "extracts", DAY)


def found(outcome: GateOutcome) -> dict[str, list[str]]:
    """Return what the checks of this matter found: their places, by name."""
    names = {"evidence_kept", "evidence_delivered", "evidence_removed", "rows_kept", "rows_grown"}
    if not outcome.stops_run:
        names.add("evidence_lessened")
    return {
        check.check: [str(place) for place in check.places]
        for check in outcome.checks
        if check.check in names and check.status != "passed"
    }


def somebody(number: int) -> str:
    return person_id(302 + number // 400, "1950-01-01", number % 400 + 1, "男")


def dead(count: int, first: int = 1, header: str = "姓名,身份证号,死亡日期\n") -> str:
    lines = (f"逝者,{somebody(number)},2020-03-01\n" for number in range(first, first + count))
    return header + "".join(lines)


def note(*lines: str) -> str:
    return "文件名,行数,金额合计,SHA256,核减行数,说明\n" + "".join(f"{line}\n" for line in lines)


def night(folder: Path, **files: str) -> SnapshotRef:
    given = {f"{name}.csv": text for name, text in files.items()}
    return ingest(folder, {name.replace("note.csv", "交接单.csv"): t for name, t in given.items()})


def test_a_hundredth_of_the_dead_may_go_and_not_one_more(tmp_path: Path) -> None:
    before = night(tmp_path / "1", deaths=dead(600))
    fewer = outcome_of(night(tmp_path / "2", deaths=dead(594)), before)
    assert found(fewer) == {"evidence_lessened": ["deaths: 6 / 600"]} and not fewer.stops_run
    assert found(outcome_of(night(tmp_path / "3", deaths=dead(593)), before)) == {
        "evidence_kept": ["deaths: 7 / 600"]
    }
    # As many as before, but others.
    others = night(tmp_path / "4", deaths=dead(600, first=8))
    assert found(outcome_of(others, before)) == {"evidence_kept": ["deaths: 7 / 600"]}


def test_of_few_rows_five_may_go_but_never_all(tmp_path: Path) -> None:
    before = night(tmp_path / "1", deaths=dead(20))
    one = outcome_of(night(tmp_path / "5", deaths=dead(19)), before)
    assert found(one) == {"evidence_lessened": ["deaths: 1 / 20"]} and not one.stops_run
    five = found(outcome_of(night(tmp_path / "2", deaths=dead(15)), before))
    assert five == {"evidence_lessened": ["deaths: 5 / 20"]}
    six = found(outcome_of(night(tmp_path / "3", deaths=dead(14)), before))
    assert six == {"evidence_kept": ["deaths: 6 / 20"]}
    few = night(tmp_path / "4", deaths=dead(2))
    moved = night(tmp_path / "6", deaths=dead(2, first=3))
    assert found(outcome_of(moved, few)) == {"evidence_kept": ["deaths: 2 / 2"]}


def test_a_row_in_quarantine_does_not_stand(tmp_path: Path) -> None:
    before = night(tmp_path / "1", deaths=dead(100))
    damaged = dead(100).replace(",2020-03-01\n", ",2020-13-01\n", 6)
    outcome = outcome_of(night(tmp_path / "2", deaths=damaged), before)
    assert found(outcome) == {"evidence_kept": ["deaths: 6 / 100"]}


def paid(months: Sequence[int], left_out: Mapping[int, int] | None = None) -> str:
    persons = [somebody(number) for number in range(200)]
    rows = [
        row("contributions", 姓名="某", 身份证号=person, 费款所属期=str(month))
        | {"缴费明细流水号": f"{person}{month}", "到账日期": "2020-06-15"}
        for month in months
        for person in persons[(left_out or {}).get(month, 0) :]
    ]
    return csv_text(rows)


def test_contributions_are_compared_month_by_month(tmp_path: Path) -> None:
    units = csv_text([row("insured_units")])
    before = night(tmp_path / "1", insured_units=units, contributions=paid([202001, 202002]))
    # 6 of 400 rows are 1.5 %, but of the month they are 3 %; 5 of a month are let pass.
    cut = paid([202001, 202002], {202002: 6, 202001: 5})
    outcome = outcome_of(night(tmp_path / "2", insured_units=units, contributions=cut), before)
    assert found(outcome) == {"evidence_kept": ["contributions 养老 202002: 6 / 200"]}
    # Corrections are daily: up to a hundredth of a month nothing is said.
    for lost, told in ((2, {}), (3, {"evidence_lessened": ["contributions 养老 202002: 3 / 200"]})):
        cut = paid([202001, 202002], {202002: lost})
        now = night(tmp_path / f"lost {lost}", insured_units=units, contributions=cut)
        assert found(outcome_of(now, before)) == told
    gone = night(tmp_path / "3", insured_units=units, contributions=paid([202002]))
    assert found(outcome_of(gone, before)) == {
        "evidence_kept": ["contributions 养老 202001: 200 / 200"]
    }


def held(count: int, heading: str = "释放日期") -> str:
    """Say of twenty that they are in custody, of the first few until when."""
    ends = (("2020-03-01" if number <= count else "") for number in range(1, 21))
    lines = [f"某,{somebody(n)},2020-01-05,{end}" for n, end in enumerate(ends, 1)]
    return "\n".join([f"姓名,身份证号,收监日期,{heading}", *lines, ""])


def test_a_column_in_which_empty_says_something_is_not_gone_in_silence(tmp_path: Path) -> None:
    """Without the end of a listing every one stands; who draws a pension no longer seems to."""

    def told(now: SnapshotRef) -> tuple[list[str], bool]:
        outcome = outcome_of(now, before)
        names = ("columns_kept", "columns_emptied", "columns_there")
        failed = [one for one in outcome.checks if one.check in names and one.status != "passed"]
        said = [f"{one.check} {place}" for one in failed for place in one.places]
        return said, outcome.stops_run

    before = night(tmp_path / "1", custody=held(6))
    assert told(before) == ([], False)
    assert told(night(tmp_path / "2", custody=held(1))) == ([], False)
    stopped = "columns_kept custody 释放日期: 6 / 6"
    assert told(night(tmp_path / "3", custody=held(0))) == ([stopped], True)
    named = (
        "columns_there custody.csv: the column 释放日期 is not there, so all rows count as: open"
    )
    said, stops = told(night(tmp_path / "4", custody=held(6, "释放日")))
    assert (said[0], stops) == (stopped, True) and said[1].startswith(named)
    # What the supplier confirms passes, and is told; so do five rows, and not one more.
    said = told(night(tmp_path / "5", custody=held(0), note=note("custody.csv,20,,,6,都未释放")))
    assert said == (["columns_emptied custody 释放日期: 6 / 6"], False)
    said = told(night(tmp_path / "6", custody=held(0), note=note("custody.csv,20,,,5,都未释放")))
    assert said == ([stopped], True)
    before = night(tmp_path / "7", custody=held(5))
    assert told(night(tmp_path / "3", custody=held(0))) == (
        ["columns_emptied custody 释放日期: 5 / 5"],
        False,
    )


@pytest.mark.parametrize(("stated", "told"), [(1, 1), (3, 3), (4, 4), (9, 4)])
def test_a_note_answers_for_as_many_rows_as_it_says(stated: int, told: int, tmp_path: Path) -> None:
    """One that confirmed a single row told the signers that the supplier answers for all."""
    before = night(tmp_path / "1", deaths=dead(20))
    said = note(f"deaths.csv,16,,,{stated},重复")
    outcome = found(outcome_of(night(tmp_path / "2", deaths=dead(16), note=said), before))
    assert outcome.pop("evidence_removed") == [f"deaths: {told} / 20"]
    assert outcome == ({} if stated >= 4 else {"evidence_lessened": ["deaths: 4 / 20"]})


def test_what_a_note_took_out_once_excuses_no_later_loss(tmp_path: Path) -> None:
    units, parts = csv_text([row("insured_units")]), ("a_contributions", "b_contributions")
    whole, cut = ({m: paid([m], {m: gone}) for m in (202001, 202002)} for gone in (0, 10))

    def delivered(folder: str, first: str, second: str, **more: str) -> SnapshotRef:
        months = dict(zip(parts, (first, second), strict=True))
        return night(tmp_path / folder, insured_units=units, **months, **more)

    said = {"note": note(f"{parts[0]}.csv,190,,,10,重复")}
    before = delivered("1", whole[202001], whole[202002])
    told = delivered("2", cut[202001], whole[202002], **said)
    assert [*found(outcome_of(told, before))] == ["evidence_removed"]
    later = delivered("3", cut[202001], cut[202002], **said)
    assert found(outcome_of(later, told)) == {
        "evidence_kept": ["contributions 养老 202002: 10 / 200"]
    }


def again(text: str, count: int) -> str:
    """Deliver the last rows once more, under serial numbers of their own."""
    head, *rows = text.splitlines()
    place = head.split(",").index("缴费明细流水号")
    cells = [one.split(",") for one in rows[len(rows) - count :]]
    more = [",".join([*one[:place], f"Z{one[place]}", *one[place + 1 :]]) for one in cells]
    return "\n".join([head, *rows, *more, ""])


@pytest.mark.parametrize(
    ("before", "count", "told"),
    [
        ({}, 101, ["contributions 养老 202003: 200 → 301"]),
        ({}, 100, []),
        # One that came short before and whole now looks the same, and stops nothing either.
        ({202003: 120}, 0, ["contributions 养老 202003: 80 → 200"]),
        ({202003: 195}, 0, ["contributions 养老 202003: 5 → 200"]),
        ({202003: 197}, -195, []),
        ({202003: 200}, 0, []),
    ],
)
def test_a_month_that_comes_twice_is_told_where_the_kind_hardly_grew(
    before: Mapping[int, int], count: int, told: Sequence[str], tmp_path: Path
) -> None:
    """Each row once more with a serial number of its own repeats none: amounts add it up."""
    units, months = csv_text([row("insured_units")]), [202001, 202002, 202003]
    then = night(tmp_path / "1", insured_units=units, contributions=paid(months, before))
    whole = paid(months, {202003: -count} if count < 0 else {})
    now = again(whole, max(count, 0))
    outcome = outcome_of(night(tmp_path / "2", insured_units=units, contributions=now), then)
    assert found(outcome) == ({"rows_grown": told} if told else {}) and not outcome.stops_run


def test_a_kind_that_grew_is_told_as_a_whole_too(tmp_path: Path) -> None:
    units, text = csv_text([row("insured_units")]), paid([202001])
    before = night(tmp_path / "1", insured_units=units, contributions=text)
    twice = night(tmp_path / "2", insured_units=units, contributions=again(text, 200))
    assert found(outcome_of(twice, before)) == {
        "rows_grown": ["contributions: 200 → 400", "contributions 养老 202001: 200 → 400"]
    }


def test_only_lists_that_exclude_stop_the_night(tmp_path: Path) -> None:
    def lists(bad: int, other: int) -> str:
        rows = [row("designations", 生效日期=f"20{day:02}-01-01") for day in range(1, bad + 1)]
        good = row("designations", 名单类别="就业见习单位")
        rows += [good | {"生效日期": f"20{day:02}-01-01"} for day in range(1, other + 1)]
        return csv_text(rows)

    before = night(tmp_path / "1", designations=lists(19, 19))
    fewer = outcome_of(night(tmp_path / "2", designations=lists(13, 19)), before)
    assert found(fewer) == {"evidence_kept": ["designations: 6 / 19"]}
    fewer = outcome_of(night(tmp_path / "3", designations=lists(19, 13)), before)
    assert found(fewer) == {"rows_kept": ["designations: 6 / 19"]} and not fewer.stops_run


def test_other_kinds_warn_with_the_figures(tmp_path: Path) -> None:
    def homes(count: int) -> str:
        persons = [somebody(number) for number in range(count)]
        return csv_text([row("residents", 身份证号=person) for person in persons])

    before = night(tmp_path / "1", residents=homes(100))
    assert found(outcome_of(night(tmp_path / "2", residents=homes(95)), before)) == {}
    fewer = outcome_of(night(tmp_path / "3", residents=homes(94)), before)
    assert found(fewer) == {"rows_kept": ["residents: 6 / 100"]} and not fewer.stops_run
    assert found(outcome_of(night(tmp_path / "4", residents=homes(150)), before)) == {}
    more = outcome_of(night(tmp_path / "5", residents=homes(151)), before)
    assert found(more) == {"rows_grown": ["residents: 100 → 151"]} and not more.stops_run


@pytest.mark.parametrize(
    ("said", "stops"),
    [
        ("deaths.csv,80,,,20,户籍注销更正", False),
        ("deaths.csv,80,,,19,户籍注销更正", True),
        ("deaths.csv,80,,,20,", True),
        ("deaths.csv,80,,,,户籍注销更正", True),
    ],
)
def test_what_the_supplier_took_out_and_says_why_is_a_warning(
    said: str, stops: bool, tmp_path: Path
) -> None:
    before = night(tmp_path / "1", deaths=dead(100))
    outcome = outcome_of(night(tmp_path / "2", deaths=dead(80), note=note(said)), before)
    assert outcome.stops_run == stops
    assert ("evidence_removed" in found(outcome)) == (",19," in said or not stops)


def test_an_excluding_extract_without_a_row_needs_a_word_of_the_supplier(tmp_path: Path) -> None:
    empty = outcome_of(night(tmp_path / "1", deaths=dead(0)))
    assert found(empty) == {"evidence_delivered": ["deaths: 0 / 0"]} and empty.stops_run
    stated = night(tmp_path / "2", deaths=dead(0), note=note("deaths.csv,0,,,,"))
    assert not outcome_of(stated).stops_run
    other = night(tmp_path / "3", deaths=dead(0), residents=csv_text([row("residents")]))
    assert "evidence_delivered" in found(outcome_of(other))
    # All of the rows in quarantine is no row, whatever the note says of the file.
    bad = dead(3).replace("2020-03-01", "2020-13-01")
    quarantined = night(tmp_path / "4", deaths=bad, note=note("deaths.csv,3,,,,"))
    assert found(outcome_of(quarantined)) == {"evidence_delivered": ["deaths: 0 / 3"]}
    whole = night(tmp_path / "5", residents=csv_text([row("residents")]))
    assert found(outcome_of(whole)) == {}


def test_what_the_gate_compares_is_what_the_cards_declare() -> None:
    assert set(EXCLUDING) == {
        *("deaths", "custody", "support", "designations", "unemployment_benefits"),
        *("contributions", "registrations", "employment", "insured_units"),
    }
    assert {"list": ("严重失信", "僵尸企业", "拖欠农民工工资失信")} in EXCLUDING["designations"]


@dataclass(frozen=True)
class Folder:
    """A snapshot made of tables, as the gate reads it."""

    folder: Path
    manifest: Mapping[str, Any]

    def tables(self) -> Mapping[str, Sequence[Path]]:
        return {path.stem: [path] for path in sorted((self.folder / "tables").glob("*"))}


def stored(folder: Path, tables: Mapping[str, pl.DataFrame]) -> Folder:
    (folder / "tables").mkdir(parents=True)
    write_tables(tables, folder / "tables")
    counted = {"quarantined": 0, "totals_rows": 0}
    files = [
        {"name": kind, "kind": kind, "rows": frame.height, "accepted": frame.height, **counted}
        | {"sha256": kind}
        for kind, frame in tables.items()
    ]
    write_manifest(folder, {"files": files})
    for name in ("quarantine", "repairs", "findings"):
        pl.DataFrame(schema=gates.FRAMES[name]).write_parquet(folder / f"{name}.parquet")
    return Folder(folder, {"files": files})


def keys_by_part(kind: str, frame: pl.DataFrame) -> dict[tuple[Any, ...], set[tuple[Any, ...]]]:
    """Count once more in plain Python: the keys whose absence can pay, part by part."""
    parts: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for one in frame.iter_rows(named=True):
        key = tuple(one[name] for name in KINDS[kind].stands_by)
        is_meant = any(all(one[c] in w for c, w in only.items()) for only in EXCLUDING[kind])
        if is_meant and None not in key:
            parts.setdefault(tuple(one[name] for name in KINDS[kind].parts), set()).add(key)
    return parts


def goes_beyond(before: Mapping[str, pl.DataFrame], now: Mapping[str, pl.DataFrame]) -> bool:
    for kind in EXCLUDING:
        left = keys_by_part(kind, now[kind])
        for part, keys in keys_by_part(kind, before[kind]).items():
            gone = len(keys - left.get(part, set()))
            rows = before[kind].height - now[kind].height
            if gone == len(keys) or (gone > 5 and gone * 100 > len(keys)) or not now[kind].height:
                return True
            assert gone <= rows
    return False


def towns_and_deletions(
    folder: Path, count: int
) -> Iterator[tuple[Folder, Folder, dict[str, pl.DataFrame], dict[str, pl.DataFrame]]]:
    """Make a town and copies of it that lost rows of one kind, a month of it, or all."""
    before = typed_tables(random_town(3, DAY, 60).tables)
    whole = stored(folder / "before", before)
    random = Random(8)
    for number in range(count):
        kind = random.choice([kind for kind in sorted(EXCLUDING) if before[kind].height])
        rows, share = before[kind], random.choice((0.002, 0.01, 0.02, 0.1, 1.0))
        asked = pl.lit(True)
        if kind == "contributions":
            asked = pl.col("month") == random.choice((202001, 202003, 201912))
        marks = pl.Series([random.random() < share for _ in range(rows.height)], dtype=pl.Boolean)
        now = {**before, kind: rows.filter(~(asked & marks))}
        yield whole, stored(folder / str(number), now), before, now


def test_every_deletion_beyond_the_limits_stops_the_night(tmp_path: Path) -> None:
    seen = {True: 0, False: 0}
    for whole, cut, before, now in towns_and_deletions(tmp_path, 12):
        beyond = goes_beyond(before, now)
        seen[beyond] += 1
        assert outcome_of(cut, whole).stops_run == beyond, cut.folder
    assert min(seen.values()) >= 3, seen


def test_a_night_without_the_comparison_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = pl.DataFrame(schema=COMPARED_SCHEMA)
    monkeypatch.setattr(gates, "compare_snapshots", lambda *_given: empty)
    monkeypatch.setattr(
        gates, "emptied_columns", lambda *_given: pl.DataFrame(schema=EMPTIED_SCHEMA)
    )
    with pytest.raises(AssertionError):
        test_every_deletion_beyond_the_limits_stops_the_night(tmp_path)


def snapshot(folder: Path, name: str, *kinds: str) -> SnapshotRef:
    """Make a snapshot that holds nothing but the names of its kinds."""
    made = SnapshotRef(name, folder / name, {"tables": {kind: {} for kind in kinds}})
    made.folder.mkdir(exist_ok=True)
    write_manifest(made.folder, made.manifest)
    return made


def test_each_kind_is_held_against_the_last_finished_night_up_to_the_day_that_has_it(
    tmp_path: Path,
) -> None:
    def run(as_of: str, snapshot: str, state: str = "done") -> dict[str, str]:
        return {"as_of": as_of, "snapshot_id": snapshot, "state": state}

    runs = {
        "R1": run("2020-03-30", "S1"),
        "R2": run("2020-03-31", "S2"),
        "R3": run("2020-03-31", "S3", "stopped"),
        "R4": run("2020-04-01", "S4"),
    }
    day = date(2020, 3, 31)
    s9, s2 = snapshot(tmp_path, "S9", "deaths", "payroll"), snapshot(tmp_path, "S2", "payroll")
    snapshot(tmp_path, "S1", "payroll", "deaths")
    assert last_finished(runs, day, s2) == "S1", "one for all is named as ever"
    assert last_finished({}, day, s9) == "" and last_finished(runs, date(2020, 3, 1), s9) == ""
    # What was too old last night is held against the last night that had it, the rest against that.
    snapshot(tmp_path, "S0", "deaths", "payroll")
    earlier = {"R0": run("2020-03-31", "S0"), **runs}
    assert last_finished(runs, day, s9) == "S2 S1" and last_finished(earlier, day, s9) == "S2 S0"
    # However many other kinds a later night has more.
    snapshot(tmp_path, "S2", "payroll", "residents")
    more = snapshot(tmp_path, "S8", "deaths", "payroll", "residents")
    assert last_finished(runs, day, more) == "S2 S1"


def test_a_list_that_was_late_and_comes_back_short_stops_the_night(tmp_path: Path) -> None:
    """And a night that another one was held against is computed again alike."""
    homes = csv_text([row("residents")])
    lists = csv_text([row("designations")])
    drops = (
        {"deaths": dead(61), "residents": homes},
        {"residents": homes, "designations": lists},
        {"deaths": dead(1), "residents": homes, "designations": lists},
        {"deaths": dead(60), "residents": homes, "designations": lists},
    )
    home = make_home(tmp_path / "home")

    def run(number: int) -> dict[str, Any]:
        drop = tmp_path / str(number)
        drop.mkdir(exist_ok=True)
        for name, text in drops[number].items():
            (drop / f"{name}.csv").write_text(text, encoding="utf-8")
        return run_night(NightRequest(home, DAY + timedelta(days=number), drop=drop), Progress())

    summaries = [run(0), run(1)]
    with pytest.raises(GateStoppedError, match="deaths: 60 / 61"):
        run(2)
    summaries.append(run(3))
    first, second, third = (read_manifest(home.runs / s["run_id"], "run") for s in summaries)
    assert second["compared_with"] == first["snapshot_id"]
    assert third["compared_with"] == f"{second['snapshot_id']} {first['snapshot_id']}"
    compared = held_against(home.snapshots, third["compared_with"])
    places = {
        kind: {path.parts[-3] for path in paths}
        for one in reversed(compared)
        for kind, paths in one.tables().items()
    }
    assert places == {
        "deaths": {first["snapshot_id"]},
        **{kind: {second["snapshot_id"]} for kind in ("residents", "designations")},
    }
    assert run(3) == summaries[2]
    assert replay(home, third["run_id"])["verdict"] == "identical"
    carried_night = tmp_path / "night.zip"
    export_night(home, third["run_id"], carried_night)
    with carried(carried_night) as (place, run_id):
        assert replay(place, run_id)["verdict"] == "identical"


def test_a_truncated_list_of_what_was_granted_stops_the_second_night(
    town: Path, home_after_run: Home, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    shutil.copytree(town, drop)
    (drop / "交接单.csv").unlink()
    (support,) = drop.glob("政策享受台账*")
    lines = support.read_bytes().splitlines(keepends=True)
    support.write_bytes(b"".join(lines[: len(lines) // 2]))
    later = AS_OF + timedelta(days=1)
    with pytest.raises(GateStoppedError, match="evidence_kept"):
        run_night(NightRequest(home_after_run, later, drop=drop), Progress())
    # The whole list again is compared with the night that finished, not with the one that stopped.
    support.write_bytes(b"".join(lines))
    summary = run_night(NightRequest(home_after_run, later, drop=drop), Progress())
    assert run_night(NightRequest(home_after_run, later, drop=drop), Progress()) == summary
    critical = {t.check for t in load_suite("extracts").thresholds if t.severity == "critical"}
    assert {"evidence_kept", "evidence_delivered"} <= critical
