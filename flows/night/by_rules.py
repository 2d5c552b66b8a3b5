"""What tonight's rules say of what was paid by others: of the rows that the paying runs read."""

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import SnapshotRef
from flows.money.standing import Standing
from flows.night.determine import determine
from flows.night.part import Means
from flows.store import Home, read_inputs, read_manifest
from sql.texts import exclusions
from transforms.errors import ParameterMissingError, RuleError
from transforms.money.entitlements import KEY
from transforms.money.exclusion_file import FORMS, parse_exclusions, rivals_of

EXCLUSIONS, LARGER = "sql/policies/exclusions.yaml", FORMS[0]
Claim = Mapping[str, Any]
Amounts = dict[tuple[str, ...], int]


@dataclass(frozen=True)
class TonightsRules:
    """Asks the rules of tonight about nights that were by others; `digests`: their names."""

    home: Home
    as_of: date
    standing: Standing
    digests: Mapping[str, str]
    means: Means

    def give(
        self, claims: Sequence[Claim], runs: Sequence[Sequence[str]], asked: Sequence[bool]
    ) -> dict[int, int]:
        """Say, of claims by place, what these rules give over what the paying runs read.

        Rows:    asked  whether a claim is asked about; runs: those that paid it

        Only where those rules were others: else what differs is due to rows, whatever they are.
        """
        of_runs: dict[str, list[int]] = {}
        for place, many in enumerate(runs):
            if asked[place] and any(map(self._had_other_rules, many)):
                for run in many:
                    of_runs.setdefault(run, []).append(place)
        gave: dict[int, int] = {}
        for run, places in of_runs.items():
            given = {place: given_by(claims[place]) for place in places}
            amounts = self._determined_again(run, set().union(*given.values()))
            for place, policies in given.items():
                group = key_of(claims[place])[1:]
                said = [amounts.get((policy, *group), 0) for policy in policies]
                gave[place] = max(gave.get(place, 0), *said)
        return gave

    def _had_other_rules(self, run_id: str) -> bool:
        manifest = read_manifest(self.home.runs / run_id, "run")
        return any(manifest[name] != digest for name, digest in self.digests.items())

    def _determined_again(self, run_id: str, policies: Set[str]) -> Amounts:
        """Apply tonight's rules to what a run read; return what is due by key.

        As of its day, and where they say nothing of that day, as of today.
        """
        manifest = read_manifest(self.home.runs / run_id, "run")
        place = self.home.snapshots / self.standing.snapshot_of[run_id]
        tables = SnapshotRef(place.name, place, read_manifest(place, "snapshot")).tables()
        amounts: Amounts = {}
        policies = set(policies)
        for day in (date.fromisoformat(manifest["as_of"]), self.as_of):
            try:
                found, ran = determined(tables, day, self.standing, self.means, policies)
            except ParameterMissingError:
                continue
            due = found.filter(outcome="eligible").select(*KEY, "amount_fen")
            amounts |= {tuple(key): fen for *key, fen in due.iter_rows()}
            policies -= ran
            if not policies:
                break
        return amounts

    def excluded_then(self, claim: Claim, runs: Sequence[str]) -> bool:
        """Say whether the policies that exclude a claim's did so by the rules of all its runs."""
        policy, others = claim["policy_id"], filter(self._had_other_rules, runs)
        now = rivals_of(policy, exclusions(), LARGER)
        return all(now <= self._rivals_then(run, policy) for run in others)

    def _rivals_then(self, run_id: str, policy: str) -> set[str]:
        """Return what excluded a policy then; nothing where today's program can't read it."""
        manifest = read_manifest(self.home.runs / run_id, "run")
        texts = read_inputs(self.home, manifest["made_by"]["inputs"])["texts"]
        try:
            return rivals_of(policy, parse_exclusions(texts[EXCLUSIONS]), LARGER)
        except RuleError:
            return set()


def determined(
    tables: Mapping[str, Sequence[Path]],
    day: date,
    standing: Standing,
    means: Means,
    policies: Set[str],
) -> tuple[pl.DataFrame, set[str]]:
    """Apply policies to tables; return the determinations, and which of them ran.

    Raises:  ParameterMissingError where the rules say nothing of the day
    """
    found = determine(
        tables,
        day,
        standing.released,
        ledger_payment_ids=standing.payment_ids,
        only=sorted(policies),
        **vars(means),
    )
    with closing(found.connection):
        ran = {name for name, status in found.policies.items() if status.status == "ran"}
        return found.determinations, ran


def key_of(claim: Claim) -> tuple[str, ...]:
    """Return the key of a claim's row: policy, period and parties."""
    return tuple(claim[name] for name in KEY)


def groups_of(claims: Iterable[Claim]) -> pl.DataFrame:
    """List the periods and parties of claims, each once."""
    groups = sorted({key_of(claim)[1:] for claim in claims})
    return pl.DataFrame(groups, dict.fromkeys(KEY[1:], pl.String), orient="row")


def given_by(claim: Claim) -> set[str]:
    """Return the policies under which a claim's money was paid, or may have been."""
    policy = claim["policy_id"]
    is_own = claim["is_own"] and claim["own_fen"] >= claim["paid_before_fen"]
    return {policy} if is_own else rivals_of(policy, exclusions(), LARGER)
