"""Spoil a sample drop as real files are spoilt: extra part files, each defect known beforehand."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import xlsxwriter

from data_samples.town.defects import BAD_ROWS, REPAIRED_IDS, labels_of, spoil
from data_samples.town.labels import file_title
from data_samples.town.naming import employer_codes, person_ids, person_names

CREATED = datetime(2020, 3, 26)
STRANGERS = 12
STRANGER_NUMBERS = 40 * 400
STRANGE_EMPLOYERS = 999_000


@dataclass
class Spoilt:
    """What was spoilt: the lines that must be quarantined, the cells that must be repaired."""

    quarantine: list[tuple[str, str, int, str]] = field(default_factory=list)
    repairs: list[tuple[str, str, int, str]] = field(default_factory=list)


def spoil_drop(folder: Path, truth: Path, seed: int) -> Spoilt:
    """Add spoilt part files to a drop; truth/quarantine.csv and truth/repairs.csv say what must be.

    Holds:   every spoilt row is about strangers nobody else knows: no planted truth changes
    """
    chance = np.random.default_rng([seed, 3])
    born = np.array(["1980-03-05"], dtype="datetime64[D]").repeat(STRANGERS)
    numbers = STRANGER_NUMBERS + np.arange(STRANGERS, dtype=np.int64) * 40
    ids = person_ids(numbers, born, chance.random(STRANGERS) < 0.5).to_list()
    names = person_names(chance, STRANGERS).to_list()
    names[0] = "𠮷野家栋"
    spoilt = Spoilt()
    _write_strangers(folder, ids, names)
    for kind in BAD_ROWS:
        _write_bad_rows(folder, kind, ids, names, spoilt)
    _write_repaired(folder, ids, names, spoilt)
    _write_titled_workbook(folder, ids, names, spoilt)
    _write_rows(truth / "quarantine.csv", ("kind", "file", "line", "rule"), spoilt.quarantine)
    _write_rows(truth / "repairs.csv", ("kind", "file", "line", "column"), spoilt.repairs)
    return spoilt


def _write_strangers(folder: Path, ids: Sequence[str], names: Sequence[str]) -> None:
    """Write who the strangers are, in GB18030 with a character of four bytes."""
    people = pl.DataFrame({"社会保障号码": ids, "姓名": names})
    text = people.write_csv(line_terminator="\r\n")
    (folder / "个人参保信息_补充.csv").write_bytes(text.encode("gb18030"))


def _write_bad_rows(
    folder: Path, kind: str, ids: Sequence[str], names: Sequence[str], spoilt: Spoilt
) -> None:
    """Write one row for each defect, tab-separated UTF-8 with a BOM, a totals row at the end."""
    path = folder / f"{file_title(kind)}_脏数据.csv"
    codes = employer_codes(STRANGE_EMPLOYERS + np.arange(STRANGERS, dtype=np.int64))
    good, defects = BAD_ROWS[kind]
    rows: list[list[str]] = []
    for number, defect in enumerate(defects):
        place = number % STRANGERS
        who = {"person_id": ids[place], "name": names[place], "employer_code": codes[place]}
        who["serial_no"] = f"D{number:06d}"
        for copy, row in enumerate(spoil(kind, good, defect, who)):
            rows.append(row)
            if copy in defect.quarantined_copies:
                spoilt.quarantine.append((kind, path.name, len(rows) + 1, defect.rule))
    rows.append(["合计", *[""] * (len(labels_of(kind)) - 1)])
    spoilt.quarantine.append((kind, path.name, len(rows) + 1, "totals_row"))
    lines = ["\t".join(row) for row in [labels_of(kind), *rows]]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("utf-8-sig"))


def _write_repaired(folder: Path, ids: Sequence[str], names: Sequence[str], spoilt: Spoilt) -> None:
    """Write ids that are only written badly, in GBK: they are repaired, and it is recorded."""
    path = folder / "失业登记_手工.csv"
    lines = ["姓名,证件号码,失业登记日期,就业意愿"]
    for number, write in enumerate(REPAIRED_IDS, start=1):
        lines.append(f"{names[number]},{write(ids[number])},2020/1/{number},有")
        spoilt.repairs.append(("unemployment", path.name, number + 1, "person_id"))
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("gbk"))


def _write_titled_workbook(
    folder: Path, ids: Sequence[str], names: Sequence[str], spoilt: Spoilt
) -> None:
    """Write a workbook as people make them: titles above, a number as id, a totals line below."""
    path = folder / "高校毕业生名册_报表.xlsx"
    with xlsxwriter.Workbook(str(path), {"in_memory": True}) as workbook:
        workbook.set_properties({"created": CREATED})
        sheet = workbook.add_worksheet("Sheet1")
        sheet.write_string(0, 0, "高校毕业生名册（补报）")
        sheet.write_row(3, 0, ["*姓名", "公民身份号码", "学校", "毕业日期"])
        sheet.write_row(4, 0, [names[1], ids[1], "山东大学", "2019-06-30"])
        sheet.write_string(5, 0, names[2])
        sheet.write_number(5, 1, float(ids[2][:17] + "0"))
        sheet.write_row(5, 2, ["山东大学", "2019-06-30"])
        sheet.write_row(6, 0, ["制表人：某某"])
    spoilt.quarantine.append(("graduates", path.name, 6, "invalid_person_id"))
    spoilt.quarantine.append(("graduates", path.name, 7, "totals_row"))


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
