"""What audits found elsewhere is found where it is planted, and on its edge it is not."""

from pathlib import Path

import polars as pl
import pytest

from sql import texts
from sql.texts import finding_names, policy_tables_in
from tests.rules.engine_tables import write_tables
from tests.rules.planted_patterns import PATTERNS, Cases, found_in, planted_cases
from transforms.extracts.kinds import KINDS
from transforms.review.doubts import AUDIT_FINDINGS

Told = set[tuple[str, str]]
READ = (
    *("accounts", "attendance", "contributions", "custody", "deaths", "employment"),
    *("insured_units", "payroll", "registrations", "residents", "unemployment_benefits"),
)


@pytest.fixture(scope="module")
def cases() -> Cases:
    return planted_cases(3)


@pytest.fixture(scope="module")
def found(cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return found_in(write_tables(tmp_path_factory.mktemp("whole"), cases.rows))


def told_of(found: pl.DataFrame) -> Told:
    return set(found.select("finding", "subject_id").iter_rows())


@pytest.mark.parametrize("pattern", PATTERNS)
def test_who_shows_a_pattern_is_found_and_who_nearly_does_is_not(
    pattern: str, cases: Cases, found: pl.DataFrame
) -> None:
    of_it = {subject for finding, subject in told_of(found) if finding == pattern}
    planted = {subject for finding, subject in cases.planted if finding == pattern}
    near = {subject for finding, subject in cases.near if finding == pattern}
    assert planted and near - planted, pattern
    assert of_it == planted


@pytest.mark.parametrize("kind", READ)
def test_without_an_extract_a_pattern_is_silent_and_never_wrong(
    kind: str, cases: Cases, found: pl.DataFrame, tmp_path: Path
) -> None:
    tables = write_tables(tmp_path, cases.rows)
    del tables[kind]
    left = found_in(tables)
    assert left.height < found.height, f"nothing looks into {kind}"
    assert left.join(found, on=found.columns, how="anti").is_empty()


def test_what_is_found_says_figures_and_codes_behind_its_colon(found: pl.DataFrame) -> None:
    labels, figures = zip(*(text.split(": ") for text in found["detail"]), strict=True)
    assert all(figures) and not any(character.isdigit() for character in "".join(labels))
    assert all(
        len(one.split(", ")) == len(other.split(", "))
        for one, other in zip(labels, figures, strict=True)
    )
    is_info = pl.col("finding") == "short_insured"
    assert set(found.filter(is_info)["severity"]) == {"info"}
    assert set(found.filter(~is_info)["severity"]) == {"warning"}


def test_every_pattern_is_a_finding_and_a_doubt() -> None:
    assert set(PATTERNS) <= set(finding_names())
    # The doubt of a shared account looks into tonight's instructions, too.
    assert {*AUDIT_FINDINGS, "shared_account"} == set(PATTERNS)
    assert set(READ) <= set(KINDS)


def test_a_finding_over_a_policy_that_was_withdrawn_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks for the table of a policy that did not run, card or no card; the night goes on."""
    monkeypatch.setattr(texts, "policy_cards", dict)
    assert policy_tables_in("findings/shifted_staff.sql") == {"new_hire_subsidy"}
    assert policy_tables_in("findings/short_insured.sql") == set()
