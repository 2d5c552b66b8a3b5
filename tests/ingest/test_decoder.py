"""The process that takes workbooks and Parquet apart: what it lays out, and what it refuses."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.ingest import decoded
from flows.ingest.decoder import batch_of_rows, checked, refuse_type
from transforms.extracts.grid import even_rows


def test_a_sheet_comes_as_texts_and_which_cells_were_numbers() -> None:
    batch = batch_of_rows([["甲", 3.0], ["乙", ""]], 2)
    assert batch.to_pydict() == {
        "0": ["甲", "乙"],
        "1": ["3", ""],
        "2": [False, False],
        "3": [True, False],
    }
    assert batch_of_rows([], 2).num_rows == 0


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.string()), pa.binary(), pa.struct([]), pa.timestamp("us", "Mars/Olympus")]
)
def test_types_that_mean_nothing_are_refused_by_name(kind: pa.DataType) -> None:
    with pytest.raises(SystemExit, match="column 姓名"):
        refuse_type(pa.field("姓名", kind))


def test_a_cell_that_can_be_none_is_refused() -> None:
    refuse_type(pa.field("姓名", pa.dictionary(pa.int32(), pa.string())))
    with pytest.raises(SystemExit, match="a cell of 1025 KiB"):
        checked(pa.RecordBatch.from_pydict({"姓名": ["x" * (1025 << 10)]}))


def test_rows_are_made_as_wide_as_the_header() -> None:
    columns, too_wide = even_rows([["a"], ["b", "c", "d"], ["e", "f", " "]], 2)
    assert len(columns) == 2 and too_wide is not None
    assert too_wide.tolist() == [False, True, False]


def test_a_process_that_died_while_it_waited_speaks_against_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"姓名": ["甲"]}), path)

    def texts() -> list[str]:
        wanted = {"columns": ["姓名"], "coded": []}
        batches = list(decoded.decode("parquet", path, "a.parquet", lambda _names: wanted))
        return [text for batch in batches for text in batch["姓名"].to_pylist()]

    assert texts() == ["甲"]
    for waiting in decoded._idle():
        waiting.kill()
        waiting.wait()
    assert texts() == ["甲"]
