"""The defects of real files, one by one: how a good row is spoilt and which rule must bite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data_samples.town.labels import label_of
from transforms.extracts.kinds import KINDS

GOOD_CONTRIBUTION: Mapping[str, str] = {
    "serial_no": "",
    "unit_no": "",
    "name": "",
    "person_id": "",
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
    cells: Mapping[str, str]
    copies: tuple[Mapping[str, str], ...] = ({},)
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

REPAIRED_IDS: tuple[Callable[[str], str], ...] = (
    lambda person_id: f" {person_id[:6]} {person_id[6:14]} {person_id[14:]}",
    lambda person_id: "".join(chr(ord(char) + 0xFEE0) for char in person_id),
    lambda person_id: f"'{person_id}",
    lambda person_id: person_id[:6] + person_id[8:17],
)


def contribution_labels() -> list[str]:
    """Return the headings of a contributions file."""
    return [label_of(column) for column in KINDS["contributions"].columns]


def spoil(defect: Defect, number: int, ids: Sequence[str], names: Sequence[str]) -> list[list[str]]:
    """Make the rows of one defect, about one of the strangers.

    Rows:    one per copy, cells in the order of the kind's columns
    """
    stranger = number % len(ids)
    good = {
        **GOOD_CONTRIBUTION,
        "serial_no": f"D{number:06d}",
        "person_id": ids[stranger],
        "name": names[stranger],
    }
    rows = [{**good, **defect.cells, **copy} for copy in defect.copies]
    return [[row[column.name] for column in KINDS["contributions"].columns] for row in rows]
