"""Encodings, shapes and formats: the same rows in any dress are the same table."""

import errno
import hashlib
import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.ingest import csv_files as ingest_csv
from flows.ingest import tables as ingest_tables
from flows.ingest.drop import SnapshotRef, ingest_drop, load_snapshot
from flows.ingest.hash_runs import HashRuns, hash_ranges
from flows.ingest.tables import buckets_of
from tests.ingest.ingest_drops import (
    LI,
    WANG,
    ZHANG,
    csv_text,
    ingest,
    row,
    table,
    verdicts,
    write_drop,
)
from tests.ingest.test_ingest_sheets import workbook
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.extracts.duplicates import repeated_hashes
from transforms.words import Said

PEOPLE = [
    row("residents", 身份证号=LI, 姓名="𠮷田㛃"),
    row("residents", 身份证号=WANG, 姓名="䶮某", 户号="H2"),
]
TEXT = csv_text(PEOPLE)


def lines_of(folder: Path, name: str, content: str | bytes, kind: str = "residents") -> list[int]:
    """Ingest one file; give the source lines of its accepted rows."""
    return table(ingest(folder, {name: content}), kind)["source_line"].to_list()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("gb18030"), "gb18030"),
        (csv_text(PEOPLE, "\t").encode("gb18030"), "gb18030"),
        (csv_text(PEOPLE, ",", "\r\n").encode("utf-8-sig"), "utf-8-sig"),
        (csv_text(PEOPLE, "\t", "\r\n").encode(), "utf-8"),
        (csv_text(PEOPLE, ",", "\r").encode(), "utf-8"),
        (TEXT.encode().rstrip(), "utf-8"),
    ],
)
def test_encodings_and_line_ends(tmp_path: Path, content: bytes, encoding: str) -> None:
    snapshot = ingest(tmp_path, {"户籍人口.csv": content})
    assert table(snapshot, "residents")["name"].to_list() == ["𠮷田㛃", "䶮某"]
    assert table(snapshot, "residents")["source_line"].to_list() == [2, 3]
    assert snapshot.manifest["files"][0]["encoding"] == encoding


def test_gbk_is_read_as_gb18030(tmp_path: Path) -> None:
    content = csv_text([row("residents")]).encode("gbk")
    assert table(ingest(tmp_path, {"residents.csv": content}), "residents").height == 1


def test_utf8_cut_between_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 3, 5, 7):
        monkeypatch.setattr("flows.ingest.files.CHUNK_BYTES", size)
        snapshot = ingest(tmp_path / str(size), {"residents.csv": TEXT})
        assert snapshot.manifest["files"][0]["encoding"] == "utf-8"


def test_lines_are_physical_lines(tmp_path: Path) -> None:
    header, first, second = TEXT.splitlines()
    quoted = first.replace("H1", '"H\n1"')
    assert lines_of(tmp_path / "a", "residents.csv", f"{header}\n\n{first}\n\r\n{second}\n") == [
        3,
        5,
    ]
    assert lines_of(tmp_path / "b", "residents.csv", f"{header}\n{quoted}\n{second}") == [2, 4]
    assert lines_of(
        tmp_path / "c", "residents.csv", f"标题\n\n{header}\n{first}\n,,,\n{second}\n"
    ) == [
        4,
        6,
    ]
    irregular = second.replace("䶮某", '䶮"某')
    assert lines_of(tmp_path / "d", "residents.csv", f"{header}\n{quoted}\n\n{irregular}\n") == [
        2,
        5,
    ]
    assert lines_of(
        tmp_path / "e", "residents.csv", f"{header}\n{first}\n{irregular}".encode("gb18030")
    ) == [2, 3]


def test_quotes_and_separators_inside_cells(tmp_path: Path) -> None:
    header, first, _ = TEXT.splitlines()
    quoted = ",".join(f'"{cell}"' for cell in first.replace("H1", 'H,""1""').split(","))
    snapshot = ingest(
        tmp_path, {"residents.csv": f"{header}\n{first.replace('H1', chr(34) + 'H,2' + chr(34))}\n"}
    )
    assert table(snapshot, "residents")["household_no"].item() == "H,2"
    assert quoted.count('"') == 14


