"""Every check of every gate: it passes on a sound little world, and one flaw makes it fail."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from expectations.suites import COUNTS, TOTALS, load_suite
from flows.cli.console import describe_bug
from flows.night import gates
from sql import Connection, connect, register_tables
from transforms.digest import frame_digest
from transforms.gates import BOUNDARIES, MAX_PLACES, CheckOutcome
from transforms.words import word

AS_OF = date(2020, 6, 30)
FOLDER = Path(__file__).parent.parent.parent / "expectations"
KEY = "policy_id, period, subject_kind, subject_id, beneficiary_kind, beneficiary_id"

SOUND_WORLD = f"""
create or replace table files (name text, kind text, rows bigint, accepted bigint,
    quarantined bigint, totals_rows bigint, stated_rows bigint, removed_rows bigint);
create or replace table excluding_kinds (kind text);
create or replace table emptied_columns (kind text, column_title text, filled_before int64);
create or replace table compared_parts (kind text, part text, is_excluding boolean,
    rows_before bigint, rows_now bigint, keys_before bigint, keys_gone bigint);
create or replace table quarantine (kind text, source_file text, source_line bigint, rule text);
create or replace table findings (finding text, detail text, said text);
create or replace table repairs (kind text, source_file text, source_line bigint);
create or replace table clerical_answers (policy_id text, period text, subject_id text,
    beneficiary_id text, provision text, is_yes boolean);
create or replace table money_paid (policy_id text, period text, subject_id text,
    beneficiary_id text, amount_fen bigint);
create or replace table policy_runs (policy_id text, kind text, status text,
    is_in_force boolean, settled_in text);
create or replace table amount_caps (policy_id text, period text, amount_cap_fen bigint);
create or replace table determinations (policy_id text, period text, subject_kind text,
    subject_id text, beneficiary_kind text, beneficiary_id text, outcome text, amount_fen bigint,
    reason_codes text[]);
create or replace table entitlements (policy_id text, period text, subject_kind text,
    subject_id text, beneficiary_kind text, beneficiary_id text, determined_fen bigint,
    paid_before_fen bigint, due_fen bigint, status text, reason text, cause text);
create or replace table instructions (batch_id text, fund text, payment_id text, policy_id text,
    beneficiary_kind text, beneficiary_id text, holder text, account_no text, bank_name text,
    bank_code text, amount_fen bigint, line_count bigint);
create or replace table lines (batch_id text, payment_id text, policy_id text, period text,
    subject_kind text, subject_id text, beneficiary_kind text, beneficiary_id text,
    amount_fen bigint);
create or replace table batches (batch_id text, instruction_count bigint, line_count bigint,
    amount_fen bigint);
create or replace table headcounts (employer_code text, insurance text, month integer,
    headcount bigint);
create or replace table insurance_masks (person_key bigint, employer_key integer);
create or replace table employer_insured_masks (person_key bigint, era integer,
    insured_mask bigint);

insert into excluding_kinds values ('deaths'), ('custody');
insert into compared_parts values ('deaths', '', true, 600, 600, 600, 0),
    ('contributions', '养老 202003', true, 700, 700, 700, 7),
    ('residents', '', false, 100, 140, 100, 5);
insert into files (name, kind, rows, accepted, quarantined, totals_rows)
    values ('r.csv', 'registrations', 1, 1, 0, 0),
    ('u.csv', 'insured_units', 1, 1, 0, 0),
    ('p.csv', 'insured_persons', 1, 1, 0, 0), ('h.csv', 'residents', 1, 1, 0, 0),
    ('a.csv', 'accounts', 2, 2, 0, 0), ('e.csv', 'employment', 2, 1, 1, 0),
    ('c.csv', 'contributions', 1, 1, 0, 1), ('d.csv', 'deaths', 1, 1, 0, 0);
insert into files (name, kind, rows, accepted, quarantined, totals_rows)
    select kind || '.csv', kind, 0, 0, 0, 0 from (values ('payroll'), ('attendance'),
    ('unemployment'), ('unemployment_benefits'), ('graduates'), ('designations'), ('custody'),
    ('support'), ('housing_fund'), ('tenancies'), ('layoff_reports')) as undelivered (kind);
