"""The golden cases: every policy against the rulebook, one test per sentence."""

from datetime import date
from typing import Any

import pytest

from sql.texts import policy_cards
from tests.rules.golden import Case, employer_code, person_id
from tests.rules.golden_run import (
    all_cases,
    background,
    card_with,
    case_id,
    determined_of,
    judge,
    run_cases,
)
from transforms.policies.card_form import period_form
from transforms.policies.cards import PolicyCard

READS = {name: card.reads for name, card in policy_cards().items()}
KINDS_READ = sorted({kind for reads in READS.values() for kind in reads})


@pytest.mark.parametrize("case", all_cases(), ids=case_id)
def test_case(case: Case) -> None:
    told = judge(case, determined_of(case))
    assert not told, "\n".join([case.sentence, *told])


@pytest.mark.parametrize("kind", KINDS_READ)
def test_a_missing_extract_stops_exactly_the_policies_that_read_it(kind: str) -> None:
    ordinary = background(date(2020, 6, 30), missing=(kind,))
    policies = run_cases([ordinary], list(READS)).policies
    for policy, reads in READS.items():
        if kind in reads:
            assert policies[policy].status == "not_run", policy
            assert kind in str(policies[policy].reason), policies[policy].reason
        elif kind != "contributions":
            assert policies[policy].status == "ran", policies[policy].reason


def test_every_policy_of_the_rulebook_is_there_and_runs_on_empty_extracts() -> None:
    policies = run_cases([background(date(2020, 6, 30))], list(READS)).policies
    assert sorted(policies) == sorted(READS)
    assert {status.status for status in policies.values()} == {"ran"}


def test_every_policy_has_at_least_eight_cases() -> None:
    counts = dict.fromkeys(policy_cards(), 0)
    for case in all_cases():
        counts[case.policy] += 1
    assert min(counts.values()) >= 8, counts


def test_sentences_are_told_once() -> None:
    sentences = [case_id(case) for case in all_cases()]
    assert len(sentences) == len(set(sentences))


@pytest.mark.parametrize("policy", policy_cards())
def test_every_provision_is_failed_alone_by_a_case(policy: str) -> None:
    alone = {
        sentence.split()[1]
        for case in all_cases()
        if case.policy == policy
        for sentence in (case.expect.values() if isinstance(case.expect, dict) else [case.expect])
        if sentence.startswith("ineligible") and len(sentence.split()) == 2
    }
    never_false = {"s5_not_dispatcher", "s6_entity_known"}
    provisions = set(policy_cards()[policy].provision_names) - never_false
    assert provisions <= alone, f"no case fails only {sorted(provisions - alone)}"


def months_missed(card: PolicyCard) -> list[str]:
    """Name provisions whose rows are shown of fewer months than a window and its look-back ask."""
    numbers = card.parameters
    back = [max(v.value for v in n.values) for k, n in numbers.items() if "look_back_months" in k]
    if not back:
        return []
    first, last = -max(back), -1
    if len(period_form(card.period)) == 4:
        days = [v.value for n in numbers.values() if n.unit == "date" for v in n.values]
        months = [(day.year - card.force_from.year) * 12 + day.month - 1 for day in days]
        first, last = first + min(months), last + max(months)
    return [
        f"{one.name}: months {row['months']} do not reach [{first}, {last}]"
        for one in card.provisions
        for row in one.rows
        if isinstance(row.get("months"), list)
        and not (row["months"][0] <= first and last <= row["months"][1])
    ]


@pytest.mark.parametrize("policy", policy_cards())
def test_what_is_shown_reaches_the_months_that_are_asked(policy: str) -> None:
    assert not months_missed(policy_cards()[policy])


@pytest.mark.parametrize(
    ("moved", "reach"),
    [
        ({"hire_window_to": date(2020, 6, 30)}, "[-5, 4]"),
        ({"hire_look_back_months": 12}, "[-11, 1]"),
        ({"hire_window_from": date(2020, 1, 1)}, "[-6, 1]"),
    ],
)
def test_a_window_that_moved_away_from_what_is_shown_is_noticed(
    moved: dict[str, Any], reach: str
) -> None:
    said = f"s1_newly_hired: months [-5, 1] do not reach {reach}"
    assert months_missed(card_with(policy_cards()["new_hire_subsidy"], moved)) == [said]


def test_ids_made_for_cases_are_valid() -> None:
    from stdnum.cn import ric, uscc

    woman = person_id(101, "1960-02-29", 1, "女")
    assert woman[:17] == "37010119600229002" and woman[17] == ric.calc_check_digit(woman)
    assert uscc.is_valid(employer_code(101, 1)), employer_code(101, 1)
