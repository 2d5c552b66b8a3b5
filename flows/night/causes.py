"""What speaks against money that was paid: rows of tonight that the paying run did not have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows
from flows.money.standing import Standing
from flows.night.against import (
    ROW_FOUND,
    ROWS_GONE,
    UNDER_BOTH,
    Cause,
    RunThen,
    cause_of,
    limited,
    places_of,
    rows_before,
    terms_over,
)
from flows.night.by_rules import Claim, TonightsRules, groups_of, key_of
from flows.night.part import Means
from flows.night.run_name import rules_name
from flows.night.spoken import Spoken
from flows.store import Home, read_manifest
from sql import Connection, query, show_frame
from sql.texts import exclusions
from transforms.money.claims import CAUSE_SCHEMA, NOTHING_FOUND, RULES_CHANGED, TERM_OVER, TWICE
from transforms.money.entitlements import KEY
from transforms.money.exclusion_file import FORMS, rivals_of
from transforms.money.exclusions import ROW

# Extracts are read once for so many claims.
CLAIMS_AT_ONCE = 500
# What is read of each run that paid: by table, the column.
READ_THEN = {"entitlements": "determined_fen", "determinations": "reason_codes"}
SUBJECT = ("policy_id", "subject_kind", "subject_id")
GROUP = ", ".join(KEY[1:])
GONE: Mapping[str, Any] = {"outcome": None, "amount_fen": 0, "reason_codes": None}


@dataclass(frozen=True)
class Causes:
    """Finds out, claim by claim, whether a row of tonight says that what was paid was wrong.

    Source:  rulebook §4.4
    """

    home: Home
    snapshot: Path
    as_of: date
    own_rows: Sequence[Mapping[str, Any]]
    connection: Connection
    standing: Standing
    funds_digest: str
    means: Means

    def __call__(self, claims: pl.DataFrame) -> pl.DataFrame:
        """Say of each claim whether it is one, the cause, and the rows.

        Rows:    claims   row_number and key, is_eligible, determined_fen, paid_before_fen
                 returns  CAUSE_SCHEMA; cause_rows are file:line: those that are new tonight, else
                          those that are gone
        Holds:   no row speaks against what tonight's rules don't give over the rows of then either,
                 nor by standing where one could: it takes away by itself what is asked back
        """
        asked = self._with_reasons(claims)
        found = [
            cause
            for part in asked.iter_slices(CLAIMS_AT_ONCE)
            for cause in self._causes(part.to_dicts())
        ]
        return pl.DataFrame(found, schema=CAUSE_SCHEMA, orient="row")

    def _with_reasons(self, claims: pl.DataFrame) -> pl.DataFrame:
        """Add tonight's reasons and the payments: its own, else those of an excluded policy."""
        show_frame(self.connection, "claimed_keys", claims.select(KEY))
        names = ", ".join([*KEY, "reason_codes", "outcome"])
        text = f"select {names} from determinations semi join claimed_keys"
        reasons = query(self.connection, f"{text} using ({', '.join(KEY)})")
        paid = pl.concat([self.standing.paid, self.standing.signed])
        own = paid.group_by(KEY).agg(
            pl.col("payment_id").alias("own_payments"), pl.col("amount_fen").sum().alias("own_fen")
        )
        any_policy = paid.group_by(KEY[1:]).agg(pl.col("payment_id").alias("payments"))
        return (
            claims.join(reasons, on=KEY, how="left", validate="1:1")
            .join(own, on=KEY, how="left", validate="1:1")
            .join(any_policy, on=KEY[1:], how="left", validate="m:1")
            .join(self._counted(), on=SUBJECT, how="left", validate="m:1")
            .with_columns(
                pl.coalesce("own_payments", "payments").alias("payments"),
                pl.col("own_payments").is_not_null().alias("is_own"),
            )
            .sort(KEY)
        )

    def _counted(self) -> pl.DataFrame:
        """List by policy and subject the rows that stand: what a limit let count before others."""
        text = f"select {', '.join(KEY)}, outcome from determinations semi join claimed_keys"
        rows = query(self.connection, f"{text} using ({', '.join(SUBJECT)})").sort(KEY)
        rows = rows.filter(outcome="eligible")
        return rows.group_by(SUBJECT).agg(pl.struct(KEY).alias("counted"))

    def _causes(self, claims: list[dict[str, Any]]) -> list[tuple[int, bool, str, str, int]]:
        runs = self._runs_of(claims)
        tonight, then = self._read(claims, runs)
        behind = [[then[run] for run in many] for many in runs]
        found = [cause_of(claim, tonight, of) for claim, of in zip(claims, behind, strict=True)]
        most = self._by_other_rules(claims, runs, found)
        asked: dict[int, Claim] = dict(enumerate(claims))
        both = [place for place, (_, said, *_) in enumerate(found) if said == UNDER_BOTH]
        partners = self._partners({place: claims[place] for place in both})
        for place, (partner, of, cause) in partners.items():
            # The other policy's money is asked after as one claim with this one's.
            asked[place], behind[place], found[place] = partner, of, cause
        met = {place: asked[place] for place, cause in enumerate(found) if cause[1] == ROW_FOUND}
        spoken = Spoken(self.home, self.snapshot, self.as_of, self.standing, self.means)
        said = spoken.taken_away(met, tonight, {place: behind[place] for place in met})
        for place, one in said.items():
            _, _, rows, sure_fen = found[place]
            known = True, ROW_FOUND, one.rows or rows, sure_fen
            # None can be named: then none speaks.
            by_rows_fen = min(one.taken_fen, most.get(place, one.taken_fen)) if known[2] else 0
            else_, gone = (ROWS_GONE if one.vanished else NOTHING_FOUND), places_of(one.vanished)
            found[place] = limited(claims[place], known, by_rows_fen, else_, gone)
        for place in partners:
            if found[place][0]:
                found[place] = (True, UNDER_BOTH, found[place][2], 0)
        for place, claim in asked.items():
            ended = found[place][1] == NOTHING_FOUND and terms_over(claim, tonight, behind[place])
            found[place] = (False, TERM_OVER, ended, 0) if ended else found[place]
        return [
            (claim[ROW], is_claim, said, rows, 0 if is_claim else sure_fen)
            for claim, (is_claim, said, rows, sure_fen) in zip(claims, found, strict=True)
        ]

    def _by_other_rules(
        self, claims: Sequence[Claim], runs: Sequence[Sequence[str]], found: list[Cause]
    ) -> dict[int, int]:
        """Correct what was found of money paid by other rules than tonight's.

        Rows:    returns  by place how much rows may take away at the most
        Units:   fen
        """
        rules = TonightsRules(
            self.home, self.as_of, self.standing, rules_name(self.funds_digest), self.means
        )
        open_to = (ROW_FOUND, NOTHING_FOUND)
        gave = rules.give(claims, runs, [said in open_to for _, said, *_ in found])
        most = dict[int, int]()
        for place, claim in enumerate(claims):
            by_rows_fen = gave.get(place, claim["paid_before_fen"]) - claim["determined_fen"]
            cause = found[place][1]
            is_excluded = cause != UNDER_BOTH or rules.excluded_then(claim, runs[place])
            if not is_excluded or (cause == NOTHING_FOUND and by_rows_fen <= 0):
                found[place] = (False, RULES_CHANGED, "", 0)
            elif cause == ROW_FOUND and place in gave:
                most[place] = by_rows_fen
                if by_rows_fen <= 0:
                    rows = found[place][2]
                    found[place] = limited(claim, found[place], 0, RULES_CHANGED, rows)
        return most

    def _runs_of(self, claims: Sequence[Claim]) -> list[list[str]]:
        made_by = self.standing.determined_by
        return [
            sorted({made_by[payment] for payment in claim["payments"] or ()}) for claim in claims
        ]

    def _read(
        self, claims: Sequence[Claim], runs: Sequence[Sequence[str]]
    ) -> tuple[SnapshotRows, dict[str, RunThen]]:
        """Make ready what is read of tonight and of the runs that paid."""
        asked = [*claims, *(other for claim in claims for other in rows_before(claim))]
        then = {
            run: self._run(run, asked) for run in sorted({run for many in runs for run in many})
        }
        tonight = SnapshotRows(self.snapshot, self.as_of, self.own_rows)
        tonight.expect(asked)
        return tonight, then

    def _partners(
        self, claims: Mapping[int, Claim]
    ) -> dict[int, tuple[Claim, list[RunThen], Cause]]:
        """Find the money that the policy paid which excludes a claim's own, and what speaks there.

        Rows:    claims, returns  by place; none of a claim whose other policy paid nothing, or is
                 determined as it was
        """
        if not claims:
            return {}
        show_frame(self.connection, "claimed_groups", groups_of(claims.values()))
        names = ", ".join([*KEY, "outcome", "amount_fen", "reason_codes"])
        text = f"select {names} from determinations semi join claimed_groups using ({GROUP})"
        rows = query(self.connection, text)
        now = {key_of(row): row for row in rows.to_dicts()}
        paid = pl.concat([self.standing.paid, self.standing.signed])
        partners = {}
        for place, claim in claims.items():
            group = {name: claim[name] for name in KEY[1:]}
            for policy in sorted(rivals_of(claim["policy_id"], exclusions(), FORMS[0])):
                own = paid.filter(policy_id=policy, **group)
                if policy != claim["policy_id"] and own.height:
                    row = now.get((policy, *group.values()), GONE)
                    partners[place] = _partner(claim, policy, row, own)
        runs = self._runs_of([*partners.values()])
        tonight, then = self._read([*partners.values()], runs)
        behind = [[then[run] for run in many] for many in runs]
        found = {
            place: (partner, of, cause_of(partner, tonight, of))
            for (place, partner), of in zip(partners.items(), behind, strict=True)
        }
        return {
            place: known for place, known in found.items() if known[2][1] not in (UNDER_BOTH, TWICE)
        }

    def _run(self, run_id: str, asked: Sequence[Claim]) -> RunThen:
        manifest = read_manifest(self.home.runs / run_id, "run")
        place = self.home.snapshots / self.standing.snapshot_of[run_id]
        rows = SnapshotRows(place, date.fromisoformat(manifest["as_of"]), manifest["own_rows"])
        rows.expect(asked)
        keys = pl.DataFrame(asked, schema=dict.fromkeys(KEY, pl.String)).lazy()

        def known(name: str, column: str) -> dict[tuple[str, ...], Any]:
            scanned = pl.scan_parquet(self.home.runs / run_id / f"{name}.parquet")
            found = scanned.join(keys, on=KEY, how="semi").select(*KEY, column).collect()
            return {tuple(row[:-1]): row[-1] for row in found.iter_rows()}

        return RunThen(rows, *(known(table, column) for table, column in READ_THEN.items()))


def _partner(
    claim: Claim, policy: str, row: Mapping[str, Any], own: pl.DataFrame
) -> dict[str, Any]:
    """Return a claim as it would be of the other policy that paid."""
    is_eligible = row["outcome"] == "eligible"
    own_fen = int(own["amount_fen"].sum())
    return {
        **{name: claim[name] for name in KEY},
        "policy_id": policy,
        "is_eligible": is_eligible,
        "is_own": True,
        "determined_fen": row["amount_fen"] if is_eligible else 0,
        "own_fen": own_fen,
        "paid_before_fen": claim["paid_before_fen"],
        "reason_codes": row["reason_codes"],
        "outcome": row["outcome"],
        "payments": own["payment_id"].to_list(),
        "counted": None,
    }
