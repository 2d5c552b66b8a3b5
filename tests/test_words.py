"""Words for people stand once, in both languages, and every code that is used has them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
import yaml

from flows.audit.diff import CAUSES, PROGRAM
from flows.night.alerts import TOLD_AS
from transforms.answers.deliveries import LATE, NOT_IN_TIME
from transforms.answers.explanation import WORD_OF_VALUE
from transforms.answers.messages import MESSAGES
from transforms.answers.open_questions import fact_label
from transforms.answers.run_summary import OUTCOMES
from transforms.errors import ContractError
from transforms.extracts.kinds import COLUMNS, names_of_kinds
from transforms.extracts.rules import RULES
from transforms.money.entitlements import STATUSES
from transforms.policies.card_form import KINDS_OF_POLICY
from transforms.policies.card_text import kind_word
from transforms.policies.parameters import UNITS
from transforms.words import (
    CATALOGUE,
    LANGUAGES,
    Said,
    catalogue,
    parse_words,
    said_of,
    word,
    worded,
)

ROOT = Path(__file__).parent.parent
PRODUCT = [
    path
    for package in ("flows", "transforms", "expectations", "sql")
    for path in sorted((ROOT / package).rglob("*"))
    if path.suffix in {".py", ".sql", ".yaml", ".j2"} and path not in (CATALOGUE, MESSAGES)
]
PYTHON = [path for path in PRODUCT if path.suffix == ".py"]
MONEY = [ROOT / "transforms" / "money" / name for name in ("payees.py", "entitlements.py")]
MONEY.append(ROOT / "flows" / "money" / "identity.py")
FORMS = {"", "word", "yuan", "count", "some", "places"}
PAGES = [
    *(ROOT / "transforms" / "answers").rglob("*.py"),
    *(ROOT / "transforms" / "answers").rglob("*.j2"),
    *(ROOT / "flows" / "answers").rglob("*.py"),
    *(ROOT / "transforms" / "sheets").glob("*.py"),
    *((ROOT / "transforms" / "payments") / name for name in ("workbook.py", "notice.py")),
    *(ROOT / "transforms" / "review").glob("*.py"),
    ROOT / "transforms" / "words.py",
]
# They write XML, HTML and scripts: what is replaced are characters that have other signs there. One
# writes a formula, in which a fact stands under its name.
ESCAPES = {
    *("transforms/sheets/rows.py", "transforms/answers/amount.py"),
    *("transforms/answers/letter_pages.py", "transforms/answers/notices.py"),
    *("transforms/review/page.py", "transforms/sheets/csv_file.py"),
}
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def placeholders(text: str) -> list[tuple[str, str]]:
    found = [(name, form or "") for _, name, form, _ in Formatter().parse(text) if name]
    return sorted(found)


def calls_of(path: Path, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def literals(node: ast.AST) -> list[str]:
    """The texts that an argument may be, in an `if` too; none where it is worked out."""
    if not isinstance(node, ast.Constant | ast.IfExp):
        return []
    return [
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    ]


def codes_said(path: Path) -> list[str]:
    calls = calls_of(path, "Said", "word", "said_column")
    return [code for call in calls if call.args for code in literals(call.args[0])]


def codes_of_money(path: Path) -> list[str]:
    """Statuses, holds and findings that the money's rules give."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    lits = [
        node for node in tree if isinstance(node, ast.Call) and ast.unparse(node.func) == "pl.lit"
    ]
    found = [text for call in lits for text in literals(call.args[0])]
    found += [text for call in calls_of(path, "money_finding") for text in literals(call.args[1])]
    return [text for text in found if re.fullmatch(r"[a-z_]{2,}", text) and text != "person"]


def codes_found() -> list[str]:
    stems = [path.stem for path in (ROOT / "sql" / "findings").glob("*.sql")]
    ingest = [path for folder in ("ingest",) for path in (ROOT / "flows" / folder).glob("*.py")]
    texts = " ".join(path.read_text(encoding="utf-8") for path in ingest)
    return stems + re.findall(r'\("([a-z_]+)", "(?:critical|warning|info)"', texts)


KNOWN_CODES = sorted(
    {
        *RULES[1:],
        *STATUSES,
        *OUTCOMES,
        *KINDS_OF_POLICY,
        *UNITS,
        *("ran", "not_run", "passed", "failed", "errored", "critical", "warning", "info"),
        *("person", "employer", "household", "delivery_note"),
        *codes_found(),
        *(code for path in MONEY for code in codes_of_money(path)),
    }
)


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_every_code_that_is_said_has_words(path: Path) -> None:
    assert [code for code in codes_said(path) if code not in catalogue()] == []


