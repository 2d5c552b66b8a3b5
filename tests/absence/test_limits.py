"""What a limit let count before others: the rows of those others speak against what was paid."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.money.entitle import build_entitlements
from flows.money.funds import read_funds
from flows.money.standing import Standing
from flows.night.causes import Causes
from flows.night.determine import Determined, determine
from flows.night.part import Means
from flows.night.run_name import rules_name
from flows.store import Home
from sql.texts import policy_cards
from tests.money.money_town import new_home
from tests.rules.golden import Case, paid_lines_of, tables_of
from tests.rules.golden_run import background, cases_of, own_rows, write_tables
from transforms.money.ledger import PAID_SCHEMA

SUMMED = ("Months used are summed, a month refused uses none",)
SUMMED += ("Months used are summed over all grants, a refused month uses none",)
PAID = {"contributions": "甲", "at": "U1", "months": "202004"}
LIMITED = [name for name, card in policy_cards().items() if card.limit is not None]
HIRED_TWICE: dict[str, Any] = {
    "reg": {"registrations": "U1 U2"},
    "unit": {"insured_units": "U1 U2"},
    "contract": {
        "employment": "甲",
        "at": "U1",
        "starts_on": "2020-02-11",
        "ends_on": "2021-02-10",
    },
    "other": {"employment": "甲", "at": "U2", "starts_on": "2020-02-10", "ends_on": "2021-02-09"},
    "more": {"contributions": "甲", "at": "U1", "for": "失业", "months": "202003"},
}
# Of each policy: what comes late and lets an earlier row count, of which kind it is, and of what
# period what was paid is beyond the limit by it.
LATE: dict[str, tuple[dict[str, Any], str]] = {
    "new_hire_subsidy": ({**PAID, "at": "U2", "for": "养老", "entry": "补缴"}, "2020"),
    "graduate_hire_insurance": ({**PAID, "for": "医疗"}, "2020-05"),
    "graduate_flexible_insurance": (
        {**PAID, "for": "养老", "entry": "退费", "unit_yuan": "-900.00", "person_yuan": "0"},
        "2020-05",
    ),
    "internship_subsidy": (
        {"payroll": "甲", "at": "U1", "months": "202004", "net_yuan": "1146.00"},
        "2020-05",
    ),
}
# Who would be paid has an account, so that nothing else is in the way.
PAYEES: dict[str, Any] = {
    "holder": {"insured_persons": "甲"},
    **{
        f"account of {name}": {
            **{"accounts": name, "holder": name, "account_no": "6222", "account_state": "正常"},
            **{"bank_name": "淄川农商银行", "bank_code": "402453000012"},
        }
        for name in ("甲", "U2")
    },
}
ORDINARY = {**PAID, "for": "失业", "months": "202008"}


def scene(policy: str, **more: dict[str, Any]) -> Case:
    """Make a case in which a row fails something, and those after it are paid."""
    if policy == "new_hire_subsidy":
        case = next(case for case in cases_of(policy) if "exactly one year" in case.sentence)
        case = replace(case, rows={**case.rows, **HIRED_TWICE})
    else:
        case = next(case for case in cases_of(policy) if case.sentence in SUMMED)
    period = LATE[policy][1]
    payee = {} if policy_cards()[policy].beneficiary == "person" else {"beneficiary": "U1"}
    line = {"paid": "甲", **payee, "period": period, "payment_id": "PAY1", "amount_yuan": "1.00"}
    return replace(case, rows={**case.rows, "line": line, **more})


def determined(home: Home, name: str, case: Case) -> tuple[Determined, Path]:
    """Run a case, and leave its snapshot and its run in a home, by name."""
    cases = [case, background(case.as_of)]
    snapshot, run = home.snapshots / name, home.runs / name
    (snapshot / "tables").mkdir(parents=True)
    run.mkdir(parents=True)
    tables = write_tables(tables_of(cases, case.missing), snapshot / "tables")
    made = determine(tables, case.as_of, paid_lines_of(cases), threads=1, only=[case.policy])
    manifest = {"as_of": str(case.as_of), "own_rows": made.own_rows.to_dicts()}
    manifest |= rules_name(read_funds(home).digest)
    (run / "manifest.json").write_text(json.dumps(manifest))
    made.determinations.write_parquet(run / "determinations.parquet")
    fen = pl.col("amount_fen").alias("determined_fen")
    made.determinations.with_columns(fen).write_parquet(run / "entitlements.parquet")
    return made, snapshot


def settled(folder: Path, then: Case, now: Case) -> dict[str, dict[str, Any]]:
    """Entitle the second of two nights, of which the first paid: rows by period and beneficiary."""
    home = new_home(folder)
    determined(home, "then", then)
    made, snapshot = determined(home, "now", now)
    paid = paid_lines_of([now]).with_columns(account_no=pl.lit("1")).select(list(PAID_SCHEMA))
    nothing = pl.DataFrame(schema=PAID_SCHEMA)
    standing = Standing(
        **{
            "digest": "",
            "paid": paid,
            "signed": nothing,
            "payment_ids": paid["payment_id"].to_list(),
        },
        **{
            "installments": nothing,
            "spent_fen": {},
            "determined_by": dict.fromkeys(paid["payment_id"], "then"),
        },
        released=paid,
        snapshot_of={"then": "then"},
    )
    own = made.own_rows.to_dicts()
    funds = read_funds(home)
    by_rules = funds.digest, Means()
    causes = Causes(home, snapshot, now.as_of, own, made.connection, standing, *by_rules)
    told = build_entitlements(
        *(made.connection, made.policies, standing, funds, causes)
    ).entitlements
    return {" ".join(key[::2]): row for key, row in own_rows(now, told).items()}


@pytest.mark.parametrize("policy", LIMITED)
def test_what_lets_an_earlier_row_count_speaks_against_a_later_one(
    policy: str, tmp_path: Path
) -> None:
    late, period = LATE[policy]
    then = scene(policy)
    now = scene(policy, late=late, ordinary=ORDINARY)
    rows = settled(tmp_path, then, now)
    (row,) = [row for row in rows.values() if row["paid_before_fen"]]
    assert (row["period"], row["determined_fen"], row["status"]) == (period, 0, "recovery")
    (kind,) = {"contributions", "payroll"} & {*late}
    (place,) = row["cause_rows"].split("; ")
    table = tables_of([now, background(now.as_of)], now.missing)[kind]
    found = table.filter(pl.format("{}:{}", "source_file", "source_line") == place)
    assert row["cause"] == "row_found"
    assert found["month"].to_list() == [202004]


@pytest.mark.parametrize("policy", ["new_hire_subsidy", "graduate_flexible_insurance"])
def test_what_counts_because_a_row_is_gone_asks_nothing_back(policy: str, tmp_path: Path) -> None:
    """A bar of the earlier row vanishes, and the month brings what every month does; that waits."""
    if policy == "new_hire_subsidy":
        bar = {"designations": "U2", "list": "严重失信"}
        then = scene(policy, late=LATE[policy][0], bar=bar)
        now = scene(policy, late=LATE[policy][0], ordinary=ORDINARY)
    else:
        then = scene(policy)
        left = {name: row for name, row in then.rows.items() if name != "job"}
        now = replace(then, rows={**left, "ordinary": ORDINARY})
    rows = settled(tmp_path, then, replace(now, rows={**now.rows, **PAYEES})).values()
    (row,) = [row for row in rows if row["paid_before_fen"]]
    assert (row["status"], row["cause"]) == ("unsupported", "rows_gone")
    # With what was paid it would be more than may be: months that others granted are counted.
    others = {(row["status"], row["reason"]) for row in rows if not row["paid_before_fen"]}
    assert others == {("held", "paid_under_other")}
