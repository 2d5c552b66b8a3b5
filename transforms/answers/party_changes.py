"""What is another for one party between two runs: outcomes, money, provisions, facts, rows."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from transforms.answers.source_rows import AT

KEY = ("period", "subject_id", "beneficiary_id")


def changes_between(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say what is another between two runs for a party: outcome, money, provisions, facts, rows.

    Rows:    returns  one entry per policy, or per determination, that differs; `was` and `is`
                      are what differs, `rows` what came and went of the extracts
    """
    before, after = ({p["policy_id"]: p for p in told["policies"]} for told in (was, now))
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        state = [_state(entry) for entry in (old, new)]
        if state[0] != state[1]:
            found.append({"policy_id": name, "key": None, "was": state[0], "is": state[1]})
        rows = [_by_key(entry) for entry in (old, new)]
        for key in sorted(rows[0].keys() | rows[1].keys()):
            change = _row_change(rows[0].get(key), rows[1].get(key))
            if change:
                named = dict(zip(KEY, key, strict=True))
                found.append({"policy_id": name, "key": named, **change})
    return found


def _by_key(policy: Mapping[str, Any] | None) -> dict[tuple[str, ...], Mapping[str, Any]]:
    rows = policy["rows"] if policy else ()
    return {tuple(row[name] for name in KEY): row for row in rows}


def _state(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    if policy is None or policy["status"] != "ran":
        return {"policy_state": "not_run"}
    return {"policy_state": "is_determined" if policy["rows"] else "outside_universe"}


def _row_change(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    was, now = _measures(old), _measures(new)
    differing = [name for name in dict.fromkeys([*was, *now]) if was.get(name) != now.get(name)]
    went, came = _rows_moved(old, new)
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
    entitlement = row["entitlement"] or {}
    return {
        "outcome": row["outcome"],
        "determined_fen": row["amount_fen"],
        "entitlement": entitlement.get("status"),
        "due_fen": entitlement.get("due_fen"),
        **{entry["provision"]: entry["value"] for entry in row["provisions"]},
        **row["facts"],
    }


def _rows_moved(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> tuple[list[str], list[str]]:
    """Return places of source rows that only one side has; a row that only moved is the same."""
    was, now = _source_rows(old), _source_rows(new)
    return sorted((was - now).elements()), sorted((now - was).elements())


def _source_rows(row: Mapping[str, Any] | None) -> Counter[str]:
    rows: dict[str, str] = {}
    for provision in row["provisions"] if row else ():
        for source in provision["sources"]:
            for found in source["rows"]:
                cells = [f"{name}={cell}" for name, cell in found.items() if name != AT]
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