insert into quarantine values ('employment', 'e.csv', 3, 'missing_value');
insert into delivered_registrations (employer_code) values ('E1');
insert into delivered_insured_units (unit_no, employer_code, source_file, source_line)
    values ('U1', 'E1', 'u.csv', 2);
insert into delivered_insured_persons (person_id, person_key, name, source_file, source_line)
    values ('P1', 37030219900101123, '甲', 'p.csv', 2);
insert into delivered_residents (person_id, person_key, name, source_file, source_line)
    values ('P1', 37030219900101123, '甲', 'h.csv', 2);
insert into delivered_accounts (subject_kind, subject_id, holder, account_no, account_state,
    source_file, source_line) values ('个人', 'P1', '甲', '62001', '正常', 'a.csv', 2),
    ('单位', 'E1', '某厂', '62002', '正常', 'a.csv', 3);
insert into delivered_employment (person_id, employer_code, starts_on, source_file, source_line)
    values ('P1', 'E1', date '2020-02-10', 'e.csv', 2);
insert into delivered_contributions (serial_no, month, source_file, source_line)
    values ('1', 202005, 'c.csv', 2);
insert into delivered_deaths (person_id, person_key, died_on, source_file, source_line)
    values ('P9', 37030219500101124, date '2020-03-31', 'd.csv', 2);
insert into headcounts values ('E1', '养老', 202004, 100), ('E1', '养老', 202005, 110);
insert into insurance_masks values (37030219900101123, 1);
insert into employer_insured_masks
    values (37030219500101124, month_era(202004), month_bit(202003) | month_bit(202004));
insert into policy_runs values ('new_hire_subsidy', 'payment', 'ran', true, ''),
    ('benefit_to_retirement', 'payment', 'ran', true, 'person_month_once');
insert into amount_caps values ('new_hire_subsidy', '2020', 100000),
    ('benefit_to_retirement', '2020-03', 300000), ('benefit_to_retirement', '2020-04', 300000);
insert into determinations values
    ('new_hire_subsidy', '2020', 'person', 'P1', 'employer', 'E1', 'eligible', 100000, []),
    ('new_hire_subsidy', '2020', 'person', 'P2', 'employer', 'E1', 'undetermined', 0, ['s1_x']),
    ('benefit_to_retirement', '2020-03', 'person', 'P1', 'person', 'P1', 'eligible', 171900, []),
    ('benefit_to_retirement', '2020-04', 'person', 'P1', 'person', 'P1', 'eligible', 171900, []);
insert into entitlements select {KEY}, amount_fen, 0, amount_fen, 'payable', '', ''
    from determinations where outcome = 'eligible';
insert into instructions values
    ('B1', '就业补助资金', 'X1', 'new_hire_subsidy', 'employer', 'E1', '某厂', '62002', '某行',
     '105453000012', 100000, 1),
    ('B2', '失业保险基金', 'X2', 'benefit_to_retirement', 'person', 'P1', '甲', '62001', '某行',
     null, 343800, 2);
insert into lines select case policy_id when 'new_hire_subsidy' then 'B1' else 'B2' end,
    case policy_id when 'new_hire_subsidy' then 'X1' else 'X2' end, {KEY}, due_fen
    from entitlements;
insert into batches values ('B1', 1, 1, 100000), ('B2', 1, 2, 343800);
-- Warnings: of a month before the first paid one, without a cap; and one with nobody to warn of.
insert into policy_runs values ('wage_arrears', 'warning', 'ran', true, ''),
    ('layoff_compliance', 'warning', 'ran', true, '');
insert into determinations values ('wage_arrears', '2019-12', 'employer', 'E1', 'employer', 'E1',
    'eligible', 382000, []);
