"""The golden cases: scenes in `tests/rules/<policy>.yaml`, one file for each policy."""

from pathlib import Path

from data_samples.town.scene_rows import paid_lines_of, tables_of
from data_samples.town.scenes import (
    Case,
    employer_code,
    fen,
    is_employer,
    keys_in,
    person_id,
    read_scenes,
)

__all__ = [
    "BACKGROUND",
    "Case",
    "employer_code",
    "fen",
    "is_employer",
    "keys_in",
    "paid_lines_of",
    "person_id",
    "policy_names",
    "read_cases",
    "tables_of",
]
FOLDER = Path(__file__).parent
CASES_PER_POLICY = 100
BACKGROUND = 9999


def policy_names() -> list[str]:
    """Return the policies that have golden cases."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_cases(policy: str) -> list[Case]:
    """Read the golden cases of one policy, numbered after it."""
    text = (FOLDER / f"{policy}.yaml").read_text(encoding="utf-8")
    first = CASES_PER_POLICY * (1 + policy_names().index(policy)) + 1
    return read_scenes(text, policy, first)
