"""Big files that were read before are not read again, and it makes no difference but time."""

import random
import time
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from flows.ingest import csv_files, read_before, tables
from flows.ingest import kind as ingest_of_kind
from flows.ingest.drop import SnapshotRef, ingest_drop
from flows.store import file_digest
from tests.ingest.ingest_drops import JIA, LI, WANG, YI, ZHANG, csv_text, row, write_drop
from transforms.errors import DropRefusedError

PERSONS = {ZHANG: "张三", LI: "李四", WANG: "王五"}
Files = Mapping[str, str]
OPENED: list[str] = []


@pytest.fixture(autouse=True)
def _every_file_is_big(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_before, "BIG_BYTES", 1)
    monkeypatch.setattr(tables, "ROWS_BEFORE_BUCKETS", 5)
    monkeypatch.setattr(tables, "ROW_GROUP_ROWS", 7)
    really = ingest_of_kind.open_part

    def noted(part, path, kind):  # type: ignore[no-untyped-def]
        OPENED.append(part.file.name)
        return really(part, path, kind)

    monkeypatch.setattr(ingest_of_kind, "open_part", noted)
    OPENED.clear()


def month_file(month: str, chance: random.Random, rows: int = 12) -> str:
    """One month of contributions with what real ones have: repeats, contradictions, bad ids."""
    booked = []
    for number in range(rows):
        person = chance.choice([*PERSONS, *PERSONS, *PERSONS, "37030219900101001"])
        booked.append(
            row(
                "contributions",
                缴费明细流水号=f"{month}-{chance.choice([number, number, number, 3])}",
                单位编号=chance.choice(["U1", "U1", "U2", "U9"]),
                姓名=chance.choice([PERSONS.get(person, "赵六")] * 5 + ["别人"]),
                身份证号=person,
                费款所属期=month,
                单位缴费金额=chance.choice(["480.00", "480.00", "x"]),
            )
        )
    # The same booking in two months' files, and one that contradicts another month's.
    booked.append(row("contributions", 缴费明细流水号="S-same"))
    booked.append(row("contributions", 缴费明细流水号="S-other", 缴费基数=month))
    return csv_text(booked)


def units(*numbers: tuple[str, str]) -> str:
    return csv_text(
        [row("insured_units", 单位编号=no, 统一社会信用代码=code) for no, code in numbers]
    )


def persons(**renamed: str) -> str:
    from_names = PERSONS | renamed
    people = [
        row("insured_persons", 社会保障号码=person, 姓名=name)
        for person, name in from_names.items()
    ]
    return csv_text(people)


def town(months: int, seed: int) -> dict[str, str]:
    chance = random.Random(seed)
    files = {
        f"个人缴费明细_2020{month:02d}.csv": month_file(f"2020{month:02d}", chance)
        for month in range(1, months + 1)
    }
    return files | {
        "单位参保信息.csv": units(("U1", JIA), ("U2", YI)),
        "个人参保信息.csv": persons(),
    }


def from_nothing(folder: Path, files: Files) -> SnapshotRef:
    return ingest_drop(write_drop(folder, files), folder / "snapshots")


def with_cache(folder: Path, files: Files, cache: Path) -> SnapshotRef:
    OPENED.clear()
    return ingest_drop(write_drop(folder, files), folder / "snapshots", cache=cache)


def content(snapshot: SnapshotRef) -> dict[str, str]:
    return {
        path.relative_to(snapshot.folder).as_posix(): file_digest(path)
        for path in snapshot.folder.rglob("*")
        if path.is_file()
    }


def read_again() -> list[str]:
    return sorted(name for name in OPENED if name.startswith("个人缴费明细"))


@pytest.mark.parametrize("seed", range(8))
def test_with_a_cache_the_same_bytes_come_out(tmp_path: Path, seed: int) -> None:
    files, cache = town(6, seed), tmp_path / "cache"
    before = {name: text for name, text in files.items() if "202004" not in name}
    with_cache(tmp_path / "a", before, cache)
    snapshot = with_cache(tmp_path / "b", files, cache)
    assert read_again() == ["个人缴费明细_202004.csv"]
    assert content(snapshot) == content(from_nothing(tmp_path / "c", files))


@pytest.mark.parametrize("seed", range(4))
def test_files_read_side_by_side_come_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    files = town(12, seed)
    one_by_one = content(from_nothing(tmp_path / "a", files))
    monkeypatch.setattr(tables, "FILES_AT_ONCE", 4)
    assert content(from_nothing(tmp_path / "b", files)) == one_by_one
    before = {name: text for name, text in files.items() if name[:-4] < "个人缴费明细_202009"}
    with_cache(tmp_path / "c", before, tmp_path / "cache")
    assert content(with_cache(tmp_path / "d", files, tmp_path / "cache")) == one_by_one


