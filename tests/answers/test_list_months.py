"""Months before and after: one employer's event is told from a month that was not delivered."""

import polars as pl

from sql import Connection, connect, register_frame, run_sql
from sql.texts import policy_cards
from transforms.answers.list_months import months_sheet
from transforms.sheets.workbook import workbook_bytes

LISTED = pl.DataFrame(
    {
        "number": [1, 2],
        "period": ["2020-05", "2020-05"],
        "identifier": ["A", "B"],
        "subject_name": ["甲", "乙"],
    }
)


def connection_of(staff: dict[str, list[int]]) -> Connection:
    """Employers with their staff from April 2020 on; everybody present is paid."""
    connection = connect(1)
    rows = [
        {"employer_code": code, "month": 202004 + step, "staff": count}
        for code, counts in staff.items()
        for step, count in enumerate(counts)
        if count
    ]
    paid = [
        {"employer_code": row["employer_code"], "month": row["month"], "net_fen": 1}
        for row in rows
        for _ in range(int(str(row["staff"])))
    ]
    kinds = {"subject_kind": ["employer"] * 2, "subject_id": ["A", "B"]}
    register_frame(connection, "staff_counts", pl.DataFrame(rows))
    register_frame(connection, "payroll", pl.DataFrame(paid))
    register_frame(connection, "listed_subjects", pl.DataFrame(kinds))
    return connection


def shown(staff: dict[str, list[int]]) -> tuple[pl.DataFrame, str]:
    span = {"first_month": 201911, "last_month": 202006}
    by_month = run_sql(connection_of(staff), "review/employer_months.sql", span)
    card = next(card for card in policy_cards().values() if card.subject == "employer")
    sheet = months_sheet(card, LISTED, by_month, 202006)
    assert workbook_bytes([sheet]) == workbook_bytes([sheet])
    return sheet.frame, str([line.cells for line in sheet.above])


def test_one_employers_fall_stands_beside_a_district_that_does_not_fall() -> None:
    frame, said = shown({"A": [50, 10, 10], "B": [20, 20, 20], "C": [900, 900, 900]})
    assert frame.columns[5:] == [
        *("2019-11", "2019-12", "2020-01", "2020-02"),
        *("2020-03", "2020-04", "2020-05", "2020-06"),
    ]
    own = frame.filter(pl.col("identifier") == "A")
    assert own.select("measure", "2020-04", "2020-05").rows() == [
        ("当月在职人数", 50, 10),
        ("发薪人次", 50, 10),
    ]
    assert frame.filter(pl.col("number").is_null())["2020-05"].to_list() == [930, 930, 3, 1]
    assert (
        "95.87%" in said and "减少的 1 家" in said and "送全" not in said.split("2020-05 全区")[1]
    )


def test_a_month_in_which_all_fall_is_said_to_be_a_file_to_ask_for() -> None:
    _, said = shown({"A": [50, 10, 50], "B": [20, 4, 20], "C": [900, 100, 900]})
    assert "注意：2020-05" in said and "减少的 3 家" in said
