"""The Prefect flow `audit-replay`: past nights computed again, a list of them or a sample."""

# ruff: noqa: I001 - the room of the night sets Prefect up before it is imported
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.night.diary import DISTRICT_TIME
from flows.night.nightly import home_of

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from flows.answers.nights import list_nights
from flows.audit.replay import replay
from flows.store import Home
from transforms.digest import text_digest
from transforms.errors import WuxingError

VERDICT_COLUMNS = ("run_id", "verdict", "files_same_to_the_byte", "files")


@flow(name="audit-replay", persist_result=False)
def audit_replay(
    home: str | None = None,
    runs: list[str] | None = None,
    sample: int = 3,
    seed: str | None = None,
    stored_rules: bool = True,
) -> Any:
    """Compute past nights again and compare every digest.

    A night that differs ends the flow as Failed, naming it.

    Args:
        home: The home folder; without it WUXING_HOME of the worker, else ./home.
        runs: Ids of nights; without them some are drawn, so that nobody picks them.
        sample: How many are drawn.
        seed: Drawn by the digest of this and the run's id; without it today's date.
        stored_rules: By the rules of then, else by those of today.
    """
    place = home_of(home)
    chosen = runs or drawn(place, sample, seed or datetime.now(DISTRICT_TIME).date().isoformat())
    verdicts = [replay_night(str(place.root), run_id, stored_rules) for run_id in chosen]
    create_table_artifact(
        key="wuxing-audit-replay",
        table=verdicts,
        description=f"{len(verdicts)} nights computed again; no person in it",
    )
    differing = [one["run_id"] for one in verdicts if one["verdict"] != "identical"]
    if differing:
        return Failed(
            message=f"not as recorded: {', '.join(differing)}; `wuxing replay` says where"
        )
    return verdicts


@task(cache_policy=NO_CACHE, persist_result=False)
def replay_night(home: str, run_id: str, stored_rules: bool) -> dict[str, Any]:
    """Compute one night again, from its raw files; what stops it is its verdict."""
    try:
        told = replay(Home(Path(home)), run_id, stored_rules=stored_rules, from_raw=True)
    except WuxingError as stop:
        nothing = {"files_same_to_the_byte": 0, "files": 0, "changed_since": ""}
        return {"run_id": run_id, "verdict": str(stop), **nothing}
    # A night by a doctored card is the same again by that card: which texts were others is told.
    changed = ", ".join(told["changed_since"])
    return {**{name: told[name] for name in VERDICT_COLUMNS}, "changed_since": changed}


def drawn(home: Home, count: int, seed: str) -> Sequence[str]:
    """Draw finished nights by digest: the same seed draws the same."""
    finished = [night["run_id"] for night in list_nights(home) if night["state"] == "done"]
    return sorted(finished, key=lambda run_id: text_digest(f"{seed} {run_id}"))[:count]
