"""`wuxing plan`: what a night would build, stage by stage, and what it would read and write."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from flows.ingest.drop import load_snapshot
from flows.language import headings, language
from flows.money.standing import read_standing
from flows.night.determine import months_delivered, reason_not_run
from flows.night.parts import Inputs, Parting, folder_of, read_after_rules
from flows.store import Home
from sql import FactStore
from sql.opening import connect_to
from sql.plan import JOINED, PARTS, WHOLE, Step, kinds_of, plan_of
from sql.texts import policy_cards
from transforms.visible import table
from transforms.words import BETWEEN

MIB = 1 << 20


def planned(home: Home, snapshot_id: str, as_of: date, parting: Parting) -> dict[str, Any]:
    """Plan a night over a snapshot; nothing is built and nothing changed.

    Rows:    returns  `stages` in their order, with bytes read and written (None: not written yet);
             `steps`, every fact and policy with its cut and what it reads
    Raises:  DropRefusedError if there is no such snapshot
    """
    snapshot = load_snapshot(home.snapshots, snapshot_id)
    tables, parting = snapshot.tables(), parting.at(home, snapshot)
    running = _running(tables, as_of)
    plan = plan_of(running, as_of, read_after_rules())
    standing = read_standing(home, as_of.year)
    inputs = Inputs(tables, as_of, standing.released, standing.payment_ids, running)
    folder, count = folder_of(parting, inputs, plan), parting.count_for(tables)
    sizes = {kind: sum(path.stat().st_size for path in paths) for kind, paths in tables.items()}
    is_whole, handed = parting.is_whole(tables), (*plan.handed_over, *plan.policies_in_parts)
    stages = [
        _stage(WHOLE, "once", 1, plan.whole, plan.given, sizes, [folder / WHOLE]),
        _stage(PARTS, "person", count, plan.parts, handed, sizes, folder.glob("part-*")),
        _stage(JOINED, "once", 1, plan.joined, (), sizes, []),
    ]
    return {
        "snapshot_id": snapshot_id,
        "as_of": as_of.isoformat(),
        "executor": parting.executor,
        "parts": 1 if is_whole else count,
        "is_short_way": is_whole,
        "stages": stages,
        "steps": [
            {**_shown(step), "stage": stage}
            for stage, steps in ((WHOLE, plan.whole), (PARTS, plan.parts), (JOINED, plan.joined))
            for step in steps
        ],
    }


def _running(tables: Mapping[str, Sequence[Path]], as_of: date) -> list[str]:
    with connect_to(tables, as_of) as connection:
        months = months_delivered(FactStore(connection, tables, as_of))
    cards = policy_cards().values()
    return [card.policy_id for card in cards if not reason_not_run(card, tables, months, as_of)]


def _stage(
    name: str,
    cut: str,
    count: int,
    steps: Sequence[Step],
    writes: Sequence[str],
    sizes: Mapping[str, int],
    folders: Iterable[Path],
) -> dict[str, Any]:
    reads = [kind for kind in kinds_of(steps) if kind in sizes]
    files = [path for folder in folders for path in folder.rglob("*.parquet")]
    return {
        "stage": name,
        "cut": cut,
        "times": count,
        "facts": [step.name for step in steps if not step.is_policy],
        "policies": [step.name for step in steps if step.is_policy],
        "reads": reads,
        "read_bytes": sum(sizes[kind] for kind in reads),
        "writes": list(writes),
        "written_bytes": sum(path.stat().st_size for path in files) if files else None,
    }


def _shown(step: Step) -> dict[str, Any]:
    return {
        "step": step.name,
        "is_policy": step.is_policy,
        "cut_by": list(step.cuts),
        "facts": list(step.facts),
        "kinds": list(step.kinds),
    }


def plan_lines(told: Mapping[str, Any]) -> list[str]:
    """Write a plan as a table of its stages, and one of its steps."""
    lines = [
        f"plan of a night over {told['snapshot_id']} as of {told['as_of']}: {told['parts']} parts"
    ]
    if told["is_short_way"]:
        lines.append("the short way: all at once in one process; so it would be in parts")
    rows = [headings("stage", "cut", "times", "facts", "policies", "read_mib", "written_mib")]
    for stage in told["stages"]:
        counts = (str(len(stage[what])) for what in ("facts", "policies"))
        sizes = (_mib(stage[what]) for what in ("read_bytes", "written_bytes"))
        names = headings(f"stage_{stage['stage']}", f"cut_{stage['cut']}")
        rows.append([*names, str(stage["times"]), *counts, *sizes])
    steps = [headings("stage", "cut_by", "step", "reads")]
    for step in told["steps"]:
        cuts = BETWEEN[language()].join(headings(*(f"cut_{cut}" for cut in step["cut_by"])))
        reads = " ".join([*step["facts"], *(kind.upper() for kind in step["kinds"])])
        steps.append([*headings(f"stage_{step['stage']}"), cuts, step["step"], reads])
    return lines + [f"  {line}" for line in (*table(rows, {2, 3, 4, 5, 6}), *table(steps))]


def _mib(size: int | None) -> str:
    return "-" if size is None else f"{size / MIB:,.1f}"
