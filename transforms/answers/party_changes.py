"""What is another for one party between two runs: outcomes, money, provisions, facts, rows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from transforms.answers.explanation import MOST_ROWS
from transforms.answers.source_rows import AT

KEY = ("period", "subject_id", "beneficiary_id")
# What stands at a source row beside its cells: its place, and which clerks knew its person.
NO_CELLS = (AT, "linked_by")
# What is known of a determination that is listed and not explained.
LISTED = ("outcome", "determined_fen")
Named = tuple[str, ...]
Rows = Mapping[Named, Mapping[str, Any]]


def changes_between(
    was: Mapping[str, Any], now: Mapping[str, Any], there: Sequence[Rows] = ({}, {})
) -> list[dict[str, Any]]:
    """Say what is another between two runs for a party: outcome, money, provisions, facts, rows.

    Rows:    there    of the old and the new run, by policy and key: the source rows, as they are
                      there, of what the other run alone determined (`determined_by_one`)
             returns  one entry per policy, or per determination, that differs; `was` and `is`
                      are what differs, `rows` what came and went of the extracts
    """
    before, after = ({p["policy_id"]: p for p in told["policies"]} for told in (was, now))
    rows = [_by_key(told) for told in (was, now)]
    both = sorted(rows[0].keys() | rows[1].keys())
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        state = [_state(entry) for entry in (old, new)]
        if state[0] != state[1]:
            found.append({"policy_id": name, "key": None, "was": state[0], "is": state[1]})
        for key in (key for key in both if key[0] == name):
            change = _row_change(
                *([of.get(key) for of in side] for side in zip(rows, there, strict=True))
            )
            if change:
                named = dict(zip(KEY, key[1:], strict=True))
                found.append({"policy_id": name, "key": named, **change})
    return found


def determined_by_one(told: Mapping[str, Any], other: Mapping[str, Any]) -> Rows:
    """Return the explained determinations of a run that another run does not have."""
    had = _by_key(other)
    alone = ((key, row) for key, row in _by_key(told).items() if key not in had)
    return {key: row for key, row in alone if "provisions" in row}


def _by_key(told: Mapping[str, Any]) -> dict[Named, Mapping[str, Any]]:
    """Return a run's determinations by policy and key; those past the first are not explained."""
    return {
        (policy["policy_id"], *(row[name] for name in KEY)): row
        for policy in told["policies"]
        for row in [*policy["rows"], *policy["more_rows"]]
    }


def _state(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    if policy is None or policy["status"] != "ran":
        return {"policy_state": "not_run"}
    return {"policy_state": "is_determined" if policy["rows"] else "outside_universe"}


def _row_change(old: Sequence[Any], new: Sequence[Any]) -> dict[str, Any]:
    """Compare what two runs say; each side is its determination and its rows where it has none."""
    was, now = _measures(old[0]), _measures(new[0])
    listed = any(side[0] and "provisions" not in side[0] for side in (old, new))
    names = LISTED if listed else dict.fromkeys([*was, *now])
    differing = [name for name in names if was.get(name) != now.get(name)]
    went, came = ([], []) if listed else _rows_moved(old[0] or old[1], new[0] or new[1])
    if not (differing or went or came):
        return {}
    return {
        "was": {name: was.get(name) for name in differing},
        "is": {name: now.get(name) for name in differing},
        "rows": {"went": went, "came": came},
    }


def _measures(row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"outcome": None}
    entitlement = row.get("entitlement") or {}
    return {
        "outcome": row["outcome"],
        "determined_fen": row["amount_fen"],
        "entitlement": entitlement.get("status"),
        "due_fen": entitlement.get("due_fen"),
        **{entry["provision"]: entry["value"] for entry in row.get("provisions", ())},
        **row.get("facts", {}),
    }


def _rows_moved(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> tuple[list[str], list[str]]:
    """Return the source rows that only one side has; a row that only moved is the same.

    Holds:   of a kind of which either side lists the first rows alone, only the number is compared
    """
    cut = {
        source["kind"]
        for source in [*_sources(old), *_sources(new)]
        if source["row_count"] > MOST_ROWS
    }
    was, now = _source_rows(old, cut), _source_rows(new, cut)
    return sorted((was - now).elements()), sorted((now - was).elements())


def _sources(row: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return [of for provision in (row["provisions"] if row else ()) for of in provision["sources"]]


def _source_rows(row: Mapping[str, Any] | None, cut: Collection[str]) -> Counter[str]:
    rows: dict[str, str] = {}
    for source in _sources(row):
        if source["kind"] in cut:
            count = f"{source['kind']} ×{source['row_count']:,}"
            rows[count] = count
            continue
        for found in source["rows"]:
            cells = [f"{name}={cell}" for name, cell in found.items() if name not in NO_CELLS]
            rows[found[AT]] = " ".join([source["kind"], *cells])
    return Counter(rows.values())


def _changed(name: str, was: Any, now: Any) -> str:
    return f"{name}: {was} → {now}"


def change_lines(
    changes: Sequence[Mapping[str, Any]], changed: Callable[[str, Any, Any], str] = _changed
) -> list[str]:
    """Write what changed between two runs for the terminal."""
    return ["", "changed since the other run:" if changes else "nothing changed"] + [
        line for change in changes for line in _lines_of(change, changed)
    ]


def _lines_of(change: Mapping[str, Any], changed: Callable[[str, Any, Any], str]) -> Iterator[str]:
    key = change["key"]
    named = f" {key['period']} {key['subject_id']} → {key['beneficiary_id']}" if key else ""
    yield f"  {change['policy_id']}{named}"
    for name, value in change["was"].items():
        yield f"    {changed(name, value, change['is'].get(name))}"
    for sign, rows in (("-", "went"), ("+", "came")):
        yield from (f"    {sign} {row}" for row in change.get("rows", {}).get(rows, ()))
