"""The stage that applies the rules: tables and an as-of date in, determinations out."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from flows.data_package import DETERMINATIONS, POLICIES
from flows.night.paid_lines import DETERMINATION_SCHEMA, PAID_LINE_SCHEMA, register_ledger
from flows.night.part import Means
from flows.night.parts import Inputs, Parting, take_parts
from sql import KEY_COLUMNS, Connection, FactStore, query, register_frame, run_sql
from sql.card_words import parameters_under
from sql.opening import connect_to
from sql.policy_runs import (
    check_policy,
    policy_pieces,
    policy_rows,
    run_findings,
    run_policy,
)
from sql.spilling import query_pieces
from sql.texts import policy_cards, words_after_policies
from transforms.errors import UsageError
from transforms.policies.cards import (
    PolicyCard,
    PolicyStatus,
    Reach,
    outside_span,
    reach_of,
    values_used,
    year_day,
)
from transforms.policies.coverage import (
    gap_warnings,
    list_warnings,
    missing_extracts,
    missing_parts,
)
from transforms.words import Said

__all__ = ["DETERMINATION_SCHEMA", "PAID_LINE_SCHEMA", "Determined", "determine"]
WAITING = "review/decisions_waiting.sql"
WAGES = "wage_arrears"
UNSEEN_MONTHS = "select month from wage_months where is_judged and not has_payroll order by month"
SORTED_BY = ["policy_id", *KEY_COLUMNS]


@dataclass(frozen=True)
class Determined:
    """What the rules gave: views `determinations` and `policy_<id>` of an open connection, the
    facts under them, and what became of each policy."""

    connection: Connection
    store: FactStore
    policies: dict[str, PolicyStatus]
    findings: pl.DataFrame
    warnings: list[Said]
    own_rows: pl.DataFrame

    @property
    def determinations(self) -> pl.DataFrame:
        """Read the determinations out of the database, in the contract's order."""
        return pl.concat(self.determination_pieces())

    def determination_pieces(self) -> Iterator[pl.DataFrame]:
        """Read the same in pieces."""
        columns, order = ", ".join(DETERMINATION_SCHEMA), ", ".join(SORTED_BY)
        text = f"select {columns} from determinations order by {order}"
        for piece in query_pieces(self.connection, text):
            yield piece.cast(pl.Schema(DETERMINATION_SCHEMA))

    def policy_rows(self, policy_id: str) -> pl.DataFrame:
        """Return a policy's provisions, facts and the clerk's answers that were applied."""
        return policy_rows(self.connection, policy_id)

    @property
    def tables(self) -> dict[str, Callable[[], Iterator[pl.DataFrame]]]:
        """Give what may be large, in pieces: determinations, and the rows of each policy."""
        ran = [name for name, found in self.policies.items() if found.status == "ran"]
        of_policies = {POLICIES + n: partial(policy_pieces, self.connection, n) for n in ran}
        return {DETERMINATIONS: self.determination_pieces, **of_policies}

    def forget(self, words: Collection[str]) -> None:
        """Drop the facts that neither these words name nor what is asked after the policies."""
        self.store.keep({*words, *words_after_policies()})


def determine(
    tables: Mapping[str, Sequence[Path]],
    as_of: date,
    paid_lines: pl.DataFrame,
    *,
    ledger_payment_ids: Sequence[str] = (),
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_folder: Path | None = None,
    only: Sequence[str] | None = None,
    beside: pl.DataFrame | None = None,
    parting: Parting | None = None,
    on_step: Callable[[str], None] = lambda _step: None,
) -> Determined:
    """Apply every policy in force to a snapshot's tables.

    Rows:    paid_lines  one per line ever paid, returned ones too; beside: of policies left out
             returns     view determinations: one per policy, period, subject and beneficiary
    Units:   fen
    Holds:   the same tables, date and paid lines give the same determinations, byte for byte
    Source:  rulebook §0 to §3; `ledger_payment_ids` adds payments without their lines
    Raises:  UsageError for an unknown policy, ParameterMissingError, ContractError
    """
    cards = _chosen(only)
    connection = connect_to(tables, as_of, threads, memory_limit, temp_folder)
    register_ledger(connection, paid_lines, ledger_payment_ids)
    store = FactStore(connection, tables, as_of, on_fact=on_step)
    months = months_delivered(store)
    reasons = {card.policy_id: reason_not_run(card, tables, months, as_of) for card in cards}
    running = [card for card in cards if not reasons[card.policy_id]]
    inputs = Inputs(tables, as_of, paid_lines, ledger_payment_ids, [c.policy_id for c in running])
    means = Means(threads, memory_limit, temp_folder)
    taken = take_parts(parting or Parting(count=1), store, inputs, means, on_step)
    policies: dict[str, PolicyStatus] = {}
    for card in cards:
        name, reason = card.policy_id, reasons[card.policy_id]
        if not reason:
            on_step(name)
        not_run = PolicyStatus("not_run", reason, None, None, [])
        policies[name] = not_run if reason else _run(store, card, name in taken)
    store.build("clerical_answers")
    _show_determinations(connection, running, beside)
    on_step("findings")
    findings = run_findings(store, [card.policy_id for card in running])
    warnings = _warnings(connection, running, months, tables, as_of)
    store.build("own_rows")
    own_rows = query(connection, "select * from own_rows order by all")
    return Determined(connection, store, policies, findings, warnings, own_rows)


