"""A reform is computed on a past night, shown without naming anybody, and reaches no batch."""

import ast
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.audit import whatif as module
from flows.audit.again import read_night
from flows.audit.diff import mixture_of, recorded
from flows.audit.recompute import compute
from flows.audit.whatif import whatif, whatif_lines
from flows.cli.console import app, run_command
from flows.program import deciding_texts
from flows.store import Home
from sql import policy_cards, shared_parameters
from sql.card_words import parameters_under
from tests.audit.conftest import eligible
from tests.audit.test_replay import contents
from tests.audit.unchanged import SAME, moved
from transforms.answers.messages import in_chinese
from transforms.audit.effect import (
    BENEFICIARY,
    SMALLEST,
    effect,
    lists_changed,
    suppressed,
    within_funds,
)
from transforms.audit.reform import (
    SHARED,
    Setting,
    change_lines,
    never_asked,
    parse_setting,
    policies_touched,
    with_file,
    with_setting,
)
from transforms.errors import UsageError
from transforms.money.entitlements import KEY
from transforms.strict_yaml import read_yaml

ROOT = Path(module.__file__).parent.parent.parent
SPENDING = ("flows.money.batch", "flows.money.release", "flows.money.sign", "flows.night.pipeline")


def test_no_change_is_nothing(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    for run_id in runs:
        told = whatif(home, run_id, [], [])
        assert (told["rows_changed"], told["difference_fen"], told["change"]) == (0, 0, [])
        assert moved(home, run_id, [SAME[0]]) == 0, "computed, and still nothing"
    assert moved(home, runs[3], [SAME[1]]) == 0
    law = (ROOT / "sql/policies/new_hire_subsidy.yaml").resolve()
    assert whatif(home, runs[0], [], [law])["rows_changed"] == 0


def test_a_home_named_from_where_one_stands(
    nights: tuple[Home, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, runs = nights
    monkeypatch.chdir(home.root.parent)
    told = whatif(Home(Path(home.root.name)), runs[0], ["hire_amount_fen=1500.00@2020-01-01"], [])
    assert told["rows_changed"] > 0


def test_a_higher_amount_costs_what_it_must_and_nothing_live_is_touched(
    nights: tuple[Home, list[str]],
) -> None:
    home, runs = nights
    before = contents(home.root)
    told = whatif(home, runs[0], ["hire_amount_fen=1500.00@2020-01-01"], [])
    hired = eligible(home, "new_hire_subsidy", runs[0]).height
    assert told["difference_fen"] == hired * 50_000 and told["rows_changed"] == hired > 0
    assert told["losers"] == 0 and told["newly_reached"] == 0
    assert "1000.00 → 1500.00" in told["change"][0] and told["never_asked"] == []
    later = whatif(home, runs[0], ["hire_amount_fen=1500.00@2030-01-01"], [])
    (line,) = (one for one in whatif_lines(later) if "hire_amount_fen from 2030-01-01: no" in one)
    assert later["rows_changed"] == 0 and in_chinese(line) != line
    assert contents(home.root) == before
    assert any("new_hire_subsidy" in line for line in whatif_lines(told))


@pytest.mark.parametrize(
    "setting",
    [
        "new_hire_subsidy.hire_look_back_months=1@2020-01-01",
        "stability_refund.refund_share_percent=60@2020-01-01",
        "retirement_age_women_worker=55@2010-01-01",
    ],
)
def test_only_what_a_reform_touches_is_computed_and_all_comes_out_the_same(
    nights: tuple[Home, list[str]], setting: str
) -> None:
    home, runs = nights
    night = read_night(home, runs[3])
    law = mixture_of(night)
    texts = with_setting(law.texts, parse_setting(setting))
    only = policies_touched(law.texts, texts)
    assert only and len(only) == (4 if setting.startswith("retire") else 1)
    reform = replace(law, texts=texts)
    part, whole = compute(reform, only=only, beside=recorded(night)), compute(reform)
    assert part.determinations.equals(whole.determinations)
    assert part.entitlements.equals(whole.entitlements)


def test_a_home_is_found_from_where_the_command_is_called(
    nights: tuple[Home, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, runs = nights
    monkeypatch.chdir(home.root.parent)
    words = ["whatif", runs[0], "--set", SAME[0], "--home", home.root.name]
    assert run_command(app, words) == 0


def test_what_all_policies_share_touches_all() -> None:
    texts = deciding_texts()
    for path in ("sql/policies/exclusions.yaml", "sql/determination.sql"):
        assert policies_touched(texts, {**texts, path: texts[path] + "\n"}) is None
    rule = "sql/policies/new_hire_subsidy.sql"
    assert policies_touched(texts, {**texts, rule: texts[rule] + "\n"}) == ["new_hire_subsidy"]
    card = "sql/policies/benefit_to_retirement.yaml"
    renamed = texts[card].replace("support_types: [续发]", "support_types: [续发二]")
    assert policies_touched(texts, {**texts, card: renamed}) is None
    assert policies_touched(texts, {**texts, "sql/policies/new.sql": "select 1"}) is None


def test_a_shared_number_touches_the_policies_that_take_it_or_a_fact_that_does() -> None:
    texts = deciding_texts()
    taken = {p: {one.name for one in parameters_under(c)} for p, c in policy_cards().items()}
    values = {
        name: read_yaml(texts[SHARED])[name]["values"][-1]["value"] for name in shared_parameters()
    }
    # A table is changed with a whole policy.
    numbers = {name: value for name, value in values.items() if not isinstance(value, list)}
    assert set(values) - set(numbers) == {"size_limits", "trace_kinds"}
    for name, value in sorted(numbers.items()):
        changed = with_setting(texts, Setting("", name, str(value), date(2020, 12, 12)))
        taking = sorted(policy for policy, names in taken.items() if name in names)
        # Whether an id is two persons holds lines of every policy.
        touched = None if name == "two_towns_months" else taking
        assert policies_touched(texts, changed) == touched, name


def test_a_reform_that_no_card_knows_is_refused() -> None:
    texts = deciding_texts()
    for wrong in ("no_such_number=1@2020-01-01", "new_hire_subsidy.base_year=1@2020-01-01"):
        with pytest.raises(UsageError, match="no card has it"):
            with_setting(texts, parse_setting(wrong))
    for unreadable in ("x", "x=1", "x=1@2020-13-01", "=1@2020-01-01"):
        with pytest.raises(UsageError, match="--set"):
            parse_setting(unreadable)
    with pytest.raises(UsageError, match="no such value"):
        with_setting(texts, parse_setting("hire_look_back_months=six@2020-01-01"))
    for wrong in ("abc", "-5", "nan", "1e999999999", ""):
        with pytest.raises(UsageError, match="--set"):
            with_setting(texts, parse_setting(f"hire_amount_fen={wrong}@2020-01-01"))
    with pytest.raises(UsageError, match="no such value"):
        with_setting(texts, parse_setting("hire_look_back_months=-1@2020-01-01"))
    early = with_setting(texts, parse_setting("hire_amount_fen=900.00@2019-01-01"))
    assert "amount_cap" in early["sql/policies/new_hire_subsidy.yaml"], "no cap was in force then"
    with pytest.raises(UsageError, match="named"):
        with_file(texts, "../evil.sql", "")


@pytest.mark.parametrize(
    ("setting", "is_asked"),
    [
        ("hire_amount_fen=1500.00@2020-03-31", True),
        ("new_hire_subsidy.hire_amount_fen=1500.00@2020-04-01", False),
        ("layoff_limit_percent=6@2020-01-01", True),
        ("layoff_limit_percent=6@2020-01-02", False),
        ("minimum_wage_fen=1000.00@2020-02-01", True),
        ("minimum_wage_fen=1000.00@2020-02-29", True),
        ("minimum_wage_fen=1000.00@2020-03-02", False),
        ("graduate_years=3@2020-04-01", False),
    ],
)
def test_a_number_that_no_day_asks_for_is_told(setting: str, is_asked: bool) -> None:
    number = parse_setting(setting)
    texts, nobody = with_setting(deciding_texts(), number), [] if is_asked else [number]
    assert never_asked(texts, [number], date(2020, 3, 31)) == nobody


def test_change_is_said_in_words() -> None:
    texts = deciding_texts()
    later = with_setting(texts, parse_setting("hire_look_back_months=12@2020-07-01"))
    assert change_lines(texts, later) == [
        "new_hire_subsidy.yaml: hire_look_back_months from 2020-07-01: 6 → 12"
    ]
    added = with_file(texts, "new_hire_subsidy.sql", "select 1\n")
    assert "+select 1" in change_lines(texts, added)[1].strip() or change_lines(texts, added)


def reaches(start: str) -> set[str]:
    """Return every module of ours that a module imports, however far."""
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        path = ROOT / (name.replace(".", "/") + ".py")
        if name in seen or not path.is_file():
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return seen


def test_no_code_path_leads_from_a_what_if_to_a_batch() -> None:
    assert not reaches("flows.audit.whatif") & set(SPENDING)
    assert set(SPENDING) <= reaches("flows.night.pipeline") | {"flows.money.release"} | {
        "flows.money.sign"
    }, "the search finds what is there"


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(-500, 500)), min_size=0, max_size=8).map(
        lambda rows: [
            {"cell": f"{n}", "beneficiaries": b, "fen": f} for n, (b, f) in enumerate(rows)
        ]
    )
)
def test_no_single_hidden_cell_can_be_told_from_the_whole(cells: list[dict[str, object]]) -> None:
    shown = suppressed(cells)
    hidden = [cell for cell in shown if cell["fen"] is None]
    assert all(cell["beneficiaries"] >= SMALLEST for cell in shown if cell["fen"] is not None)
    assert all(cell["beneficiaries"] is None for cell in hidden)
    assert len(hidden) != 1 or len(cells) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(1, 12), st.integers(-500, 500)), max_size=9
    )
)
def test_no_funds_sum_tells_a_small_policy(rows: list[tuple[str, int, int]]) -> None:
    funds = {f"p{n}": fund for n, (fund, _, _) in enumerate(rows)}
    policies = [{"cell": f"p{n}", "beneficiaries": b, "fen": f} for n, (_, b, f) in enumerate(rows)]
    sums = [
        {
            "cell": fund,
            "beneficiaries": sum(b for other, b, _ in rows if other == fund),
            "fen": sum(f for other, _, f in rows if other == fund),
        }
        for fund in sorted(set(funds.values()))
    ]
    shown_funds = suppressed(sums)
    told = within_funds(policies, shown_funds, funds)
    assert sorted(cell["cell"] for cell in told) == sorted(funds)
    for fund in shown_funds:
        hidden = [c for c in told if funds[c["cell"]] == fund["cell"] and c["fen"] is None]
        assert len(hidden) != 1 or fund["fen"] is None


