"""Runs one policy: its sentences, the keys its card gives, what counts, and the outcome; then what
a person should look at.

policies/<id>.sql    policy_sentences: one row per subject and beneficiary (and month)
keyed.sql            keyed_rows: with period and kinds, as the card says them
counted.sql          policy_<id>: with the provision that the card gives a `limit`, if it does
determination.sql    determination_<id>: the outcome
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from sql import KEY_COLUMNS, Connection, FactStore
from sql.card_words import USED_BEFORE, counts_used
from sql.spilling import query_pieces
from sql.texts import (
    finding_names,
    policy_cards,
    policy_path,
    policy_tables_in,
    shared_parameters,
)
from transforms.errors import RuleError
from transforms.policies.card_form import PROVISION
from transforms.policies.cards import PolicyCard, Reach, year_day
from transforms.policies.parameters import Parameter
from transforms.strict_yaml import check_known

KEYS_AND_AMOUNT = {"subject_id", "beneficiary_id", "month", "amount_fen"}
FINDING_COLUMNS = ["finding", "severity", "policy_id", "subject_kind", "subject_id", "detail"]
LIMIT_COLUMN = "is_within_limit"
EARLIER = "earlier_months"
# What the database calls whole numbers; ids are texts, and no keys of ours.
TYPES = {
    "subject_id": ("VARCHAR",),
    "beneficiary_id": ("VARCHAR",),
    "month": ("INTEGER",),
    "amount_fen": ("INTEGER", "BIGINT", "HUGEINT"),
}


def run_policy(store: FactStore, card: PolicyCard, reach: Reach) -> None:
    """Make the tables `policy_<id>` and `determination_<id>` of one policy.

    Rows:    one per (period, subject, beneficiary)
    Holds:   the key is unique, the provisions are those of the card in its order, no float
    Raises:  RuleError if not
    """
    path, name = policy_path(card.policy_id), card.policy_id
    store.year_day = year_day(card, store.as_of)
    _make(store, "policy_sentences", path, card.parameters, {})
    values = _card_values(store, card, reach)
    is_limited = card.limit is not None
    _make(store, "keyed_rows" if is_limited else f"policy_{name}", "keyed.sql", {}, values)
    if is_limited:
        _check_turns(store.connection, path)
        limit = {"limit_count": card.limit} if isinstance(card.limit, Parameter) else {}
        _make(store, f"policy_{name}", "counted.sql", limit, values)
        renamed = f"alter table policy_{name} rename column {LIMIT_COLUMN} to "
        store.connection.execute(renamed + card.provision_names[-1])
    store.connection.execute(f"create or replace view policy_rows as from policy_{name}")
    _make(store, f"determination_{name}", "determination.sql", {}, values)
    check_policy(store, card)


def _check_turns(connection: Connection, path: str) -> None:
    """Refuse a turn that is not known: it is no other one's, and a limit would not count it."""
    types = {row[0]: str(row[1]) for row in connection.execute("describe keyed_rows").fetchall()}
    is_struct = types["turn"].startswith("STRUCT") and not types["turn"].endswith("]")
    turns = f"select {'unnest(turn)' if is_struct else 'turn'} from keyed_rows"
    counts = connection.execute(f"select count(*), count(columns(*)) from ({turns})").fetchone()
    if counts and min(counts) < counts[0]:
        raise RuleError(f"sql/{path} gives no turn for a row: take columns that are never empty")


def check_policy(store: FactStore, card: PolicyCard) -> None:
    """Hold a policy's table to what is promised of it, whether it was made here or in parts.

    Raises:  RuleError if the key is not unique, or the provisions are not those of the card
    """
    connection, table = store.connection, f"policy_{card.policy_id}"
    columns = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
    shown = {name for provision in card.provisions for name in provision.facts}
    shown |= {name for key in ("facts", "order") for name in card.listing.get(key, ())}
    check_known(sorted(shown), {*columns, EARLIER}, f"{table}: a fact that its card shows")
    keys = ", ".join(KEY_COLUMNS)
    absent = " or ".join(f"{name} is null" for name in (*KEY_COLUMNS, "amount_fen"))
    checks = {
        "a key occurs twice": f"select {keys} from {table} group by {keys} having count(*) > 1",
        "a key or amount is missing": f"select period from {table} where {absent}",
        "an amount is below zero": f"select period from {table} where amount_fen < 0",
    }
    for broken, text in checks.items():
        if connection.execute(f"{text} limit 1").fetchone():
            raise RuleError(f"{table}: {broken}")
    if card.listing.get("series"):
        store.build("staff_counts")


def _make(
    store: FactStore,
    table: str,
    path: str,
    parameters: Mapping[str, Parameter],
    given: Mapping[str, Any],
) -> None:
    store.build_under(path)
    text, values = store.statement(path, parameters, given)
    store.execute(path, f"create or replace table {table} as {text}", values)


