"""What the author of a card or of a rule writes amiss is refused, and told by file and word."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.answers.explain import describe_policies
from sql import FactStore, texts
from sql.card_words import check_card
from sql.policy_runs import check_sentences
from sql.texts import check_taken_days, policy_cards, policy_path, read_file, shared_parameters
from sql.told import told
from tests.rules.golden_run import cases_of, group_of, run_cases
from transforms.errors import ContractError, RuleError
from transforms.policies import card_form
from transforms.policies.cards import PolicyCard, parse_card
from transforms.policies.parameters import Parameter
from transforms.strict_yaml import read_yaml

CARD = Path(__file__).parent.parent.parent / "sql" / "policies" / "new_hire_subsidy.yaml"
CAP = '    - {from: 2020-01-01, value: "1000.00", reason: 通知写明的最高数额}\n'


def read_card(old: str, new: str) -> PolicyCard:
    text = CARD.read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new, 1)
    return read_file(
        "policies/new_hire_subsidy.yaml", lambda _: parse_card(changed, shared_parameters())
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("confirmed: true", "confirmed: no", "hire_amount_fen, .*: confirmed is no, not true"),
        ("confirmed: true", 'confirmed: "false"', "confirmed is false, not true"),
        ("confirmed: true", "confirmed: nope", "confirmed is nope, not true"),
        ("  hire_window_to:", "  hire_window_from:", "line 4[0-9]: hire_window_from stands twice"),
        ("  s1_insured:", "  is_insured:", "provision is_insured: .* s<number>_ or g_"),
        ("  s1_insured:", "  s1_contract_one_year:", "s1_contract_one_year stands twice"),
        ("value: 2020-02-10", "value: 2020-13-10", "line 4[0-9]: month must be in 1..12"),
        ("clause: 签订", "clause: [签订", "line 6[0-9]: "),
        ("title: 一次性", "titel: 一次性", "titel is not known"),
        ("title: 为其", "titel: 为其", "provision s1_insured: titel is not known"),
        ("        source: 规则", "        # 规则", "value from 2020-01-01: source is missing"),
        ("source: 通知附件第1项：每人1000元", "source:", "value from 2020-01-01: source is empty"),
        ('value: "1000.00"\n', "value: 1000\n", "hire_amount_fen, .* 1000 is no value in yuan"),
        (
            'value: "1000.00"\n',
            'value: "-1000.00"\n',
            'is no value in yuan; in quotes, .*"2100.00"',
        ),
        (
            'value: "1000.00"\n',
            'value: "1,000.00"\n',
            "'1,000.00' is no value in yuan; .* no comma",
        ),
        ('value: "1000.00"\n', 'value: "1000.005"\n', "is no value in yuan"),
        ("value: 6", "value: -6", "-6 is no value in months"),
        ("value: 6", "value: yes", "'yes' is no value in months"),
        ("unit: yuan", "unti: yuan", "parameter hire_amount_fen: unti is not known"),
        ("- from: 2020-01-01", "- from: 2020-1-1", "each `from:` is a day"),
        ("on: year", "on: starts_on", "hire_window_from: a date is taken on as_of or year"),
        ("covers: [hire_a", "covers: [hire_", "amount_cap covers: hire_mount_fen is not known"),
        (CAP, CAP.replace('"1000.00"', "1000"), "1000 is no yuan in quotes"),
        (CAP, CAP + CAP.replace("1000.00", "9000.00"), "amount_cap: two values begin on 2020"),
        (
            CAP,
            CAP + "".join(CAP.replace("2020-01", d) for d in ("2021-01", "2020-07")),
            "amount_cap: values must be in the order",
        ),
        ("to: 2020-12-31", "until: 2020-12-31", "in_force: until is not known"),
        ("to: 2020-12-31", "to: 2019-12-31", "in_force from 2020-01-01 to 2019-12-31"),
        ("tail_months: 6", "tail_months: six", "tail_months is a whole number"),
        ("kind: payment", "kind: paymnt", "kind: paymnt is not known"),
        ("fund: 就", "universe: 就", "universe stands twice"),
        ("subject: person", "subject: persom", "subject: persom is not known"),
        ("reads: [employment", "reads: [employmnt", "reads: employmnt is not known"),
        ("insurances: [养老", "insurances: [养劳", "needs, insurances: 养劳 is not known"),
        ("months: any", "months: anny", "needs, months: anny is not known"),
        ("touches: [养老", "touches: [养劳", "touches: 养劳 is not known"),
        ("support_types: [一次", "support_types: [二次", "support_types: 二次"),
        ("holds: by presence", "holds: by chance", "holds: by chance is not known"),
        ("facts: [starts_on]", "facts: starts_on", "facts is a list"),
        ("{kind: contributions", "{kind: contribution", "rows of kind: contribution is not"),
        ("of: both,", "of: booth,", "rows of: booth is not known"),
        ("only: {insurance: [养老]", "only: {insurence: [养老]", "only: insurence is not known"),
        ("only: {insurance: [养老]", "only: {insurance: [养劳]", "only insurance: 养劳 is not"),
        ("beneficiary}\n", "beneficiary, months: perid}\n", "months: perid is not known"),
        ("clause: 每新吸纳1人按", "clause: 1000 #", "clause is empty, or no text"),
        ("item: 1", "item: 第1项", "item is the number"),
        ("item: 1\n", "item: 25\n", "item is the number of an item of the annex, 1 to 24"),
        ("reading: true", "reading: 是", "in_force: reading is 是, not true or false"),
        ("beneficiary: employer", "beneficiary: household", "a household has no account"),
        ("    limit: 1", "    limit: -1", "limit -1 is no whole number from 1"),
        ("    limit: 1", "    limit: 0", "limit 0 is no whole number from 1"),
        ("    limit: 1", "    limit: 1.5", "limit 1.5 is no whole number from 1"),
        ("    limit: 1", "    limit: true", "limit True is no whole number from 1"),
        ("    limit: 1", "    limit:", "limit None is no whole number from 1"),
        ("    limit: 1", "    limit: hire_limit", "limit: hire_limit is not known here"),
        ("    limit: 1", "    limit: hire_amount_fen", "limit hire_amount_fen is no whole number"),
        (
            "    title: 签订1年",
            "    limit: 1\n    title: 签订1年",
            "s1_contract_one_year has a limit",
        ),
        ("support_types: [一次性吸纳就业补贴]", "support_types: 一次性吸纳就业补贴", "is a list"),
        ("insurances: [养老]", "insurances: 养老", "insurances is a list"),
        ("only: {insurance: [养老]", "only: {insurance: 养老", "insurance is a list"),
        ("hire_amount_fen:", "hire_amount:", "hire_amount: what ends in _fen"),
        ("parameters:\n", "uses: [graduate_yaers]\nparameters:\n", "uses: graduate_yaers is not"),
        ("parameters:\n", "uses: [{size_limits: as_of, trace_kinds: day}]\nparameters:\n", "trace"),
    ],
)
def test_a_slip_on_a_card_is_told_by_file_and_word(old: str, new: str, said: str) -> None:
    with pytest.raises(ContractError, match=f"^sql/policies/new_hire_subsidy.yaml: .*{said}"):
        read_card(old, new)


def test_the_card_itself_is_read_and_on_is_a_word() -> None:
    assert read_card("item: 1", "item: 1") == policy_cards()["new_hire_subsidy"]
    assert read_yaml("on: yes\nb: {a: true, b: FALSE}") == {
        "on": "yes",
        "b": {"a": True, "b": False},
    }
    assert set(card_form.PERIODS) >= {card.period for card in policy_cards().values()}


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            "Catalog Error: no is_alve!\nDid you mean…\n\nLINE 12: is_alve",
            "a.sql:12: Catalog",
        ),
        ("Binder Error: no column a\n", "a.sql: Binder Error: no column a"),
        ("Conversion Error: 'no value: x of 2020' to INT64", "x of 2020: add one"),
    ],
)
def test_the_databases_words_are_told_with_the_file(failure: str, said: str) -> None:
    assert said in str(told("policies/a.sql", failure))
    misfit = str(told("policies/a.sql", "Conversion Error: 'a' to INT64\n\nLINE 3: a"))
    assert misfit.startswith("sql/policies/a.sql:3: a value is too large") and "'a'" not in misfit
    assert told("policies/a.sql", "Out of Memory Error: LINE 1: no value: ") is None


def test_a_misspelt_question_is_told_with_file_and_line(monkeypatch: pytest.MonkeyPatch) -> None:
    known = FactStore.statement

    def misspelt(store: FactStore, path: str, *given: Any) -> tuple[str, dict[str, Any]]:
        text, values = known(store, path, *given)
        return text if "macro" in text else text.replace("is_dispatcher(", "is_dispacher("), values

    monkeypatch.setattr(FactStore, "statement", misspelt)
    before = CARD.with_suffix(".sql").read_text(encoding="utf-8").partition("is_dispatcher(")[0]
    line = len(before.splitlines())
    said = rf"^sql/policies/new_hire_subsidy.sql:{line}: Catalog Error: .*is_dispacher"
    with pytest.raises(ContractError, match=said):
        run_cases(cases_of("new_hire_subsidy")[:1], ["new_hire_subsidy"])


def test_a_fact_on_the_card_that_its_rule_does_not_give_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = policy_cards()["new_hire_subsidy"]
    first, *others = card.provisions
    slipped = replace(card, provisions=(replace(first, facts=("contract_tipe",)), *others))
    cards = {**policy_cards(), card.policy_id: slipped}
    monkeypatch.setattr("flows.night.determine.policy_cards", lambda: cards)
    with pytest.raises(ContractError, match=r"policy_new_hire_subsidy: .*: contract_tipe"):
        run_cases(cases_of("new_hire_subsidy")[:1], ["new_hire_subsidy"])


def planted(old: str, new: str) -> Any:
    """Return `sql_text` as if the rule of the hire subsidy said something else."""
    path, known = policy_path("new_hire_subsidy"), texts.sql_text
    assert old in known(path)
    return lambda asked: known(asked).replace(old, new) if asked == path else known(asked)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "$hire_amount_fen as",
            "$hire_amount_fenn as",
            ":30 takes hire_amount_fenn, which nothing",
        ),
        ("$hire_amount_fen as", "$aid_amount_fen as", ":30 takes aid_amount_fen, which nothing"),
        ("$hire_amount_fen as", "$minimum_wage_fen as", ":30 .*: add minimum_wage_fen to `uses:`"),
        ("$hire_amount_fen as", "$hire_amount_fen_numerator as", ":30 .*: a fraction has two"),
    ],
)
def test_a_misspelt_number_is_told_with_its_line_before_what_stands_idle(
    old: str, new: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sql.card_words.sql_text", planted(old, new))
    with pytest.raises(RuleError, match=f"^sql/policies/new_hire_subsidy.sql{said}"):
        check_card(policy_cards()["new_hire_subsidy"])


def test_a_monthly_day_in_a_yearly_policy_is_the_fault_of_on() -> None:
    card = policy_cards()["new_hire_subsidy"]
    monthly = replace(card.parameters["hire_amount_fen"], on="month")
    with pytest.raises(RuleError, match=r"takes hire_amount_fen on month, .*: correct `on:`"):
        check_card(replace(card, parameters=card.parameters | {"hire_amount_fen": monthly}))


def test_a_limit_does_not_take_what_others_granted_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, card = "internship_subsidy", policy_cards()["internship_subsidy"]
    said = "^sql/policies/internship_subsidy.sql gives no column months_used_before"
    words = texts.sql_words(policy_path(name)) - {"months_used_before"}
    monkeypatch.setattr("sql.card_words.sql_words", lambda _: words)
    with pytest.raises(RuleError, match=said):
        check_card(card)
    columns = {**dict.fromkeys(card.provision_names[:-1], "BOOLEAN"), "turn": "INTEGER"}
    columns |= {"subject_id": "VARCHAR", "beneficiary_id": "VARCHAR", "amount_fen": "BIGINT"}
    with pytest.raises(RuleError, match=said):
        check_sentences(card, columns | {"months_used": "BIGINT"})
    check_sentences(card, columns | {"months_used_before": "BIGINT"})


def test_what_others_granted_is_unknown_where_it_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, known = "internship_subsidy", texts.sql_text
    asked = "used_months('就业见习补贴', person_key) as"
    monkeypatch.setattr(
        "sql.sql_text", lambda path: known(path).replace(asked, "cast(null as bigint) as")
    )
    rows = run_cases(group_of(cases_of(name)[0]), [name]).determinations
    assert rows.height and all("s7_within_twelve_months" in said for said in rows["reason_codes"])
    assert set(rows["outcome"]) <= {"undetermined", "ineligible"}


TURN = "struct_pack(starts_on := starts_on, employer_code := employer_code) as turn"


@pytest.mark.parametrize(
    "turn",
    [
        "null as turn",
        "cast(null as date) as turn",
        "struct_pack(day := starts_on, last := nullif(ends_on, ends_on)) as turn",
        "case when ends_on is null then struct_pack(day := starts_on) end as turn",
    ],
)
def test_a_turn_that_is_not_known_pays_nobody(turn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sql.sql_text", planted(TURN, turn))
    with pytest.raises(
        RuleError, match=r"^sql/policies/new_hire_subsidy.sql gives no turn for a r"
    ):
        run_cases(cases_of("new_hire_subsidy")[:1], ["new_hire_subsidy"])


def test_an_argument_of_another_type_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    slip = planted("good_standing(employer_code)", "good_standing(starts_on)")
    for place in ("sql", "sql.limits"):
        monkeypatch.setattr(f"{place}.sql_text", slip)
    with pytest.raises(
        RuleError, match=r"^sql/policies/new_hire_subsidy.sql:24: a value is "
    ) as told_so:
        run_cases(cases_of("new_hire_subsidy")[:1], ["new_hire_subsidy"])
    assert not re.search(r"\d{6}", str(told_so.value)), "no row is quoted"


def test_what_is_amiss_on_a_card_is_not_told_with_the_exclusions_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise RuleError("sql/policies/a.yaml: amiss")

    monkeypatch.setattr(texts, "policy_cards", broken)
    with pytest.raises(RuleError, match=r"^sql/policies/a.yaml: amiss"):
        texts.exclusions.__wrapped__()


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        ({"reads": ("employment", "contributions")}, "reads .*support, its card does not say so"),
        ({"parameters": {"idle_fen": Parameter("idle_fen", "yuan", "year", ())}}, "no idle_fen: "),
    ],
)
def test_an_extract_that_a_card_leaves_out_and_an_idle_number_are_told(
    slip: dict[str, Any], said: str
) -> None:
    card = policy_cards()["new_hire_subsidy"]
    check_card(card)
    slip = slip | {"parameters": {**card.parameters, **slip.get("parameters", {})}}
    with pytest.raises(RuleError, match=rf"^sql/policies/new_hire_subsidy.sql .*{said}") as told_so:
        check_card(replace(card, **slip))
    assert told_so.value.exit_code == 10, "its author's, no bug"


GIVEN = dict.fromkeys(policy_cards()["new_hire_subsidy"].provision_names[:-1], "BOOLEAN")
GIVEN |= {"subject_id": "VARCHAR", "beneficiary_id": "VARCHAR", "amount_fen": "BIGINT"}
GIVEN |= {"turn": "STRUCT(starts_on DATE)"}


@pytest.mark.parametrize(
    ("slip", "without", "said"),
    [
        ({}, "s1_insured", "gives no column s1_insured"),
        ({}, "turn", "gives no column turn"),
        ({}, "subject_id", "gives no column subject_id"),
        ({"s1_more": "BOOLEAN"}, "", "gives s1_more, which its card does not say"),
        ({"s1_insured": "BOOLEAN"}, "s1_insured", "gives in another order than its card: .*, s1_i"),
        ({}, "beneficiary_id", "gives no beneficiary_id: its card must say one party"),
        ({"subject_id": "BIGINT"}, "", "gives subject_id as BIGINT: it must be VARCHAR"),
        ({"s1_insured": "INTEGER"}, "", "gives s1_insured as INTEGER"),
        ({"amount_fen": "DECIMAL(18,1)"}, "", "gives amount_fen as DECIMAL"),
        ({"share": "DOUBLE"}, "", "gives share as DOUBLE: it must be exact"),
    ],
)
def test_what_a_rule_gives_otherwise_than_its_card_is_told(
    slip: dict[str, str], without: str, said: str
) -> None:
    card = policy_cards()["new_hire_subsidy"]
    check_sentences(card, GIVEN)
    columns = {name: kind for name, kind in GIVEN.items() if name != without}
    with pytest.raises(RuleError, match=f"^sql/policies/new_hire_subsidy.sql {said}"):
        check_sentences(card, {**columns, **slip})


@pytest.mark.parametrize("lacking", ["living_aid.sql", "wage_arrears.yaml"])
def test_a_card_without_its_sql_and_sql_without_its_card_are_told(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(CARD.parent, policies)
    (policies / "living_aid.yaml").touch()
    (policies / "living_aid.sql").touch()
    (policies / lacking).unlink()
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    with pytest.raises(RuleError, match=f"^sql/policies/{lacking} is missing"):
        policy_cards.__wrapped__()


@pytest.mark.parametrize("day", ["hired_on", "died_on"])
def test_a_number_taken_on_a_day_that_no_row_has_is_told_when_cards_are_read(day: str) -> None:
    name = "new_hire_subsidy"
    parameters = policy_cards()[name].parameters
    wrong = parameters | {"hire_amount_fen": replace(parameters["hire_amount_fen"], on=day)}
    check_taken_days(policy_path(name), parameters)
    with pytest.raises(ContractError, match=f"hire_amount_fen on {day}, a column that none"):
        check_taken_days(policy_path(name), wrong)


def test_every_number_has_a_chinese_title() -> None:
    numbers = [*shared_parameters().values()]
    numbers += [one for card in policy_cards().values() for one in card.parameters.values()]
    assert [one.name for one in numbers if not re.search("[\u4e00-\u9fff]", one.title)] == []
    titles = {one.title: one.name for one in numbers}
    assert [one.name for one in numbers if titles[one.title] != one.name] == []
    _, lines = describe_policies("new_hire_subsidy")
    assert any("一次性吸纳就业补贴标准 hire_amount_fen (yuan" in line for line in lines)


def test_months_are_shown_only_of_lists_of_employers_by_month() -> None:
    for card in policy_cards().values():
        if "series" in card.listing:
            assert card.listing["series"] is True, card.policy_id
            assert card.subject == "employer" and card.period.endswith("month"), card.policy_id