@pytest.mark.parametrize("code", KNOWN_CODES)
def test_every_code_of_the_rules_has_words(code: str) -> None:
    assert code in catalogue()


def test_every_method_of_the_law_has_words() -> None:
    """They are values of parameters, which Chinese pages show."""
    facts = [path.read_text(encoding="utf-8") for path in (ROOT / "sql" / "facts").glob("*.sql")]
    choices = [
        code
        for text in facts
        for named in re.findall(r"case \$\w+_method\n(.*?)\n    end", text, re.DOTALL)
        for code in re.findall(r"when '(\w+)'", named)
    ]
    assert len(choices) == 3 and [code for code in choices if code not in catalogue()] == []


def test_one_thing_has_one_word_in_chinese() -> None:
    """A subject is 主体, a payment id 发放流水号, a list that warns 预警 (GLOSSARY.md)."""
    others = re.compile("警示|发放编号|付款编号|领取人|<th>对象|关于此对象")
    texts = [path for path in PRODUCT if path.suffix in {".yaml", ".j2"}]
    found = [relative(p) for p in (*texts, CATALOGUE, MESSAGES) if others.search(p.read_text())]
    assert found == []
    assert (kind_word("warning"), word("warning")) == ("预警", "提醒"), "a list, and a check"


def test_codes_are_looked_for_where_they_are() -> None:
    assert {"account_missing", "paid_then_superseded", "two_ids_one_name", "cell_emptied"} <= set(
        KNOWN_CODES
    )
    assert "over_budget" in codes_said(ROOT / "transforms" / "money" / "batches.py")


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_every_value_that_is_said_has_its_place(path: Path) -> None:
    for call in calls_of(path, "Said"):
        if len(call.args) == 2 and isinstance(call.args[1], ast.Dict):
            (code,) = literals(call.args[0])
            keys = [key.value for key in call.args[1].keys if isinstance(key, ast.Constant)]
            named = {name for name, _ in placeholders(catalogue()[code]["zh"])}
            assert set(keys) == named, code
    for call in calls_of(path, "said_column"):
        (code,) = literals(call.args[0])
        named = {name for name, _ in placeholders(catalogue()[code]["zh"])}
        assert {keyword.arg for keyword in call.keywords} == named, code


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_both_languages_say_the_same_values(code: str) -> None:
    said = [placeholders(catalogue()[code][language]) for language in LANGUAGES]
    chinese, english = ({name for name, _ in found} for found in said)
    if code == "and_more":
        assert (chinese, english) == ({"items", "count"}, {"items", "rest"}), "all, or those left"
    else:
        assert chinese == english
    assert {form for found in said for _, form in found} <= FORMS


def test_what_is_worded_by_a_prefix_has_words() -> None:
    codes = [f"cause_{cause}" for cause in (*CAUSES, PROGRAM)]
    codes += [f"value_{value}" for value in WORD_OF_VALUE.values()]
    codes += [f"delivery_{state}" for state in (*LATE, "fresh", "same", "old")]
    codes += [f"supplier_{state}" for state in NOT_IN_TIME]
    codes += [f"night_{state}" for state in (*TOLD_AS, "done")]
    assert sorted(set(codes) - set(catalogue())) == []


def test_no_words_are_left_over() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PRODUCT)
    used = {*re.findall(r"[A-Za-z0-9_]+", text), *re.findall(r"[a-z_]+[.][a-z]+", text)}
    # What is worded by a prefix: {state:batch_} is one of batch_draft, batch_signed …
    prefixes = set(re.findall(r"\{\w+:(\w+_)\}", MESSAGES.read_text(encoding="utf-8")))
    prefixes |= set(re.findall(r'f"([a-z]+_)\{\w+', text))
    used |= {code for code in catalogue() if code.startswith(tuple(prefixes))}
    assert sorted(set(catalogue()) - used) == []


def test_a_fact_that_bureaus_know_by_a_heading_has_no_second_name() -> None:
    derived = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))["facts"]
    assert [name for name in derived if name in COLUMNS and COLUMNS[name].labels] == []


def test_a_fact_without_words_is_shown_by_its_own_name() -> None:
    assert (fact_label("layoff_count"), fact_label("ends_on")) == ("裁员人数", "合同结束日期")
    assert fact_label("of_a_new_policy") == "of_a_new_policy", (
        "a new policy needs no file but its own"
    )


