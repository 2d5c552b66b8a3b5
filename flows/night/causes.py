"""What speaks against money that was paid: rows of tonight that the paying run did not have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows
from flows.money.standing import Standing
from flows.night.by_rules import TonightsRules
from flows.night.part import Means
from flows.night.run_name import rules_name
from flows.store import Home, read_manifest
from sql import Connection, policy_cards, query, show_frame
from transforms.answers.source_rows import PLACE
from transforms.extracts.kinds import KINDS
from transforms.money.claims import CAUSE_SCHEMA, IN_PART, NOTHING_FOUND, RULES_CHANGED, TWICE
from transforms.money.entitlements import KEY
from transforms.money.exclusions import ROW
from transforms.policies.evidence import rows_against

# Extracts are read once for so many claims.
CLAIMS_AT_ONCE = 500
SHOWN_ROWS = 20
# The supplier's own number of a row says nothing about anybody.
NOT_CONTENT = (*PLACE, "serial_no")
# Kinds of which many rows make one amount.
ADDING_UP = ("attendance", "contributions", "payroll")
ROW_FOUND, UNDER_BOTH = "row_found", "paid_under_both"
SUBJECT = ("policy_id", "subject_kind", "subject_id")
Claim = Mapping[str, Any]


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
        Holds:   no row speaks against what tonight's rules don't give over the rows of then either
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
        text = f"select {', '.join(KEY)}, reason_codes from determinations semi join claimed_keys"
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
        made_by = self.standing.determined_by
        runs = [
            sorted({made_by[payment] for payment in claim["payments"] or ()}) for claim in claims
        ]
        asked = [*claims, *(other for claim in claims for other in _before(claim))]
        then = {
            run: self._run(run, asked) for run in sorted({run for many in runs for run in many})
        }
        tonight = SnapshotRows(self.snapshot, self.as_of, self.own_rows)
        tonight.expect(asked)
        found = [
            _cause(claim, tonight, [then[run] for run in many])
            for claim, many in zip(claims, runs, strict=True)
        ]
        rules = TonightsRules(
            self.home, self.as_of, self.standing, rules_name(self.funds_digest), self.means
        )
        open_to = (ROW_FOUND, NOTHING_FOUND)
        gave = rules.give(claims, runs, [said in open_to for _, said, *_ in found])
        for place, (claim, many) in enumerate(zip(claims, runs, strict=True)):
            if found[place][1] == UNDER_BOTH and not rules.excluded_then(claim, many):
                found[place] = (False, RULES_CHANGED, "", 0)
            if found[place][1] == NOTHING_FOUND:
                if gave.get(place, claim["paid_before_fen"]) <= claim["determined_fen"]:
                    found[place] = (False, RULES_CHANGED, "", 0)
            elif place in gave:
                found[place] = _cause(claim, tonight, [then[run] for run in many], gave[place])
        return [(claim[ROW], *cause) for claim, cause in zip(claims, found, strict=True)]

    def _run(self, run_id: str, asked: Sequence[Claim]) -> "RunThen":
        manifest = read_manifest(self.home.runs / run_id, "run")
        place = self.home.snapshots / self.standing.snapshot_of[run_id]
        rows = SnapshotRows(place, date.fromisoformat(manifest["as_of"]), manifest["own_rows"])
        rows.expect(asked)
        keys = pl.DataFrame(asked, schema=dict.fromkeys(KEY, pl.String)).lazy()

        def known(name: str, column: str) -> dict[tuple[str, ...], Any]:
            scanned = pl.scan_parquet(self.home.runs / run_id / f"{name}.parquet")
            found = scanned.join(keys, on=KEY, how="semi").select(*KEY, column).collect()
            return {tuple(row[:-1]): row[-1] for row in found.iter_rows()}

        amounts = known("entitlements", "determined_fen")
        return RunThen(rows, amounts, known("determinations", "reason_codes"))


@dataclass(frozen=True)
class RunThen:
    """A run that determined a payment: its rows, and what it determined by key, and why not."""

    rows: SnapshotRows
    determined_fen: Mapping[tuple[str, ...], int]
    reason_codes: Mapping[tuple[str, ...], Sequence[str]]


def _cause(
    claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen], gave_fen: int | None = None
) -> tuple[bool, str, str, int]:
    """Say whether a claim is one, the cause, the rows, and what of it is sure if it is none.

    `gave_fen`: what tonight's rules give over the rows of then, where those of then were others.
    Rows speak against what that is more than tonight's amount; the rest is the rules' doing.
    """
    key = tuple(claim[name] for name in KEY)
    before = [run.determined_fen[key] for run in then if key in run.determined_fen]
    is_same = bool(before) and claim["determined_fen"] >= max(before)
    if claim["is_eligible"] and claim["is_own"] and is_same:
        # Nothing is determined otherwise: the other policy of a pair was paid too, or what came
        # back had arrived after all.
        moved = claim["paid_before_fen"] > claim["own_fen"]
        return True, UNDER_BOTH if moved else TWICE, "", 0
    paid_fen = claim["own_fen"] if claim["is_own"] else claim["paid_before_fen"]
    sure_fen = max(0, claim["own_fen"] - max(before)) if claim["is_own"] and before else 0
    found, gone = list[str](), list[str]()
    for row, by_gone, specs in _asked(claim, then):
        came, is_less = list[str](), False
        for spec in specs:
            now = tonight.rows_of(spec, row)
            olds = [run.rows.rows_of(spec, row) for run in then]
            new = now
            for old in olds:
                new = _without(new, old)
                gone += _places(_without(old, now))
                is_less |= by_gone and _is_less(spec["kind"], now, old)
            came += _places(new) if then else []
        # Where rows are gone, what came beside them does not say that less was due.
        found += [] if is_less else came
    if found and gave_fen is not None:
        by_rows_fen = max(0, gave_fen - claim["determined_fen"])
        if sure_fen + by_rows_fen < paid_fen - claim["determined_fen"]:
            sure_fen += by_rows_fen
            return False, IN_PART if sure_fen else RULES_CHANGED, _listed(found), sure_fen
    if found:
        return True, ROW_FOUND, _listed(found), 0
    if sure_fen:
        return False, IN_PART, _listed(gone), sure_fen
    return False, "rows_gone" if gone else NOTHING_FOUND, _listed(gone), 0


def _asked(
    claim: Claim, then: Sequence[RunThen]
) -> Iterator[tuple[Claim, bool, Sequence[Mapping[str, Any]]]]:
    """Give what is looked into, and of which row: of the claim's, and of those that came before it.

    Of a row that counts towards a limit tonight and did not then: what is true of it only now.
    """
    card = policy_cards()[claim["policy_id"]]
    reasons = [] if claim["is_eligible"] else claim["reason_codes"]
    for by_gone, specs in rows_against(card, reasons):
        yield claim, by_gone, specs
    for other in _before(claim):
        for run in then:
            known = run.reason_codes.get(tuple(other[name] for name in KEY))
            were = None if known is None else {*known} - {card.provision_names[-1]}
            if were is None or were:
                for by_gone, specs in rows_against(card, were, now_true=True):
                    yield other, by_gone, specs


def _before(claim: Claim) -> Sequence[Claim]:
    """Return the rows of the same subject that a limit let stand before that of a claim."""
    limit = policy_cards()[claim["policy_id"]].provisions[-1]
    is_beyond = limit.limit is not None and limit.name in (claim["reason_codes"] or ())
    return (claim["counted"] or ()) if is_beyond else ()


def _is_less(kind: str, now: pl.DataFrame, old: pl.DataFrame) -> bool:
    """Say whether rows are gone and none came in their place; of those that add up, the same."""
    gone, new = _without(old, now), _without(now, old)
    if kind in ADDING_UP:
        return _without(gone, new, KINDS[kind].stands_by).height > 0
    return gone.height > new.height


def _without(rows: pl.DataFrame, others: pl.DataFrame, content: Sequence[str] = ()) -> pl.DataFrame:
    """Take off rows of the same content, one for one; file, line and serial are no content.

    Nor is a column that a kind got between the two nights: no row is another by it.
    """
    both = [name for name in rows.columns if name in others.columns]
    content = content or [name for name in both if name not in NOT_CONTENT]
    counted = [
        frame.sort(PLACE).with_columns(pl.int_range(pl.len()).over(content).alias("nth"))
        for frame in (rows, others.select(both))
    ]
    left = counted[0].join(counted[1], on=[*content, "nth"], how="anti", nulls_equal=True)
    return left.drop("nth")


def _places(rows: pl.DataFrame) -> list[str]:
    return [f"{file}:{line}" for file, line in rows.select(PLACE).iter_rows()]


def _listed(places: Sequence[str]) -> str:
    shown = sorted(set(places))
    more = f"; {len(shown) - SHOWN_ROWS} more" if len(shown) > SHOWN_ROWS else ""
    return "; ".join(shown[:SHOWN_ROWS]) + more
