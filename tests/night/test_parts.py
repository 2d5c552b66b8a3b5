"""A night in parts is the night: the plan is derived, and in any number nothing differs."""

import json
import shutil
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data_samples.town.scene_rows import paid_lines_of, typed_tables
from flows.cli.console import run_command
from flows.ingest.tables import buckets_of
from flows.night.determine import Determined, determine
from flows.night.parts import TAKEN, Parting
from flows.night.pipeline import NightRequest, run_night
from flows.night.planned import plan_lines, planned
from flows.night.progress import Progress
from flows.store import Home, read_manifest
from sql import FactStore, connect, query, register_frame
from sql.parts import cut_kind, write_tables
from sql.plan import (
    ABOUT_SOMEBODY,
    JOINED,
    MIXED,
    PARTS,
    WHOLE,
    cuts_of,
    plan_of,
    steps,
)
from sql.texts import fact_names, fact_path, policy_cards, policy_path
from tests.conftest import AS_OF
from tests.reading.towns import random_town
from transforms.digest import frame_digest
from transforms.errors import ContractError, DigestDiffersError, UsageError

TOWNS = [(5, date(2020, 12, 15)), (6, date(2020, 6, 30)), (7, date(2021, 3, 10))]
# How many parts, and whether big kinds lie in buckets as of a big town.
COUNTS = ([(1, True), (7, True)], [(1, False), (3, False)], [(1, True), (3, True)])
ALL = tuple(policy_cards())
PLAN = plan_of(ALL, date(2020, 12, 15))


def test_every_fact_and_policy_is_planned_once_and_after_what_it_reads() -> None:
    known = steps()
    assert sorted(known) == sorted([*fact_names(), *policy_cards()])
    seen = set[str]()
    for name, step in known.items():
        assert set(step.facts) <= seen, name
        seen.add(name)


def test_a_night_builds_each_step_in_one_stage() -> None:
    whole, parts, joined = (
        [step.name for step in stage] for stage in (PLAN.whole, PLAN.parts, PLAN.joined)
    )
    again = {*parts} & {*joined}
    assert not set(whole) & {*parts, *joined}
    assert set(policy_cards()) <= {*parts, *joined}
    # built again is only what is read from kinds that lie in one file
    assert all(not {"contributions", "payroll"} & set(steps()[name].kinds) for name in again)


def test_every_stage_reads_only_what_stands_before_it() -> None:
    whole = {step.name for step in PLAN.whole}
    parts = {step.name for step in PLAN.parts}
    for stage, before in (
        (PLAN.whole, set[str]()),
        (PLAN.parts, set(PLAN.given)),
        (PLAN.joined, {*whole, *PLAN.handed_over}),
    ):
        there = set(before)
        for step in stage:
            assert set(step.facts) <= there, step.name
            there.add(step.name)
    assert set(PLAN.given) <= whole and set(PLAN.handed_over) <= parts


def test_every_declared_cut_is_used_and_none_that_is_not_declared() -> None:
    assert {step.name for step in PLAN.parts if "person" not in step.cuts} == set()
    by_person = {name for name in policy_cards() if "person" in cuts_of(policy_path(name))}
    assert set(PLAN.policies_in_parts) == by_person
    handed = [steps()[name] for name in PLAN.handed_over]
    assert [step.name for step in handed if step.may_be_nobodys] == []
    # what parts are given is about nobody, or nobody's rows decide it alone
    assert all(steps()[name].stage == WHOLE for name in PLAN.given)
    assert steps()["headcounts"].stage == JOINED and steps()["insurance_masks"].stage == PARTS


def test_the_policy_year_of_a_fact_is_that_of_the_first_who_asks() -> None:
    plan = plan_of(["disability_levy_relief", "new_hire_subsidy"], date(2021, 3, 10))
    assert plan.year_days[fact_path("levy_bases")] == date(2021, 1, 1)
    assert plan.year_days[policy_path("new_hire_subsidy")] == date(2020, 1, 1)
    assert fact_path("jobs_in_two_towns") in plan.year_days