def test_rows_of_other_lengths(tmp_path: Path) -> None:
    header, first, second = TEXT.splitlines()
    short, long, blank_long = first.rsplit(",", 1)[0], f"{second},x", f"{second}, ,"
    snapshot = ingest(
        tmp_path, {"residents.csv": f"{header}\n{short}\n{long}\n{blank_long}\n制表人\n"}
    )
    assert table(snapshot, "residents")["source_line"].to_list() == [2]
    wide = "unreadable_value"
    assert verdicts(snapshot) == [(3, wide, ""), (4, wide, ""), (5, "totals_row", "")]


def test_an_amount_with_a_comma_and_no_quotes_shifts_no_cells(tmp_path: Path) -> None:
    """1,640.00 and an empty last cell: as many filled cells as the header has, one to the right."""
    model = row("contributions")
    last = {**model, "缴费基数": model["缴费基数"]}
    base = last.pop("缴费基数")
    header, first = csv_text([last | {"缴费基数": base}]).splitlines()
    shifted = first.replace("S1", "S2").replace("480.00", "1,480.00").removesuffix("3000")
    second = first.replace("S1", "S3")
    for name, end in (("plain", ""), ("irregular", ',"a"b'), ("surplus", ",")):
        lines = [header, *(f"{cells}{end}" for cells in (first, second, shifted))]
        snapshot = ingest(tmp_path / name, {"contributions.csv": "\n".join(lines)})
        bad = [4] if name != "irregular" else [2, 3, 4]
        assert [line for line, _, _ in verdicts(snapshot)] == bad


def test_pieces_of_any_size_make_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        row("attendance", 出勤日期=f"2020-{m:02d}-{d:02d}")
        for m in range(1, 13)
        for d in range(1, 29)
    ]
    content = csv_text(rows) + csv_text(rows[:5]).split("\n", 1)[1]
    whole = ingest(tmp_path / "a", {"attendance.csv": content})
    monkeypatch.setattr(ingest_csv, "PIECE_BYTES", 700)
    monkeypatch.setattr(ingest_csv, "TOP_BYTES", 300)
    pieces = ingest(tmp_path / "b", {"attendance.csv": content})
    assert pieces.manifest == whole.manifest
    assert [rule for _, rule, _ in verdicts(pieces)] == ["duplicate_row"] * 5


def test_many_rows_lie_in_buckets_by_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [LI, WANG, ZHANG]
    rows = [
        row("attendance", 身份证号=people[day % 3], 出勤日期=f"2020-{month:02d}-{day:02d}")
        for month in range(1, 13)
        for day in range(1, 29)
    ]
    content = csv_text([*rows, *rows[3:9]])
    plain = table(ingest(tmp_path / "a", {"attendance.csv": content}), "attendance")
    monkeypatch.setattr(ingest_tables, "ROWS_BEFORE_BUCKETS", 40)
    monkeypatch.setattr(ingest_tables, "ROW_GROUP_ROWS", 50)
    monkeypatch.setattr(ingest_csv, "PIECE_BYTES", 1500)
    monkeypatch.setattr(ingest_csv, "TOP_BYTES", 300)
    snapshot = ingest(tmp_path / "b", {"attendance.csv": content})
    paths = snapshot.tables()["attendance"]
    numbers = sorted({int(number) for number in buckets_of(plain["person_key"])})
    assert [path.name for path in paths] == [f"bucket-{n:02d}.0000.parquet" for n in numbers]
    order = ["source_line"]
    assert table(snapshot, "attendance").sort(order).equals(plain.sort(order))
    persons = [set(pl.read_parquet(path)["person_id"]) for path in paths]
    assert sum(map(len, persons)) == 3
    assert load_snapshot(snapshot.folder.parent, snapshot.snapshot_id).manifest == snapshot.manifest


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    model = row("contributions", 缴费明细流水号="S1")
    columns: dict[str, object] = {label: [cell, cell, cell] for label, cell in model.items()}
    columns |= {
        "缴费明细流水号": ["S1", "S2", "S3"],
        "费款所属期": [202002, 202003, None],
        "缴费基数": [3000, 3000, 3000],
        "单位缴费金额": pl.Series(
            [Decimal("480.00"), Decimal("0.01"), None], dtype=pl.Decimal(12, 2)
        ),
        "个人缴费金额": [240.1, 240.0, 1.0],
        "到账日期": [date(2020, 2, 15), date(2020, 3, 15), None],
    }
    drop = write_drop(tmp_path, {})
    pl.DataFrame(columns).write_parquet(drop / "contributions.parquet")
    snapshot = ingest_drop(drop, tmp_path / "snapshots")
    wanted = ["source_line", "month", "base_fen", "unit_fen", "person_fen", "paid_on"]
    assert table(snapshot, "contributions").select(wanted).rows() == [
        (1, 202002, 300000, 48000, 24010, date(2020, 2, 15)),
        (2, 202003, 300000, 1, 24000, date(2020, 3, 15)),
    ]
    assert verdicts(snapshot) == [(3, "missing_value", "month")]


