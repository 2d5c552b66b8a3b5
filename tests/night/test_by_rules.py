"""What tonight's rules say of nights that were by others: of their day, or of today."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from flows.night import by_rules
from flows.night.by_rules import TonightsRules
from flows.store import Home
from transforms.errors import ParameterMissingError
from transforms.money.entitlements import KEY

THEN, NOW = date(2020, 3, 31), date(2020, 5, 31)
DIFFICULT, REFUND = "stability_refund_difficult", "stability_refund"
PARTY = ("2020", "employer", "A", "employer", "A")


def rules_over(
    monkeypatch: pytest.MonkeyPatch, gives: dict[date, dict[str, int]], texts: str = ""
) -> TonightsRules:
    """Give rules that determine so much on a day, by policy; of another day they say nothing."""

    def determine(_tables: Any, day: date, *_: Any, only: list[str], **__: Any) -> Any:
        if day not in gives:
            raise ParameterMissingError("no value on that day")
        rows = [(name, *PARTY, "eligible", fen) for name, fen in gives[day].items() if name in only]
        schema = {**dict.fromkeys([*KEY, "outcome"], pl.String), "amount_fen": pl.Int64}
        ran = {n: SimpleNamespace(status="ran" if n in gives[day] else "not_run") for n in only}
        return SimpleNamespace(
            determinations=pl.DataFrame(rows, schema=schema, orient="row"),
            policies=ran,
            connection=SimpleNamespace(close=lambda: None),
        )

    manifest = {"as_of": str(THEN), "rules_digest": "then", "made_by": {"inputs": "i"}}
    monkeypatch.setattr(by_rules, "determine", determine)
    monkeypatch.setattr(by_rules, "read_manifest", lambda *_: manifest)
    monkeypatch.setattr(by_rules, "SnapshotRef", lambda *_: SimpleNamespace(tables=dict))
    monkeypatch.setattr(by_rules, "read_inputs", lambda *_: {"texts": {by_rules.EXCLUSIONS: texts}})
    standing: Any = SimpleNamespace(snapshot_of={"R1": "S"}, released=None, payment_ids=())
    means: Any = SimpleNamespace(threads=1, memory_limit="1GB", temp_folder=None)
    return TonightsRules(Home(Path("/nowhere")), NOW, standing, {"rules_digest": "now"}, means)


def claim_of(policy: str, *, is_own: bool, moved_fen: int = 0) -> dict[str, Any]:
    sums = {"own_fen": 80 if is_own else None, "paid_before_fen": 80 + moved_fen}
    return {**dict(zip(KEY, (policy, *PARTY), strict=True)), **sums, "is_own": is_own}


@pytest.mark.parametrize(
    ("gives", "fen"),
    [
        ({THEN: {REFUND: 70}, NOW: {REFUND: 90}}, 70),
        # A number that begins later, or a span: what was read then is asked of today.
        ({NOW: {REFUND: 90}}, 90),
        ({THEN: {DIFFICULT: 1}, NOW: {REFUND: 90}}, 90),
        ({}, 0),
    ],
)
def test_rules_that_say_nothing_of_that_day_are_asked_of_today(
    monkeypatch: pytest.MonkeyPatch, gives: dict[date, dict[str, int]], fen: int
) -> None:
    rules = rules_over(monkeypatch, gives)
    assert rules.give([claim_of(REFUND, is_own=True)], [["R1"]], [True]) == {0: fen}


def test_what_was_paid_under_the_other_of_a_pair_is_asked_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = rules_over(monkeypatch, {THEN: {REFUND: 70, DIFFICULT: 120}})
    claims = [claim_of(REFUND, is_own=own) for own in (True, False)]
    claims.append(claim_of(REFUND, is_own=True, moved_fen=40))
    assert rules.give(claims, [["R1"]] * 3, [True] * 3) == {0: 70, 1: 120, 2: 120}


@pytest.mark.parametrize(
    ("pair", "was_there"), [([DIFFICULT, REFUND], True), ([DIFFICULT, "other"], False)]
)
def test_policies_that_did_not_exclude_each_other_then_are_told(
    monkeypatch: pytest.MonkeyPatch, pair: list[str], was_there: bool
) -> None:
    text = f"exclusions: [{{exclusion: x, form: larger_stands, policies: [{', '.join(pair)}], "
    rules = rules_over(monkeypatch, {}, f"{text}authority: law}}]")
    assert rules.excluded_then(claim_of(REFUND, is_own=True), ["R1"]) is was_there
    # A pair that a clerk decided between was another law; what can't be read is none.
    for other in (f"{text}authority: law}}]".replace("larger_stands", "clerk_decides"), "a: [1"):
        rules = rules_over(monkeypatch, {}, other)
        assert not rules.excluded_then(claim_of(REFUND, is_own=True), ["R1"])
