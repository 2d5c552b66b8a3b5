"""The stage between rules and money: entitlements from determinations, ledger and accounts."""

from dataclasses import dataclass

import polars as pl

from flows.money.funds import Funds
from flows.night.determine import Determined
from sql import policy_cards, query, register_frame, run_sql
from sql.texts import exclusions
from transforms.money.entitlements import (
    decide_statuses,
    money_findings,
    net_against_ledger,
    open_rows,
    recoverable_periods,
    settle_exclusions,
)
from transforms.money.payees import PAYEE, account_reasons, hold_reasons
from transforms.payments.profile import writable

ANSWER_KEY = ("policy_id", "period", "subject_id", "beneficiary_id")
ANSWER_SCHEMA = pl.Schema({**dict.fromkeys(ANSWER_KEY, pl.String()), "is_yes": pl.Boolean()})
DOUBT_SCHEMA = pl.Schema({"person_id": pl.String(), "cause": pl.String()})


@dataclass(frozen=True)
class Entitled:
    """What is due to whom, what a person should look at, and where each beneficiary is paid."""

    entitlements: pl.DataFrame
    findings: pl.DataFrame
    payees: pl.DataFrame


def build_entitlements(determined: Determined, paid: pl.DataFrame, funds: Funds) -> Entitled:
    """Turn determinations into entitlements: exclusions, netting, identity, accounts.

    Rows:    paid     one per line paid and not returned, or signed and not yet released
             returns  the contract's entitlements, findings, and one payee per beneficiary due
    Units:   fen
    Source:  rulebook §4.2 to §4.6
    """
    cards = policy_cards()
    fund_of = {name: card.fund for name, card in cards.items() if card.kind == "payment"}
    eligible = determined.determinations.filter(
        (pl.col("outcome") == "eligible") & pl.col("policy_id").is_in(sorted(fund_of))
    )
    answers = _answers(determined)
    recoverable = recoverable_periods(paid, determined.policies)
    settled = settle_exclusions(
        net_against_ledger(eligible, paid, recoverable), exclusions(), answers
    )
    waiting = open_rows(settled).with_columns(
        pl.col("policy_id").replace_strict(fund_of, return_dtype=pl.String).alias("fund")
    )
    payees = _payees(determined, waiting)
    doubtful = _identity_conflicts(determined, waiting)
    holds = hold_reasons(waiting, payees, _unwritable(waiting, payees, funds), doubtful)
    return Entitled(
        entitlements=decide_statuses(settled, holds),
        findings=money_findings(settled, answers, doubtful),
        payees=payees,
    )


def _has_table(determined: Determined, name: str) -> bool:
    names = query(determined.connection, "select table_name from information_schema.tables")
    return name in names["table_name"].to_list()


def _answers(determined: Determined) -> pl.DataFrame:
    # The fact is built with the first policy that runs; where none ran, nothing is eligible.
    if not _has_table(determined, "clerical_answers"):
        return pl.DataFrame(schema=ANSWER_SCHEMA)
    return run_sql(determined.connection, "money/conflict_answers.sql", {}).cast(ANSWER_SCHEMA)


def _payees(determined: Determined, waiting: pl.DataFrame) -> pl.DataFrame:
    register_frame(
        determined.connection, "beneficiaries", waiting.select(PAYEE).unique().sort(PAYEE)
    )
    delivered = run_sql(determined.connection, "money/delivered_accounts.sql", {})
    payees = run_sql(determined.connection, "payees.sql", {})
    return account_reasons(payees, is_delivered=delivered["is_delivered"][0]).sort(PAYEE)


def _identity_conflicts(determined: Determined, waiting: pl.DataFrame) -> pl.DataFrame:
    if not _has_table(determined, "clerical_answers"):
        return pl.DataFrame(schema=DOUBT_SCHEMA)
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
    register_frame(determined.connection, "concerned_persons", concerned)
    found = run_sql(determined.connection, "money/identity_conflicts.sql", {})
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
