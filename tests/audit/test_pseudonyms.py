"""Under pseudonyms nobody is named, and the same comes out."""

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.audit.pseudonymous import (
    export_pseudonymous,
    is_pseudonymous,
    read_key,
    replay_pseudonymous,
)
from flows.cli.console import app, run_command
from flows.money.ledger_store import books_of
from flows.money.review import import_review
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.conftest import AS_OF
from tests.money.test_review import filled
from transforms.audit.pseudonyms import Pseudonyms, pseudonymous
from transforms.errors import DropRefusedError
from transforms.identifiers import check_person_ids, with_check_character
from transforms.money.payees import STRUCK_OUT

KEY = b"a key of at least 16 bytes"


def test_a_night_under_pseudonyms_replays_and_names_nobody(
    nights: tuple[Home, list[str]], tmp_path: Path
) -> None:
    home, runs = nights
    file = tmp_path / "night.zip"
    export_pseudonymous(home, runs[1], file, KEY)
    assert is_pseudonymous(file) and replay_pseudonymous(file)["verdict"] == "identical"
    assert run_command(app, ["replay", str(file), "--rules", "stored", "--threads", "2"]) == 0
    # It holds neither raw files nor other rules than its own: what can't be done is refused.
    for asked in (["--from-raw"], ["--rules", "today"], ["--executor", "dask"]):
        assert run_command(app, ["replay", str(file), *asked]) == 2
    # A limit of memory is not passed over: with so little it can't be computed.
    assert run_command(app, ["replay", str(file), "--memory-limit", "1MB"]) == 10
    snapshot = next(home.snapshots.glob("S*"))
    persons = pl.read_parquet(snapshot / "tables" / "insured_persons.parquet")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "out")
    told = pl.read_parquet(next((tmp_path / "out").rglob("insured_persons.parquet")))
    assert told.height == persons.height
    assert not set(told["person_id"]) & set(persons["person_id"])
    assert not set(told["name"]) & set(persons["name"])
    assert (
        told["person_id"].str.slice(6, 8).to_list()
        == persons["person_id"].str.slice(6, 8).to_list()
    ), "birth dates stay"
    content = b"".join(
        path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert KEY not in content
    with pytest.raises(DropRefusedError, match="nothing is overwritten"):
        export_pseudonymous(home, runs[1], file, KEY)


def test_what_a_reviewer_struck_out_stays_out_and_names_nobody(
    town: Path, home_after_run: Home, tmp_path: Path
) -> None:
    home = home_after_run
    (batch, *_) = (state.batch_id for state in books_of(home).batches.values())
    import_review(home, batch, filled(home, batch, {1: ("剔除", "金额存疑")}), by="周审核")
    run_id = run_night(NightRequest(home, AS_OF, drop=town), Progress())["run_id"]
    due = pl.read_parquet(home.runs / run_id / "entitlements.parquet")
    (struck,) = due.filter(pl.col("reason") == STRUCK_OUT)["subject_id"]
    export_pseudonymous(home, run_id, tmp_path / "night.zip", KEY)
    assert replay_pseudonymous(tmp_path / "night.zip")["verdict"] == "identical"
    with zipfile.ZipFile(tmp_path / "night.zip") as archive:
        assert not [name for name in archive.namelist() if struck.encode() in archive.read(name)]
        said = json.loads(archive.read("standing.json"))
    assert len(said["struck"]) == 1 and said["claimed"] == []


def test_a_changed_table_is_noticed(nights: tuple[Home, list[str]], tmp_path: Path) -> None:
    home, runs = nights
    file = tmp_path / "night.zip"
    export_pseudonymous(home, runs[0], file, KEY)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "out")
    path = next((tmp_path / "out").rglob("employment.parquet"))
    pl.read_parquet(path).with_columns(pl.lit("其他").alias("contract_type")).write_parquet(path)
    with zipfile.ZipFile(file, "w") as archive:
        for each in sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file()):
            archive.write(each, each.relative_to(tmp_path / "out").as_posix())
    assert replay_pseudonymous(file)["verdict"] == "differs"


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    for name in ("key", "nowhere"):
        with pytest.raises(DropRefusedError, match="at least 16"):
            read_key(tmp_path / name)


BIRTHS = st.dates().filter(lambda day: 1900 <= day.year <= 2100)


@given(st.lists(st.tuples(BIRTHS, st.integers(1, 999)), min_size=1, max_size=20, unique=True))
def test_pseudonyms_are_valid_ids_of_the_same_birth_date_and_sex(
    persons: list[tuple[object, int]],
) -> None:
    ids = [
        with_check_character(f"370302{str(day).replace('-', '')}{serial:03d}")
        for day, serial in persons
    ]
    pseudonyms = Pseudonyms(KEY)
    made = [pseudonyms.person(one) for one in ids]
    assert check_person_ids(pl.Series(made)).all()
    assert [one[6:14] for one in made] == [one[6:14] for one in ids]
    assert [int(one[16]) % 2 for one in made] == [int(one[16]) % 2 for one in ids]
    assert len(set(made)) == len(ids) and made == [Pseudonyms(KEY).person(one) for one in ids]
    assert made != [Pseudonyms(b"another key of 16").person(one) for one in ids]


@given(st.text(min_size=1, max_size=40))
def test_a_name_stays_as_long_and_as_hard_to_write(text: str) -> None:
    made = Pseudonyms(KEY).name(text)
    assert len(made) == len(text) and made == Pseudonyms(KEY).name(text)

    def writable(name: str) -> bool:
        return name.encode("gbk", errors="ignore").decode("gbk") == name

    if text.isalnum() and text.isprintable():
        assert writable(made) == writable(text)


def test_keys_follow_ids() -> None:
    frame = pl.DataFrame({"person_id": ["370302198503151234", None], "person_key": [1, None]})
    made = pseudonymous(frame, Pseudonyms(KEY))
    assert made["person_key"][0] == int(made["person_id"][0][:17]) and made["person_key"][1] is None