def due(*fen: int) -> pl.DataFrame:
    """Entitlements of one policy: a beneficiary each."""
    row = {**dict.fromkeys(KEY, "x"), "policy_id": "p", "beneficiary_kind": "person"}
    row["status"] = "payable"
    return pl.DataFrame(
        [row | {"beneficiary_id": f"{n}", "due_fen": one} for n, one in enumerate(fen)]
    )


NOTHING = {"run_id": "R", "as_of": "d", "change": [], "never_asked": [], "lists": []}


@pytest.mark.parametrize(
    ("reform", "told"),
    [
        ((10,) * 20, {"winners": 0, "losers": 0, "unchanged": 20, "rows_changed": 0}),
        ((15,) * 3 + (10,) * 17, {"winners": None, "unchanged": None, "difference_fen": None}),
        ((15,) * 3 + (5,) * 6 + (10,) * 11, {"winners": None, "losers": None, "unchanged": 11}),
        ((15,) * 6 + (10,) * 14, {"winners": 6, "losers": 0, "unchanged": 14, "newly_reached": 0}),
    ],
)
def test_no_count_of_few_is_shown_anywhere(reform: tuple[int, ...], told: dict[str, Any]) -> None:
    base, towns = due(*(10,) * 20), pl.DataFrame(schema=[*BENEFICIARY, "town"])
    towns = towns.cast(pl.String)
    found = effect(base, due(*reform), {"p": "f"}, towns)
    assert {name: found[name] for name in told} == told
    lines = "\n".join(whatif_lines({**NOTHING, **found}))
    assert ("more 3" in lines) is False and (None not in told.values() or "not shown" in lines)