def policy_rows(connection: Connection, policy_id: str, only: str = "") -> pl.DataFrame:
    """Return a policy's provisions, facts and the clerk's answers that were applied.

    Rows:    only  a table of keys, if only some are wanted
             returns  none of a policy that was not computed
    """
    return pl.concat(policy_pieces(connection, policy_id, only))


def policy_pieces(connection: Connection, policy_id: str, only: str = "") -> Iterator[pl.DataFrame]:
    """Return the same in pieces, sorted by the key."""
    table, outcome = f"policy_{policy_id}", f"determination_{policy_id}"
    known = connection.execute("select table_name from information_schema.tables").fetchall()
    if not {(table,), (outcome,)} <= set(known):
        yield pl.DataFrame(schema=dict.fromkeys(KEY_COLUMNS, pl.String()))
        return
    keys = " and ".join(f"policy.{key} = outcome.{key}" for key in KEY_COLUMNS)
    order = ", ".join(f"policy.{key}" for key in KEY_COLUMNS)
    some = " and ".join(f"policy.{key} = {only}.{key}" for key in KEY_COLUMNS)
    wanted = f"where exists (select 1 from {only} where {some}) " if only else ""
    yield from query_pieces(
        connection,
        f"select policy.*, outcome.clerk_answers from {table} as policy "
        f"inner join {outcome} as outcome on {keys} {wanted}order by {order}",
    )


def run_findings(store: FactStore, policies: Sequence[str]) -> pl.DataFrame:
    """Collect what a person should look at, from every file of findings/ that can run.

    Rows:    policies  those that ran; a finding over a policy's rows takes its year
             returns   one per finding; sorted, never null
    """
    frames = [pl.DataFrame(schema=dict.fromkeys(FINDING_COLUMNS, pl.String()))]
    for path in (f"findings/{name}.sql" for name in finding_names()):
        looked_into = policy_tables_in(path)
        if looked_into <= set(policies):
            for name in sorted(looked_into):
                store.year_day = year_day(policy_cards()[name], store.as_of)
            store.build_under(path)
            store.execute(path, *store.statement(path, shared_parameters()))
            frames.append(pl.DataFrame(store.connection.to_arrow_table()))
    return pl.concat([frame.select(FINDING_COLUMNS) for frame in frames]).sort(FINDING_COLUMNS)


def _card_values(store: FactStore, card: PolicyCard, reach: Reach) -> dict[str, Any]:
    """Return what keyed.sql, counted.sql and determination.sql take from card and sentences."""
    described = store.connection.execute("describe policy_sentences").fetchall()
    columns = {str(row[0]): str(row[1]) for row in described}
    check_sentences(card, columns)
    facts = [name for name in columns if not (name in KEYS_AND_AMOUNT or PROVISION.match(name))]
    earlier = [name for name in card.provisions[-1].facts if name == EARLIER]
    return {
        "policy_id": card.policy_id,
        "period": reach.period_of(card.period),
        "reach_from_month": reach.from_month,
        "reach_to_month": reach.to_month,
        "subject_kind": card.subject,
        "beneficiary_kind": card.beneficiary,
        "beneficiary": ["beneficiary_id" if "beneficiary_id" in columns else "subject_id"],
        "facts": facts,
        "used_before": [USED_BEFORE if USED_BEFORE in columns else "none_used_before"],
        "facts_shown": [name for name in facts if name != "turn"] + earlier,
        "provisions": card.provision_names,
        "other_provisions": card.provision_names[:-1],
        **({} if isinstance(card.limit, Parameter) else {"limit_count": card.limit}),
    }


def check_sentences(card: PolicyCard, columns: Mapping[str, str]) -> None:
    """Hold what a policy's SQL gives, by name and type, to its card.

    Raises:  RuleError naming the file, and what it gives otherwise
    """
    where, is_limited = f"sql/{policy_path(card.policy_id)}", card.limit is not None
    # Whether it is within its limit, the engine counts.
    said = card.provision_names[: -1 if is_limited else None]
    given = [name for name in columns if PROVISION.match(name)]
    needed = [*said, "subject_id", "amount_fen", *(["turn"] if is_limited else [])]
    needed += [USED_BEFORE] if counts_used(card) else []
    if lacking := [name for name in needed if name not in columns]:
        raise RuleError(f"{where} gives no column {', '.join(lacking)}")
    if astray := sorted(set(given) - set(said)):
        raise RuleError(f"{where} gives {', '.join(astray)}, which its card does not say")
    if given != said:
        raise RuleError(f"{where} gives in another order than its card: {', '.join(given)}")
    if "beneficiary_id" not in columns and card.subject != card.beneficiary:
        raise RuleError(f"{where} gives no beneficiary_id: its card must say one party for both")
    types = TYPES | dict.fromkeys(given, ("BOOLEAN",))
    for name, kind in columns.items():
        wanted = types.get(name, ("exact",) if kind in ("DOUBLE", "FLOAT") else (kind,))
        if kind not in wanted:
            raise RuleError(f"{where} gives {name} as {kind}: it must be {' or '.join(wanted)}")
