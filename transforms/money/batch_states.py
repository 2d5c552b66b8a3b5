"""What has become of a batch: drafted, signed, released, settled, or withdrawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from transforms.digest import content_digest
from transforms.money.roster import ROLES

RESERVING_STATES = ("signed", "released", "settled")


@dataclass
class BatchState:
    """What a batch's postings add up to."""

    batch_id: str
    run_id: str
    fund: str
    as_of: str
    mark: str
    batch_digest: str
    instruction_count: int
    line_count: int
    amount_fen: int
    state: str = "draft"
    drafted_at: int = 0
    signatures: dict[str, dict[str, Any]] = field(default_factory=dict)
    released: dict[str, Any] | None = None
    settled: list[dict[str, Any]] = field(default_factory=list)
    recovered: list[dict[str, Any]] = field(default_factory=list)
    reconciled: list[dict[str, Any]] = field(default_factory=list)

    @property
    def reserves(self) -> bool:
        """Say whether its lines count as paid before: signed, not released, and releasable.

        A batch marked over budget can never be released, so its lines are not reserved by it.
        """
        return self.state == "signed" and not self.mark

    @property
    def missing_roles(self) -> list[str]:
        """List the roles that have not signed yet."""
        return [role for role in ROLES if role not in self.signatures]


def posted_of(manifest: Mapping[str, Any], batch_digest: str) -> dict[str, Any]:
    """Return what is posted of a batch when it is drawn up, by its manifest."""
    control = manifest["control"]
    return {
        "batch_digest": batch_digest,
        **{name: manifest[name] for name in ("run_id", "fund", "as_of", "mark")},
        **{name: control[name] for name in ("instruction_count", "line_count", "amount_fen")},
    }


def is_as_posted(state: BatchState, manifest: Mapping[str, Any]) -> bool:
    """Say whether the ledger says of a batch what its manifest says."""
    posted = posted_of(manifest, state.batch_digest)
    return all(getattr(state, name) == value for name, value in posted.items())


def state_digest(states: Mapping[str, BatchState]) -> str:
    """Return the digest of what a run nets against: signed, released and settled batches.

    Drafts and withdrawn batches reserve nothing and are no part of it; what came back is.
    """
    return content_digest(
        [
            [state.batch_id, state.state, state.batch_digest, [*state.settled, *state.recovered]]
            for state in sorted(states.values(), key=lambda state: state.batch_id)
            if state.state in RESERVING_STATES
        ]
    )


def release_obstacle(state: BatchState) -> str:
    """Say why a batch can't be released, whatever the budget of the day; nothing if it can."""
    batch_id = state.batch_id
    if state.state == "withdrawn":
        return f"batch {batch_id} was withdrawn: release that of the later run"
    if state.released is not None:
        return f"batch {batch_id} is already released: nothing is paid again"
    if state.mark:
        return f"batch {batch_id}: {state.mark}; set the budget in funds.toml and make a new run"
    if state.missing_roles:
        return f"batch {batch_id}: signature missing: {', '.join(state.missing_roles)}"
    return ""
