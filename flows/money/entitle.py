"""The step between rules and money: entitlements from determinations, ledger and accounts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from flows.money.funds import Funds
from flows.money.identity import held_by_identity, paid_of_one_person
from flows.money.objections import objections_of
from flows.money.paid_elsewhere import settle_beside_paid
from flows.money.standing import Standing
from sql import Connection, policy_cards, query, run_sql, show_frame
from sql.policy_runs import policy_rows
from sql.texts import FOLDER, exclusions
from transforms.answers.open_questions import (
    asking_decisions,
    unfitting_findings,
    unfitting_objections,
)
from transforms.money.claims import CAUSE_SCHEMA, NO_ROW, claimed_rows, settle_claims
from transforms.money.entitlements import (
    KEY,
    compared_periods,
    decide_statuses,
    money_findings,
    net_against_ledger,
    open_rows,
    settle_exclusions,
)
from transforms.money.exclusions import (
    DECISION_KEY,
    PAID_UNDER_OTHER,
    RIVAL_NOT_RUN,
    ROW,
    awaiting_rivals,
    counting_answers,
    policies_over,
    with_superseded,
)
from transforms.money.objections import OBJECTION, objected_rows, objection_findings
from transforms.money.paid_elsewhere import with_in_question
from transforms.money.payees import (
    PAYEE,
    STRUCK_OUT,
    UNWRITABLE,
    account_reasons,
    also_held,
    hold_reasons,
)
from transforms.money.reviews import facts_digest
from transforms.payments.profile import writable
from transforms.policies.cards import PolicyStatus, outside_span, reach_of

ANSWER_SCHEMA = pl.Schema({**dict.fromkeys(DECISION_KEY, pl.String()), "is_yes": pl.Boolean()})
# The rules of an earlier night, replayed, may not have it.
ABOUT_NOBODY = "money/decisions_about_nobody.sql"
CausesOf = Callable[[pl.DataFrame], pl.DataFrame]
Before = tuple[Path | None, str]
FIRST_NIGHT: Before = (None, "")


@dataclass(frozen=True)
class Entitled:
    """What is due to whom, what a person should look at, and where each beneficiary is paid."""

    entitlements: pl.DataFrame
    findings: pl.DataFrame
    payees: pl.DataFrame
    signed_lines: pl.DataFrame
    objections: pl.DataFrame


def build_entitlements(
    connection: Connection,
    policies: Mapping[str, PolicyStatus],
    standing: Standing,
    funds: Funds,
    causes_of: CausesOf,
    before: Before = FIRST_NIGHT,
) -> Entitled:
    """Turn determinations into entitlements: exclusions, netting, identity, accounts.

    Rows:    causes_of  gives CAUSE_SCHEMA for the rows with more paid than is determined
             before     folder of the run before, for objections; and the night's day
             returns  the contract's entitlements, findings, and one payee per beneficiary due
    Units:   fen
    Source:  rulebook §4.2 to §4.6
    """
    fund_of = {c.policy_id: str(c.fund) for c in policy_cards().values() if c.kind == "payment"}
    eligible = query(
        connection,
        f"select {', '.join(KEY)}, amount_fen from determinations where outcome = 'eligible'",
    ).filter(pl.col("policy_id").is_in(sorted(fund_of)))
    paid = pl.concat([standing.paid, standing.signed])
    objections = objections_of(connection, standing.paid, *before)
    absent = _absent(policies, sorted(fund_of), before[1])
    show_frame(connection, "money_paid", paid.select(*KEY, "amount_fen"))  # stays, for the gate
    answers = counting_answers(_answers_about(connection, "conflict"), absent, paid)
    ended = policies_over(absent)
    netted, back = _netted(connection, policies, eligible, paid, ended, answers, standing.claimed)
    settled = settle_exclusions(netted, exclusions(), answers, absent)
    causes = _causes(claimed_rows(settled), causes_of, ended, back)
    settled, undecided = settle_beside_paid(connection, paid, settled, causes, before[1], ended)
    causes = causes.join(claimed_rows(settled), on=ROW, how="semi")
    waiting = _with_fund(open_rows(settled), fund_of)
    payees = _payees(connection, waiting)
    in_doubt, paid_before, doubts = held_by_identity(connection, waiting, paid)
    holds = hold_reasons(waiting, payees, _unwritable(waiting, payees, funds), in_doubt)
    under_other = pl.concat([undecided.select(ROW), paid_before.select(ROW)]).unique()
    holds = also_held(holds, under_other, PAID_UNDER_OTHER)
    holds = also_held(holds, _awaiting(waiting, absent, paid), RIVAL_NOT_RUN)
    holds = also_held(holds, objected_rows(waiting, objections), OBJECTION)
    holds = also_held(holds, _struck_out(connection, waiting, payees, standing.struck), STRUCK_OUT)
    entitlements = decide_statuses(settled, holds, causes)
    findings = money_findings(settled, entitlements, answers, doubts)
    return Entitled(
        signed_lines=_signed_lines(connection, standing, funds, fund_of, objections),
        entitlements=entitlements,
        findings=pl.concat([findings, *_told_beside(connection, policies, standing, objections)]),
        payees=payees,
        objections=objections,
    )


def _netted(
    connection: Connection,
    policies: Mapping[str, PolicyStatus],
    eligible: pl.DataFrame,
    paid: pl.DataFrame,
    ended: Sequence[str],
    answers: pl.DataFrame,
    claimed: Sequence[Sequence[str]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Net, and say what clerks ask back: by a word on `recovery`, or on the month when it is over.

    Rows:    answers  a clerk's decisions `conflict`
    """
    over = paid.filter(pl.col("policy_id").is_in(ended))
    said = _answers_about(connection, "recovery")
    back = with_superseded(eligible, over, answers, said, exclusions())
    cards = [card for card in policy_cards().values() if card.kind == "payment"]
    spans = {card.policy_id: reach_of(card, date.max) for card in cards}
    netted = net_against_ledger(eligible, paid, compared_periods(paid, policies, spans))
    return with_in_question(netted, paid, ended, back, claimed), back


