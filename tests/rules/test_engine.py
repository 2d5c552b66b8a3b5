"""The engine: what runs and what does not, a clerk's answers, own payments, findings."""

from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.night.determine import Determined, determine, reason_not_run
from sql import connect, opening, register_tables
from sql.opening import connect_to
from sql.texts import fact_path, policy_cards, policy_path, sql_text, words_under
from tests.rules.engine_tables import (
    EMPLOYER,
    INSURANCES,
    MAN,
    NO_PAYMENTS,
    OTHER_EMPLOYER,
    WOMAN,
    paid,
    run,
    write_tables,
)
from transforms.digest import frame_digest
from transforms.errors import UsageError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.extracts.registers import DECISIONS
from transforms.policies.parameters import months_between

CARDS = policy_cards()
AS_OF = date(2020, 3, 31)
Rows = dict[str, list[dict[str, Any]]]
# What the engine brings itself, and tables that only spare a scan.
NOT_READ_BY_RULE = {"clerical_decisions"}


def town() -> Rows:
    """One employer that hires a graduate, insures two persons since 2018, pays and attends."""
    number = count()
    months = months_between(201812, 202003)
    return {
        "insured_units": [
            {"unit_no": "1", "employer_code": EMPLOYER, "employer_key": 1, "is_dispatch": "否"}
        ],
        "registrations": [
            {
                "employer_code": EMPLOYER,
                "entity_type": "企业",
                "status": "存续",
                "size_class": "小型",
            }
        ],
        "contributions": [
            *(paid(MAN, m, k, next(number)) for m in months for k in INSURANCES),
            *(paid(WOMAN, m, k, next(number)) for m in (202002, 202003) for k in INSURANCES),
        ],
        "employment": [
            {
                "employer_code": EMPLOYER,
                "person_id": WOMAN,
                "contract_type": "固定期限",
                "starts_on": date(2020, 2, 10),
                "ends_on": date(2021, 2, 9),
            }
        ],
        "graduates": [{"person_id": WOMAN, "graduated_on": date(2019, 6, 30)}],
    }


def outcomes(determined: Determined, policy: str) -> dict[str, tuple[str, list[str]]]:
    rows = determined.determinations.filter(pl.col("policy_id") == policy)
    return {
        row["period"]: (row["outcome"], row["reason_codes"]) for row in rows.iter_rows(named=True)
    }


def decision(provision: str, answer: str, **changes: Any) -> dict[str, Any]:
    return {
        "policy_id": "graduate_hire_insurance",
        "period": "2020-02",
        "subject_id": WOMAN,
        "beneficiary_id": EMPLOYER,
        "provision": provision,
        "decision": answer,
        "decided_by": "王",
        "decided_on": AS_OF,
        "document_no": "文1",
    } | changes


@pytest.mark.parametrize("policy", sorted(CARDS))
def test_a_card_reads_what_its_sql_reads(policy: str) -> None:
    words = words_under(policy_path(policy))
    spared = {"graduates", "support"} if "watched_persons" in words else set()
    read = {kind for kind in KINDS if kind in words} - NOT_READ_BY_RULE
    assert read - spared <= set(CARDS[policy].reads)
    # units stand in contributions as employer_key already
    assert set(CARDS[policy].reads) - {"insured_units"} <= read


@pytest.mark.parametrize("policy", sorted(CARDS))
def test_every_fact_that_explain_shows_is_a_column(policy: str) -> None:
    text = sql_text(policy_path(policy)) + (sql_text("counted.sql") if CARDS[policy].limit else "")
    for provision in CARDS[policy].provisions:
        for fact in provision.facts:
            assert fact in text, f"{provision.name}: {fact}"


@pytest.mark.parametrize("policy", sorted(CARDS))
def test_a_missing_extract_stops_the_policy_and_is_named(tmp_path: Path, policy: str) -> None:
    first, *others = CARDS[policy].reads
    status = run(tmp_path, town(), AS_OF, missing=[first], only=[policy]).policies[policy]
    assert (status.status, str(status.reason)) == ("not_run", f"extract not delivered: {first}")
    for kind in others:
        delivered = {name: [tmp_path] for name in KINDS if name != kind}
        reason = reason_not_run(CARDS[policy], delivered, {}, AS_OF)
        assert str(reason) == f"extract not delivered: {kind}"


