"""How old tonight's extracts are: what in_force.csv says, read on a day."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from transforms.policies.cards import PolicyStatus
from transforms.words import Said

# A delivery note with more columns: `file` to `why` are as suppliers write them.
COLUMNS = (
    *("file", "rows", "amount", "sha256", "removed_rows", "why"),
    *("supplier", "kind", "month", "month_from", "delivered_on", "same_since"),
    *("due_day", "max_age_days", "left_out", "refused_file", "replaced_file", "counting_file"),
)
NOT_IN_TIME = ("late", "too_old", "missing", "unusable", "nobody")
# What is to be asked for at a supplier.
LATE = (*NOT_IN_TIME, "refused")


@dataclass(frozen=True)
class DeliveryState:
    """How one supplier's kind stands on a day.

    `state`: fresh, same (came again unchanged), old (in force, nothing was due), late, refused (an
    older one is in force); and, with the kind left out, too_old, missing (nothing ever came) or
    unusable (what came was refused, and nothing good before), nobody (suppliers.toml names nobody
    for it any more). `is_used`: it is read. `replaced_file`, `counting_file`: where two that came
    on one day and differ lie, the former replaced by the latter; told on that day alone.
    """

    supplier: str
    kind: str
    state: str
    age_days: int | None
    delivered_on: str
    file: str
    months: int
    refused_file: str
    max_age_days: int
    is_used: bool
    replaced_file: str = ""
    counting_file: str = ""

    @property
    def state_word(self) -> str:
        """Return the code of the word for its state."""
        return f"delivery_{self.state}"

    def content(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def expected_since(as_of: date, due_day: int | None) -> date:
    """Return the first day on which what is in force on `as_of` should have come.

    >>> expected_since(date(2020, 3, 31), None), expected_since(date(2020, 3, 4), 5)
    (datetime.date(2020, 3, 31), datetime.date(2020, 2, 1))
    """
    if due_day is None:
        return as_of
    first = as_of.replace(day=1)
    return first if as_of.day >= due_day else (first - timedelta(days=1)).replace(day=1)


def delivery_states(text: str, as_of: date) -> list[DeliveryState]:
    """Say how each supplier's kinds stand on a day, from the text of in_force.csv alone."""
    groups: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        # Of a file that nobody could place, its name is all that is known.
        alone = row["refused_file"] if not row["max_age_days"] else ""
        groups.setdefault((row["supplier"], row["kind"], alone), []).append(row)
    return [_state(rows, as_of) for _, rows in sorted(groups.items())]


def _state(rows: Sequence[Mapping[str, str]], as_of: date) -> DeliveryState:
    row = max(rows, key=lambda one: (one["month"], one["delivered_on"]))
    newest = [one for one in rows if one["month"] == row["month"]]
    word = _word(row, newest, as_of)
    if word == "old":
        # A correction of an older month came: the newest one is not due again.
        row = max(rows, key=lambda one: one["delivered_on"])
        newest = [one for one in rows if one["delivered_on"] == row["delivered_on"]]
        word = _word(row, newest, as_of)
    delivered = row["delivered_on"] and date.fromisoformat(row["delivered_on"])
    return DeliveryState(
        supplier=row["supplier"],
        kind=row["kind"],
        state=word,
        age_days=max(0, (as_of - delivered).days) if delivered else None,
        delivered_on=row["delivered_on"],
        file=", ".join(sorted(one["file"] for one in newest)),
        months=len({one["month"] for one in rows if one["month"]}),
        refused_file=row["refused_file"],
        max_age_days=int(row["max_age_days"] or 0),
        is_used=bool(row["file"]),
        replaced_file=_places("replaced_file", rows, as_of),
        counting_file=_places("counting_file", rows, as_of),
    )


def _places(column: str, rows: Sequence[Mapping[str, str]], as_of: date) -> str:
    """Join what the rows of a night say; notes of before have not the column."""
    new = [row.get(column) for row in rows if row["delivered_on"] >= as_of.isoformat()]
    return ", ".join(sorted({place for place in new if place}))


def _word(row: Mapping[str, str], newest: Sequence[Mapping[str, str]], as_of: date) -> str:
    if row["left_out"] == "missing" and row["refused_file"]:
        return "unusable"
    if row["left_out"] in ("too_old", "missing", "nobody"):
        return row["left_out"]
    if row["refused_file"]:
        return "refused"
    due_day = int(row["due_day"]) if row["due_day"] else None
    delivered = date.fromisoformat(row["delivered_on"])
    if delivered < expected_since(as_of, due_day):
        return "late"
    if delivered < as_of:
        return "old"
    is_same = not row["left_out"] and all(one["same_since"] < one["delivered_on"] for one in newest)
    return "same" if is_same else "fresh"


def with_ages(
    policies: Mapping[str, PolicyStatus], states: Iterable[DeliveryState]
) -> dict[str, PolicyStatus]:
    """Say of kinds that came and are too old that they are, where a policy did not run for them."""
    of = {(one.kind, one.state) for one in states}
    absent = {kind for kind, state in of if state in ("missing", "unusable")}
    old = {kind for kind, state in of if state == "too_old"} - absent
    nobody = {kind for kind, state in of if state == "nobody"} - absent - old
    return {
        name: replace(found, reason=_with_age(found.reason, old, nobody))
        for name, found in policies.items()
    }


def _with_age(reason: Said | None, old: Collection[str], nobody: Collection[str]) -> Said | None:
    kinds = reason.values["kinds"] if reason and reason.code == "extract_not_delivered" else []
    left = [kind for kind in kinds if kind in nobody]
    if left and len(left) == len(kinds):
        return Said("extract_of_nobody", {"kinds": left})
    if left:
        others = [kind for kind in kinds if kind not in nobody]
        return Said("extracts_absent_or_of_nobody", {"kinds": others, "nobody": left})
    aged = [kind for kind in kinds if kind in old]
    if not aged:
        return reason
    absent = [kind for kind in kinds if kind not in old]
    if absent:
        return Said("extracts_absent_or_too_old", {"kinds": absent, "old": aged})
    return Said("extract_too_old", {"kinds": aged})


def warnings_of(states: Iterable[DeliveryState]) -> list[Said]:
    """Say what is late, too old, missing, left out for another's sake, refused, or replaced."""
    groups: dict[tuple[str, str, str], list[DeliveryState]] = {}
    refused, replaced = list[Said](), list[Said]()
    for one in states:
        is_left_out = one.max_age_days and not one.is_used
        code = "supplier_left_out" if is_left_out else ""
        code = f"supplier_{one.state}" if one.state in NOT_IN_TIME else code
        if code:
            groups.setdefault((code, one.supplier, one.delivered_on), []).append(one)
        if one.refused_file:
            refused.append(Said("inbox_refused", {"file": one.refused_file}))
        if one.replaced_file:
            told = {"supplier": one.supplier, "kinds": [one.kind]}
            files = {"counts": one.counting_file, "replaced": one.replaced_file}
            replaced.append(Said("supplier_replaced", told | files))
    said = list[Said]()
    for (code, supplier, delivered_on), group in sorted(groups.items()):
        when = {"delivered_on": delivered_on, "age_days": group[0].age_days}
        kinds = [one.kind for one in group]
        said.append(Said(code, {"supplier": supplier, "kinds": kinds} | when))
    return said + refused + replaced