def _absent(
    policies: Mapping[str, PolicyStatus], names: Sequence[str], day: str
) -> dict[str, bool]:
    """Return the paying policies that did not run, and whether their time has not passed."""
    missing = [name for name in names if name not in policies or policies[name].status != "ran"]
    return {
        name: not (day and outside_span(policy_cards()[name], date.fromisoformat(day)))
        for name in missing
    }


def _awaiting(
    waiting: pl.DataFrame, absent: Mapping[str, bool], paid: pl.DataFrame
) -> pl.DataFrame:
    """List the rows that wait for a policy that should have run and by which this home pays."""
    due = {
        name: reach_of(policy_cards()[name], date.max)
        for name, should_have_run in absent.items()
        if should_have_run and name in paid["policy_id"]
    }
    return awaiting_rivals(waiting, due, exclusions())


def _told_beside(
    connection: Connection,
    policies: Mapping[str, PolicyStatus],
    standing: Standing,
    objections: pl.DataFrame,
) -> list[pl.DataFrame]:
    """List the findings that tonight's rows of money do not decide."""
    decided = query(connection, "select * from decisions_in_force")
    ran = [name for name, policy in policies.items() if policy.status == "ran"]
    show_frame(connection, "asking_decisions", asking_decisions(decided, ran))
    is_asked = (FOLDER / ABOUT_NOBODY).is_file()
    about_nobody = run_sql(connection, ABOUT_NOBODY, {}) if is_asked else decided.clear()
    return [
        paid_of_one_person(connection, standing.paid),
        unfitting_findings(decided, about_nobody, policy_cards()),
        objection_findings(objections),
        unfitting_objections(objections, policy_cards()),
    ]


def _causes(
    claims: pl.DataFrame, causes_of: CausesOf, ended: Sequence[str], answers: pl.DataFrame
) -> pl.DataFrame:
    reached = claims.filter(~pl.col("is_outside"))
    # Of a policy that is over no row speaks any more, only a clerk.
    is_over = pl.col("policy_id").is_in(ended)
    looked_at = reached.filter(~is_over)
    causes = causes_of(looked_at) if looked_at.height else pl.DataFrame(schema=CAUSE_SCHEMA)
    unseen = reached.filter(is_over).select(ROW, **NO_ROW)
    settled = settle_claims(reached, pl.concat([causes, unseen]), answers)
    return pl.concat([settled, claims.filter("is_outside").select(ROW, **NO_ROW)])


