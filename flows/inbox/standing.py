"""How the inbox stands, without touching it: what is in force, what waits, what was refused."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flows.inbox.in_force import files_in_force
from flows.inbox.lying import look
from flows.inbox.register import Line, read_register
from flows.inbox.suppliers import REFUSED, expect_suppliers
from flows.language import language
from flows.store import Home
from transforms.answers.deliveries import delivery_lines, delivery_states
from transforms.words import Said

ASKED_ABOUT = ("late", "too_old", "missing", "refused")
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
            {"file": path.relative_to(suppliers.inbox).as_posix(), "why": str(why)}
            for path, why in sorted(waiting, key=lambda one: one[0])
        ],
        "refused": _refused(lines),
    }


def _refused(lines: Sequence[Line]) -> list[dict[str, str]]:
    found = [line for line in lines if line.state == REFUSED]
    return [
        {"day": line.day, "file": line.name, "lies": line.lies, "reason": line.reason}
        for line in reversed(found[-SHOWN_REFUSED:])
    ]


def standing_lines(told: Mapping[str, Any]) -> list[str]:
    """Write how the inbox stands for a terminal."""
    contacts = {one["supplier"]: one["contact"] for one in told["suppliers"]}
    lines = [f"inbox {told['inbox']}", f"in force for a night as of {told['as_of']}"]
    lines += delivery_lines(told["deliveries"], language())
    asked = {one["supplier"] for one in told["deliveries"] if one["state"] in ASKED_ABOUT}
    lines += [f"whom to ask at {name}: {contacts[name]}" for name in sorted(asked) if name]
    lines += ["waiting"] if told["waiting"] else ["nothing waits"]
    files: dict[str, list[str]] = {}
    for one in told["waiting"]:
        files.setdefault(one["why"], []).append(one["file"])
    lines += [f"  {', '.join(names)}: {why}" for why, names in files.items()]
    lines += ["refused, the newest first"] if told["refused"] else ["nothing was refused"]
    for one in told["refused"]:
        lines += [f"  {one['day']} {one['lies']}", f"    {one['reason']}"]
    return lines
