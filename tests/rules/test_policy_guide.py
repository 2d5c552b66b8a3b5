"""docs/policies.md is what the policy files say, and covers the whole annex."""

import re
from dataclasses import replace

import pytest

from flows.answers.policy_guide import GUIDE, guide_text
from sql.texts import annex_items, policy_cards
from transforms.errors import ContractError
from transforms.policies.policy_guide import ITEM_COUNT, WORDS, with_policies


def test_the_guide_is_what_the_policy_files_say() -> None:
    told = "docs/policies.md is out of date: python -m flows.answers.policy_guide writes it again"
    assert GUIDE.read_text(encoding="utf-8") == guide_text(), told


def test_every_item_of_the_annex_is_answered_with_its_clause() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    items = with_policies(annex_items(), policy_cards())
    assert [item.number for item in items] == list(range(1, ITEM_COUNT + 1))
    for item in items:
        assert item.clause in guide and item.bureaus in guide
        assert all(entry["note"] in guide for entry in item.does)


def test_a_clause_of_a_card_stands_word_for_word_in_its_item() -> None:
    """Half-width punctuation of the scanned notice counts as full-width; what is left out is marked
    by `……`, for letters print the clause as the notice's own words."""
    clauses = {item.number: plain(item.clause) for item in annex_items()}
    for name, card in policy_cards().items():
        for part in re.split("…+", plain(card.clause)):
            assert part in clauses[card.item], f"{name}: {part}"


def test_a_clause_of_a_provision_stands_in_its_item_or_says_whose_it_is() -> None:
    """A reading of the rulebook, another document's, and a remark in brackets at the end are not
    the notice's words."""
    clauses = {item.number: plain(item.clause) for item in annex_items()}
    for name, card in policy_cards().items():
        for provision in card.provisions:
            said = re.sub("（[^（）]*）$", "", plain(provision.clause))
            if not re.match(r"规则读法：|\w+〔\d{4}〕\d+号：", said):
                for part in re.split("…+", said):
                    assert part in clauses[card.item], f"{name}, {provision.name}: {part}"


def plain(text: str) -> str:
    return text.replace(",", "，").replace(";", "；").replace("(", "（").replace(")", "）")


def test_every_policy_stands_under_its_item() -> None:
    items, cards = annex_items(), policy_cards()
    said = {
        entry["policy"]: (item.number, entry["what"])
        for item in with_policies(items, cards)
        for entry in item.does
        if "policy" in entry
    }
    assert set(said) == set(cards)
    assert said["stability_refund"] == (5, "policy") and said["youth_training"] == (11, "list")
    with pytest.raises(ContractError, match="item 5"):
        with_policies(items, {"youth_training": cards["youth_training"]})
    with pytest.raises(ContractError, match="stability_refund"):
        with_policies(
            items, cards | {"stability_refund": replace(cards["stability_refund"], item=25)}
        )


def test_what_is_not_computed_says_why() -> None:
    for item in with_policies(annex_items(), policy_cards()):
        for entry in item.does:
            assert entry["what"] in WORDS
            assert len(entry["note"].split()) >= 5, f"item {item.number}"
