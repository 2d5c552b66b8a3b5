"""A reform as changed texts of the rules, and the change in words."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from transforms.errors import UsageError
from transforms.policies.cards import (
    outside_span,
    parse_card,
    parse_shared,
    reach_of,
    values_used,
    year_day,
)
from transforms.strict_yaml import read_yaml

SHARED = "sql/parameters.yaml"
POLICIES = "sql/policies/"
SETTING = re.compile(r"(?:([a-z]\w*)\.)?([a-z]\w*)=(.+)@(\d{4}-\d{2}-\d{2})")
SOURCE = "what-if"
FILE_OF_POLICY = re.compile(r"sql/policies/[a-z]\w*\.(yaml|sql)")
# Beside the policies lie what excludes what, and the notice's annex.
ASKED_BY_NAME = ("sql/facts/", "sql/questions/")
NEVER_DECIDING = ("sql/findings/", "sql/review/", "sql/traces/")
SHARED_BY_ALL = ("sql/policies/exclusions.yaml", "sql/policies/annex.yaml")


@dataclass(frozen=True)
class Setting:
    """One number set from a day on; `policy` is empty where its name says enough."""

    policy: str
    name: str
    value: str
    since: date


def parse_setting(text: str) -> Setting:
    """Read `name=value@YYYY-MM-DD`, or `policy.name=value@YYYY-MM-DD`.

    >>> parse_setting("hire_amount_fen=1500.00@2020-07-01").value
    '1500.00'

    Raises:  UsageError
    """
    found = SETTING.fullmatch(text)
    if not found:
        raise UsageError(f"--set takes NAME=VALUE@YYYY-MM-DD; found {text!r}")
    policy, name, value, day = found.groups()
    try:
        return Setting(policy or "", name, value, date.fromisoformat(day))
    except ValueError as unreadable:
        raise UsageError(f"--set {text}: {day} is no day") from unreadable


def with_setting(texts: Mapping[str, str], setting: Setting) -> dict[str, str]:
    """Return the texts with a number set; a cap that covers it is lifted with it.

    Raises:  UsageError if no card, or several, have such a number, or it is no such value
    """
    path = _card_of(texts, setting)
    card = read_yaml(texts[path])
    parameters = card if path == SHARED else card["parameters"]
    entry = parameters[setting.name]
    value = _typed(setting, entry["values"][-1]["value"])
    new = {"from": setting.since, "value": value, "source": SOURCE, "confirmed": False}
    entry["values"] = _in_order(entry["values"], new)
    cap = card.get("amount_cap", {})
    if setting.name in cap.get("covers", ()) and _cap_on(cap, setting.since) < Decimal(value):
        cap["values"] = _in_order(
            cap["values"], {"from": setting.since, "value": value, "reason": SOURCE}
        )
    text = yaml.safe_dump(card, allow_unicode=True, sort_keys=False)
    return {**texts, path: text}


def never_asked(
    texts: Mapping[str, str], settings: Iterable[Setting], as_of: date
) -> list[Setting]:
    """Return the numbers that were set and that no rule takes on a night of this day.

    Rows:    texts  with the numbers already set
    """
    shared = parse_shared(texts[SHARED])
    rules = (path.removesuffix(".sql") + ".yaml" for path in texts if path.endswith(".sql"))
    cards = [parse_card(texts[path], shared) for path in rules if path.startswith(POLICIES)]
    taken = {
        (scope, name, value.since)
        for card in cards
        if not outside_span(card, as_of)
        for name, parameter in {**shared, **card.parameters}.items()
        for value in values_used(parameter, as_of, year_day(card, as_of), reach_of(card, as_of))
        for scope in ("", card.policy_id)
    }
    return [one for one in settings if (one.policy, one.name, one.since) not in taken]


def with_file(texts: Mapping[str, str], name: str, text: str) -> dict[str, str]:
    """Return the texts with a policy's file (`<policy>.yaml` or `.sql`) exchanged, or added.

    Raises:  UsageError if the name is not that of a card or of its rules
    """
    if not re.fullmatch(r"[a-z]\w*\.(yaml|sql)", name):
        raise UsageError(f"--policy takes a file named <policy>.yaml or <policy>.sql; found {name}")
    return {**texts, POLICIES + name: text}


def _card_of(texts: Mapping[str, str], setting: Setting) -> str:
    found = []
    for path in sorted(texts):
        is_card = path.startswith(POLICIES) and path.endswith(".yaml")
        if path != SHARED and not is_card:
            continue
        content = read_yaml(texts[path])
        parameters = content if path == SHARED else content.get("parameters", {})
        is_meant = not setting.policy or path == f"{POLICIES}{setting.policy}.yaml"
        if is_meant and setting.name in (parameters or {}):
            found.append(path)
    if len(found) != 1:
        where = ", ".join(found) if found else "no card"
        raise UsageError(
            f"--set {setting.name}: {where} has it; `wuxing policies` shows every number; "
            "POLICY.NAME=VALUE@DAY names the policy"
        )
    return found[0]


def _typed(setting: Setting, like: Any) -> Any:
    try:
        if isinstance(like, date):
            return date.fromisoformat(setting.value)
        if isinstance(like, int) or _is_number(like):
            if not _is_number(setting.value):
                raise ValueError
            return int(setting.value) if isinstance(like, int) else setting.value
        if isinstance(like, str):
            return setting.value
    except ValueError as unreadable:
        raise UsageError(
            f"--set {setting.name}: {setting.value!r} is no such value as {like}"
        ) from unreadable
    raise UsageError(f"--set {setting.name}: a table is changed with --policy, not with --set")


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]+)?", value) is not None


def _in_order(values: Iterable[Mapping[str, Any]], new: Mapping[str, Any]) -> list[Any]:
    kept = [value for value in values if value["from"] != new["from"]]
    return sorted([*kept, new], key=lambda value: value["from"])


def _cap_on(cap: Mapping[str, Any], day: date) -> Decimal:
    in_force = [Decimal(v["value"]) for v in cap["values"] if v["from"] <= day]
    return max(in_force, default=Decimal(0))


def policies_touched(before: Mapping[str, str], after: Mapping[str, str]) -> list[str] | None:
    """Return the policies that a reform can change; None if it may be any of them.

    Holds:   a policy decides by its own card and rule, and by what all share: if only such files
             differ, the others decide as before; what counts as granted is on all cards together
    """
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    by_number = _policies_of_shared(before, after) if SHARED in changed else set()
    names = _policies_of(changed - {SHARED})
    if by_number is None or names is None:
        return None
    for name in names:
        cards = [read_yaml(texts.get(f"{POLICIES}{name}.yaml", "{}")) for texts in (before, after)]
        if not all(cards) or cards[0].get("support_types") != cards[1].get("support_types"):
            return None
    return sorted(names | by_number)


def _policies_of_shared(before: Mapping[str, str], after: Mapping[str, str]) -> set[str] | None:
    """Return the policies that name a shared number which differs, or a fact or question that
    rests on it; None if what all share does."""
    was, now = (read_yaml(texts.get(SHARED, "{}")) for texts in (before, after))
    differing = {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
    asked = {name + part for name in differing for part in ("", "_numerator", "_denominator")}
    users = set[str]()
    while asked:
        is_named = re.compile(rf"\b({'|'.join(sorted(asked))})\b")
        found = {
            path
            for texts in (before, after)
            for path, text in texts.items()
            if path != SHARED and not path.startswith(NEVER_DECIDING) and is_named.search(text)
        }
        asked = {Path(path).stem for path in found - users if path.startswith(ASKED_BY_NAME)}
        users |= found
    return _policies_of(path for path in users if not path.startswith(ASKED_BY_NAME))


def _policies_of(paths: Iterable[str]) -> set[str] | None:
    """Return the policies whose files these are; None if one of them is shared by all."""
    names = set[str]()
    for path in paths:
        if not FILE_OF_POLICY.fullmatch(path) or path in SHARED_BY_ALL:
            return None
        names.add(Path(path).stem)
    return names


def change_lines(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Say in words what a reform changes: numbers, provisions, lines of rules."""
    changed = sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))
    return [line for path in changed for line in _said(path, before.get(path), after.get(path))]