"""

# What makes each check fail, and how much of it: one flaw in a world that is sound otherwise.
FLAWS: dict[tuple[str, str], tuple[str, int]] = {
    ("extracts", "rows_accounted"): ("update files set rows = 3 where name = 'e.csv'", 1),
    ("extracts", "quarantine_recorded"): ("delete from quarantine", 1),
    ("extracts", "accepted_rows_stored"): ("delete from delivered_deaths", 1),
    ("extracts", "unusable_rows_share"): (
        "update files set rows = 509, quarantined = 51 where name = 'p.csv'; insert into "
        "quarantine select 'insured_persons', 'p.csv', n, 'missing_value' from range(51) as r (n)",
        1,
    ),
    ("extracts", "quarantined_by_rule"): (
        "update files set rows = 599, quarantined = 6 where name = 'p.csv'; insert into "
        "quarantine select 'insured_persons', 'p.csv', n, 'name_conflict' from range(6) as r (n)",
        1,
    ),
    ("extracts", "extracts_not_empty"): ("", 10),
    ("extracts", "totals_agree"): (
        "insert into findings values ('totals_differ', 'c.csv:9: the total says 1', null)",
        1,
    ),
    ("extracts", "evidence_delivered"): ("", 1),
    ("extracts", "evidence_kept"): ("update compared_parts set keys_gone = 8", 2),
    ("extracts", "evidence_lessened"): ("update compared_parts set keys_gone = 1", 1),
    ("extracts", "evidence_removed"): (
        "update files set removed_rows = 1; update compared_parts set keys_gone = 1",
        2,
    ),
    ("extracts", "columns_kept"): (
        "insert into emptied_columns values ('custody', 'a', 6), ('custody', 'b', 5)",
        1,
    ),
    ("extracts", "columns_emptied"): (
        "insert into emptied_columns values ('custody', 'a', 6), ('custody', 'b', 5)",
        1,
    ),
    ("extracts", "columns_there"): (
        "insert into findings values ('column_absent', 'custody.csv: no 释放日期', null)",
        1,
    ),
    ("extracts", "rows_kept"): ("update compared_parts set keys_gone = 6", 1),
    ("extracts", "rows_grown"): ("update compared_parts set rows_now = 151", 1),
    ("extracts", "cells_emptied"): (
        "insert into findings select 'cell_emptied', 'p.csv:' || n, null from range(21) as r (n)",
        21,
    ),
    ("extracts", "kinds_delivered"): ("delete from files where kind = 'custody'", 1),
    ("extracts", "repaired_share"): (
        "update files set accepted = 104 where name = 'p.csv'; insert into repairs "
        "select 'insured_persons', 'p.csv', n // 2 from range(42) as r (n)",
        1,
    ),
    ("snapshot", "keys_unique"): (
        "insert into delivered_residents select * from delivered_residents",
        2,
    ),
    ("snapshot", "births_before_as_of"): (
        "update delivered_residents set person_key = 37030220200701123",
        1,
    ),
    ("snapshot", "facts_happened"): (
        "update delivered_employment set starts_on = date '2020-07-01'",
        1,
    ),
    ("snapshot", "contributions_recent"): ("update headcounts set month = month - 3", 1),
    ("snapshot", "headcounts_steady"): (
        "update headcounts set headcount = 151 where month = 202005",
        1,
    ),
    ("snapshot", "payers_known"): ("update insurance_masks set person_key = 1", 1),
    ("snapshot", "units_registered"): ("delete from delivered_registrations", 1),
    ("snapshot", "employed_at_insured_units"): ("delete from delivered_insured_units", 1),
    ("snapshot", "names_agree"): ("update delivered_residents set name = '乙'", 1),
    ("snapshot", "dead_not_insured"): (
        "insert into delivered_deaths (person_key, died_on, source_file, source_line) "
        "select 37030219500101200 + n, date '2020-03-31', 'd.csv', n from range(6) as r (n); "
        "insert into employer_insured_masks select 37030219500101200 + n, month_era(202005), "
        "month_bit(202005) from range(6) as r (n)",
        6,
    ),
    ("snapshot", "accounts_single"): (
        "insert into delivered_accounts (subject_kind, subject_id, account_no, account_state, "
        "source_file, source_line) select '个人', 'S' || n // 2, '7' || n, '正常', 'a.csv', n "
        "from range(12) as r (n)",
        6,
    ),
    ("snapshot", "accounts_not_shared"): ("update delivered_accounts set account_no = '62001'", 2),
    ("determinations", "determinations_unique"): (
        "insert into determinations select * from determinations where period = '2020-03'",
        1,
    ),
    ("determinations", "outcomes_valid"): (
        "update determinations set outcome = 'maybe' where subject_id = 'P2'",
        1,
    ),
    ("determinations", "amounts_only_if_eligible"): (
        "update determinations set amount_fen = 1 where outcome = 'undetermined'",
        1,
    ),
    ("determinations", "reasons_match_outcome"): (
        "update determinations set reason_codes = [] where outcome = 'undetermined'",
        1,
    ),
    ("determinations", "policies_ran"): (
        "update policy_runs set status = 'not_run' where policy_id = 'benefit_to_retirement'",
        2,
    ),
    ("determinations", "periods_within_reach"): (
        "update determinations set period = '2020-07' where period = '2020-04'",
        1,
    ),
    ("determinations", "amounts_within_caps"): (
        "update determinations set amount_fen = 100001 where amount_fen = 100000",
        1,
    ),
    ("determinations", "undetermined_share"): (
        "insert into determinations select 'benefit_to_retirement', '2020-03', 'person', 'Q' || n, "
        "'person', 'Q' || n, 'undetermined', 0, ['x'] from range(21) as r (n)",
        1,
    ),
    ("determinations", "universe_not_empty"): (
        "insert into policy_runs values ('youth_training', 'referral', 'ran', true, '')",
        1,
    ),
    ("determinations", "policies_all_ran"): (
        "insert into policy_runs values ('youth_training', 'referral', 'not_run', true, ''), "
        "('stability_refund', 'payment', 'not_run', false, '')",
        1,
    ),
    ("entitlements", "entitlements_unique"): (
        "insert into entitlements select * from entitlements where period = '2020-03'",
        2,
    ),
    ("entitlements", "statuses_valid"): (
        "update entitlements set status = 'paid' where period = '2020'",
        1,
    ),
    ("entitlements", "reasons_given"): (
        "update entitlements set status = 'held' where period = '2020'",
        1,
    ),
    ("entitlements", "determined_within_caps"): (
        "update entitlements set determined_fen = 100001 where period = '2020'",
        1,
    ),
    ("entitlements", "due_conserved"): (
        "update entitlements set paid_before_fen = 1 where period = '2020'",
        1,
    ),
    ("entitlements", "determined_carried"): ("delete from entitlements where period = '2020'", 1),
    ("entitlements", "determined_total"): (
        "update entitlements set determined_fen = determined_fen + 1 where period = '2020-03'",
        1,
    ),
    ("entitlements", "recoveries_only_from_runs"): (
        "insert into entitlements values ('youth_training', '2020-03', 'person', 'P1', 'person', "
        "'P1', 0, 100, -100, 'recovery', 'not_eligible', 'row_found')",
        1,
    ),
    ("entitlements", "payable_has_account"): (
        "update delivered_accounts set account_state = '挂失' where subject_id = 'P1'",
        2,
    ),
    ("entitlements", "held_share"): (
        "insert into entitlements select 'x', '2020', 'person', 'Q' || n, 'person', 'Q' || n, 1, "
        "0, 1, 'held', 'account_missing', '' from range(21) as r (n)",
        21,
    ),
    ("entitlements", "conflict_share"): (
        "insert into entitlements select 'x', '2020', 'person', 'Q' || n, 'person', 'Q' || n, 1, "
        "0, 0, 'conflict', 'y', '' from range(21) as r (n)",
        21,
    ),
    ("entitlements", "recovery_share"): (
        "insert into entitlements select 'x', '2020', 'person', 'Q' || n, 'person', 'Q' || n, 0, "
        "1, -1, 'recovery', '', '' from range(6) as r (n)",
        6,
    ),
    ("batch", "payment_ids_unique"): ("update instructions set payment_id = 'X1'", 2),
    ("batch", "amounts_positive"): (
        "update instructions set amount_fen = 0 where batch_id = 'B1'",
        1,
    ),
    ("batch", "lines_within_caps"): (
        "update lines set amount_fen = 100001 where batch_id = 'B1'",
        1,
    ),
    ("batch", "instructions_sum_lines"): (
        "update instructions set line_count = 2 where batch_id = 'B1'",
        1,
    ),
    ("batch", "instructions_single"): ("insert into instructions select * from instructions", 4),
    ("batch", "payable_drafted"): (
        "insert into lines select * from lines where batch_id = 'B2'",
        2,
    ),
    ("batch", "control_totals_agree"): (
        "update batches set amount_fen = 100001 where batch_id = 'B1'",
        1,
    ),
    ("batch", "instructions_total"): ("delete from batches where batch_id = 'B1'", 2),
    ("batch", "lines_total"): ("delete from lines where batch_id = 'B1'", 2),
    ("batch", "destinations_complete"): ("update instructions set account_no = '6.2E+18'", 2),
    ("batch", "destinations_delivered"): (
        "update delivered_accounts set account_no = '62009' where subject_id = 'P1'",
        1,
    ),
    ("batch", "payees_not_shared"): ("update instructions set account_no = '62001'", 2),
}
# One more flaw for every other thing that a check expects: each must be seen for itself.
MORE_FLAWS = [
    ("snapshot", "facts_happened", "update delivered_contributions set month = 202007"),
    *(
        ("batch", check, f"update instructions set {change} where batch_id = 'B1'")
        for check, change in (
            ("payment_ids_unique", "payment_id = null"),
            ("payment_ids_unique", "payment_id = 'x1'"),
            ("payment_ids_unique", "payment_id = 'X1' || chr(10)"),
            ("payment_ids_unique", "payment_id = repeat('X', 36)"),
            ("amounts_positive", "amount_fen = null"),
            ("destinations_complete", "beneficiary_kind = 'household'"),
            ("destinations_complete", "beneficiary_kind = null"),
            ("destinations_complete", "beneficiary_id = null"),
            ("destinations_complete", "holder = null"),
            ("destinations_complete", "holder = ' '"),
            ("destinations_complete", "account_no = null"),
            ("destinations_complete", "bank_name = ''"),
            ("destinations_complete", "bank_code = '10545300001'"),
            ("instructions_total", "amount_fen = amount_fen + 1"),
        )
    ),
    ("batch", "lines_within_caps", "update lines set amount_fen = 0 where batch_id = 'B1'"),
    ("batch", "lines_within_caps", "update lines set amount_fen = null where batch_id = 'B1'"),
    ("batch", "lines_within_caps", "delete from amount_caps where policy_id = 'new_hire_subsidy'"),
    ("batch", "lines_total", "update lines set amount_fen = amount_fen - 1 where batch_id = 'B1'"),
    *(
        ("entitlements", check, f"update entitlements set {change} where period = '2020'")
        for check, change in (
            ("statuses_valid", "status = null"),
            ("statuses_valid", "policy_id = null"),
            ("statuses_valid", "period = '2020-13'"),
            ("statuses_valid", "subject_kind = 'worker'"),
            ("statuses_valid", "beneficiary_kind = null"),
            ("statuses_valid", "subject_id = null"),
            ("reasons_given", "reason = 'account_missing'"),
            ("reasons_given", "status = 'conflict', reason = null"),
            ("reasons_given", "status = 'superseded', reason = ' '"),
            ("reasons_given", "status = 'unsupported', reason = ''"),
            ("due_conserved", "status = 'unsupported', due_fen = 0"),
            ("due_conserved", "status = 'unsupported', paid_before_fen = determined_fen + 1"),
            ("determined_within_caps", "determined_fen = -1"),
            ("determined_within_caps", "determined_fen = null"),
        )
    ),
]
CHECKS = [(boundary, t.check) for boundary in BOUNDARIES for t in load_suite(boundary).thresholds]


@pytest.fixture(scope="module")
def engine() -> Iterator[Connection]:
    connection = connect(threads=1)
    yield connection
    connection.close()


@pytest.fixture
def world(engine: Connection) -> Connection:
    register_tables(engine, {}, AS_OF)
    engine.execute(SOUND_WORLD)
    return engine


def judged(world: Connection, boundary: str, name: str) -> CheckOutcome:
    outcome = gates.judge_boundary(world, boundary, AS_OF)
    (found,) = [check for check in outcome.checks if check.check == name]
    return found


def test_every_check_is_one_sql_file_or_a_list_of_expectations() -> None:
    files = {(path.parent.name, path.stem) for path in FOLDER.rglob("*.sql")}
    thresholds = [(b, t) for b in BOUNDARIES for t in load_suite(b).thresholds]
    measured = {(boundary, t.check) for boundary, t in thresholds if t.frame == COUNTS}
    assert {file for file in files if file[1] != TOTALS} == measured
    names = [check for _boundary, check in CHECKS]
    assert len(set(names)) == len(names), "bad rows are kept under the name of their check"


def test_every_check_gives_its_rows_in_a_total_order() -> None:
    for path in FOLDER.rglob("*.sql"):
        assert path.read_text(encoding="utf-8").endswith("\norder by all\n"), path


def test_every_check_has_a_flaw_that_makes_it_fail() -> None:
    assert set(FLAWS) == set(CHECKS)


def test_the_operators_page_says_what_the_thresholds_say() -> None:
    page = (FOLDER.parent / "docs" / "gates.md").read_text(encoding="utf-8")
    for boundary in BOUNDARIES:
        for threshold in load_suite(boundary).thresholds:
            severity = word(threshold.severity)
            row = f"| `{boundary}/{threshold.check}` | {threshold.title} | {severity} | "
            row += f"{threshold.text} | {threshold.reason} | {threshold.action} |"
            assert row in page, f"docs/gates.md differs from expectations: {boundary} {row}"


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_sound_world_passes(world: Connection, boundary: str) -> None:
    world.execute("delete from files where rows = 0")
    outcome = gates.judge_boundary(world, boundary, AS_OF)
    failed = [check.check for check in outcome.checks if check.status != "passed"]
    assert failed == (["kinds_delivered"] if boundary == "extracts" else [])
    assert not outcome.stops_run
    assert all(
        check.checked_count > 0
        for check in outcome.checks
        if check.check not in ("recoveries_only_from_runs",)
    )


@pytest.mark.parametrize(("boundary", "check"), CHECKS, ids=[f"{b}-{c}" for b, c in CHECKS])
def test_a_flaw_is_counted_and_shown(world: Connection, boundary: str, check: str) -> None:
    flaw, failed_count = FLAWS[boundary, check]
    world.execute(flaw)
    found = judged(world, boundary, check)
    assert (found.status, found.failed_count) == ("failed", failed_count), found
    assert found.bad_rows is not None and found.bad_rows.height == failed_count
    assert frame_digest(found.bad_rows)
    assert 1 <= len(found.places) <= MAX_PLACES and len(set(found.places)) == len(found.places)
    shown = " ".join(found.places)
    assert not any(personal in shown for personal in ("P1", "甲", "62001", "62002", "E1"))


@pytest.mark.parametrize(("boundary", "check", "flaw"), MORE_FLAWS)
def test_each_thing_that_a_check_expects_is_seen(
    world: Connection, boundary: str, check: str, flaw: str
) -> None:
    world.execute(flaw)
    assert judged(world, boundary, check).status == "failed"


def test_all_bad_rows_are_kept_and_two_hundred_are_shown(world: Connection) -> None:
    world.execute(
        "insert into delivered_insured_units (unit_no, employer_code, source_file, source_line) "
        "select 'V' || n, 'E' || n, 'u.csv', n from range(100, 400) as r (n)"
    )
    found = judged(world, "snapshot", "units_registered")
    assert found.bad_rows is not None
    assert (found.failed_count, found.bad_rows.height, len(found.places)) == (300, 300, 200)
    assert found.places[0] == "u.csv:100"


def test_a_fact_no_policy_needed_is_said_not_failed(world: Connection) -> None:
    world.execute("drop table headcounts")
    found = judged(world, "snapshot", "headcounts_steady")
    assert (found.status, found.checked_count) == ("passed", 0) and "headcounts" in str(found.note)


def test_a_check_that_cannot_be_measured_is_a_fault_and_no_verdict(world: Connection) -> None:
    world.execute("drop table entitlements")
    with pytest.raises(Exception, match="entitlements"):
        gates.judge_boundary(world, "entitlements", AS_OF)


def test_an_unreadable_cell_is_never_told(world: Connection) -> None:
    world.execute("update determinations set period = '370302199001011234'")
    with pytest.raises(Exception, match="370302") as fault:
        gates.judge_boundary(world, "determinations", AS_OF)
    assert "370302" not in describe_bug(fault.value)