def test_all_extracts_delivered_let_every_policy_run(tmp_path: Path) -> None:
    determined = run(tmp_path, town(), AS_OF)
    assert {status.status for status in determined.policies.values()} == {"ran"}
    assert determined.findings.height == 0


def test_a_month_of_the_base_year_without_rows_stops_both_refunds(tmp_path: Path) -> None:
    rows = town()
    rows["contributions"] = [
        row for row in rows["contributions"] if (row["insurance"], row["month"]) != ("失业", 201812)
    ]
    determined = run(tmp_path, rows, AS_OF)
    stopped = {name for name, status in determined.policies.items() if status.status == "not_run"}
    assert stopped == {"stability_refund", "stability_refund_difficult"}
    reason = str(determined.policies["stability_refund"].reason)
    assert reason == "part of contributions not delivered: 失业 in 201812"


def test_a_gap_between_months_is_a_warning_that_names_policies(tmp_path: Path) -> None:
    rows = town()
    rows["contributions"] = [
        row for row in rows["contributions"] if (row["insurance"], row["month"]) != ("医疗", 201907)
    ]
    warnings = [str(warning) for warning in run(tmp_path, rows, AS_OF).warnings]
    gap = next(warning for warning in warnings if "医疗" in warning)
    assert "201907" in gap
    assert "graduate_hire_insurance" in gap
    assert "stability_refund" not in gap


def test_a_list_without_rows_is_a_warning(tmp_path: Path) -> None:
    rows = town()
    rows["designations"] = [
        {
            "list": "严重失信",
            "subject_kind": "单位",
            "subject_id": OTHER_EMPLOYER,
            "valid_from": AS_OF,
        }
    ]
    warnings = " ".join(str(warning) for warning in run(tmp_path, rows, AS_OF).warnings)
    assert "list 严重失信" not in warnings
    assert "list 僵尸企业 has no row; touches" in warnings


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UsageError, match="no policy named unheard_of"):
        determine({}, AS_OF, NO_PAYMENTS, only=["unheard_of"])


def test_buckets_and_threads_change_nothing(tmp_path: Path) -> None:
    digests = set()
    for buckets, threads in ((1, 1), (4, 1), (3, 2)):
        folder = tmp_path / f"{buckets}-{threads}"
        folder.mkdir()
        determined = run(folder, town(), AS_OF, buckets=buckets, threads=threads)
        digests.add(frame_digest(determined.determinations))
    assert len(digests) == 1


def test_an_unknown_provision_takes_a_clerks_answer(tmp_path: Path) -> None:
    rows = town() | {"registrations": []}
    policy = "graduate_hire_insurance"
    before = outcomes(run(tmp_path, rows, AS_OF, only=[policy]), policy)
    assert before["2020-02"] == ("undetermined", ["g_good_standing", "s7_small_or_micro"])
    rows["clerical_decisions"] = [
        decision("s7_small_or_micro", "是"),
        decision("g_good_standing", "是"),
        decision("s7_small_or_micro", "否", period="2020-03"),
    ]
    determined = run(tmp_path, rows, AS_OF, only=[policy])
    after = outcomes(determined, policy)
    assert after["2020-02"] == ("eligible", [])
    assert after["2020-03"] == ("ineligible", ["g_good_standing", "s7_small_or_micro"])
    shown = determined.policy_rows(policy)["clerk_answers"].to_list()
    assert shown == [
        ["s7_small_or_micro=是 文1", "g_good_standing=是 文1"],
        ["s7_small_or_micro=否 文1"],
    ]


