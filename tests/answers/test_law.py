"""An old night is explained by the cards it was made by, not by those of today."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.answers.law import CARDS, NUMBERS, law_of
from flows.program import deciding_texts
from flows.store import Home, inputs_path
from sql.texts import policy_cards, policy_grain
from transforms.digest import text_digest

HIRE = "new_hire_subsidy"


def made_by(home: Home, texts: dict[str, str]) -> dict[str, Any]:
    kept = json.dumps({"texts": texts, "funds": {}})
    path = inputs_path(home, text_digest(kept))
    path.parent.mkdir(exist_ok=True)
    path.write_text(kept, encoding="utf-8")
    return {"made_by": {"inputs": path.stem}}


def changed(path: str, old: str, new: str) -> dict[str, str]:
    texts = deciding_texts()
    assert old in texts[path]
    return {**texts, path: texts[path].replace(old, new, 1)}


def test_a_night_of_todays_rules_is_explained_by_todays(tmp_path: Path) -> None:
    law = law_of(Home(tmp_path), made_by(Home(tmp_path), deciding_texts()))
    assert law.is_todays and law.is_of_run and law.cards is policy_cards()


def test_a_night_of_others_is_explained_by_its_own(tmp_path: Path) -> None:
    home, path = Home(tmp_path), f"{CARDS}{HIRE}"
    law = law_of(
        home,
        made_by(home, changed(f"{path}.yaml", "title: 一次性吸纳就业补贴\n", "title: 旧名补贴\n")),
    )
    assert (law.is_todays, law.is_of_run, law.cards[HIRE].title) == (False, True, "旧名补贴")
    assert law.cards.keys() == policy_cards().keys() and law.grain(HIRE) == policy_grain(HIRE)
    law = law_of(home, made_by(home, changed(f"{path}.sql", "-- universe: ", "-- universe: old ")))
    assert law.grain(HIRE) == f"old {policy_grain(HIRE)}"
    texts = {name: text for name, text in deciding_texts().items() if not name.startswith(path)}
    assert HIRE not in law_of(home, made_by(home, texts)).cards
    withdrawn = {f"{CARDS}gone.{end}": deciding_texts()[f"{path}.{end}"] for end in ("sql", "yaml")}
    law = law_of(home, made_by(home, {**deciding_texts(), **withdrawn}))
    assert law.cards["gone"].policy_id == HIRE and law.is_of_run


@pytest.mark.parametrize("what", ["kept", "numbers", "card"])
def test_what_is_not_kept_or_cannot_be_read_is_taken_as_it_is_today(
    what: str, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    if what == "kept":
        manifest = {"made_by": {"inputs": "0" * 64}}
    else:
        path = NUMBERS if what == "numbers" else f"{CARDS}{HIRE}.yaml"
        manifest = made_by(home, {**deciding_texts(), path: "a: [1"})
    law = law_of(home, manifest)
    assert (law.is_todays, law.is_of_run) == (False, False)
    assert law.cards[HIRE].clause == policy_cards()[HIRE].clause