def test_parquet_ids_that_are_floats_are_damaged(tmp_path: Path) -> None:
    drop = write_drop(tmp_path, {})
    model: dict[str, object] = {label: [cell] for label, cell in row("residents").items()}
    pl.DataFrame(model | {"身份证号": [370302199001010010.0]}).write_parquet(
        drop / "residents.parquet"
    )
    snapshot = ingest_drop(drop, tmp_path / "snapshots")
    assert verdicts(snapshot) == [(1, "invalid_person_id", "person_id")]


def test_raw_files_are_kept_byte_for_byte(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "residents.csv": TEXT.encode("gb18030"),
        "交接单.csv": "文件名,行数,金额合计(元),SHA256\nresidents.csv,2,,\n",
    }
    snapshot = ingest(tmp_path, files)
    for entry in snapshot.manifest["files"]:
        content = (snapshot.folder / "raw" / entry["name"]).read_bytes()
        assert content == (tmp_path / "drop" / entry["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert snapshot.manifest["warnings"] == []


def test_the_id_depends_on_contents_and_kinds_alone(tmp_path: Path) -> None:
    first = ingest(tmp_path / "a", {"residents.csv": TEXT})
    renamed = ingest(tmp_path / "b", {"户籍人口_三月.csv": TEXT})
    other = ingest(tmp_path / "c", {"residents.csv": TEXT + "\n"})
    assert first.snapshot_id == renamed.snapshot_id != other.snapshot_id
    again = ingest_drop(tmp_path / "a" / "drop", first.folder.parent)
    assert again.manifest == first.manifest


def test_a_false_note_stops_a_drop_that_is_known_already(tmp_path: Path) -> None:
    note = "文件名,行数\nresidents.csv,{}\n"
    ingest(tmp_path, {"residents.csv": TEXT, "delivery_note.csv": note.format(2)})
    with pytest.raises(DropRefusedError, match="stated 3, found 2"):
        ingest(tmp_path, {"residents.csv": TEXT, "delivery_note.csv": note.format(3)})


def test_a_note_may_sum_up_and_be_written_wide(tmp_path: Path) -> None:
    note = "文件名,行数\nresidents.csv,２\n合计,2\n"
    snapshot = ingest(tmp_path, {"residents.csv": TEXT, "交接单.csv": note})
    assert snapshot.manifest["warnings"] == []


def test_a_footnote_of_a_note_is_no_digit(tmp_path: Path) -> None:
    note = "文件名,行数\nresidents.csv,2①\n"
    with pytest.raises(DropRefusedError, match="a number of rows"):
        ingest(tmp_path, {"residents.csv": TEXT, "交接单.csv": note})


def test_what_a_note_does_not_list_is_a_warning(tmp_path: Path) -> None:
    model = csv_text([row("payroll"), row("payroll", 流水号="P2", 实发工资="坏")])
    snapshot = ingest(
        tmp_path,
        {
            "payroll.csv": model + "合计,,,,,1,,,,\n",
            "residents.csv": TEXT,
            "交接单.csv": '文件名,行数,金额合计(元),SHA256\r\npayroll.csv,2,"4,500.50",\r\n',
        },
    )
    assert snapshot.manifest["warnings"] == ["residents.csv: not listed in 交接单.csv"]
    unlisted = Said("file_not_listed", {"file": "residents.csv", "note": "交接单.csv"})
    assert snapshot.said("warnings") == [unlisted]


def test_what_an_earlier_version_said_is_shown_as_it_was_written() -> None:
    old = SnapshotRef("S1", Path("S1"), {"warnings": ["x: not listed"], "notes": []})
    assert [str(said) for said in old.said("warnings")] == ["x: not listed"]
    assert old.said("notes") == []


def test_columns_nobody_knows_and_lists_nobody_uses_are_named(tmp_path: Path) -> None:
    lines = csv_text([row("designations", 名单类别="纳税百强")]).splitlines()
    snapshot = ingest(tmp_path, {"designations.csv": f"{lines[0]},备注\n{lines[1]},x\n"})
    assert snapshot.manifest["notes"] == [
        "designations.csv: columns kept out, their labels are unknown: 备注",
        "designations: no rule uses the list 纳税百强",
    ]
    assert table(snapshot, "designations").height == 1


def test_a_header_without_rows_is_delivered(tmp_path: Path) -> None:
    snapshot = ingest(tmp_path, {"residents.csv": TEXT.splitlines()[0]})
    assert table(snapshot, "residents").height == 0
    assert snapshot.manifest["tables"]["residents"]["rows"] == 0


def test_a_damaged_snapshot_is_not_used(tmp_path: Path) -> None:
    snapshot = ingest(tmp_path, {"residents.csv": TEXT})
    snapshot.tables()["residents"][0].unlink()
    with pytest.raises(DigestDiffersError, match=r"residents\.parquet is missing"):
        load_snapshot(snapshot.folder.parent, snapshot.snapshot_id)
    with pytest.raises(DropRefusedError):
        load_snapshot(snapshot.folder.parent, "S0")


@pytest.mark.parametrize("at_once", [10_000, 700, 90, 7])
def test_repeated_hashes_are_found_in_any_number_of_ranges(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.ingest.hash_runs.RUN_HASHES", 600)
    generator = np.random.default_rng(1)
    pieces = [generator.integers(0, 2**64, 500, dtype=np.uint64) for _ in range(3)]
    ends = np.array([0, 2**64 - 1, 2**63], dtype=np.uint64)
    pieces += [pieces[0][:40], ends, ends, ends[:1], np.zeros(0, np.uint64)]
    kept = [HashRuns(tmp_path / name) for name in "ab"]
    for number, piece in enumerate(pieces):
        kept[number % 2].add(piece)
    kept[1].write()
    assert sum(map(len, kept)) == sum(map(len, pieces))
    assert [bool(one.counts) for one in kept] == [True, True]
    ranges = list(hash_ranges(kept, at_once))
    assert len(ranges) == max(1, 2 ** math.ceil(math.log2(sum(map(len, pieces)) / at_once)))
    wanted = np.sort([*pieces[0][:40], *ends]).tolist()
    found, repeats = repeated_hashes(ranges)
    assert (found.tolist(), repeats) == (wanted, 40 + 3 + 1)
    for one in kept:
        one.forget()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("count", [5, 1 << 20])
def test_hashes_that_find_a_full_disk_say_so(count: int) -> None:
    kept = HashRuns(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left") as refused:
        kept.add(np.arange(count, dtype=np.uint64))
        kept.write()
    assert refused.value.errno == errno.ENOSPC


def test_workbooks_and_parquet_files_without_rows_are_delivered(tmp_path: Path) -> None:
    drop = write_drop(tmp_path, {"payroll.xlsx": workbook([list(row("payroll"))])})
    empty = pl.DataFrame(schema=dict.fromkeys(row("residents"), pl.String()))
    empty.write_parquet(drop / "residents.parquet")
    snapshot = ingest_drop(drop, tmp_path / "snapshots")
    assert {kind: entry["rows"] for kind, entry in snapshot.manifest["tables"].items()} == {
        "payroll": 0,
        "residents": 0,
    }
    assert table(snapshot, "payroll").schema["net_fen"] == pl.Int64()


def test_a_separator_that_is_not_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DropRefusedError, match="cells are separated by ;"):
        ingest(tmp_path, {"residents.csv": TEXT.replace(",", ";")})


def test_rows_above_the_header_do_not_vanish(tmp_path: Path) -> None:
    header, first, second = TEXT.splitlines()
    for lines in ([first, header, second], [first, second, header]):
        with pytest.raises(DropRefusedError, match="row 1 stands above the header"):
            ingest(tmp_path, {"户籍人口.csv": "\n".join(lines)})
    titles = ["户籍人口,,", "制表单位,某局,2020-03-31"]
    assert lines_of(tmp_path, "户籍人口.csv", "\n".join([*titles, header, first])) == [4]


def test_a_file_that_names_another_unit_is_refused(tmp_path: Path) -> None:
    """Amounts in 分 under 单位缴费金额(分) would be read a hundredfold."""
    header, first = csv_text([row("contributions")]).splitlines()

    def deliver(heading: str, above: str = "", label: str = "单位缴费金额") -> None:
        lines = [above, header.replace(label, heading), first]
        ingest(tmp_path, {"contributions.csv": "\n".join(lines)})

    for unit in ("(分)", "（万元）", "[单位：千元]", "(以分计)"):
        with pytest.raises(DropRefusedError, match=r"is given in (分|万元|千元), it is read in 元"):
            deliver(f"单位缴费金额{unit}")
    for unit in ("（RMB分）", "(Fen)", "(×100)", "(10元)"):
        with pytest.raises(DropRefusedError, match="is given in"):
            deliver(f"单位缴费金额{unit}")
    for title in ("明细表（单位：万元）", "金额单位:分", "金额以分计"):
        with pytest.raises(DropRefusedError, match="is given in"):
            deliver("单位缴费金额", title)
        deliver("单位缴费金额", title.replace("分", "元").replace("万", ""))
    for harmless in ("(元)", "（人民币元/月）", "(精确到分)", "(Yuan)", "(2020)"):
        deliver(f"单位缴费金额{harmless}", "制表单位：万元大厦")
    registered = csv_text([row("registrations")])
    for heading, other in (
        ("营业收入(万元)", "营业收入(元)"),
        ("从业人员", "从业人员（百人）"),
        ("资产总额(万元)", "资产总额【亿元】"),
    ):
        with pytest.raises(DropRefusedError, match="is given in"):
            ingest(tmp_path, {"registrations.csv": registered.replace(heading, other)})


def test_the_month_paid_stands_in_only_where_no_month_of_the_wage_stands(tmp_path: Path) -> None:
    both = {"工资所属月": "202001"} | row("payroll")
    text = csv_text([both, both | {"姓名": "李四", "身份证号": LI, "流水号": "P2"}])
    # The header once more is a row that can't be read, no other header.
    text += text[: text.index("\n") + 1]
    snapshot = ingest(tmp_path / "both", {"payroll.csv": text})
    assert [line for line, _, _ in verdicts(snapshot)] == [4]
    assert table(snapshot, "payroll")["month"].to_list() == [202001, 202001]
    assert "发放月份" in str(snapshot.manifest["notes"])
    alone = ingest(tmp_path / "alone", {"payroll.csv": csv_text([row("payroll")])})
    assert table(alone, "payroll")["month"].to_list() == [202002]
    for twin in ("工资所属月(月)", "month"):
        with pytest.raises(DropRefusedError, match="two columns are month"):
            ingest(tmp_path / twin, {"payroll.csv": csv_text([both | {twin: "202001"}])})