def test_a_known_provision_takes_no_answer(tmp_path: Path) -> None:
    rows = town() | {"clerical_decisions": [decision("s7_small_or_micro", "否")]}
    policy = "graduate_hire_insurance"
    determined = run(tmp_path, rows, AS_OF, only=[policy])
    assert outcomes(determined, policy)["2020-02"] == ("eligible", [])
    assert determined.policy_rows(policy)["clerk_answers"].to_list() == [[], []]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([("是", AS_OF), ("否", AS_OF)], "undetermined"),
        ([("是", AS_OF), ("否", date(2020, 4, 1))], "eligible"),
        ([("是", date(2020, 4, 1))], "undetermined"),
        ([("是", AS_OF), ("是", date(2020, 3, 1))], "eligible"),
    ],
)
def test_two_answers_that_differ_settle_nothing(
    tmp_path: Path, answers: list[tuple[str, date]], outcome: str
) -> None:
    policy = "graduate_hire_insurance"
    rows = town()
    rows["registrations"][0]["size_class"] = None
    rows["clerical_decisions"] = [
        decision("s7_small_or_micro", answer, decided_on=day) for answer, day in answers
    ]
    determined = run(tmp_path, rows, AS_OF, only=[policy])
    assert outcomes(determined, policy)["2020-02"][0] == outcome
    differ = len({answer for answer, day in answers if day <= AS_OF}) > 1
    assert determined.findings["finding"].to_list() == ["contradicting_decisions"] * differ


OWN = "人工裁定登记簿.csv"


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        # (answer, clerk, day of March, file, line)
        ([("是", "甲", 1, OWN, 2), ("否", "甲", 2, OWN, 3)], "ineligible"),
        ([("是", "甲", 2, OWN, 2), ("否", "甲", 1, OWN, 3)], "eligible"),
        ([("是", "甲", 2, OWN, 2), ("否", "甲", 2, OWN, 3)], "ineligible"),
        ([("是", "甲", 2, OWN, 9), ("否", "甲", 2, "人工裁定.csv", 99)], "eligible"),
        ([("是", "甲", 2, OWN, 9), ("否", "甲", 3, "人工裁定.csv", 1)], "ineligible"),
        ([("是", "甲", 3, OWN, 9), ("否", "甲", 2, "人工裁定.csv", 1)], "eligible"),
        ([("是", "甲", 2, OWN, 2), ("否", "乙", 9, OWN, 3)], "undetermined"),
        ([("是", "甲", 2, OWN, 2), ("否", "乙", 9, "人工裁定.csv", 3)], "undetermined"),
        ([("是", "甲", 2, OWN, 2), ("否", "乙", 3, OWN, 3), ("是", "乙", 4, OWN, 4)], "eligible"),
        ([("是", "甲", 2, "a.csv", 2), ("否", "甲", 2, "a.csv", 3)], "undetermined"),
    ],
)
def test_of_a_clerks_decisions_the_newest_is_in_force(
    tmp_path: Path, answers: list[tuple[str, str, int, str, int]], outcome: str
) -> None:
    policy, rows = "graduate_hire_insurance", town()
    rows["registrations"][0]["size_class"] = None
    rows["clerical_decisions"] = [
        decision("s7_small_or_micro", answer)
        | {"decided_by": by, "decided_on": date(2020, 3, day), "source_file": file}
        | {"source_line": line}
        for answer, by, day, file, line in answers
    ]
    determined = run(tmp_path, rows, AS_OF, only=[policy])
    assert outcomes(determined, policy)["2020-02"][0] == outcome
    told = determined.findings["finding"].to_list()
    assert told == ["contradicting_decisions"] * (outcome == "undetermined")
    assert not [said for said in determined.warnings if said.code == "decisions_waiting"]


def test_a_decision_of_a_later_day_waits_and_that_is_said(tmp_path: Path) -> None:
    rows = town() | {
        "clerical_decisions": [
            decision("s7_small_or_micro", "是", decided_on=date(2020, 4, day)) for day in (3, 2)
        ]
    }
    warnings = run(tmp_path, rows, AS_OF, only=["graduate_hire_insurance"]).warnings
    (said,) = [said for said in warnings if said.code == "decisions_waiting"]
    assert (
        str(said) == "clerical_decisions: 2 decided from 2020-04-02 to 2020-04-03 wait until then"
    )