def test_a_fact_is_built_by_the_policy_year_that_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[tuple[str, date]] = []
    monkeypatch.setattr(FactStore, "_build", lambda self, name: built.append((name, self.year_day)))
    early, late = date(2019, 1, 1), date(2021, 1, 1)
    days = {fact_path("graduations"): early}
    FactStore(connect(1), {}, AS_OF, year_day=late, year_days=days).build("watched_persons")
    assert built[0] == ("graduations", early)
    assert built[-1] == ("watched_persons", late) and len(built) > 2


def test_a_file_that_says_no_cut_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("select 1", "-- cut by: person, whole\n", "-- cut by: house\n"):
        monkeypatch.setattr("sql.plan.sql_text", lambda _path, text=text: text)
        with pytest.raises(ContractError, match="needs one line"):
            cuts_of("facts/employers.sql")


@cache
def town_tables(seed: int, as_of: date) -> Mapping[str, pl.DataFrame]:
    return typed_tables(random_town(seed, as_of, 40).tables)


def in_files(
    tables: Mapping[str, pl.DataFrame], folder: Path, bucketed: bool
) -> dict[str, list[Path]]:
    """Write tables as a snapshot has them: in one file each, or big kinds in buckets."""
    files: dict[str, list[Path]] = {}
    for kind, frame in tables.items():
        if not (bucketed and kind in ("contributions", "payroll", "attendance")):
            files[kind] = [folder / f"{kind}.parquet"]
            frame.write_parquet(files[kind][0])
            continue
        numbers = buckets_of(frame["person_key"])
        (folder / kind).mkdir()
        files[kind] = []
        for number in np.unique(numbers).tolist():
            # two files of one bucket: two deliveries brought rows of its persons
            mine = frame.filter(pl.Series(numbers == number))
            for place, rows in enumerate((mine[::2], mine[1::2])):
                path = folder / kind / f"bucket-{number:02d}.{place:04d}.parquet"
                rows.write_parquet(path)
                files[kind].append(path)
    return files


def outcome_of(determined: Determined) -> dict[str, str]:
    ran = [name for name, status in determined.policies.items() if status.status == "ran"]
    return {
        "determinations": frame_digest(determined.determinations),
        "findings": frame_digest(determined.findings),
        "own_rows": frame_digest(determined.own_rows),
        "policies": str(determined.policies),
        "warnings": str(determined.warnings),
        **{name: frame_digest(determined.policy_rows(name)) for name in ran},
    }


def rows_of_facts(determined: Determined) -> dict[str, tuple[Any, ...]]:
    """Count and hash the rows of every fact that stands, however they are ordered."""
    facts = determined.store.built & set(fact_names())
    counted = "select count(*) as rows, sum(cast(hash(fact) as hugeint)) as hashes from {} as fact"
    return {
        name: query(determined.connection, counted.format(name)).row(0) for name in sorted(facts)
    }


@pytest.mark.parametrize(("town_of", "counts"), zip(TOWNS, COUNTS, strict=True))
def test_any_number_of_parts_determines_the_same(
    town_of: tuple[int, date], counts: list[tuple[int, bool]], tmp_path: Path
) -> None:
    tables, as_of = town_tables(*town_of), town_of[1]
    outcomes, facts = list[dict[str, str]](), list[dict[str, tuple[Any, ...]]]()
    for count, bucketed in counts:
        place = tmp_path / str(count)
        place.mkdir()
        files = in_files(tables, place, bucketed)
        parting = Parting(count, folder=place / "parts")
        determined = determine(files, as_of, paid_lines_of([]), threads=1, parting=parting)
        outcomes.append(outcome_of(determined))
        facts.append(rows_of_facts(determined))
        made = {path.name for path in place.glob("parts/*/part-*")}
        assert len(made) == (0 if count == 1 else count)
    assert outcomes[0]["determinations"] and len(outcomes[0]) > 20
    for outcome in outcomes[1:]:
        assert outcome == outcomes[0]
    # the facts are the same, row for row; what only parts read is built in parts only
    assert set(PLAN.handed_over) <= facts[1].keys() < facts[0].keys()
    assert facts[1] == {name: facts[0][name] for name in facts[1]}


