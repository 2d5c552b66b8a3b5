"""The files in force: of each supplier's kind the last good delivery, of a part month by month."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from flows.inbox.register import (
    Good,
    Line,
    Unit,
    day_of_newest,
    good_deliveries,
    refused_since,
    units_in_force,
)
from flows.inbox.suppliers import REFUSED, Delivers, Suppliers
from flows.ingest.files import DropFile, Listed, recognise
from flows.store import Home, replace_file
from transforms.answers.deliveries import COLUMNS, DeliveryState, delivery_states
from transforms.errors import DropRefusedError
from transforms.extracts.headers import IN_FORCE_NAME

NOTE_WORD = "交接单"
# Whose a file is that lay in the inbox itself, and can't be placed.
NOBODY = "收件夹"


@dataclass(frozen=True)
class InForce:
    """What is in force on a day: in_force.csv, and the line of the register of each named file."""

    text: str
    files: Mapping[str, Line]


def files_in_force(suppliers: Suppliers, lines: Sequence[Line], as_of: date) -> InForce:
    """Choose the files in force on a day.

    Holds:   a kind is in force whole or not at all: where one supplier's part of it is missing or
             too old, it is left out
    """
    goods = good_deliveries(lines)
    units = {of: units_in_force(goods, of) for of in suppliers.deliveries}
    left_out = {of: _left_out(of, units[of], as_of) for of in suppliers.deliveries}
    kinds_out = {of.kind.name for of, why in left_out.items() if why}
    names = _names(
        [
            line
            for of, months in units.items()
            if of.kind.name not in kinds_out
            for goods_of_month in months.values()
            for line in goods_of_month[-1].lines
        ]
    )
    rows = list[dict[str, str]]()
    for of, months in units.items():
        refused = refused_since(lines, of)
        said = {
            "supplier": of.supplier,
            "kind": of.kind.name,
            "due_day": str(of.due_day or ""),
            "max_age_days": str(of.max_age_days),
            "left_out": left_out[of] or ("other" if of.kind.name in kinds_out else ""),
            "refused_file": refused[-1].name if refused else "",
        }
        if said["left_out"]:
            since = day_of_newest(months)
            rows.append({**said, "delivered_on": since.isoformat() if since else ""})
            continue
        for goods_of_month in months.values():
            rows += [said | row for row in _rows(goods_of_month, names)]
    rows += _of_nobody(suppliers, goods)
    rows += _refused_alone(suppliers, lines, as_of)
    return InForce(_text(rows), {name: line for line, name in names.items()})


def _left_out(of: Delivers, months: Mapping[str, list[Good]], as_of: date) -> str:
    since = day_of_newest(months)
    if since is None:
        return "missing"
    return "too_old" if (as_of - since).days > of.max_age_days else ""


def _names(lines: Sequence[Line]) -> dict[Line, str]:
    """Name each file in the snapshot: as it was delivered, where that is one file's name only."""
    forms = ("{0.name}", "{0.supplier}-{0.name}", "{0.supplier}-{0.delivery}-{0.name}")
    names = {line: forms[0].format(line) for line in lines}
    for form in forms[1:]:
        given = list(names.values())
        names = {
            line: form.format(line) if given.count(name) > 1 else name
            for line, name in names.items()
        }
    return names


def _replaced(goods: list[Good]) -> dict[str, str]:
    """Name what came on the day of the one in force, was other, and does not count; and what does.

    Their places are named, as both may be called the same.
    """
    good = goods[-1]
    others = [one for one in goods[:-1] if one.day == good.day and one.content != good.content]
    if not others:
        return {}
    return {
        "replaced_file": ", ".join(line.lies for one in others for line in one.lines),
        "counting_file": ", ".join(line.lies for line in good.lines),
    }


def _rows(goods: list[Good], names: Mapping[Line, str]) -> Iterator[dict[str, str]]:
    good = goods[-1]
    since = good.day
    for earlier in reversed(goods[:-1]):
        if earlier.content != good.content:
            break
        since = earlier.day
    for line in good.lines:
        removed = line.removed_rows if line.removed_rows != "0" else ""
        yield {
            "file": names[line],
            "rows": line.rows,
            "amount": line.amount,
            "sha256": line.sha256,
            "removed_rows": removed,
            "why": NOTE_WORD if removed else "",
            "month": line.month,
            "month_from": line.month_from,
            "delivered_on": good.day.isoformat(),
            "same_since": since.isoformat(),
            **_replaced(goods),
        }


def _of_nobody(suppliers: Suppliers, goods: Mapping[Unit, list[Good]]) -> Iterator[dict[str, str]]:
    """Name what came once and is of a kind that nobody delivers any more."""
    delivered = {of.kind.name for of in suppliers.deliveries}
    newest: dict[tuple[str, str], date] = {}
    for (supplier, kind, _), every in goods.items():
        if kind not in delivered:
            newest[supplier, kind] = max(newest.get((supplier, kind), date.min), every[-1].day)
    for (supplier, kind), day in newest.items():
        said = {"supplier": supplier, "kind": kind, "delivered_on": day.isoformat()}
        yield {**said, "left_out": "nobody"}


def _refused_alone(
    suppliers: Suppliers, lines: Sequence[Line], as_of: date
) -> Iterator[dict[str, str]]:
    """Name the files of this night that were refused and are of no supplier's kind."""
    known = {(of.supplier, of.kind.name) for of in suppliers.deliveries}
    alone = {
        (line.name, line.supplier or NOBODY)
        for line in lines
        if line.day >= as_of.isoformat()
        and line.state == REFUSED
        and (line.supplier, line.kind) not in known
    }
    for name, supplier in sorted(alone):
        yield {"refused_file": name, "supplier": supplier, "left_out": REFUSED}


def _text(rows: Sequence[Mapping[str, str]]) -> str:
    order = ("kind", "supplier", "month", "file", "refused_file")
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: [row.get(name, "") for name in order]))
    return written.getvalue()


def list_files(home: Home, suppliers: Suppliers, chosen: InForce) -> Listed:
    """List the files in force as a drop, with in_force.csv as its delivery note.

    Raises:  DropRefusedError if there is none
    """
    if not chosen.files:
        raise DropRefusedError(
            f"nothing is in force: no supplier's delivery in {suppliers.inbox} is whole and good; "
            "`wuxing inbox` says what waits and why"
        )
    note = home.temporary / IN_FORCE_NAME
    replace_file(note, chosen.text.encode())
    files = [
        replace(recognise(Path(name)), path=suppliers.inbox / line.lies, named=name)
        for name, line in chosen.files.items()
    ]
    every = [*files, DropFile(note, None, "csv")]
    return Listed(sorted(every, key=lambda file: file.name), [])


def states_of_snapshot(folder: Path, as_of: date) -> list[DeliveryState]:
    """Say how the deliveries of a snapshot stand on a day; none if it is not of the inbox."""
    path = folder / "raw" / IN_FORCE_NAME
    return delivery_states(path.read_text(encoding="utf-8"), as_of) if path.is_file() else []