def test_a_month_without_anybodys_wages_is_named(tmp_path: Path) -> None:
    pay = {"employer_code": EMPLOYER, "person_id": MAN, "paid_on": date(2020, 4, 1)}
    rows = town()
    rows["payroll"] = [pay | {"month": month, "net_fen": 500_000} for month in (202001, 202003)]
    determined = run(tmp_path, rows, date(2020, 4, 30), only=["wage_arrears"])
    (said,) = [one for one in determined.warnings if one.code == "payroll_month_without_rows"]
    assert "2020-02" in str(said) and "2020-01" not in str(said), "only a month that is judged"
    rows["payroll"].append(pay | {"month": 202002, "net_fen": 500_000})
    determined = run(tmp_path, rows, date(2020, 4, 30), only=["wage_arrears"])
    assert "payroll_month_without_rows" not in [one.code for one in determined.warnings]


def test_the_register_is_called_in_sql_as_in_a_snapshot() -> None:
    assert DECISIONS.named == OWN and sql_text(fact_path("decisions_in_force")).count(OWN) == 2


def test_whether_two_ids_are_one_person_is_one_question(tmp_path: Path) -> None:
    """Whichever of them a file names first, and whatever policy and period it says."""
    rows, of = town(), {"decided_by": "张", "provision": "same_person"}
    of |= {"policy_id": "identity", "period": "全部"}

    def decided(*lines: dict[str, Any]) -> Determined:
        rows["clerical_decisions"] = [of | line for line in lines]
        return run(tmp_path, rows, AS_OF, only=["new_hire_subsidy"])

    def answers(determined: Determined) -> list[Any]:
        text = "select decision from decisions_in_force order by all"
        determined.store.build("decisions_in_force")
        return determined.connection.execute(text).fetchall()

    pair = {"subject_id": MAN, "beneficiary_id": WOMAN}
    turned = {"subject_id": WOMAN, "beneficiary_id": MAN}
    no = pair | {"decision": "否", "decided_on": date(2020, 1, 5)}
    yes = turned | {"decision": "是", "decided_on": date(2020, 2, 1)}
    assert answers(decided(no, yes)) == [("是",)]
    assert answers(decided(no, yes | {"policy_id": "new_hire_subsidy"})) == [("是",)]
    both = decided(no, yes | {"decided_by": "李", "period": "2020"})
    assert answers(both) == [("否",), ("是",)]
    assert "contradicting_decisions" in both.findings["finding"].to_list()


def test_a_month_that_an_answer_makes_true_counts_for_later_ones(tmp_path: Path) -> None:
    policy = "graduate_hire_insurance"
    rows = town()
    rows["registrations"][0]["size_class"] = None
    rows["support"] = [
        {
            "support_type": "高校毕业生社保补贴",
            "subject_kind": "个人",
            "subject_id": WOMAN,
            "from_month": 201901,
            "to_month": 201911,
            "months_used": 11,
        }
    ]
    rows["clerical_decisions"] = [
        decision("s7_small_or_micro", "是", period=period) for period in ("2020-02", "2020-03")
    ]
    found = outcomes(run(tmp_path, rows, AS_OF, only=[policy]), policy)
    assert found["2020-02"] == ("eligible", [])
    assert found["2020-03"] == ("ineligible", ["s7_within_twelve_months"])
    rows["clerical_decisions"].pop(0)
    found = outcomes(run(tmp_path, rows, AS_OF, only=[policy]), policy)
    assert found["2020-03"] == ("eligible", [])


def own_payment(**changes: Any) -> pl.DataFrame:
    line = {
        "payment_id": "P1",
        "policy_id": "graduate_hire_insurance",
        "period": "2020-02",
        "subject_kind": "person",
        "subject_id": WOMAN,
        "beneficiary_kind": "employer",
        "beneficiary_id": EMPLOYER,
        "amount_fen": 30000,
    }
    return pl.DataFrame([line | changes], schema=NO_PAYMENTS.schema)