def _run(store: FactStore, card: PolicyCard, is_taken: bool) -> PolicyStatus:
    reach = reach_of(card, store.as_of)
    if is_taken:
        check_policy(store, card)
    else:
        run_policy(store, card, reach)
    used = _parameters_used(card, store.as_of, reach)
    return PolicyStatus("ran", None, reach.from_month, reach.to_month, used)


def _chosen(only: Sequence[str] | None) -> list[PolicyCard]:
    cards = policy_cards()
    unknown = sorted(set(only or ()) - set(cards))
    if unknown:
        raise UsageError(f"no policy named {', '.join(unknown)}; there are {', '.join(cards)}")
    return [card for name, card in cards.items() if only is None or name in only]


def months_delivered(store: FactStore) -> dict[str, set[int]]:
    """Return the months of contributions that are there, by insurance."""
    store.build("contribution_coverage")
    text = "select distinct insurance, month from contribution_coverage order by all"
    rows = query(store.connection, text).group_by("insurance", maintain_order=True).agg("month")
    return {insurance: set(months) for insurance, months in rows.iter_rows()}


def reason_not_run(
    card: PolicyCard,
    tables: Mapping[str, Sequence[Path]],
    months: Mapping[str, set[int]],
    as_of: date,
) -> Said | None:
    """Say why a policy does not run on a day, if it does not."""
    outside = outside_span(card, as_of)
    if outside:
        return outside
    extracts = missing_extracts(card, tables)
    if extracts:
        return Said("extract_not_delivered", {"kinds": extracts})
    parts = missing_parts(card, months, as_of)
    if parts:
        return Said("part_not_delivered", {"parts": parts})
    return None


def _parameters_used(card: PolicyCard, as_of: date, reach: Reach) -> list[dict[str, Any]]:
    return [
        {
            "name": parameter.name,
            **({"title": parameter.title} if parameter.title else {}),
            "unit": parameter.unit,
            "value": _shown(value.value),
            "from": value.since.isoformat(),
            "source": value.source,
            "confirmed": value.confirmed,
        }
        for parameter in parameters_under(card)
        for value in values_used(parameter, as_of, year_day(card, as_of), reach)
    ]


def _shown(value: Any) -> str:
    return f"a table of {len(value)} rows" if isinstance(value, list) else str(value)


def _show_determinations(
    connection: Connection, ran: Sequence[PolicyCard], beside: pl.DataFrame | None
) -> None:
    # An empty one says what the columns are where no policy ran.
    known = pl.DataFrame(schema=DETERMINATION_SCHEMA) if beside is None else beside
    register_frame(connection, "known_determinations", known)
    tables = ["known_determinations", *(f"determination_{card.policy_id}" for card in ran)]
    columns = ", ".join(DETERMINATION_SCHEMA)
    rows = " union all ".join(f"select {columns} from {table}" for table in tables)
    query(connection, f"create or replace view determinations as {rows}")


def _warnings(
    connection: Connection,
    ran: Sequence[PolicyCard],
    months: Mapping[str, set[int]],
    tables: Mapping[str, Sequence[Path]],
    as_of: date,
) -> list[Said]:
    warnings = gap_warnings(ran, months)
    if "designations" in tables:
        lists = query(connection, "select distinct list from delivered_designations order by 1")
        warnings += list_warnings(ran, lists["list"].to_list())
    if any(card.policy_id == WAGES for card in ran):
        unseen = query(connection, UNSEEN_MONTHS)["month"].to_list()
        if unseen:
            seen_by = {"months": [f"{m // 100}-{m % 100:02}" for m in unseen], "policies": [WAGES]}
            warnings.append(Said("payroll_month_without_rows", seen_by))
    count, first, last = run_sql(connection, WAITING, {"as_of": as_of}).row(0)
    if count:
        days = {"decisions": count, "first": first.isoformat(), "last": last.isoformat()}
        warnings.append(Said("decisions_waiting", days))
    return warnings