def test_a_night_in_parts_is_the_same_night_to_the_byte_and_goes_on_from_its_parts(
    town: Path, empty_home: Path, run_home: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    home, again = (Home(shutil.copytree(empty_home, tmp_path / name)) for name in ("home", "again"))
    summary = run_night(NightRequest(home, AS_OF, town, parting=Parting(3)), Progress())
    whole, run_id = Home(run_home[0]), run_home[1]["run_id"]
    assert summary["run_id"] == run_id
    manifests = [read_manifest(place.runs / run_id, "run") for place in (home, whole)]
    assert manifests[0] == manifests[1]
    assert len(list(home.cache.glob("parts/*/part-*"))) == 3
    shutil.copytree(home.cache / "parts", again.cache / "parts")
    (made,) = (again.cache / "parts").iterdir()
    (made / TAKEN).unlink()
    shutil.rmtree(made / "part-02")
    summary = run_night(NightRequest(again, AS_OF, town, parting=Parting(3)), Progress())
    assert summary["run_id"] == run_id


def test_an_interrupted_night_goes_on_from_its_parts_and_damage_is_told(tmp_path: Path) -> None:
    seed, as_of = TOWNS[0]
    files = in_files(town_tables(seed, as_of), tmp_path, True)
    steps_told: list[str] = []

    def again(parting: Parting) -> dict[str, str]:
        steps_told.clear()
        return outcome_of(
            determine(
                *(files, as_of, paid_lines_of([])),
                threads=1,
                parting=parting,
                on_step=steps_told.append,
            )
        )

    parting = Parting(3, folder=tmp_path / "parts")
    first = again(parting)
    (made,) = (tmp_path / "parts").iterdir()
    times = {path: path.stat().st_mtime_ns for path in made.rglob("*.parquet")}
    (made / ".making-killed").mkdir()
    (made / TAKEN).unlink()
    assert again(parting) == first
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*.parquet")} == times
    # what a night took is no answer to the next one: it is computed again
    assert again(parting) == first
    after = {path: path.stat().st_mtime_ns for path in made.rglob("*.parquet")}
    assert after.keys() == times.keys() and all(after[path] > times[path] for path in times)
    (made / TAKEN).unlink()
    # one is gone: it alone is made again; those of another night go
    shutil.rmtree(made / "part-01")
    (tmp_path / "parts" / "P0").mkdir()
    assert again(parting) == first
    assert not (tmp_path / "parts" / "P0").exists() and not (made / ".making-killed").exists()
    assert "part 2 of 3" in steps_told
    (made / TAKEN).unlink()
    path = made / "part-01" / "insurance_masks.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DigestDiffersError, match=f"insurance_masks.*then remove {path.parent}"):
        again(parting)
    shutil.rmtree(path.parent)
    assert again(parting) == first


def test_rows_are_cut_by_the_buckets_of_ingest(tmp_path: Path) -> None:
    tables = town_tables(*TOWNS[0])
    persons = tables["insured_persons"]
    connection = connect(threads=1)
    register_frame(connection, "delivered_insured_persons", persons)
    cut_kind(connection, "insured_persons", tmp_path / "insured_persons", 4)
    found = pl.concat(
        pl.read_parquet(path).with_columns(part=pl.lit(int(path.name[5:7])))
        for path in sorted((tmp_path / "insured_persons").glob("part-*.parquet"))
    )
    assert found.height == persons.height > 50
    assert (found["part"].to_numpy() == buckets_of(found["person_key"]) * 4 // 16).all()


def test_rows_about_nobody_are_given_to_every_part(tmp_path: Path) -> None:
    designations = town_tables(*TOWNS[0])["designations"]
    connection = connect(threads=1)
    register_frame(connection, "delivered_designations", designations)
    cut_kind(connection, "designations", tmp_path / "designations", 16)
    nobodys = pl.read_parquet(tmp_path / "designations" / "nobodys.*.parquet")
    assert set(nobodys["subject_kind"]) == {"单位"}
    others = pl.read_parquet(tmp_path / "designations" / "part-*.parquet")
    assert set(others["subject_kind"]) == {"个人"}
    assert nobodys.height + others.height == designations.height
    assert {"designations", "support"} <= MIXED <= ABOUT_SOMEBODY


def test_a_type_that_a_file_does_not_keep_is_refused(tmp_path: Path) -> None:
    connection = connect(threads=1)
    connection.execute("create table planted as select 1::hugeint as big, 2 as small")
    with pytest.raises(ContractError, match="does not keep the type of big"):
        write_tables(connection, ["planted"], tmp_path)


def test_what_lies_in_files_stands_and_nothing_under_it_is_built(tmp_path: Path) -> None:
    tables = town_tables(*TOWNS[0])
    (tmp_path / "t").mkdir()
    files = in_files(tables, tmp_path / "t", False)
    pl.DataFrame({"employer_code": ["A"], "employer_key": [1]}).write_parquet(
        tmp_path / "e.parquet"
    )
    connection = connect(threads=1)
    for kind, paths in files.items():
        register_frame(connection, kind, pl.read_parquet(paths[0]))
    store = FactStore(connection, {}, AS_OF)
    store.take("employers", [tmp_path / "e.parquet"])
    store.build("employment_rows")
    assert query(connection, "select employer_code from employers").rows() == [("A",)]


@pytest.mark.parametrize("asked", [{"executor": "spark"}, {"count": 17}, {"count": 0}])
def test_what_nobody_can_do_is_refused_before_the_night(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Parting(**asked)


def test_small_towns_go_the_short_way(tmp_path: Path) -> None:
    small = {"residents": [tmp_path / "residents.parquet"]}
    big = {"payroll": [tmp_path / "bucket-00.0000.parquet", tmp_path / "bucket-01.0000.parquet"]}
    for paths in (*small.values(), *big.values()):
        for path in paths:
            path.touch()
    parting = Parting(folder=tmp_path)
    assert parting.is_whole(small) and parting.is_whole(big)
    with (tmp_path / "bucket-01.0000.parquet").open("r+b") as stream:
        stream.truncate(5 << 30)
    assert parting.count_for(big) == 5 and not parting.is_whole(big)
    assert Parting(2, folder=tmp_path).count_for(small) == 2


def test_plan_shows_stages_with_bytes(
    home_after_run: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import app

    (snapshot,) = (path.name for path in home_after_run.snapshots.iterdir())
    words = ["plan", snapshot, "--as-of", str(AS_OF), "--home", str(home_after_run.root)]
    assert run_command(app, [*words, "--parts", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(stage["stage"], stage["times"]) for stage in told["stages"]] == [
        *(("whole", 1), ("parts", 4), ("joined", 1)),
    ]
    assert told["stages"][1]["read_bytes"] > 0 and told["stages"][1]["written_bytes"] is None
    assert "new_hire_subsidy" in told["stages"][1]["policies"]
    assert run_command(app, words) == 0
    told = planned(home_after_run, snapshot, AS_OF, Parting())
    assert capsys.readouterr().out.splitlines() == plan_lines(told)
    assert told["is_short_way"] and "1 parts" in plan_lines(told)[0]
    # once the parts are there, what was written is known
    parting = Parting(4)
    run_night(
        NightRequest(home_after_run, AS_OF, snapshot_id=snapshot, parting=parting), Progress()
    )
    assert run_command(app, [*words, "--parts", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stages"][1]["written_bytes"] > 0
