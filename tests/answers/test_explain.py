"""`wuxing explain` on real runs of the engine over golden cases."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.explain import describe_policies, explain_line
from flows.store import Home
from sql.texts import policy_cards
from tests.answers.answers_home import RUN_ID, home_of_cases
from tests.rules.golden import policy_names
from tests.rules.golden_run import cases_of
from transforms.answers.dossier import dossier_lines, dossier_page
from transforms.answers.messages import in_chinese
from transforms.answers.money_text import entitlement_text
from transforms.answers.source_rows import AT
from transforms.errors import DropRefusedError, UsageError
from transforms.identifiers import with_check_character
from transforms.policies.card_text import said_value

VALUE_OF_WORD = {"true": True, "false": False, "unknown": None}


@dataclass
class Asked:
    """A home with one run, the policy it ran and what was determined."""

    home: Home
    policy: str
    determinations: pl.DataFrame
    policy_rows: pl.DataFrame
    answers: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)

    def told(self, row: dict[str, Any]) -> dict[str, Any]:
        """Ask about a row; what was asked before is not asked again, nothing was changed since."""
        named = tuple(row[name] for name in ("beneficiary_id", "subject_id", "period"))
        if named not in self.answers:
            self.answers[named] = explain_line(self.home, self.policy, *named, RUN_ID)
        return self.answers[named]

    def explain(self, row: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        (entry,) = self.told(row)["policies"]
        return entry, dossier_lines(self.told(row))


@pytest.fixture(scope="module", params=policy_names())
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    policy = request.param
    days = [case.as_of for case in cases_of(policy)]
    as_of = max(set(days), key=lambda day: (days.count(day), day))
    home, determined = home_of_cases(tmp_path_factory.mktemp(policy), policy, as_of)
    yield Asked(home, policy, determined.determinations, determined.policy_rows(policy))


def few_rows(asked: Asked) -> list[dict[str, Any]]:
    by_outcome = asked.determinations.group_by("outcome", maintain_order=True).head(6)
    return by_outcome.to_dicts()


def test_each_provision_has_its_value_clause_and_rows(asked: Asked) -> None:
    card = policy_cards()[asked.policy]
    assert asked.determinations.height
    for row in few_rows(asked):
        content, lines = asked.explain(row)
        assert content["row_count"] == 1
        explained = content["rows"][0]
        assert explained["outcome"] == row["outcome"]
        assert explained["amount_fen"] == row["amount_fen"]
        assert [entry["provision"] for entry in explained["provisions"]] == card.provision_names
        key = {name: row[name] for name in ("period", "subject_id", "beneficiary_id")}
        saved = asked.policy_rows.filter(
            pl.all_horizontal(pl.col(name) == value for name, value in key.items())
        ).row(0, named=True)
        for entry in explained["provisions"]:
            assert VALUE_OF_WORD[entry["value"]] == saved[entry["provision"]]
            assert entry["clause"] in "\n".join(lines)
            for source in entry["sources"]:
                assert source["row_count"] >= len(source["rows"])
                assert all(":" in found[AT] for found in source["rows"])


def test_a_card_shows_rows_only_of_extracts_that_it_reads(asked: Asked) -> None:
    card = policy_cards()[asked.policy]
    wanted = {spec["kind"] for provision in card.provisions for spec in provision.rows}
    assert wanted <= set(card.reads)


def test_facts_of_each_provision_are_columns_of_the_policy(asked: Asked) -> None:
    for provision in policy_cards()[asked.policy].provisions:
        assert set(provision.facts) <= set(asked.policy_rows.columns), provision.name


def test_parameters_come_with_source_and_confirmation(asked: Asked) -> None:
    content, lines = asked.explain(few_rows(asked)[0])
    for entry in content["parameters"]:
        assert entry["source"] and isinstance(entry["confirmed"], bool)
        (line,) = (one for one in lines if f" {entry['name']} = {entry['value']} (" in one)
        assert entry["source"] in line and f"from {entry['from']}" in line
        said = in_chinese(line)
        for own in ("name", "source", "value"):
            said = said.replace(entry[own], "", 1)
        assert not re.search("[A-Za-z]", said), "the rest is said in Chinese"


def test_in_chinese_reasons_are_titles_and_every_amount_has_its_unit(asked: Asked) -> None:
    for row in few_rows(asked):
        told = asked.told(row)
        lines = [in_chinese(line) for line in dossier_lines(told, "zh")]
        for line in lines:
            assert not re.match(r"  原因 .*[a-z]", line)
            assert not re.search(r"_fen=[0-9.,]+(?! ?元|[0-9.,])", line), line
            assert "（（" not in line and "_as_" not in line and not line.endswith("none")
        unknown = [
            p["title"]
            for p in told["policies"][0]["rows"][0]["provisions"]
            if p["value"] == "unknown" and not p["clerk_answer"]
        ]
        (why,) = [line for line in lines if line.startswith("  原因")] or [""]
        assert all(f"{title}（尚不能确定）" in why for title in unknown)


def test_a_clerks_answer_is_shown_where_it_was_used(asked: Asked) -> None:
    answered = asked.policy_rows.filter(pl.col("clerk_answers").list.len() > 0)
    for row in answered.to_dicts():
        content, lines = asked.explain(row)
        used = [entry for entry in content["rows"][0]["provisions"] if entry["clerk_answer"]]
        assert used and all(entry["value"] == "unknown" for entry in used)
        assert content["rows"][0]["clerical_decisions"]
        assert any("a clerk decided" in line for line in lines)


def test_who_is_outside_the_universe_is_told_what_it_is(asked: Asked) -> None:
    card = policy_cards()[asked.policy]
    stranger = {
        "household": "nobody-1",
        "employer": "91370302MA00000004",
        "person": with_check_character("37030219000101001"),
    }[card.beneficiary]
    told = explain_line(asked.home, asked.policy, stranger, None, None, RUN_ID)
    (entry,) = told["policies"]
    assert entry["rows"] == []
    assert entry["universe"] and entry["universe"] in "\n".join(dossier_lines(told))
    assert all(count == 0 for count in told["source_row_counts"].values())
    told = explain_line(asked.home, asked.policy, stranger, None, "2035-01", RUN_ID)
    text = "\n".join([*dossier_lines(told), *dossier_lines(told, "zh"), dossier_page(told)])
    assert "2035-01 is outside the months" in text and "not in its universe" not in text
    assert text.count("2035-01 不在本次运行所能认定的期间内") == 2


def test_unknown_policy_run_and_id_are_named_without_an_id() -> None:
    home = Home(Path("/nowhere"))
    with pytest.raises(
        UsageError, match="there is no policy 'x'; there are assistance_referral, benefit_to"
    ):
        explain_line(home, "x", "91370302MA00000004", None, None, RUN_ID)
    with pytest.raises(DropRefusedError, match=f"there is no run {RUN_ID}"):
        explain_line(home, "stability_refund", "91370302MA00000004", None, None, RUN_ID)
    with pytest.raises(UsageError, match="18 characters") as refused:
        explain_line(home, "stability_refund", "张三", None, None, RUN_ID)
    assert "张三" not in str(refused.value)
    with pytest.raises(UsageError, match="--period"):
        explain_line(home, "stability_refund", "91370302MA00000004", None, "March", RUN_ID)


def test_a_policy_that_was_not_run_says_why(tmp_path: Path) -> None:
    home, _ = home_of_cases(tmp_path, "stability_refund", date(2019, 1, 1))
    told = explain_line(home, "stability_refund", "91370302MA00000004", None, None, RUN_ID)
    assert told["policies"][0]["status"] == "not_run"
    with pytest.raises(UsageError, match="is of before new_hire_subsidy"):
        explain_line(home, "new_hire_subsidy", "91370302MA00000004", None, None, RUN_ID)
    assert any("not in force" in line for line in dossier_lines(told))


def test_every_card_is_described_with_each_value_and_its_source() -> None:
    content, lines = describe_policies(None)
    assert [entry["policy_id"] for entry in content["policies"]] == list(policy_cards())
    text, lines_of = "\n".join(lines), {line.strip() for line in lines}
    for card in policy_cards().values():
        assert card.authority in text and card.clause in text
        for parameter in card.parameters.values():
            for value in parameter.values:
                rows = value.value if isinstance(value.value, list) else []
                told = f"a table of {len(rows)} rows" if rows else value.value
                assert f"{value.since}: {told}" in text and value.source in text
                for row in rows:
                    assert "  ".join(map(said_value, row.values())) in lines_of


def test_one_card_alone() -> None:
    content, lines = describe_policies("stability_refund")
    assert len(content["policies"]) == 1
    assert any("UNCONFIRMED" in line for line in lines)


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "held (somebody objects; not paid until"), ("zh", "暂扣 (有异议，核实前不发)")],
)
def test_why_a_line_is_held_is_said_in_either_language(language: Any, said: str) -> None:
    line = {"status": "held", "reason": "objection", "determined_fen": 100}
    line |= {"paid_before_fen": 0, "due_fen": 100}
    assert entitlement_text(line, language).startswith(said)
