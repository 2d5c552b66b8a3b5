"""The form of the SQL as tests, each rule with an offender planted for it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sql.limits import asked_elsewhere, check_limits, words_unknown
from sql.texts import (
    COMMENT,
    DOLLAR,
    FRACTION_SUFFIX,
    fact_names,
    policy_cards,
    policy_path,
    question_names,
    question_path,
    shared_parameters,
    split_list,
    sql_text,
    words_under,
)
from transforms.extracts.kinds import COLUMNS
from transforms.policies.cards import PolicyCard
from transforms.policies.parameters import Parameter

ROOT = Path(__file__).parent.parent.parent
FILES = sorted(path for place in ("sql", "expectations") for path in (ROOT / place).rglob("*.sql"))
POLICIES = [path for path in FILES if path.parent.name == "policies"]
GIVEN_BY_ENGINE = {"as_of", "as_of_month"}
# Facts and sentences become tables, which have no order; everything else is read by people.
TABLES = {"facts", "policies"}
RESULTS = [
    path
    for path in FILES
    if path.parent.name not in {*TABLES, "questions"} and path.name != "macros.sql"
]
NOT_OF_A_POLICY = {
    r"\bexists\b": "exists: ask a question by its name",
    r"\bsubject_kind\b|\bbeneficiary_kind\b|\bperiod\b|\$policy_id\b": "keys come from the card",
    r"\banswers_by_row\b|\$provisions\b": "what counts is `limit` on the card",
    r"\border by\b(?! rank_at_employer)": "the engine puts rows in order",
    r"\brank\(|\bdense_rank\(": "a rank: `limit` on the card",
    r"\bcoalesce\b|\bifnull\b|\bnvl\b": "unknown is never turned into a value",
    r"\bis (not )?(distinct from )?(true|false|unknown)\b": "unknown stays unknown",
    r"\bis (not )?null\s+then\b|\biff?\(": "unknown stays unknown",
    r"\b(greatest|least)\([^()]*\b(true|false)\b": "unknown stays unknown",
}
ON_THE_CARD = re.compile(r"^-- (policy|title|authority|in force|grain|reads):", re.MULTILINE)


def code_of(text: str) -> str:
    return re.sub(r"'[^']*'", "''", COMMENT.sub("", text)).lower()


def final_select(text: str) -> str:
    """Return the last select that stands in no bracket, up to its end."""
    code, depth, start = code_of(text), 0, 0
    for found in re.finditer(r"[()]|\bselect\b", code):
        if found[0] == "select":
            start = found.start() if depth == 0 else start
        else:
            depth += 1 if found[0] == "(" else -1
    return code[start:]


def columns_of(text: str) -> list[str]:
    """Return the columns of the final select, each as written."""
    listed = final_select(text).removeprefix("select")
    depth = 0
    for found in re.finditer(r"[()]|\bfrom\b", listed):
        if found[0] == "from" and depth == 0:
            return split_list(listed[: found.start()])
        depth += {"(": 1, ")": -1}.get(found[0], 0)
    return split_list(listed)


def coalesced_provisions(text: str) -> list[str]:
    """Name provisions that a coalesce touches, however their lines are broken."""
    made = [column for column in columns_of(text) if re.search(r"\b(s\d+|g)_\w+\s*$", column)]
    return [column.split()[-1] for column in made if re.search(r"\bcoalesce\b|\bifnull\b", column)]


def divisions(text: str) -> list[str]:
    """Return the places where `/` divides: it gives a float. `//` does not."""
    return re.findall(r".*[^/]/[^/].*", code_of(text).replace("//", " div "))


def stars(text: str) -> list[str]:
    """Return the columns of the final select that are `*`."""
    return [column for column in columns_of(text) if re.match(r"(\w+\.)?\*", column)]


def has_order(text: str) -> bool:
    """Say whether the final select has an order by of its own."""
    depth = 0
    for found in re.finditer(r"[()]|\border by\b", final_select(text)):
        if found[0] == "order by" and depth == 0:
            return True
        depth += {"(": 1, ")": -1}.get(found[0], 0)
    return False


def not_of_a_policy(text: str) -> list[str]:
    """Return what has no place in a policy file."""
    told = [why for pattern, why in NOT_OF_A_POLICY.items() if re.search(pattern, code_of(text))]
    return told + [f"{heading}: that stands on the card" for heading in ON_THE_CARD.findall(text)]


def parameter_offences(card: PolicyCard) -> list[str]:
    """Name parameters that are used and not on the card, or on the card and not used."""
    words = words_under(policy_path(card.policy_id))
    used = {word[1:] for word in words if word.startswith("$")} - GIVEN_BY_ENGINE
    used |= {card.limit.name} if isinstance(card.limit, Parameter) else set()
    used |= {"base_year"} if card.needs.get("months") == "base_year" else set()
    known = {name if name in card.parameters else FRACTION_SUFFIX.sub("", name) for name in used}
    return sorted(known ^ set(card.parameters))


def clashing_names(questions: set[str], facts: set[str], columns: set[str]) -> list[str]:
    """Name questions that are called as a fact, a column or an alias is."""
    return sorted(questions & (facts | columns))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_float_division_and_no_star(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not divisions(text), "`/` gives a float: use half_up or rounded_down"
    assert not stars(text), "a final result names its columns"


@pytest.mark.parametrize("path", RESULTS, ids=name_of)
def test_a_result_is_in_order(path: Path) -> None:
    assert has_order(path.read_text(encoding="utf-8")), "a final result has a total order"


@pytest.mark.parametrize("path", POLICIES, ids=name_of)
def test_a_policy_is_its_sentences(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not not_of_a_policy(text)
    assert not coalesced_provisions(text)


def test_policies_are_short() -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in POLICIES)
    assert lengths[len(lengths) // 2] <= 45 and lengths[len(lengths) * 9 // 10] <= 60


@pytest.mark.parametrize("policy", policy_cards())
def test_parameters_are_those_of_the_card(policy: str) -> None:
    assert not parameter_offences(policy_cards()[policy])


@pytest.mark.parametrize("name", question_names())
def test_a_question_takes_what_it_is_asked_and_nothing_else(name: str) -> None:
    text = sql_text(question_path(name))
    assert f"macro {name}(" in text.replace("\n", "")
    known = shared_parameters()
    undated = [word for word in DOLLAR.findall(code_of(text)) if known[word].on != "day"]
    assert not undated, "a question is asked for everybody: hand the number over, or the day"
    assert len(text.splitlines()) <= 15


def test_no_question_is_called_like_a_fact_or_a_column() -> None:
    aliases = {
        alias
        for path in FILES
        for alias in re.findall(r"\bas (\w+)", code_of(path.read_text(encoding="utf-8")))
    }
    assert not clashing_names(set(question_names()), set(fact_names()), aliases | set(COLUMNS))


def test_every_question_is_asked() -> None:
    asked = set().union(*(words_under(policy_path(policy)) for policy in policy_cards()))
    assert set(question_names()) <= asked


def test_facts_are_asked_for_what_they_hold() -> None:
    check_limits()


POLICY = """-- universe: everybody
with rows as (select a / 2 as half from facts)
select
    person_id as subject_id,
    {provision} as s1_insured,
    0 as amount_fen
