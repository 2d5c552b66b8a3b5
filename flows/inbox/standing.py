"""How the inbox stands, without touching it: what is in force, what waits, what was refused."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from flows.inbox.in_force import files_in_force
from flows.inbox.lying import look, unknown_files, unregistered
from flows.inbox.register import Line, read_register
from flows.inbox.suppliers import REFUSED, expect_suppliers
from flows.language import headings, language, said
from flows.store import Home
from transforms.answers.deliveries import LATE, delivery_states
from transforms.extracts.kinds import names_of_kinds
from transforms.visible import table
from transforms.words import BETWEEN, Said, said_of, word, worded

# So many refused files are listed, the newest first.
SHOWN_REFUSED = 20


def inbox_standing(home: Home, day: date) -> dict[str, Any]:
    """Say how the inbox stands on a day.

    Raises:  DropRefusedError if no supplier is named
    """
    suppliers, lines = expect_suppliers(home), read_register(home)
    lying, chosen = look(suppliers), files_in_force(suppliers, lines, day)
    waiting = [(one.path, one.why) for one in lying.waiting]
    waiting += [(path, Said("waits_at_rest")) for one in lying.whole for path in one.files]
    return {
        "inbox": str(suppliers.inbox),
        "as_of": day.isoformat(),
        "suppliers": [
            {"supplier": one.name, "contact": one.contact, "folder": one.folder}
            for one in suppliers.by_name.values()
        ],
        "deliveries": [one.content() for one in delivery_states(chosen.text, day)],
        "waiting": [
            {"file": path.relative_to(suppliers.inbox).as_posix(), "why": why.content()}
            for path, why in sorted(waiting, key=lambda one: one[0])
        ],
        "refused": _refused(lines),
        "unknown": unregistered(suppliers, lines),
    }


def _refused(lines: Sequence[Line]) -> list[dict[str, str]]:
    found = [line for line in lines if line.state == REFUSED]
    return [
        {"day": line.day, "file": line.name, "lies": line.lies, "reason": line.reason}
        for line in reversed(found[-SHOWN_REFUSED:])
    ]


def delivery_lines(deliveries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Write a night's deliveries as a table, as a run's summary holds them."""
    rows = [headings("supplier", "extract", "state", "delivered_on", "age_days", "refused_file")]
    for one in deliveries:
        kind = word(one["kind"], "zh", names_of_kinds())
        state = headings(f"delivery_{one['state']}")
        age = "" if one["age_days"] is None else str(one["age_days"])
        rows.append([one["supplier"], kind, *state, one["delivered_on"], age, one["refused_file"]])
    return table(rows, {4}) if len(rows) > 1 else []


def standing_lines(told: Mapping[str, Any]) -> list[str]:
    """Write how the inbox stands for a terminal."""
    lines = [said(f"inbox {told['inbox']}"), said(f"in force for a night as of {told['as_of']}")]
    lines += (f"  {line}" for line in delivery_lines(told["deliveries"]))
    asked = {one["supplier"] for one in told["deliveries"] if one["state"] in LATE}
    contacts = [one for one in told["suppliers"] if one["supplier"] in asked]
    lines += (said(f"  to be asked at {one['supplier']}: {one['contact']}") for one in contacts)
    lines.append(said("waiting") if told["waiting"] else said("nothing waits"))
    files: dict[tuple[str, str], list[str]] = {}
    for one in told["waiting"]:
        folder, _, name = one["file"].rpartition("/")
        why = worded(said_of(one["why"]), language())
        files.setdefault((folder, why), []).append(name)
    for (folder, why), names in files.items():
        lines += [f"  {folder}/ {why}", f"    {BETWEEN[language()].join(names)}"]
    if told["unknown"]:
        lines.append(said(unknown_files(told["unknown"])))
        lines += (f"  {one}" for one in told["unknown"])
    lines.append(said("refused, the newest first" if told["refused"] else "nothing was refused"))
    for one in told["refused"]:
        lines += [f"  {one['day']} {one['lies']}", f"    {said(one['reason'])}"]
    return lines
