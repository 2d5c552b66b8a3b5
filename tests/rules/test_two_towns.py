"""Jobs in two towns at once: exactly so many months are a finding, one less is none."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.rules.engine_tables import EMPLOYER, MAN, OTHER_EMPLOYER, paid, run

AS_OF = date(2020, 3, 31)
MONTHS = (201911, 201912, 202001)


def town(
    other: str | None = "370302102", one: str = "370302001", **rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """Two employers in two towns; the man is insured at the first from November to January."""
    of_both = [(EMPLOYER, one, 1), (OTHER_EMPLOYER, other, 2)]
    return {
        "registrations": [
            {"employer_code": code, "division_code": division} for code, division, _ in of_both
        ],
        "insured_units": [
            {"unit_no": str(key), "employer_code": code, "employer_key": key}
            for code, _, key in of_both
        ],
        "contributions": [paid(MAN, month, "养老", month) for month in MONTHS]
        + rows.pop("contributions", []),
        **rows,
    }


def elsewhere(*months: int) -> list[dict[str, Any]]:
    return [paid(MAN, m, "医疗", m + 7, unit_no="2", employer_key=2) for m in months]


def wages(*months: int, net_fen: int = 1) -> list[dict[str, Any]]:
    day = {"paid_on": date(2020, 3, 1), "gross_fen": 1, "net_fen": net_fen}
    row = {"employer_code": OTHER_EMPLOYER, "person_id": MAN} | day
    return [row | {"month": month} for month in months]


def attended(*days: date) -> list[dict[str, Any]]:
    return [{"employer_code": OTHER_EMPLOYER, "person_id": MAN, "worked_on": day} for day in days]


@pytest.mark.parametrize(
    ("rows", "is_found"),
    [
        (town(contributions=elsewhere(*MONTHS)), True),
        (town(contributions=elsewhere(*MONTHS[:2])), False),
        (town(contributions=elsewhere(*MONTHS[:2], 202002)), False),
        (town(payroll=wages(*MONTHS)), True),
        (town(payroll=wages(*MONTHS, net_fen=0)), False),
        (town(payroll=wages(*MONTHS[:2]), attendance=attended(date(2020, 1, 31))), True),
        (town(payroll=wages(*MONTHS[:2]), attendance=attended(date(2020, 2, 1))), False),
        (town("370302001", contributions=elsewhere(*MONTHS)), False),
        (town(None, contributions=elsewhere(*MONTHS)), False),
        (town("370302001002", "370302001001", contributions=elsewhere(*MONTHS)), False),
        (town("370302102001", "370302001001", contributions=elsewhere(*MONTHS)), True),
        (town("370302001001", contributions=elsewhere(*MONTHS)), False),
        (town("370302", contributions=elsewhere(*MONTHS)), False),
        (town("37030210", contributions=elsewhere(*MONTHS)), False),
        (town("370302000000", contributions=elsewhere(*MONTHS)), False),
        (town("将军路街道", contributions=elsewhere(*MONTHS)), False),
    ],
    ids=["three months", "two", "two, one beside", "paid there", "nothing paid out",
         "at work on the third month's last day", "a day later", "one town", "town not known",
         "two villages of one town", "villages of two towns", "a village of the town",
         "the county", "a digit less", "the county in twelve digits", "no code"],
)  # fmt: skip
def test_three_months_in_two_towns_are_a_finding(
    tmp_path: Path, rows: dict[str, Any], is_found: bool
) -> None:
    findings = run(tmp_path, rows, AS_OF).findings
    found = findings.filter(findings["finding"] == "jobs_in_two_towns")
    detail = "at work in 370302001 and 370302102 in the same 3 months, the last 202001"
    assert found.select("subject_id", "detail").rows() == [(MAN, detail)] * is_found