from rows
"""


@pytest.mark.parametrize(
    ("rule", "offender", "fine"),
    [
        (
            coalesced_provisions,
            POLICY.format(provision="coalesce(\n        is_a,\n        false\n    )\n   "),
            POLICY.format(provision="is_a and coalesced"),
        ),
        (divisions, "select paid_fen\n    / 2 as half", "select a // 2 as b -- a / b\n, 'a / b'"),
        (divisions, "select paid_fen/2 as half from rows", "select half_up(a, 2) as b"),
        (stars, "with a as (select b from c)\nselect\n    *,\n    d\nfrom a", "select 2 * a as b"),
        (stars, "select rows.* from rows", "with a as (select * from b) select c from a"),
        (not_of_a_policy, "select not exists (select 1 from a)", "select is_a(b) as s1_b"),
        (not_of_a_policy, "select EXISTS(select 1 from a)", "select a_that_exists_x as b"),
        (not_of_a_policy, "select 'person' as subject_kind", "select a as subject_id"),
        (not_of_a_policy, "select 1 from answers_by_row", "select 1 as turn"),
        (not_of_a_policy, "-- title: 补贴\nselect 1", "-- universe: all\nselect 1"),
        (not_of_a_policy, "select is_x is true as s1_x", "select is_x and true as s1_x"),
        (not_of_a_policy, "select is_x IS NOT false as s1_x", "select is_x is not null as s1_x"),
        (not_of_a_policy, "select a is distinct from true", "select a is distinct from '机关'"),
        (not_of_a_policy, "select is_x is not distinct from true", "select not is_x as s1_x"),
        (not_of_a_policy, "select greatest(is_x, false)", "select greatest(paid_fen, 0) as paid"),
        (not_of_a_policy, "select if(is_x, true, false)", "select was_listed_if(a) as s1_x"),
        (
            not_of_a_policy,
            "select case when is_x is null\nthen false else is_x end as s1_x",
            "select case when is_x then 1 end as amount_fen",
        ),
    ],
)
def test_a_planted_offender_is_noticed(
    rule: Callable[[str], list[str]], offender: str, fine: str
) -> None:
    assert rule(offender)
    assert not rule(fine)


def test_a_planted_result_without_an_order_is_noticed() -> None:
    assert has_order("with a as (select b from c) select b from a order by b")
    assert not has_order("with a as (select b from c order by b) select b from a")
    assert not has_order("select list(b order by b) as bs from a")


def test_planted_parameters_are_noticed() -> None:
    card = policy_cards()["new_hire_subsidy"]
    fewer = {name: value for name, value in card.parameters.items() if name != "hire_amount_fen"}
    assert parameter_offences(replace(card, parameters=fewer)) == ["hire_amount_fen"]
    more = card.parameters | {"unheard_of": card.parameters["hire_amount_fen"]}
    assert parameter_offences(replace(card, parameters=more)) == ["unheard_of"]


def test_a_planted_question_with_a_columns_name_is_noticed() -> None:
    assert clashing_names({"died_on", "is_owner"}, {"owners"}, {"died_on"}) == ["died_on"]


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (
            "policies/new.sql",
            "select is_insured_by_between(p, u, ['养老', '工伤'], 1, 2) as s1_a from employers",
            "sql/policies/new.sql asks insurance_masks for insurance 工伤",
        ),
        (
            "policies/new.sql",
            "select is_insured_by_between(p, u, insurances, 1, 2) as s1_a from employment_rows",
            "asks insurance_masks for insurance told by no literal",
        ),
        (
            "facts/new.sql",
            "select headcount_of(employer_code, '医疗', 202001) as a from employers",
            "sql/facts/new.sql asks headcounts for insurance 医疗",
        ),
        (
            "facts/new.sql",
            "select headcount from headcounts where insurance in ('失业', '生育')",
            "sql/facts/new.sql asks headcounts for insurance 生育",
        ),
        (
            "policies/new.sql",
            "select paid_by_unit_fen(person_key, employer_key, month) as a from employment_rows",
            "asks person_payments for persons in none of graduations, support_grants",
        ),
        (
            "facts/new.sql",
            "select self_paid_fen from self_insured_months",
            "asks self_insured_months for persons in none of graduations, support_grants",
        ),
    ],
)
def test_a_planted_question_outside_of_what_a_fact_holds_is_noticed(
    path: str, text: str, told: str
) -> None:
    assert any(told in offence for offence in asked_elsewhere(path, text))


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "was_granted('一次性吸纳就业补助', '个人', p)",
            "sql/policies/new.sql:2: 一次性吸纳就业补助 is no w",
        ),
        ("was_granted('一次性吸纳就业补贴', '人', p)", "人 is no word of subject_kind: 个人, 单位"),
        ("contract_type not in ('固定期限', '固定期')", "固定期 is no word of contract_type"),
        ("is_insured_by_between(p, u, ['养老保险'], 1, 2)", "养老保险 is no word of insurance"),
        ("was_granted('一次性吸纳就业补贴', '个人', p)", ""),
        ("is_valid_on('新的名单', '个人', p, d) or is_dispatcher()", ""),
    ],
)
def test_a_planted_word_that_no_row_has_is_noticed(rule: str, told: str) -> None:
    said = list(words_unknown("policies/new.sql", f"select\n    {rule} as s1_a from employers"))
    assert [told in one for one in said] == [True] * bool(told)
