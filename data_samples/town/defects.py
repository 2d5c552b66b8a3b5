"""The defects of real files, one by one: how a good row is spoilt and which rule must bite."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from data_samples.town.labels import label_of
from transforms.extracts.kinds import KINDS

Cells = Mapping[str, str]
GOOD_CONTRIBUTION: Cells = {
    "unit_no": "",
    "insurance": "养老",
    "month": "202001",
    "base_fen": "3500.00",
    "unit_fen": "0.00",
    "person_fen": "700.00",
    "entry": "正常",
    "state": "已到账",
    "paid_on": "2020-01-20",
}


@dataclass(frozen=True)
class Defect:
    """One way to spoil a row: cells put in place, copies of it, and which copies are refused."""

    rule: str
    cells: Cells
    copies: tuple[Cells, ...] = ({},)
    quarantined_copies: tuple[int, ...] = (0,)


BAD_CONTRIBUTIONS = (
    Defect("missing_value", {"insurance": ""}),
    Defect("missing_value", {"paid_on": ""}),
    Defect("unreadable_value", {"person_fen": "七百元"}),
    Defect("unreadable_value", {"month": "202013"}),
    Defect("unreadable_value", {"paid_on": "2020/2/30"}),
    Defect("unreadable_value", {"unit_fen": "12.345"}),
    Defect("unknown_code", {"insurance": "大病"}),
    Defect("invalid_person_id", {"person_id": "370302199002300017"}),
    Defect("invalid_person_id", {"person_id": "3.70302E+17"}),
    Defect("invalid_person_id", {"person_id": "370302198503150000"}),
    Defect("out_of_range", {"month": "189912"}),
    Defect("out_of_range", {"person_fen": "-700.00"}),
    Defect("out_of_range", {"entry": "退费", "person_fen": "700.00"}),
    Defect("duplicate_row", {}, ({}, {}), (1,)),
    Defect("conflicting_key", {}, ({}, {"person_fen": "701.00"}), (0, 1)),
    Defect("unknown_unit", {"unit_no": "没有这个单位"}),
    Defect("name_conflict", {"name": "另外某人"}),
)
GOOD_FUND: Cells = {
    "month": "202002",
    "unit_rate_bp": "12%",
    "person_rate_bp": "0.12",
    "persons": "3",
    "amount_fen": "2880.00",
}
BAD_FUND = (
    Defect("missing_value", {"month": ""}),
    Defect("unreadable_value", {"unit_rate_bp": "百分之十二"}),
    Defect("unreadable_value", {"person_rate_bp": "12.345%"}),
    Defect("invalid_employer_code", {"employer_code": "91370302MA3O000001"}),
    Defect("out_of_range", {"unit_rate_bp": "1200"}),
    Defect("out_of_range", {"persons": "-3"}),
    Defect("out_of_range", {"amount_fen": "-2880.00"}),
    Defect("duplicate_row", {}, ({}, {"unit_rate_bp": "0.12", "person_rate_bp": "12"}), (1,)),
)
GOOD_TENANCY: Cells = {
    "incubator": "淄川区创业孵化基地",
    "from_date": "2019-06-01",
    "to_date": "2021年5月31日",
    "rent_free": "是",
}
BAD_TENANCIES = (
    Defect("missing_value", {"incubator": ""}),
    Defect("unreadable_value", {"to_date": "长期"}),
    Defect("out_of_range", {"from_date": "1819-06-01"}),
    Defect("duplicate_row", {}, ({}, {"to_date": "2021-05-31"}), (1,)),
)
GOOD_LAYOFF_REPORT: Cells = {
    "reported_on": "2020-01-06",
    "planned_from": "2020-02-10",
    "persons": "25",
    "document_no": "裁报〔2020〕9号",
}
BAD_LAYOFF_REPORTS = (
    Defect("missing_value", {"reported_on": ""}),
    Defect("unreadable_value", {"reported_on": "一月初"}),
    Defect("out_of_range", {"persons": "-25"}),
    Defect("duplicate_row", {}, ({}, {"persons": "25.0"}), (1,)),
)
BAD_ROWS: Mapping[str, tuple[Cells, tuple[Defect, ...]]] = {
    "contributions": (GOOD_CONTRIBUTION, BAD_CONTRIBUTIONS),
    "housing_fund": (GOOD_FUND, BAD_FUND),
    "tenancies": (GOOD_TENANCY, BAD_TENANCIES),
    "layoff_reports": (GOOD_LAYOFF_REPORT, BAD_LAYOFF_REPORTS),
}

REPAIRED_IDS: tuple[Callable[[str], str], ...] = (
    lambda person_id: f" {person_id[:6]} {person_id[6:14]} {person_id[14:]}",
    lambda person_id: "".join(chr(ord(char) + 0xFEE0) for char in person_id),
    lambda person_id: f"'{person_id}",
    lambda person_id: person_id[:6] + person_id[8:17],
)


def labels_of(kind: str) -> list[str]:
    """Return the headings of a file of a kind."""
    return [label_of(column) for column in KINDS[kind].columns]


def spoil(kind: str, good: Cells, defect: Defect, who: Cells) -> list[list[str]]:
    """Make the rows of one defect, about the stranger that `who` names.

    Rows:    one per copy, cells in the order of the kind's columns
    """
    rows = [{**good, **who, **defect.cells, **copy} for copy in defect.copies]
    return [[row[column.name] for column in KINDS[kind].columns] for row in rows]