@pytest.mark.parametrize(("amounts", "is_told"), [((10,) * 5, True), ((10,) * 4, False)])
def test_a_number_of_a_list_is_told_though_nothing_is_due(
    amounts: tuple[int, ...], is_told: bool
) -> None:
    """Of a list that pays nothing: who is on it, and what it determines; not of a few."""
    on = due(*amounts).rename({"due_fen": "amount_fen"}).with_columns(outcome=pl.lit("eligible"))
    off = on.with_columns(amount_fen=pl.lit(0), outcome=pl.lit("ineligible"))
    sums = {"rows_changed": 5, "was_listed": 5, "is_listed": 0, "was_fen": 50, "is_fen": 0}
    (told,) = lists_changed(on, off, ["p"])
    assert told == {"policy_id": "p", **(sums if is_told else dict.fromkeys(sums))}
    assert lists_changed(on, off, ["q"]) == lists_changed(on, on, ["p"]) == []
    same = effect(due(1), due(1), {"p": "f"}, on.select(*BENEFICIARY, town=pl.lit("t")))
    lines = whatif_lines({**NOTHING, **same, "lists": [told]})
    assert all(in_chinese(line) != line for line in lines if "on it" in line)


def test_a_list_is_told_of_by_a_whole_what_if(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    told = whatif(home, runs[0], ["levy_exempt_persons=1@2020-01-01"], [])
    assert [one["policy_id"] for one in told["lists"]] == ["disability_levy_relief"]
    assert told["rows_changed"] == 0 and told["lists"][0]["rows_changed"] != 0


def test_newly_reached_do_not_tell_who_only_gets_more() -> None:
    base = due(*(10,) * 3, *(0,) * 9, *(10,) * 20)
    towns = base.select(*BENEFICIARY, pl.lit("t").alias("town"))
    found = effect(base, due(*(15,) * 12, *(10,) * 20), {"p": "f"}, towns)
    assert (found["winners"], found["newly_reached"]) == (12, None)


@pytest.mark.parametrize(("count", "is_told"), [(20, True), (5, True), (4, False)])
def test_what_a_reform_only_holds_is_told_as_held(count: int, is_told: bool) -> None:
    """All is due as before; of a few it is not told that it waits."""
    base = due(*(10,) * 20)
    waits = pl.col("beneficiary_id").cast(pl.Int64) < count
    reform = base.with_columns(status=pl.when(waits).then(pl.lit("held")).otherwise("status"))
    told = effect(base, reform, {"p": "f"}, base.select(*BENEFICIARY, town=pl.lit("t")))
    assert told["difference_fen"] == 0
    payable, held = (200 - 10 * count, 10 * count) if is_told else (None, None)
    assert told["standing"] == [
        {"status": "payable", "was_fen": 200, "is_fen": payable},
        {"status": "held", "was_fen": 0, "is_fen": held},
        {"status": "recovery", "was_fen": 0, "is_fen": 0},
    ]
    lines = [line for line in whatif_lines({**NOTHING, **told}) if line.startswith("  of it ")]
    assert len(lines) == 2 and all(in_chinese(line) != line for line in lines)


def test_effect_adds_up() -> None:
    base = due(*(10,) * 20)
    reform = base.with_columns(pl.col("due_fen") + 5).head(15)
    towns = base.select(*BENEFICIARY, pl.lit("t").alias("town"))
    told = effect(base, reform, {"p": "f"}, towns)
    assert (told["winners"], told["losers"], told["unchanged"]) == (15, 5, 0)
    assert told["difference_fen"] == 15 * 5 - 5 * 10
    assert told["by"]["fund"] == [{"cell": "f", "beneficiaries": 20, "fen": 25}]
    assert parse_setting("a=1@2020-01-01").since == date(2020, 1, 1)


def test_a_change_of_what_excludes_what_is_told_by_its_lines() -> None:
    texts, path, line = deciding_texts(), "sql/policies/exclusions.yaml", "- public_post_extension"
    later = {**texts, path: texts[path].replace(f"      {line}\n", "")}
    assert change_lines(texts, later) == ["exclusions.yaml:", f"  -      {line}"]
