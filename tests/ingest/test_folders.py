"""What lies in a drop besides plain files: rubbish, sub-folders, archives, old workbooks."""

import io
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from flows.ingest import folders
from flows.ingest.drop import SnapshotRef, ingest_drop
from flows.ingest.folders import gather, is_rubbish
from tests.ingest.ingest_drops import LI, row
from transforms.errors import DropRefusedError
from transforms.extracts.headers import kind_of_file, kinds_of_file

PERSON = row("residents", 身份证号=LI)
PEOPLE = f"{','.join(PERSON)}\n{','.join(PERSON.values())}\n"
OLD = Path(__file__).with_name("old_workbook.xls")


def ingest(drop: Path) -> SnapshotRef:
    return ingest_drop(drop, drop.parent / "snapshots")


def rows_of(snapshot: SnapshotRef) -> dict[str, int]:
    return {file["name"]: file["accepted"] for file in snapshot.manifest["files"]}


def archive(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def test_what_programs_leave_is_left_aside_and_named(drop: Path) -> None:
    (drop / "residents.csv").write_text(PEOPLE, encoding="utf-8")
    rubbish = ["~$收款账户.xlsx", "Thumbs.db", ".DS_Store", "desktop.ini", "._residents.csv"]
    for name in rubbish:
        (drop / name).write_bytes(b"\x00x")
    (drop / "__MACOSX").mkdir()
    (drop / "__MACOSX" / "residents.csv").write_text(PEOPLE, encoding="utf-8")
    snapshot = ingest(drop)
    assert rows_of(snapshot) == {"residents.csv": 1}
    notes = " ".join(str(note) for note in snapshot.said("notes"))
    assert all(name in notes for name in [*rubbish, "__MACOSX"])
    alone = drop.parent / "alone"
    alone.mkdir()
    shutil.copy(drop / "residents.csv", alone)
    assert ingest(alone).snapshot_id == snapshot.snapshot_id


def test_sub_folders_are_looked_into(drop: Path) -> None:
    (drop / "公安" / "三月").mkdir(parents=True)
    (drop / "公安" / "三月" / "2020年3月户籍人口.csv").write_text(PEOPLE, encoding="utf-8")
    assert rows_of(ingest(drop)) == {"2020年3月户籍人口.csv": 1}


def test_two_files_of_one_name_are_refused(drop: Path) -> None:
    for name in ("a", "b"):
        (drop / name).mkdir()
        (drop / name / "residents.csv").write_text(PEOPLE, encoding="utf-8")
    with pytest.raises(DropRefusedError, match=r"two files residents\.csv"):
        ingest(drop)


def test_an_archive_is_unpacked_whatever_its_names_are_written_in(drop: Path) -> None:
    name = "子目录/户籍人口.csv".encode("gb18030")
    held = "x" * len(name)
    content = archive((held, PEOPLE.encode()), ("__MACOSX/._x.csv", b"x"), ("Thumbs.db", b"x"))
    (drop / "公安.zip").write_bytes(content.replace(held.encode(), name))
    snapshot = ingest(drop)
    assert rows_of(snapshot) == {"户籍人口.csv": 1}
    assert not list((drop.parent / "snapshots").glob(".making-*"))


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("residents.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a path that leads out": lambda: archive(("../residents.csv", b"x")),
    "a path from the root": lambda: archive(("/tmp/residents.csv", b"x")),
    "a path of Windows": lambda: archive(("..\\residents.csv", b"x")),
    "a drive of Windows": lambda: archive(("C:\\residents.csv", b"x")),
    "a link": lambda: archive((link(), b"/etc/hostname")),
    "an archive in an archive": lambda: archive(("residents.zip", archive(("a.csv", b"x")))),
    "two of one name": lambda: archive(("a/residents.csv", b"x"), ("b/residents.csv", b"x")),
    "a bomb": lambda: archive(("residents.csv", bytes(100 << 20))),
    "cut in the middle": lambda: archive(("residents.csv", PEOPLE.encode()))[:-30],
    "a flipped byte": lambda: _flipped(archive(("residents.csv", PEOPLE.encode() * 50))),
}


def _flipped(content: bytes) -> bytes:
    return content[:60] + bytes([content[60] ^ 255]) + content[61:]


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_that_fights_back_is_refused(drop: Path, name: str) -> None:
    (drop / "户籍人口.zip").write_bytes(HOSTILE[name]())
    with pytest.raises(DropRefusedError, match=r"户籍人口\.zip|residents"):
        ingest(drop)
    assert not list((drop.parent / "snapshots").glob("*"))
    assert not (drop.parent / "residents.csv").exists()


def test_an_archive_of_windows_may_part_its_folders_by_backslashes(drop: Path) -> None:
    packed = archive(("三月\\", b""), ("三月\\一队\\户籍人口.csv", PEOPLE.encode()))
    (drop / "三月.zip").write_bytes(packed)
    assert rows_of(ingest(drop)) == {"户籍人口.csv": 1}


@pytest.mark.parametrize("name", ["户籍人口.xls", "户籍人口.XLS", "户籍人口.xlsx"])
@pytest.mark.parametrize("is_old", [True, False])
def test_a_workbook_is_read_as_what_it_is(drop: Path, name: str, is_old: bool) -> None:
    shutil.copy(OLD, drop / name)
    if not is_old:
        book = openpyxl.Workbook()
        for cells in (PERSON, PERSON.values()):
            book.active.append(list(cells))
        book.save(drop / name)
    assert rows_of(ingest(drop)) == {name: 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html><table></table></html>", "named like a workbook and is none"),
        (PEOPLE.encode("gb18030"), "named like a workbook and is none"),
        (PEOPLE.encode("utf-16"), "named like a workbook and is none"),
        (b"PK\x03\x04" + bytes(600), "damaged, or with a password"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "damaged, or with a password"),
    ],
)
@pytest.mark.parametrize("name", ["户籍人口.xls", "户籍人口.xlsx"])
def test_what_is_no_workbook_is_said(drop: Path, name: str, content: bytes, said: str) -> None:
    (drop / name).write_bytes(content)
    with pytest.raises(DropRefusedError, match=said):
        ingest(drop)


def test_too_many_files_or_folders_are_no_drop(
    drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = drop / "/".join("d" * 9)
    deep.mkdir(parents=True)
    with pytest.raises(DropRefusedError, match="folders deep"):
        gather(drop, tmp_path / "unpacked")
    monkeypatch.setattr(folders, "MOST_FILES", 1)
    shutil.rmtree(drop / "d")
    for name in ("residents.csv", "residents2.csv"):
        (drop / name).write_text(PEOPLE, encoding="utf-8")
    with pytest.raises(DropRefusedError, match="more than 1 files"):
        gather(drop, tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("2020年3月失业登记.csv", "unemployment"),
        ("淄川区_失业保险金待遇_202003.csv", "unemployment_benefits"),
        ("unemployment.csv", "unemployment"),
        ("就业登记（失业保险金待遇核对）.csv", "unemployment_benefits"),
        ("失业登记和就业登记.csv", None),
        ("说明.csv", None),
    ],
)
def test_the_longest_title_in_a_name_tells_the_kind(name: str, kind: str | None) -> None:
    found = kind_of_file(name)
    assert (found.name if found else None) == kind
    assert (len(kinds_of_file(name)) > 1) == ("和" in name)
    assert not is_rubbish(name)
