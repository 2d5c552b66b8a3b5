"""A reform is computed on a past night, shown without naming anybody, and reaches no batch."""

import ast
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.audit import whatif as module
from flows.audit.whatif import whatif, whatif_lines
from flows.night.made_by import deciding_texts
from flows.store import Home
from tests.audit.conftest import eligible
from tests.audit.test_replay import contents
from transforms.audit.effect import BENEFICIARY, SMALLEST, effect, suppressed
from transforms.audit.reform import change_lines, parse_setting, with_file, with_setting
from transforms.errors import UsageError
from transforms.money.entitlements import KEY

ROOT = Path(module.__file__).parent.parent.parent
SPENDING = ("flows.money.batch", "flows.money.release", "flows.money.sign", "flows.night.pipeline")


def test_no_change_is_nothing(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    for run_id in runs:
        told = whatif(home, run_id, [], [])
        assert (told["rows_changed"], told["difference_fen"], told["change"]) == (0, 0, [])
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
    assert "1000.00 → 1500.00" in told["change"][0]
    assert contents(home.root) == before
    assert any("new_hire_subsidy" in line for line in whatif_lines(told))


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
    early = with_setting(texts, parse_setting("hire_amount_fen=900.00@2019-01-01"))
    assert "amount_cap" in early["sql/policies/new_hire_subsidy.yaml"], "no cap was in force then"
    with pytest.raises(UsageError, match="named"):
        with_file(texts, "../evil.sql", "")


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
    assert len(hidden) != 1 or len(cells) == 1


def test_effect_adds_up() -> None:
    base = pl.DataFrame(
        [
            {
                **dict.fromkeys(KEY, "x"),
                "policy_id": "p",
                "beneficiary_id": f"{n}",
                "beneficiary_kind": "person",
                "due_fen": 10,
            }
            for n in range(20)
        ]
    )
    reform = base.with_columns(pl.col("due_fen") + 5).head(15)
    towns = base.select(*BENEFICIARY, pl.lit("t").alias("town"))
    told = effect(base, reform, {"p": "f"}, towns)
    assert (told["winners"], told["losers"], told["unchanged"]) == (15, 5, 0)
    assert told["difference_fen"] == 15 * 5 - 5 * 10
    assert told["by"]["fund"] == [{"cell": "f", "beneficiaries": 20, "fen": 25}]
    assert parse_setting("a=1@2020-01-01").since == date(2020, 1, 1)