def _said(path: str, before: str | None, after: str | None) -> Iterator[str]:
    name = path.removeprefix(POLICIES)
    if before is None or after is None:
        yield f"{name}: {'new' if before is None else 'taken out'}"
        return
    if path.endswith(".yaml") and path not in SHARED_BY_ALL:
        told = list(_card_change(name, read_yaml(before), read_yaml(after), path == SHARED))
        if told:
            yield from told
            return
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    yield f"{name}:"
    yield from (f"  {line}" for line in lines if not line.startswith(("---", "+++", "@@")))


def _card_change(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], is_shared: bool
) -> Iterator[str]:
    a, b = (card if is_shared else card.get("parameters", {}) for card in (before, after))
    for parameter in sorted(a.keys() | b.keys()):
        then = {v["from"]: v["value"] for v in a.get(parameter, {}).get("values", ())}
        now = {v["from"]: v["value"] for v in b.get(parameter, {}).get("values", ())}
        for day in sorted(then.keys() | now.keys()):
            if then.get(day) != now.get(day):
                was = _in_force(then, day)
                yield f"{name}: {parameter} from {day}: {was} → {now.get(day, 'as before')}"
    if is_shared:
        return
    for provision in sorted(before["provisions"].keys() ^ after["provisions"].keys()):
        word = "new" if provision in after["provisions"] else "taken out"
        yield f"{name}: provision {provision} {word}"
    for key in sorted((before.keys() | after.keys()) - {"parameters", "provisions"}):
        if before.get(key) != after.get(key):
            yield f"{name}: {key} is changed"


def _in_force(values: Mapping[date, Any], day: date) -> Any:
    earlier = [since for since in values if since <= day]
    return values[max(earlier)] if earlier else "none"
