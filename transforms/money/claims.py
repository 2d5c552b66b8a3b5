"""Money that was paid and is asked back: when it may be, what is listed, what came of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from transforms.digest import content_digest, short_id
from transforms.money.exclusions import CLERK_KEPT, DECISION_KEY, ROW

# Why money that is not determined any more may be asked back, or why not; `cause_rows`: file:line;
# `sure_fen`: what was surely too much, asked back even if the rest is not.
CAUSE_SCHEMA: dict[str, Any] = {
    ROW: pl.UInt32(),
    "is_claim": pl.Boolean(),
    "cause": pl.String(),
    "cause_rows": pl.String(),
    "sure_fen": pl.Int64(),
}
KEY = ("policy_id", "period", "subject_kind", "subject_id", "beneficiary_kind", "beneficiary_id")
# Where in a claim of a list stand what is asked back in all, and what of it the list asks for.
ASKED, LISTED = len(KEY), len(KEY) + 1
# What a run asks back: key, fen, cause, its rows, the payments behind.
Asked = tuple[tuple[str, ...], int, str, str, list[list[Any]]]
CLERK = {True: "clerk_decided", False: CLERK_KEPT}
# No row speaks, as far as was looked; rows speak, but the rules or numbers alone explain it.
NOTHING_FOUND, RULES_CHANGED = "nothing_found", "rules_changed"
# Nothing changed but the day: what it rested on ran to an end that was known when it was paid.
TERM_OVER = "term_over"
# Nothing speaks about a period outside the span, not even a clerk: it is the rule that changed.
NO_ROW = {
    "is_claim": pl.lit(False),
    "cause": pl.lit(NOTHING_FOUND),
    "cause_rows": pl.lit(""),
    "sure_fen": pl.lit(0, pl.Int64),
}
# A part was surely paid too much (no run determined it, or rows speak against it, where the rules
# changed too): that is asked back, the rest waits for a clerk.
IN_PART, REST_KEPT, TWICE = "paid_in_part", "rest_kept", "paid_twice"


def claimed_rows(settled: pl.DataFrame) -> pl.DataFrame:
    """Return the rows for which more was paid than is determined now."""
    return settled.filter(pl.col("open_fen") < 0)


def settle_claims(
    claims: pl.DataFrame, causes: pl.DataFrame, answers: pl.DataFrame
) -> pl.DataFrame:
    """Let a clerk's decision stand where no row of tonight speaks against what was paid.

    A row that a clerk superseded is one: who lets another row stand asks this one back.

    Rows:    claims   as claimed_rows; causes: CAUSE_SCHEMA, one per claim
             answers  a clerk's decisions `recovery`, one per row's key
             returns  CAUSE_SCHEMA, one per claim
    Source:  rulebook §4.4
    """
    decided = (
        claims.select(ROW, *DECISION_KEY, "superseded_by")
        .join(answers, on=DECISION_KEY, how="left", validate="m:1")
        .with_columns(
            pl.when(pl.col("superseded_by").is_null())
            .then("is_yes")
            .otherwise(True)
            .alias("is_yes")
        )
    )
    by_clerk = pl.col("is_yes").is_not_null() & ~pl.col("is_claim")
    said = pl.col("is_yes").replace_strict(CLERK, return_dtype=pl.String, default=None)
    # What a clerk lets stand is not what was surely too much.
    is_rest = (pl.col("sure_fen") > 0) & ~pl.col("is_yes")
    said = pl.when(is_rest).then(pl.lit(REST_KEPT)).otherwise(said)
    return (
        causes.join(decided.select(ROW, "is_yes"), on=ROW, how="left", validate="1:1")
        .with_columns(
            pl.when(by_clerk).then(said).otherwise("cause").alias("cause"),
            (pl.col("is_claim") | (by_clerk & pl.col("is_yes"))).alias("is_claim"),
        )
        .select(list(CAUSE_SCHEMA))
    )


@dataclass
class Claim:
    """What is asked back for one entitlement: list or document, day, fen of what befell it.

    Nothing is ever set off against a payment: only a booking with a document makes it smaller, what
    two persons lift of it, or the bank, when it brings one of its `payments` back: `returned_fen`.
    """

    listed: list[tuple[str, str, int]] = field(default_factory=list)
    repaid: list[tuple[str, str, int]] = field(default_factory=list)
    lifted: list[tuple[str, str, int]] = field(default_factory=list)
    payments: dict[str, int] = field(default_factory=dict)
    returned_fen: int = 0

    @property
    def listed_fen(self) -> int:
        """Return what was ever listed."""
        return sum(fen for _, _, fen in self.listed)

    @property
    def repaid_fen(self) -> int:
        """Return what was paid back since."""
        return sum(fen for _, _, fen in self.repaid)

    @property
    def lifted_fen(self) -> int:
        """Return what two persons lifted of it since."""
        return sum(fen for _, _, fen in self.lifted)

    @property
    def open_fen(self) -> int:
        """Return what is left to be paid back."""
        return self.listed_fen - self.repaid_fen - self.returned_fen - self.lifted_fen

    @property
    def state(self) -> str:
        """Say how far it is closed, and by what."""
        if self.open_fen:
            return "partly" if self.open_fen < self.listed_fen else "open"
        return "lifted" if self.lifted else "returned" if self.returned_fen else "repaid"

    def left_of(self, list_id: str) -> int:
        """Return what is left of what one list asks: the oldest list is closed first."""
        names = [name for name, _, _ in self.listed]
        later_fen = sum(fen for _, _, fen in self.listed[names.index(list_id) + 1 :])
        return max(0, min(self.listed[names.index(list_id)][2], self.open_fen - later_fen))

    def take_back(self, payment_ids: Set[str]) -> None:
        """Let what the bank brought back of its payments make the claim smaller."""
        came_back = self.payments.keys() & payment_ids
        self.returned_fen += min(sum(self.payments[name] for name in came_back), self.open_fen)
        self.payments |= dict.fromkeys(came_back, 0)


@dataclass(frozen=True)
class Paid:
    """What is paid now: [payment id, fen] by key; `partners`: who excludes a policy."""

    lines: Mapping[tuple[str, ...], Sequence[list[Any]]]
    partners: Mapping[str, Sequence[str]]

    def behind(self, key: Sequence[str], asked_fen: int, determined_fen: int) -> list[list[Any]]:
        """Return the payments that a claim rests on: its own, and where they can't, a partner's."""
        found: list[list[Any]] = []
        for policy in (key[0], *self.partners.get(key[0], ())):
            if sum(fen for _, fen in found) - determined_fen < asked_fen:
                found += self.lines.get((policy, *key[1:]), ())
        return found


def asked_back(entitlements: pl.DataFrame, paid: Paid | None) -> Iterator[Asked]:
    """Give what a run asks back of what is paid now: what came back since is not asked again.

    Rows:    entitlements  of a run; paid: None where a list is of before lists named payments
             returns       key, fen, cause, its rows (file:line), the payments behind; by key
    """
    asked = entitlements.filter(pl.col("status") == "recovery").sort(KEY)
    rows = asked.select(*KEY, "determined_fen", -pl.col("due_fen"), "cause", "cause_rows")
    for *key, determined_fen, due_fen, cause, places in rows.iter_rows():
        behind = paid.behind(key, due_fen, determined_fen) if paid else []
        above_fen = sum(fen for _, fen in behind) - determined_fen
        fen = max(0, min(due_fen, above_fen)) if paid else due_fen
        yield tuple(key), fen, cause, places, behind


def claims_to_list(
    entitlements: pl.DataFrame, listed: Mapping[tuple[str, ...], Claim], paid: Paid | None
) -> tuple[list[list[Any]], list[list[list[Any]]]]:
    """Return what a run asks back and no signed list asks for yet, and the payments behind each.

    What is signed and not released is not to be asked back, nor what came back since the run.

    Rows:    entitlements  of a run; listed: the claims so far, by key; paid: as asked_back
             returns       key, what is asked back in all, of it not listed yet, cause and its rows
                           (file:line), sorted by key; [payment id, fen] of each
    Units:   fen
    Holds:   each amount is above zero; what is listed and open is not listed again
    Source:  rulebook §4.4
    """
    found, payments = [], []
    for key, fen, cause, places, behind in asked_back(entitlements, paid):
        left_fen = fen - (listed[key].open_fen if key in listed else 0)
        if left_fen > 0:
            found.append([*key, fen, left_fen, cause, places])
            payments.append(behind)
    return found, payments


def asked_of_claims(
    entitlements: pl.DataFrame, ran: Set[str], listed: Iterable[tuple[str, ...]], paid: Paid
) -> dict[tuple[str, ...], tuple[int, str]]:
    """Return how much a run asks back of what lists ask for, where it can tell, and what it says.

    It can't of a policy that it did not run and no clerk decided about, nor of a period that it did
    not look at.

    Rows:    ran      the policies that it ran; listed: keys of claims; paid: as asked_back
             returns  by key: fen, the entitlement's cause or status
    """
    asked = {key: fen for key, fen, *_ in asked_back(entitlements, paid)}
    rows = entitlements.select(*KEY, "status", "cause").iter_rows()
    said = {tuple(key): (status, cause) for *key, status, cause in rows}
    told = {}
    for key in listed:
        status, cause = said.get(key, ("", "") if key in paid.lines else ("nothing_due", ""))
        is_open = status == "unsupported" and cause in (NOTHING_FOUND, RULES_CHANGED, TERM_OVER)
        if (key[0] in ran or cause in CLERK.values()) and status and not is_open:
            told[key] = (asked.get(key, 0), cause or status)
    return told


def list_statement(
    run_id: str, run_manifest: str, claims: list[list[Any]], reason: str = ""
) -> dict[str, Any]:
    """State which claims of which run are listed, or lifted for a reason; two persons sign it."""
    content = {"run_id": run_id, "claims": claims} | ({"reason": reason} if reason else {})
    return {
        "act": "recovery_lift" if reason else "recovery_list",
        "list_id": short_id("L", content),
        "list_digest": content_digest(content),
        "run_id": run_id,
        "run_manifest": run_manifest,
        "claim_count": len(claims),
        "amount_fen": sum(claim[LISTED] for claim in claims),
        **content,
    }
