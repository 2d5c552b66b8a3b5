"""Kinds of extract are what kinds.yaml says: what is not said is refused, what is said holds."""

from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sql import connect, query, register_tables
from transforms.answers import returns
from transforms.answers.open_questions import fact_label
from transforms.answers.source_rows import visible_rows
from transforms.errors import ContractError
from transforms.extracts.kinds import DECLARED, KINDS, Kind, parse_kinds, table_schema

AS_OF = date(2020, 3, 15)
DAYS = (None, date(2020, 3, 14), AS_OF, date(2020, 3, 16))
MONTHS = (202002, 202003, 202004)
TEXT = DECLARED.read_text(encoding="utf-8")
REFUSED = [
    ("    visible_from: died_on\n", "", "kind deaths: is not said: visible_from"),
    ("visible_from: died_on", "visible_from:", "kind deaths: is not said: visible_from"),
    ("visible_from: died_on", "visible_from: []", "kind deaths: is not said: visible_from"),
    ("visible_from: died_on", "visible_from: never", "kind deaths: visible_from: never"),
    ("visible_from: died_on", "visible_from: source", "kind deaths: visible_from: source"),
    ("{state: 已到账}", "{state: 到账}", "contributions: no row says: state 到账"),
    ("visible_from: closed_on", "visible_from: willing", "unemployment: visible_from: willing"),
    (
        "    key: unit_no",
        "    key: unit",
        "kind insured_units: key, note_sums, stands_by or parts: unit",
    ),
    ("    bucketed: true", "    in_buckets: true", "kind contributions: unknown words: in_buckets"),
    ("died_on!:", "died_on!: {code: 是}", "kind deaths, died_on!: unknown words: code"),
    ("died_on!:", "died_at!:", "kind deaths: columns: died_at"),
    ("  deaths:", "  De aths:", "no name: De aths"),
    ("  died_on:", "  Died on:", "no names of columns: Died on"),
    ("  died_on:", "  linked_by:", "no names of columns: linked_by"),
    ("type: account_no,", "type: account,", "column account_no: type: account is not known"),
    ("type: account_no, ", "", "column account_no: type is missing"),
    ("    columns:\n", "    columns: name\n    row: x\n    title:\n", "stands twice"),
    ("columns:\n", "columns: 3\nothers:\n", "kinds.yaml: AttributeError: "),
    ("titles: 死亡信息", "titles: 失业登记", "kinds.yaml: titles of two kinds: 失业登记"),
    ("died_on!:", "died_on!:\n      died_on:", "kind deaths: columns, twice: died_on"),
    ("died_on!:", "died_on!: {labels: 姓名}", "kind deaths: labels of two columns: 姓名"),
    ("labels: 缴费基数, unit: fen", "labels: 缴费基数", "money, rate, wan a unit"),
]


@pytest.mark.parametrize(("said", "wrong", "told"), REFUSED, ids=[told for *_, told in REFUSED])
def test_a_kind_that_is_not_as_promised_is_refused(said: str, wrong: str, told: str) -> None:
    assert said in TEXT
    with pytest.raises(ContractError, match=told):
        parse_kinds(TEXT.replace(said, wrong, 1))


@pytest.mark.parametrize(
    ("kind", "column", "heading"),
    [
        ("contributions", "paid_on", "到账日期"),
        ("payroll", "paid_on", "发放日期"),
        ("payroll", "serial_no", "流水号"),
        ("support", "from_month", "享受开始年月"),
        ("support", "to_month", "享受终止年月"),
        ("accounts", "account_no", "账号"),
    ],
)
def test_a_column_is_called_as_its_own_kind_calls_it(kind: str, column: str, heading: str) -> None:
    """In explain, in what goes back to the supplier, and in the sample; others' words do too."""
    assert fact_label(column, kind) == heading
    assert returns._heading({"kind": kind, "column": column}).split(" / ")[0] == heading
    assert len(KINDS[kind].column_named[column].labels) == 3


def test_only_registers_count_whatever_the_date() -> None:
    dated = [name for name, kind in KINDS.items() if kind.visible_from]
    always = [name for name in KINDS if name not in dated]
    registers = ["registrations", "insured_units", "insured_persons", "residents", "accounts"]
    assert always == [*registers, "clerical_links"]


@pytest.mark.parametrize("name", KINDS)
def test_rules_and_explain_see_the_same_rows(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    path = tmp_path / "rows.parquet"
    pl.DataFrame(rows_around_the_date(kind), schema=table_schema(kind)).write_parquet(path)
    connection = connect(1)
    register_tables(connection, {name: [path]}, AS_OF)
    by_rules = query(connection, f"select * from {name} order by source_line")
    by_explain = visible_rows(pl.scan_parquet(path), name, AS_OF).collect()
    assert by_explain.equals(by_rules) and by_rules.height > 0
    for moment in kind.visible_from:
        come = by_rules.filter(*(pl.col(column) == word for column, word in moment.where))
        assert come[moment.column].max() == (202003 if kind.is_month(moment.column) else AS_OF)
    counted = query(connection, f"select row_count from visible_counts where kind = '{name}'")
    assert counted.item() == by_rules.height
    delivered = query(connection, f"select * from delivered_{name} order by source_line")
    assert delivered.equals(pl.read_parquet(path))
    assert (delivered.height > by_rules.height) == bool(kind.visible_from)


def rows_around_the_date(kind: Kind) -> list[dict[str, Any]]:
    """Make a row of every combination of days and months around the date, and of words asked."""
    asked = {column for moment in kind.visible_from for column, _ in moment.where}
    choices: dict[str, tuple[Any, ...]] = {}
    for column in kind.columns:
        if column.name in {moment.column for moment in kind.visible_from} | {column.visible_from}:
            choices[column.name] = DAYS if column.type == "date" else MONTHS
        elif column.name in asked:
            choices[column.name] = column.codes
        elif column.visible_from:
            choices[column.name] = (column.codes[0],)
    combinations = product(*choices.values())
    return [
        dict(zip(choices, row, strict=True)) | {"source_line": line}
        for line, row in enumerate(combinations, start=2)
    ]
