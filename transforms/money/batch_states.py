"""What has become of a batch: drafted, reviewed, signed, released, settled, or left behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from transforms.digest import content_digest
from transforms.money.roster import ROLES
from transforms.words import Said

RESERVING_STATES = ("signed", "released", "settled")
# Why a batch in one of these states is never released, whatever its signatures.
LEFT_BEHIND = {
    "withdrawn": "was withdrawn: release that of the later run",
    "rejected": "was rejected: release that of the later run",
    "superseded": "was superseded by its review: release the batch that came from it",
}


@dataclass
class BatchState:
    """What a batch's postings add up to.

    `came_from`: the batch whose review it is drawn up from; `review`: digests of the reviewer's
    copy as it was written, `seen`: the position of the ledger that it was made from, `looked_at`:
    what it counts; `reviewed`: what was read back; `left`: why a person refused it or gave it up;
    `announced`: the days on which its public notice was put up; `days`: by position, of what day
    is what was posted of it.
    """

    batch_id: str
    run_id: str
    fund: str
    as_of: str
    mark: str
    batch_digest: str
    instruction_count: int
    line_count: int
    amount_fen: int
    came_from: str = ""
    review: dict[str, str] = field(default_factory=dict)
    seen: int = 0
    looked_at: dict[str, Any] = field(default_factory=dict)
    state: str = "draft"
    drafted_at: int = 0
    signatures: dict[str, dict[str, Any]] = field(default_factory=dict)
    reviewed: list[dict[str, Any]] = field(default_factory=list)
    left: dict[str, Any] | None = None
    released: dict[str, Any] | None = None
    settled: list[dict[str, Any]] = field(default_factory=list)
    recovered: list[dict[str, Any]] = field(default_factory=list)
    reconciled: list[dict[str, Any]] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    days: list[tuple[int, str]] = field(default_factory=list)

    @property
    def reserves(self) -> bool:
        """Say whether its lines count as paid before: signed, not released, and releasable.

        A batch marked over budget can never be released, so its lines are not reserved by it.
        """
        return self.state == "signed" and not self.mark

    @property
    def payment_files(self) -> dict[str, str]:
        """Return the digests of the files it was released with, by name; none before."""
        files: dict[str, str] = self.released["files"] if self.released else {}
        return files

    @property
    def successor(self) -> str:
        """Return the batch that its review left, if it left one."""
        return next((said["successor"] for said in self.reviewed if said["successor"]), "")

    @property
    def left_because(self) -> str:
        """Say why a person refused it or gave it up, who and when; nothing if nobody did."""
        if self.left is None:
            return ""
        said = self.left.get("statement", self.left)
        by, day = said.get("by") or said["role"], said.get("on") or said["signed_on"]
        return f"{said['reason']} ({by}, {day})"

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
        "came_from": manifest.get("came_from", ""),
    }


def is_as_posted(state: BatchState, manifest: Mapping[str, Any]) -> bool:
    """Say whether the ledger says of a batch what its manifest says."""
    posted = posted_of(manifest, state.batch_digest)
    return all(getattr(state, name) == value for name, value in posted.items())


def state_digest(states: Mapping[str, BatchState]) -> str:
    """Return the digest of what a run nets against: signed, released and settled batches.

    Drafts reserve nothing and are no part of it, nor are those a later run withdrew. What came back
    is part of it, and what people decided: lines held or struck out, batches refused or given up.
    """
    return content_digest(
        [
            [
                *(state.batch_id, state.state, state.batch_digest),
                [*state.settled, *state.recovered, *_decided(state)],
            ]
            for state in sorted(states.values(), key=lambda state: state.batch_id)
            if state.state in RESERVING_STATES or _decided(state)
        ]
    )


def reserving(
    states: Mapping[str, BatchState], fund: str, budget_year: int, without: str = ""
) -> list[BatchState]:
    """List the batches that reserve money of a fund's budget of a year, but one."""
    return [
        state
        for state in states.values()
        if state.reserves and state.fund == fund and int(state.as_of[:4]) == budget_year
        if state.batch_id != without
    ]


def _decided(state: BatchState) -> list[dict[str, Any]]:
    verdicts = [said for said in state.reviewed if said["held"] or said["struck"]]
    return verdicts if state.left is None else [*verdicts, state.left]


def release_obstacle(state: BatchState) -> str:
    """Say why a batch can't be released, whatever the budget of the day; nothing if it can."""
    batch_id = state.batch_id
    if state.state in LEFT_BEHIND:
        return f"batch {batch_id} {LEFT_BEHIND[state.state]}"
    if state.released is not None:
        return f"batch {batch_id} is already released: nothing is paid again"
    if state.mark:
        if state.mark.startswith(str(Said("not_writable", {"why": ""}))):
            return f"batch {batch_id}: {state.mark}; correct that, then make a new run"
        return f"batch {batch_id}: {state.mark}; set the budget in funds.toml and make a new run"
    if state.missing_roles:
        return f"batch {batch_id}: signature missing: {', '.join(state.missing_roles)}"
    return ""