def test_of_files_read_side_by_side_the_first_bad_one_is_named_and_the_others_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "FILES_AT_ONCE", 4)
    monkeypatch.setattr(csv_files, "PIECE_BYTES", 1500)
    monkeypatch.setattr(csv_files, "TOP_BYTES", 300)
    files, pieces = town(6, 1), list[str]()
    header = files["个人缴费明细_202001.csv"].splitlines()[0]
    files["个人缴费明细_202003.csv"] = files["个人缴费明细_202005.csv"] = f"{header}\n锟斤拷\n"
    long = "个人缴费明细_202004.csv"
    files[long] = month_file("202004", random.Random(1), rows=2000)
    really = ingest_of_kind.take_piece

    def slowly(tally, file, *others):  # type: ignore[no-untyped-def]
        if file.raw.file.name == long:
            pieces.append(long)
            time.sleep(0.05)
        really(tally, file, *others)

    monkeypatch.setattr(ingest_of_kind, "take_piece", slowly)
    with pytest.raises(DropRefusedError, match=r"个人缴费明细_202003\.csv"):
        from_nothing(tmp_path, files)
    assert len(pieces) < len(files[long].encode()) / 1500 / 2
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_a_corrected_month_alone_is_read(tmp_path: Path) -> None:
    files, cache = town(4, 1), tmp_path / "cache"
    with_cache(tmp_path / "a", files, cache)
    name = "个人缴费明细_202002.csv"
    corrected = files | {name: month_file("202002", random.Random(99))}
    snapshot = with_cache(tmp_path / "b", corrected, cache)
    assert read_again() == [name]
    assert content(snapshot) == content(from_nothing(tmp_path / "c", corrected))


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        # Only the files whose rows name it are read again: of those that can be read at all.
        ({"单位参保信息.csv": units(("U1", JIA), ("U2", YI), ("U7", YI))}, 0),
        ({"单位参保信息.csv": units(("U1", JIA), ("U2", YI), ("U9", YI))}, 3),
        ({"单位参保信息.csv": units(("U1", JIA), ("U2", JIA))}, 2),
        ({"个人参保信息.csv": persons(**{ZHANG: "张三丰"})}, 4),
        ({"个人参保信息.csv": persons(**{"11010519491231010X": "没有缴费的人"})}, 0),
    ],
)
def test_rows_that_meet_a_changed_unit_or_name_are_judged_anew(
    tmp_path: Path, changed: Files, again: int
) -> None:
    files, cache = town(4, 2), tmp_path / "cache"
    with_cache(tmp_path / "a", files, cache)
    snapshot = with_cache(tmp_path / "b", files | changed, cache)
    assert len(read_again()) == again
    assert content(snapshot) == content(from_nothing(tmp_path / "c", files | changed))


def links(*lines: tuple[str, int, str]) -> Files:
    header = "数据类别,文件摘要,行号,认定的身份证号,核对人,核对日期\n"
    rows = [
        f"contributions,{digest},{line},{person},王,2020-03-01\n" for digest, line, person in lines
    ]
    return {"身份核对结论.csv": header + "".join(rows)}


def test_a_file_is_read_again_only_for_decisions_that_concern_it(tmp_path: Path) -> None:
    files, cache = town(4, 1), tmp_path / "cache"
    with_cache(tmp_path / "a", files, cache)
    damaged = pl.concat(pl.read_parquet(path) for path in cache.glob("*/damaged.parquet"))
    once = min(
        name for name, count in damaged["content_digest"].value_counts().rows() if count == 1
    )
    for number, (decided, again) in enumerate(
        (
            (links(("0" * 64, 0, ZHANG), ("1" * 64, 3, LI)), 0),
            (links((once, 0, ZHANG)), 1),
            (links((once, 0, ZHANG), ("0" * 64, 0, LI)), 0),
            (links((once, 0, LI)), 1),
            ({}, 1),
        )
    ):
        now = files | decided
        snapshot = with_cache(tmp_path / f"b{number}", now, cache)
        assert len(read_again()) == again
        assert content(snapshot) == content(from_nothing(tmp_path / f"c{number}", now))
        repaired = pl.read_parquet(snapshot.folder / "repairs.parquet")
        assert ("clerical_link" in repaired["repair"].to_list()) == (once in str(decided))


@pytest.mark.parametrize("damage", ["bucket-", "hashes", "manifest", "late", "gone"])
def test_a_damaged_cache_costs_time_nothing_else(tmp_path: Path, damage: str) -> None:
    files, cache = town(4, 3), tmp_path / "cache"
    with_cache(tmp_path / "a", files, cache)
    for path in sorted(cache.rglob("*")):
        if (damage == "gone" or path.name.startswith(damage)) and path.is_file():
            # Not in place: the snapshot has the same file under another name.
            path.unlink()
            path.write_bytes(b"x" * 100)
    again = files | {"个人缴费明细_202005.csv": month_file("202005", random.Random(5))}
    snapshot = with_cache(tmp_path / "b", again, cache)
    assert len(read_again()) == 5
    assert content(snapshot) == content(from_nothing(tmp_path / "c", again))
    # The damaged entries were replaced: the next night finds them whole.
    more = again | {"个人缴费明细_202006.csv": month_file("202006", random.Random(6))}
    with_cache(tmp_path / "d", more, cache)
    assert read_again() == ["个人缴费明细_202006.csv"]


def test_what_no_night_used_for_long_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, cache = town(4, 4), tmp_path / "cache"
    with_cache(tmp_path / "a", files, cache)
    assert any(cache.iterdir())
    monkeypatch.setattr(read_before, "KEPT_SECONDS", -1)
    with_cache(tmp_path / "b", town(5, 4), cache)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_many_snapshots_hold_a_raw_file_once(tmp_path: Path) -> None:
    files, cache = town(4, 5), tmp_path / "cache"
    first = with_cache(tmp_path / "a", files, cache)
    second = with_cache(tmp_path / "b", files | town(5, 5), cache)
    name = "raw/个人缴费明细_202003.csv"
    assert (first.folder / name).samefile(second.folder / name)
    # A copy that was damaged is not linked again.
    (cache / "raw" / file_digest(first.folder / name)).write_bytes(b"x")
    third = with_cache(tmp_path / "c", files | town(6, 5), cache)
    assert (third.folder / name).read_text(encoding="utf-8") == files["个人缴费明细_202003.csv"]
