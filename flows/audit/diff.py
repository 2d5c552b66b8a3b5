"""`wuxing diff`: what differs between two nights, and because of what, to the last fen.

Beginning with night A, one thing after the other becomes that of night B, in the order of CAUSES,
and all is computed again: what changes at a step is because of it. The last step is night B.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows
from flows.audit.again import Night, read_night
from flows.audit.recompute import TABLES, Computed, Mixture, compute
from flows.ingest.drop import SnapshotRef
from flows.program import made_by_this_program
from flows.store import Home, read_manifest
from sql.texts import policy_cards
from transforms.answers.source_rows import PLACE
from transforms.audit.changes import attribute, totals_of
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.money.entitlements import KEY

CAUSES = ("day", "facts", "decisions", "ledger", "parameters", "rules")
PROGRAM = "program"
DECISIONS = ("clerical_decisions", "clerical_links", "objections")
MOST_EXPLAINED = 500
Value = TypeVar("Value")


@dataclass(frozen=True)
class Difference:
    """The changes between two nights, each with its cause, and the sums they must add up to."""

    nights: tuple[Night, Night]
    steps: tuple[str, ...]
    changes: pl.DataFrame
    totals: dict[str, Any]


def diff(home: Home, run_a: str, run_b: str, *, threads: int | None = None) -> Difference:
    """Attribute every changed determination and entitlement between two recorded runs.

    Rows:    changes  one per determination or entitlement and cause that changed it
    Units:   fen
    Holds:   what is attributed adds up to what differs: residual 0
    Raises:  DigestDiffersError if a night does not come out as it was recorded
    """
    a, b = read_night(home, run_a), read_night(home, run_b)
    steps, states = [], [recorded(a)]
    do = partial(compute, threads=threads)
    if not made_by_this_program(a.manifest):
        steps, states = [PROGRAM], [*states, do(mixture_of(a))]
    between, after = steps_between(mixture_of(a), mixture_of(b), do)
    steps, states = [*steps, *between], [*states, *after]
    if not made_by_this_program(b.manifest):
        steps, states = [*steps, PROGRAM], [*states, recorded(b)]
    _expect_recorded(states[-1], recorded(b), run_b)
    changes = attribute(states, steps)
    totals = totals_of(changes, recorded(a), recorded(b))
    return Difference((a, b), tuple(dict.fromkeys(steps)), changes, totals)


def steps_between(
    a: Mixture, b: Mixture, do: Callable[[Mixture], Computed]
) -> tuple[list[str], list[Computed]]:
    """Let one thing after the other become that of B; return what was exchanged, what came out.

    Raises:  DropRefusedError if the last can't be computed
    """
    steps: list[str] = []
    states: list[Computed] = []
    mixture, waiting, refusal = a, "", DropRefusedError("")
    for cause in CAUSES:
        following = _with(mixture, cause, b)
        if following == mixture:
            continue
        mixture, name = following, f"{waiting}, {cause}" if waiting else cause
        try:
            states.append(do(mixture))
        except DropRefusedError as refused:
            # A card and its rules may only fit each other: they are exchanged together.
            waiting, refusal = name, refused
            continue
        steps, waiting = [*steps, name], ""
    if waiting:
        raise refusal
    return steps, states


def recorded(night: Night) -> Computed:
    """Read what a night decided.

    Raises:  DropRefusedError if a gate stopped it before
    """
    folder = night.home.runs / night.run_id
    if any(not (folder / f"{name}.parquet").is_file() for name in TABLES):
        raise DropRefusedError(f"run {night.run_id} was stopped before it decided anything")
    return Computed(*(pl.read_parquet(folder / f"{name}.parquet") for name in TABLES))


def _expect_recorded(found: Computed, then: Computed, run_id: str) -> None:
    for name, one, other in zip(TABLES, found, then, strict=True):
        if not one.equals(other, null_equal=True):
            raise DigestDiffersError(
                f"the {name} of run {run_id} do not come out as they were recorded: "
                f"`wuxing replay {run_id} --rules stored` says where"
            )


def mixture_of(night: Night) -> Mixture:
    """Return what a night was computed from, unmixed."""
    manifest = read_manifest(night.snapshot, "snapshot")
    tables = SnapshotRef(night.snapshot.name, night.snapshot, manifest).tables()
    return Mixture(night.as_of, tables, night.texts, night)


def _with(mixture: Mixture, cause: str, b: Mixture) -> Mixture:
    """Return a mixture in which one thing is that of B."""
    if cause == "day":
        return replace(mixture, as_of=b.as_of)
    if cause in ("facts", "decisions"):
        of_clerks = cause == "decisions"
        tables = _mixed(mixture.tables, b.tables, lambda kind: (kind in DECISIONS) is of_clerks)
        return replace(mixture, tables=tables)
    if cause == "ledger":
        # The run that objections are held against stands in the ledger that a night saw.
        seen, before = mixture.ledger_of, b.ledger_of.manifest.get("run_before", "")
        if seen.manifest.get("run_before", "") != before:
            seen = replace(seen, manifest={**seen.manifest, "run_before": before})
        return replace(mixture, ledger_of=replace(seen, position=b.ledger_of.position))
    if cause == "parameters":
        texts = _mixed(mixture.texts, b.texts, lambda path: path.endswith(".yaml"))
        ledger_of = replace(mixture.ledger_of, funds=b.ledger_of.funds)
        return replace(mixture, texts=texts, ledger_of=ledger_of)
    return replace(mixture, texts=b.texts)


def _mixed(
    a: Mapping[str, Value], b: Mapping[str, Value], is_theirs: Callable[[str], bool]
) -> dict[str, Value]:
    """Take from B what is to be B's, and the rest from A."""
    theirs = {name: value for name, value in b.items() if is_theirs(name)}
    ours = {name: value for name, value in a.items() if not is_theirs(name)}
    return dict(sorted({**ours, **theirs}.items()))


def rows_behind(difference: Difference) -> Iterator[dict[str, Any]]:
    """Say for the changes because of facts which source rows came, went or changed.

    Rows:    returns  one per changed determination, the first MOST_EXPLAINED of them
    """
    facts = difference.changes.filter(
        (pl.col("table") == "determinations")
        & pl.col("cause").str.contains("facts|decisions|day", strict=True)
    )
    keys = facts.select(KEY).unique().sort(KEY).head(MOST_EXPLAINED).to_dicts()
    sides = []
    for night in difference.nights:
        own = night.manifest.get("own_rows", ())
        rows = SnapshotRows(night.snapshot, night.as_of, own)
        rows.expect(keys)
        sides.append(rows)
    cards = policy_cards()
    for key in keys:
        card = cards.get(key["policy_id"])
        specs = [spec for entry in card.provisions for spec in entry.rows] if card else []
        seen: dict[str, dict[str, list[str]]] = {}
        for spec in specs:
            then, now = (side.rows_of(spec, key) for side in sides)
            told = _rows_changed(then, now)
            if told["went"] or told["came"]:
                seen[spec["kind"]] = told
        yield {**key, "rows": seen}


def _rows_changed(then: pl.DataFrame, now: pl.DataFrame) -> dict[str, list[str]]:
    content = [name for name in then.columns if name in now.columns and name not in PLACE]
    went = then.join(now, on=content, how="anti", nulls_equal=True)
    came = now.join(then, on=content, how="anti", nulls_equal=True)
    return {"went": _places(went), "came": _places(came)}


def _places(rows: pl.DataFrame) -> list[str]:
    return [f"{file}:{line}" for file, line in rows.select(PLACE).sort(PLACE).iter_rows()]