@pytest.mark.parametrize(
    ("payment_id", "payments", "known_ids", "own"),
    [
        ("P1", own_payment(), [], True),
        (None, own_payment(), [], True),
        ("P2", own_payment(), [], False),
        ("P2", own_payment(), ["P2"], True),
        (None, own_payment(period="2020-03"), [], False),
        (None, own_payment(subject_id=MAN), [], False),
        (None, own_payment(policy_id="internship_subsidy"), [], False),
    ],
)
def test_our_own_payment_is_no_fact(
    tmp_path: Path,
    payment_id: str | None,
    payments: pl.DataFrame,
    known_ids: list[str],
    own: bool,
) -> None:
    policy = "graduate_hire_insurance"
    granted = {
        "support_type": "高校毕业生社保补贴",
        "subject_kind": "个人",
        "subject_id": WOMAN,
        "from_month": 202002,
        "to_month": 202002,
        "months_used": 1,
        "payment_id": payment_id,
    }
    determined = run(
        tmp_path,
        town() | {"support": [granted]},
        AS_OF,
        payments=payments,
        ledger_payment_ids=known_ids,
        only=[policy],
    )
    outcome = outcomes(determined, policy)["2020-02"]
    assert outcome == (("eligible", []) if own else ("ineligible", ["s7_month_not_granted"]))
    assert determined.own_rows.rows() == [("support", "support.csv", 2)] * own


def test_persons_that_need_a_look_are_findings(tmp_path: Path) -> None:
    rows = town()
    rows["insured_persons"] = [
        {"person_id": MAN, "sex": "女", "name": "李四"},
        {"person_id": WOMAN, "sex": "女", "name": "李四"},
    ]
    found = run(tmp_path, rows, date(2020, 3, 31)).findings
    assert found.select("finding", "subject_id").rows() == [
        ("sex_differs_from_id", MAN),
        ("two_ids_one_name", MAN),
        ("two_ids_one_name", WOMAN),
    ]
    assert found.null_count().sum_horizontal().item() == 0
    found = run(tmp_path, town(), date(1985, 3, 14)).findings
    assert set(found["finding"]) == {"born_after_as_of"}
    assert set(found["subject_id"]) >= {WOMAN}


def test_an_extract_that_was_not_delivered_is_an_empty_table(tmp_path: Path) -> None:
    delivered, missing = connect(1), connect(1)
    register_tables(delivered, write_tables(tmp_path, {}), AS_OF)
    register_tables(missing, {}, AS_OF)
    for kind in KINDS:
        described = f"describe {kind}"
        assert missing.sql(described).fetchall() == delivered.sql(described).fetchall()


@pytest.mark.parametrize(("given", "threads"), [(None, 1), (2, 2)])
def test_a_small_town_is_asked_by_one_thread_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: int | None, threads: int
) -> None:
    def asked_by() -> list[tuple[int]]:
        with connect_to(write_tables(tmp_path, {}), AS_OF, given) as connection:
            return connection.execute("select current_setting('threads')").fetchall()

    assert asked_by() == [(threads,)]
    monkeypatch.setattr(opening, "SMALL", 0)
    assert asked_by() == [(given or default_threads(),)]


def default_threads() -> int:
    with connect() as connection:
        return int(connection.execute("select current_setting('threads')").fetchall()[0][0])


def test_a_kind_that_was_not_delivered_has_the_columns_it_is_stored_with() -> None:
    connection = connect()
    register_tables(connection, {}, date(2020, 3, 31))
    for kind in KINDS.values():
        stored = pl.DataFrame(schema=table_schema(kind)).to_arrow()
        connection.register("stored", stored)
        described = [
            connection.execute(f"select column_name, column_type from (describe {name})").fetchall()
            for name in ("stored", f"delivered_{kind.name}")
        ]
        assert described[0] == described[1] and described[0]