def _struck_out(
    connection: Connection,
    waiting: pl.DataFrame,
    payees: pl.DataFrame,
    struck: Sequence[Sequence[str | None]],
) -> pl.DataFrame:
    """List the rows that a reviewer struck out and whose facts are what they were.

    A policy that is not computed has no facts of tonight to compare: its rows stay out.

    Rows:    returns  row_number
    """
    schema = dict.fromkeys([*KEY, "facts"], pl.String())
    told = pl.DataFrame([list(row) for row in struck], schema=schema, orient="row")
    rows = waiting.join(told, on=KEY, how="inner", validate="1:1").join(
        payees, on=PAYEE, how="left", validate="m:1"
    )
    out = []
    for (policy_id,), lines in rows.group_by("policy_id", maintain_order=True):
        show_frame(connection, "struck_lines", lines.select(KEY))
        now = policy_rows(connection, str(policy_id), "struck_lines").iter_rows(named=True)
        known = {tuple(row[name] for name in KEY[1:]): row for row in now}
        for line in lines.iter_rows(named=True):
            row = known.get(tuple(line[name] for name in KEY[1:]))
            before, then = (line["paid_before_fen"], None), line["facts"]
            if not row or not then or then in [facts_digest(row, line, fen) for fen in before]:
                out.append(line[ROW])
    return pl.DataFrame({ROW: out}, schema={ROW: waiting.schema[ROW]})


def _answers_about(connection: Connection, provision: str) -> pl.DataFrame:
    given = {"provision": provision}
    return run_sql(connection, "money/answers_about.sql", given).cast(ANSWER_SCHEMA)


def _with_fund(rows: pl.DataFrame, fund_of: Mapping[str, str]) -> pl.DataFrame:
    fund = pl.col("policy_id").replace_strict(fund_of, return_dtype=pl.String)
    return rows.with_columns(fund.alias("fund"))


def _signed_lines(
    connection: Connection,
    standing: Standing,
    funds: Funds,
    fund_of: Mapping[str, str],
    objections: pl.DataFrame,
) -> pl.DataFrame:
    """Say of each line that is signed and not yet released where it would be paid by tonight.

    Rows:    one per signed line: account_no as signed, account_now and hold_reason of tonight;
             none where a policy's card was withdrawn since: no release takes it as due then
    """
    signed = standing.signed.filter(pl.col("policy_id").is_in(sorted(fund_of)))
    lines = _with_fund(signed.sort(KEY), fund_of).with_row_index(ROW)
    payees = _payees(connection, lines)
    paid = pl.concat([standing.paid, standing.signed])
    in_doubt, paid_before, _ = held_by_identity(connection, lines, paid)
    holds = hold_reasons(lines, payees, _unwritable(lines, payees, funds), in_doubt)
    holds = also_held(holds, paid_before, PAID_UNDER_OTHER)
    holds = also_held(holds, objected_rows(lines, objections), OBJECTION)
    now = payees.select(*PAYEE, pl.col("account_no").alias("account_now"))
    return (
        lines.join(now, on=PAYEE, how="left", validate="m:1")
        .join(holds, on=ROW, how="left", validate="1:1")
        .select("payment_id", *KEY, "account_no", "account_now", "hold_reason")
        .sort(KEY)
    )


def _payees(connection: Connection, waiting: pl.DataFrame) -> pl.DataFrame:
    show_frame(connection, "beneficiaries", waiting.select(PAYEE).unique().sort(PAYEE))
    delivered = run_sql(connection, "money/delivered_accounts.sql", {})
    payees = run_sql(connection, "payees.sql", {})
    return account_reasons(payees, is_delivered=delivered["is_delivered"][0]).sort(PAYEE)


def _unwritable(waiting: pl.DataFrame, payees: pl.DataFrame, funds: Funds) -> pl.DataFrame:
    """List the beneficiaries whose account line a fund's bank file can't hold, and why.

    Rows:    returns  fund, beneficiary, and unwritable_reason: the holder first
    """
    schema = dict.fromkeys(["fund", *PAYEE, "unwritable_reason"], pl.String())
    parts = [pl.DataFrame(schema=schema)]
    pairs = waiting.select("fund", *PAYEE).unique().sort("fund", *PAYEE)
    complete = payees.filter(pl.col("account_reason").is_null())
    for (fund,), beneficiaries in pairs.group_by("fund", maintain_order=True):
        profile = funds.profile_of(str(fund))
        known = beneficiaries.join(complete, on=PAYEE, how="inner", validate="1:1")
        fits = {name: writable(known[name], name, profile) for name in UNWRITABLE}
        reasons = [pl.when(~fits[name]).then(pl.lit(code)) for name, code in UNWRITABLE.items()]
        said = known.with_columns(pl.coalesce(reasons).alias("unwritable_reason"))
        parts.append(said.drop_nulls("unwritable_reason").select(list(schema)))
    return pl.concat(parts)
