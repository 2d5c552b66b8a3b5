"""The step between rules and money: entitlements from determinations, ledger and accounts."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from flows.money.funds import Funds
from flows.money.standing import Standing
from sql import Connection, policy_cards, query, run_sql, show_frame
from sql.texts import exclusions
from transforms.money.entitlements import (
    KEY,
    decide_statuses,
    money_findings,
    net_against_ledger,
    open_rows,
    recoverable_periods,
    settle_exclusions,
)
from transforms.money.payees import PAYEE, account_reasons, hold_reasons
from transforms.payments.profile import writable
from transforms.policies.cards import PolicyStatus

ANSWER_KEY = ("policy_id", "period", "subject_id", "beneficiary_id")
ANSWER_SCHEMA = pl.Schema({**dict.fromkeys(ANSWER_KEY, pl.String()), "is_yes": pl.Boolean()})
DOUBT_SCHEMA = pl.Schema({"person_id": pl.String(), "cause": pl.String()})


@dataclass(frozen=True)
class Entitled:
    """What is due to whom, what a person should look at, and where each beneficiary is paid."""

    entitlements: pl.DataFrame
    findings: pl.DataFrame
    payees: pl.DataFrame


def build_entitlements(
    connection: Connection,
    policies: Mapping[str, PolicyStatus],
    standing: Standing,
    funds: Funds,
) -> Entitled:
    """Turn determinations into entitlements: exclusions, netting, identity, accounts.

    Rows:    returns  the contract's entitlements, findings, and one payee per beneficiary due
    Units:   fen
    Source:  rulebook §4.2 to §4.6
    """
    cards = policy_cards()
    fund_of = {name: card.fund for name, card in cards.items() if card.kind == "payment"}
    eligible = query(
        connection,
        f"select {', '.join(KEY)}, amount_fen from determinations where outcome = 'eligible'",
    ).filter(pl.col("policy_id").is_in(sorted(fund_of)))
    paid = pl.concat([standing.paid, standing.signed])
    answers = run_sql(connection, "money/conflict_answers.sql", {}).cast(ANSWER_SCHEMA)
    recoverable = recoverable_periods(paid, policies)
    settled = settle_exclusions(
        net_against_ledger(eligible, paid, recoverable), exclusions(), answers
    )
    waiting = open_rows(settled).with_columns(
        pl.col("policy_id").replace_strict(fund_of, return_dtype=pl.String).alias("fund")
    )
    payees = _payees(connection, waiting)
    doubtful = _identity_conflicts(connection, waiting)
    holds = hold_reasons(waiting, payees, _unwritable(waiting, payees, funds), doubtful)
    return Entitled(
        entitlements=decide_statuses(settled, holds),
        findings=money_findings(settled, answers, doubtful),
        payees=payees,
    )


def _payees(connection: Connection, waiting: pl.DataFrame) -> pl.DataFrame:
    show_frame(connection, "beneficiaries", waiting.select(PAYEE).unique().sort(PAYEE))
    delivered = run_sql(connection, "money/delivered_accounts.sql", {})
    payees = run_sql(connection, "payees.sql", {})
    return account_reasons(payees, is_delivered=delivered["is_delivered"][0]).sort(PAYEE)


def _identity_conflicts(connection: Connection, waiting: pl.DataFrame) -> pl.DataFrame:
    concerned = (
        pl.concat(
            [
                waiting.filter(pl.col(f"{role}_kind") == "person").select(
                    pl.col(f"{role}_id").alias("person_id")
                )
                for role in ("subject", "beneficiary")
            ]
        )
        .unique()
        .sort("person_id")
    )
    show_frame(connection, "concerned_persons", concerned)
    found = run_sql(connection, "money/identity_conflicts.sql", {})
    return found.cast(DOUBT_SCHEMA)


def _unwritable(waiting: pl.DataFrame, payees: pl.DataFrame, funds: Funds) -> pl.DataFrame:
    """List the beneficiaries whose account line a fund's bank file can't hold.

    Rows:    returns  fund and beneficiary
    """
    schema = {"fund": pl.String(), **dict.fromkeys(PAYEE, pl.String())}
    parts = [pl.DataFrame(schema=schema)]
    pairs = waiting.select("fund", *PAYEE).unique().sort("fund", *PAYEE)
    complete = payees.filter(pl.col("account_reason").is_null())
    for (fund,), beneficiaries in pairs.group_by("fund", maintain_order=True):
        profile = funds.profile_of(str(fund))
        known = beneficiaries.join(complete, on=PAYEE, how="inner", validate="1:1")
        fits = (
            writable(known["holder"], "holder", profile)
            & writable(known["bank_name"], "bank_name", profile)
            & writable(known["account_no"], "account_no", profile)
        )
        parts.append(known.filter(~fits).select(list(schema)))
    return pl.concat(parts)
