"""The golden cases: every policy against the rulebook, one test per sentence."""

import pytest

from sql.texts import policy_cards
from tests.golden import Case, employer_code, person_id
from tests.golden_run import all_cases, case_id, determined_of, judge


@pytest.mark.parametrize("case", all_cases(), ids=case_id)
def test_case(case: Case) -> None:
    told = judge(case, determined_of(case))
    assert not told, "\n".join([case.sentence, *told])


def test_every_policy_has_at_least_eight_cases() -> None:
    counts = dict.fromkeys(policy_cards(), 0)
    for case in all_cases():
        counts[case.policy] += 1
    assert min(counts.values()) >= 8, counts


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


def test_ids_made_for_cases_are_valid() -> None:
    from stdnum.cn import uscc

    assert person_id(101, "1960-02-29", 1, "女")[6:14] == "19600229"
    assert uscc.is_valid(employer_code(101, 1)), employer_code(101, 1)
