"""Every column that is written says what it means, and every folder what lies in it."""

import json
import re
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.data_package import (
    PACKAGE,
    scan_tables,
    write_data_package,
    write_pieces,
)
from flows.ingest.tables import RowGroups
from flows.store import file_digest, read_manifest
from sql.texts import policy_cards
from transforms.columns import Personal
from transforms.digest import frame_digest
from transforms.errors import ContractError
from transforms.extracts.kinds import COLUMNS, KINDS, table_schema
from transforms.extracts.outputs import WORDS_OF_FIELD, describe_column, output_columns

CLASSES = set(get_args(Personal))
TYPES = {"string", "integer", "date", "boolean", "array", "object"}
# What the standard says a name is: https is not asked, so its words stand here.
STANDARD_NAME = re.compile(r"([-a-z0-9._/])+")


@pytest.fixture(scope="module")
def root(run_home: tuple[Path, dict[str, Any]]) -> Path:
    return run_home[0]


def folders(root: Path) -> Iterator[Path]:
    for place in ("snapshots", "runs", "batches"):
        yield from (root / place).iterdir()


def tables(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.parquet")) if "raw" not in path.parts]


def test_every_column_of_every_table_says_what_it_means(root: Path) -> None:
    seen = set()
    for folder in folders(root):
        assert tables(folder)
        for path in tables(folder):
            for field in pq.read_schema(path):
                said = {name.decode(): text.decode() for name, text in field.metadata.items()}
                assert set(WORDS_OF_FIELD) <= set(said), f"{path.name}: {field.name}"
                assert said["description"] and said["personal"] in CLASSES
                assert not field.name.endswith("_fen") or said["unit"] == "fen"
                seen.add(field.name)
    assert {"person_id", "amount_fen", "account_no", "s11_willing", "headcount_start"} <= seen


def test_whose_data_a_column_holds_is_said() -> None:
    personal = {name: describe_column(name)["personal"] for name in (*output_columns(), *COLUMNS)}
    assert personal["account_no"] == personal["account_now"] == "account"
    assert personal["holder"] == personal["name_raw"] == "name"
    assert personal["subject_id"] == personal["person_key"] == personal["person_id"] == "person_id"
    assert personal["batch_id"] == personal["month"] == "none"
    assert describe_column("of_a_new_policy") == {
        "description": "of_a_new_policy",
        "unit": "",
        "personal": "about_person",
    }, "a new policy needs no file but its own"


def test_a_provision_is_described_by_its_own_card(tmp_path: Path) -> None:
    for name, card in policy_cards().items():
        rows = pl.DataFrame({entry.name: [True] for entry in card.provisions})
        write_pieces([rows], tmp_path / f"{name}.parquet", card)
        found = pq.read_schema(tmp_path / f"{name}.parquet")
        for entry in card.provisions:
            assert found.field(entry.name).metadata[b"description"].decode() == entry.title


def test_a_table_in_buckets_says_it_too_and_reads_the_same(tmp_path: Path) -> None:
    frame = pl.DataFrame(schema=table_schema(KINDS["contributions"]))
    row = {"serial_no": "1", "insurance": "养老", "month": 202003, "unit_fen": 5}
    frame = pl.concat([frame, pl.DataFrame([row], schema_overrides=frame.schema)], how="diagonal")
    for number in range(2):
        written = RowGroups(tmp_path / "contributions" / f"bucket-{number:02d}.parquet")
        written.add(frame)
        written.close()
    assert pl.read_parquet(tmp_path / "contributions" / "*.parquet").head(1).equals(frame)
    write_data_package(tmp_path, "S1", "two buckets")
    (resource,) = json.loads((tmp_path / PACKAGE).read_text(encoding="utf-8"))["resources"]
    assert resource["name"] == "contributions" and resource["rows"] == 2
    assert resource["path"] == [f"contributions/bucket-{n:02d}.parquet" for n in range(2)]
    (unit,) = [one for one in resource["schema"]["fields"] if one["name"] == "unit_fen"]
    assert (unit["unit"], unit["description"]) == ("fen", COLUMNS["unit_fen"].meaning)


def test_a_data_package_lists_every_table_with_what_the_standard_requires(root: Path) -> None:
    for folder in folders(root):
        package = json.loads((folder / PACKAGE).read_text(encoding="utf-8"))
        assert package["profile"] == "data-package" and package["resources"]
        assert STANDARD_NAME.fullmatch(package["name"]) and package["name"] == folder.name.lower()
        listed = {resource["path"]: resource for resource in package["resources"]}
        assert set(listed) == {path.relative_to(folder).as_posix() for path in tables(folder)}
        names = [resource["name"] for resource in package["resources"]]
        assert len(set(names)) == len(names)
        for place, resource in listed.items():
            assert STANDARD_NAME.fullmatch(resource["name"])
            assert not place.startswith("/") and ".." not in place
            path = folder / place
            assert resource["hash"] == f"sha256:{file_digest(path)}"
            assert resource["bytes"] == path.stat().st_size
            assert resource["rows"] == pl.read_parquet(path).height
            fields = resource["schema"]["fields"]
            assert [field["name"] for field in fields] == pl.read_parquet(path).columns
            assert {field["type"] for field in fields} <= TYPES


def test_a_data_package_is_part_of_what_the_manifest_vouches_for(root: Path) -> None:
    for folder in folders(root):
        manifest = read_manifest(folder, "folder")
        part = manifest["lists"] if "lists" in manifest else manifest["files"]
        assert part[PACKAGE] == file_digest(folder / PACKAGE)


def test_no_cell_of_a_table_stands_in_a_data_package(root: Path) -> None:
    for folder in folders(root):
        text = (folder / PACKAGE).read_text(encoding="utf-8")
        assert not re.search(r"(?<![0-9a-fA-F])[0-9]{15,18}[0-9X]?(?![0-9a-fA-F])", text)


@given(st.data())
def test_a_table_in_pieces_is_the_same_and_has_the_digest_of_the_whole(data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.tuples(
                st.text('甲乙\t"\\,\n', max_size=2),
                st.none() | st.integers(0, 2),
                st.lists(st.sampled_from(["s1_x", "g"]), max_size=2),
            ),
            max_size=12,
        )
    )
    schema = {"subject_id": pl.String(), "due_fen": pl.Int64(), "reason_codes": pl.List(pl.String)}
    whole = pl.DataFrame(rows, schema=schema, orient="row").sort(pl.all(), nulls_last=False)
    cuts = sorted(data.draw(st.lists(st.integers(0, whole.height), max_size=4)))
    borders = pairwise([0, *cuts, whole.height])
    pieces = [whole.slice(start, end - start).reverse() for start, end in borders]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        told = write_pieces(pieces, path)
        assert told == {"rows": whole.height, "digest": frame_digest(whole)}
        assert scan_tables(Path(folder))["t"].collect().equals(pl.concat(pieces))
        (amount,) = [one for one in pq.read_schema(path) if one.name == "due_fen"]
        assert amount.metadata[b"unit"] == b"fen"


def test_pieces_that_are_not_in_order_have_no_digest(tmp_path: Path) -> None:
    piece = pl.DataFrame({"subject_id": ["b"]})
    with pytest.raises(ContractError):
        write_pieces([piece, piece, pl.DataFrame({"subject_id": ["a"]})], tmp_path / "t.parquet")
