"""`new_hire_subsidy` in pandas, as an analyst would write it for this one question (one_policy.py).

It knows no clerk's answers and no ledger, reads only the columns and months that it needs, and goes
through contributions file by file, keeping its own persons, lest all bookings lie in memory.
"""

from typing import Any

import pandas as pd

from bench import AS_OF

DAY = pd.Timestamp(AS_OF)
# As the card of the policy says them.
WINDOW = pd.Timestamp("2020-02-10"), pd.Timestamp("2020-03-10")
FIRST_MONTH, LAST_MONTH, LOOK_BACK_MONTHS, AMOUNT_FEN = 201908, 202011, 6, 100_000
INSURANCES = ["养老", "医疗", "失业"]
CONTRACTS = ["无固定期限", "固定期限", "以完成一定工作任务为期限"]
BARRED = ["严重失信", "僵尸企业", "拖欠农民工工资失信"]
GRANTED = "一次性吸纳就业补贴"
COLUMNS = ["subject_id", "beneficiary_id", "outcome", "amount_fen"]
PAIR = ["person_key", "employer_key"]
MONTH = [*PAIR, "insurance", "month"]
Tables = dict[str, list[str]]


def by_pandas(tables: Tables) -> pd.DataFrame:
    hires, jobs, units = _hires(tables)
    booked = _booked(tables, set(hires.person_key))
    insured = hires[["row", *PAIR, "first", "before"]].merge(booked, on=PAIR)
    after = (insured.insurance == "养老") & (insured.month >= insured["first"])
    known = (insured.month >= insured.before) & (insured.month < insured["first"])
    others = jobs[["employer_code", "person_key", "starts_on"]]
    hired = hires.merge(others, on=["employer_code", "person_key"], suffixes=("", "_of_other"))
    back = hired.starts_on - pd.DateOffset(months=LOOK_BACK_MONTHS)
    again = hired[hired.starts_on_of_other.between(back, hired.starts_on, inclusive="left")]
    lists, support = _read(tables, "designations"), _read(tables, "support")
    lists = lists[lists["list"].isin(BARRED) & (lists.subject_kind == "单位")]
    lists = lists[(lists.valid_from <= DAY) & (lists.valid_to.isna() | (lists.valid_to >= DAY))]
    granted = support[(support.support_type == GRANTED) & (support.subject_kind == "个人")]
    granted = granted[granted.from_month <= LAST_MONTH]
    standing = _read(tables, "registrations", ["employer_code", "status"])
    standing = standing.set_index("employer_code").status.isin(["存续", "在业"]).astype("boolean")
    dispatch = (units.is_dispatch == "是").groupby(units.employer_code).any().astype("boolean")
    year = hires.ends_on >= hires.starts_on + pd.DateOffset(years=1) - pd.Timedelta(days=1)
    fixed = year.astype("boolean").mask(hires.ends_on.isna()).where(hires.contract == 1, False)
    provisions = pd.DataFrame(
        {
            "one_year": fixed.mask(hires.contract == 0, True),
            "insured": hires.row.isin(insured.row[after]),
            "new": ~hires.row.isin(insured.row[known]) & ~hires.row.isin(again.row),
            "no_dispatcher": ~hires.employer_code.map(dispatch).astype("boolean"),
            "standing": hires.employer_code.map(standing)
            .astype("boolean")
            .mask(hires.employer_code.isin(lists.subject_id), False),
            "not_before": ~hires.person_id.isin(granted.subject_id),
        }
    ).astype("boolean")
    counts = provisions.fillna(False).all(axis=1).astype(int)
    provisions["once"] = counts.groupby(hires.person_id).cumsum() - counts == 0
    refused, unknown = (~provisions.fillna(True)).any(axis=1), provisions.isna().any(axis=1)
    hires["outcome"] = "eligible"
    hires.loc[unknown, "outcome"] = "undetermined"
    hires.loc[refused, "outcome"] = "ineligible"
    hires["amount_fen"] = (hires.outcome == "eligible") * AMOUNT_FEN
    named = hires.rename(columns={"person_id": "subject_id", "employer_code": "beneficiary_id"})
    answer: pd.DataFrame = named[COLUMNS]
    return answer


def _read(tables: Tables, kind: str, columns: list[str] | None = None) -> Any:
    dates: Any = {"to_pandas_kwargs": {"date_as_object": False}}
    read = [pd.read_parquet(path, columns=columns, **dates) for path in tables[kind]]
    return pd.concat(read, ignore_index=True)


def _hires(tables: Tables) -> tuple[Any, Any, Any]:
    """Return the contracts of the window, an employer's earliest with each; all jobs; all units."""
    columns = ["employer_code", "person_id", "person_key", "contract_type", "starts_on", "ends_on"]
    jobs = _read(tables, "employment", columns)
    jobs = jobs[jobs.starts_on <= DAY]
    units = _read(tables, "insured_units", ["employer_code", "employer_key", "is_dispatch"])
    hires = jobs[jobs.starts_on.between(*WINDOW)]
    hires = hires[hires.contract_type.isin(CONTRACTS)]
    hires = hires.assign(contract=hires.contract_type.map(CONTRACTS.index))
    # The earliest by its start, then the latest end, an open one first, then the type.
    hires = hires.sort_values("contract").sort_values(
        "ends_on", ascending=False, na_position="first", kind="stable"
    )
    hires = hires.sort_values("starts_on", kind="stable")
    hires = hires.drop_duplicates(["employer_code", "person_key"])
    keys = units[["employer_code", "employer_key"]].drop_duplicates()
    hires = hires.merge(keys, how="left", on="employer_code")
    hires = hires.sort_values(["person_id", "starts_on", "employer_code"], ignore_index=True)
    months = hires.starts_on.dt.year * 12 + hires.starts_on.dt.month - 1
    before = months - LOOK_BACK_MONTHS
    hires["first"] = months // 12 * 100 + months % 12 + 1
    hires["before"] = before // 12 * 100 + before % 12 + 1
    return hires.assign(row=hires.index), jobs, units


def _booked(tables: Tables, persons: set[int]) -> Any:
    """Return the insured months of some persons: booked, arrived or deferred, and not refunded."""
    columns = [*MONTH, "unit_fen", "person_fen", "entry", "state", "paid_on"]
    found = []
    # Stored texts are views, which the reader cannot filter: each file is read, then cut.
    for path in tables["contributions"]:
        rows = _read({"one": [path]}, "one", columns)
        found.append(rows[rows.person_key.isin(persons) & (rows.month >= FIRST_MONTH)])
    rows = pd.concat(found, ignore_index=True)
    rows = rows[rows.insurance.isin(INSURANCES)]
    arrived = rows.state == "已到账"
    rows = rows[(rows.month <= LAST_MONTH) & (~arrived | (rows.paid_on <= DAY))]
    sums = rows[rows.state == "已到账"]
    sums = sums.assign(fen=sums.unit_fen + sums.person_fen, back=sums.entry == "退费")
    sums = sums.groupby(MONTH).agg({"fen": "sum", "back": "any"}).reset_index()
    refunded = sums.loc[sums.back & (sums.fen <= 0), MONTH].assign(is_refunded=True)
    booked = rows[(rows.entry != "退费") & rows.state.isin(["已到账", "缓缴"])]
    booked = booked[MONTH].drop_duplicates().merge(refunded, how="left", on=MONTH)
    return booked[booked.is_refunded.isna()]
