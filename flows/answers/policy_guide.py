"""Writes docs/policies.md and data-dictionary.md: `python -m flows.answers.policy_guide`."""

from pathlib import Path

from sql.texts import annex_items, policy_cards, policy_grain
from transforms.extracts.kinds import COLUMNS, KINDS
from transforms.extracts.kinds_page import kinds_page
from transforms.policies.policy_guide import policy_guide

DOCS = Path(__file__).parent.parent.parent / "docs"
GUIDE, KINDS_PAGE = DOCS / "policies.md", DOCS / "data-dictionary.md"


def guide_text() -> str:
    """Return the guide as the policy files say it now."""
    cards = policy_cards()
    return policy_guide(annex_items(), cards, {name: policy_grain(name) for name in cards})


if __name__ == "__main__":
    GUIDE.write_text(guide_text(), encoding="utf-8")
    KINDS_PAGE.write_text(kinds_page(KINDS, COLUMNS), encoding="utf-8")