def test_a_catalogue_with_a_code_twice_or_half_said_is_refused() -> None:
    both = "{zh: 甲, en: a}"
    assert parse_words(f"one: {{a: {both}}}\ntwo: {{b: {both}}}") == {
        name: {"zh": "甲", "en": "a"} for name in ("a", "b")
    }
    for text in (
        f"one: {{a: {both}}}\ntwo: {{a: {both}}}",
        "one: {a: {zh: 甲}}",
        "one: {a: {zh: 甲, en: ''}}",
    ):
        with pytest.raises(ContractError, match="a stands twice, or is not said"):
            parse_words(text)


@pytest.mark.parametrize(
    ("said", "chinese", "english"),
    [
        (
            Said("extract_not_delivered", {"kinds": ["deaths", "payroll"]}),
            "数据未送达：死亡信息、工资发放明细",
            "extract not delivered: deaths, payroll",
        ),
        (
            Said(
                "part_not_delivered",
                {"parts": [Said("month_of_insurance", {"insurance": "失业", "month": 201812})]},
            ),
            "缴费明细缺少部分：失业险 201812",
            "part of contributions not delivered: 失业 in 201812",
        ),
        (
            Said("over_budget", {"needed_fen": 123456700, "left_fen": 300, "budget_fen": 500}),
            "超出预算：本批需要 1,234,567.00 元，尚余 3.00 元，预算共 5.00 元",
            "over budget: the batch needs 1234567.00 元, 3.00 元 are left of 5.00 元",
        ),
        (
            Said(
                "months_without_rows",
                {
                    "insurance": "养老",
                    "months": [*range(202001, 202009)],
                    "policies": ["youth_training"],
                },
            ),
            "缴费明细：养老险在首月与末月之间有月份一行都没有：202001、202002、202003、202004、202005、"
            "202006 等 8 项；涉及：劳动预备制培训",
            "contributions: no row of 养老 for 202001, 202002, 202003, 202004, 202005, 202006 and "
            "2 more, between its first and last month; touches youth_training",
        ),
        (
            Said("list_without_rows", {"list": "严重失信", "policies": ["youth_training"]}),
            "认定名单：名单“严重失信”一行都没有；涉及：劳动预备制培训",
            "designations: list 严重失信 has no row; touches youth_training",
        ),
        (
            Said(
                "ended_before",
                {"as_of": "2031-01-01", "ended_on": "2020-12-31", "taken_to": "2021-06-30"},
            ),
            "基准日 2031-01-01 已不在有效期：2020-12-31 截止，后续事实收到 2021-06-30",
            "not in force on 2031-01-01: it ended on 2020-12-31, facts were taken to 2021-06-30",
        ),
    ],
)
def test_a_reason_is_worded_in_both_languages(said: Said, chinese: str, english: str) -> None:
    names = names_of_kinds() | {"youth_training": "劳动预备制培训"}
    assert worded(said, "zh", names) == chinese
    assert str(said) == english
    assert said_of(said.content()) == said, "what is stored is what was said"


def test_a_code_without_words_is_shown_as_it_is() -> None:
    assert word("B0123") == "B0123" and word("unheard_of", "en") == "unheard_of"


def sentence_edits(text: str) -> list[str]:
    """Places where a text is made from another by replacing parts of it."""
    edits = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, count = node.func.attr, len(node.args)
            is_edit = name in {"replace", "sub", "subn"} and count >= 2
            if is_edit or name in {"replace_all", "replace_many", "translate"}:
                edits.append(ast.unparse(node))
    return edits


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_no_page_makes_a_sentence_from_another(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py" and relative(path) not in ESCAPES:
        assert sentence_edits(text) == []
    assert not re.search(r"\|\s*replace\b", text), "a template replaces parts of a text"


@pytest.mark.parametrize(
    "offender",
    [
        'reason.replace("not delivered", "未送达")',
        're.sub("has no row", "一行都没有", reason)',
        "PHRASE.sub(lambda found: WORDS[found.group()], reason)",
        'pl.col("reason").str.replace_all("touches", "涉及")',
        'pl.col("reason").str.replace("touches", "涉及")',
        "reason.translate(TABLE)",
    ],
)
def test_a_page_that_replaces_parts_of_a_sentence_is_found(offender: str) -> None:
    assert len(sentence_edits(f"said = {offender}")) == 1
    assert sentence_edits('pl.col("status").replace(WORDS)') == [], "a code for its word is none"
