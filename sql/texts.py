"""The texts of the rules: every .sql and .yaml of this folder, read once, with their digests."""

import re
from functools import cache
from pathlib import Path

from transforms.digest import content_digest
from transforms.extracts.kinds import DECLARED
from transforms.money.exclusions import Exclusion, parse_exclusions
from transforms.policies.cards import PolicyCard, parse_card, parse_shared
from transforms.policies.parameters import MONTHLY_SUFFIX, Parameter
from transforms.policies.policy_guide import AnnexItem, parse_annex

FOLDER = Path(__file__).parent
ANNEX = "policies/annex.yaml"
BY_BUCKET = re.compile(r"^-- by bucket: (\w+)$", re.MULTILINE)
UNIVERSE = re.compile(r"^-- universe: (.*(?:\n--   .*)*)$", re.MULTILINE)
COMMENT = re.compile(r"--.*$", re.MULTILINE)
WORD = re.compile(r"\$?\b[a-z][a-z_0-9]*\b")


@cache
def sql_text(path: str) -> str:
    """Return one file by its path under sql/."""
    return (FOLDER / path).read_text(encoding="utf-8")


@cache
def sql_words(path: str) -> frozenset[str]:
    """Return the lower-case words of an SQL file outside comments; `$name` keeps its sign."""
    return frozenset(WORD.findall(COMMENT.sub("", sql_text(path))))


def dollar_names(path: str) -> list[str]:
    """Return the names that an SQL file takes as `$name`, sorted."""
    return sorted(word[1:] for word in sql_words(path) if word.startswith("$"))


def monthly_names(path: str) -> list[str]:
    """Return the parameters an SQL file reads by month, from their tables `<name>_by_month`."""
    return sorted(
        word.removesuffix(MONTHLY_SUFFIX)
        for word in sql_words(path)
        if word.endswith(MONTHLY_SUFFIX)
    )


def bucket_kind(path: str) -> str | None:
    """Return the kind of extract that a fact walks through bucket by bucket, if it does."""
    found = BY_BUCKET.search(sql_text(path))
    return found.group(1) if found else None


@cache
def fact_names() -> tuple[str, ...]:
    """Return the names of all derived facts."""
    return tuple(sorted(path.stem for path in (FOLDER / "facts").glob("*.sql")))


@cache
def question_names() -> tuple[str, ...]:
    """Return the names of all questions; each is unlike any fact or column (a test compares)."""
    return tuple(sorted(path.stem for path in (FOLDER / "questions").glob("*.sql")))


@cache
def finding_names() -> tuple[str, ...]:
    """Return the names of all findings."""
    return tuple(sorted(path.stem for path in (FOLDER / "findings").glob("*.sql")))


@cache
def shared_parameters() -> dict[str, Parameter]:
    """Return the parameters that several policies, or facts, use."""
    return parse_shared((FOLDER / "parameters.yaml").read_text(encoding="utf-8"))


@cache
def policy_cards() -> dict[str, PolicyCard]:
    """Return every policy card, by policy id, in the order of the ids."""
    return {
        path.stem: parse_card(path.with_suffix(".yaml").read_text("utf-8"), shared_parameters())
        for path in sorted((FOLDER / "policies").glob("*.sql"))
    }


@cache
def exclusions() -> tuple[Exclusion, ...]:
    """Return which policies exclude each other, in the order in which that is settled."""
    return parse_exclusions(sql_text("policies/exclusions.yaml"))


@cache
def annex_items() -> tuple[AnnexItem, ...]:
    """Return the items of the notice's annex, in their order."""
    return parse_annex(sql_text(ANNEX))


def fact_path(name: str) -> str:
    """Return the path of a fact under sql/."""
    return f"facts/{name}.sql"


def question_path(name: str) -> str:
    """Return the path of a question under sql/."""
    return f"questions/{name}.sql"


def policy_path(policy_id: str) -> str:
    """Return the path of a policy under sql/."""
    return f"policies/{policy_id}.sql"


@cache
def files_under(path: str) -> tuple[str, ...]:
    """Return all facts and questions an SQL file rests on, each after those it needs itself."""
    ordered: list[str] = []
    for other in (*map(fact_path, fact_names()), *map(question_path, question_names())):
        if name_of(other) in sql_words(path) and other != path:
            ordered.extend(files_under(other))
            ordered.append(other)
    return tuple(dict.fromkeys(ordered))


def name_of(path: str) -> str:
    """Return the name of the fact or question that a file under sql/ holds.

    >>> name_of("questions/is_owner.sql")
    'is_owner'
    """
    return path.rpartition("/")[2].removesuffix(".sql")


def facts_under(path: str) -> tuple[str, ...]:
    """Return the names of all facts an SQL file rests on, each after those it needs itself."""
    return tuple(name_of(other) for other in files_under(path) if other.startswith("facts/"))


def policy_tables_in(path: str) -> set[str]:
    """Return the policies whose table `policy_<id>` an SQL file reads."""
    return {
        word.removeprefix("policy_")
        for word in sql_words(path)
        if word.startswith("policy_") and word.removeprefix("policy_") in policy_cards()
    }


def words_under(path: str) -> frozenset[str]:
    """Return the words of an SQL file and of every fact and question under it."""
    return sql_words(path).union(*map(sql_words, files_under(path)))


def rules_digest() -> str:
    """Return the digest over all SQL text and what says when a row counts; comments count too."""
    return content_digest({**_texts("*.sql"), DECLARED.name: DECLARED.read_text("utf-8")})


def parameters_digest() -> str:
    """Return the digest over cards, exclusions and shared numbers; the annex decides nothing."""
    return content_digest({path: text for path, text in _texts("*.yaml").items() if path != ANNEX})


def _texts(pattern: str) -> dict[str, str]:
    paths = [path.relative_to(FOLDER).as_posix() for path in sorted(FOLDER.rglob(pattern))]
    return {path: sql_text(path) for path in paths}


def policy_grain(policy_id: str) -> str:
    """Return the `universe:` of a policy: which rows get a determination.

    >>> policy_grain("new_hire_subsidy")
    'person hired × employer, period 2020'
    """
    found = UNIVERSE.search(sql_text(policy_path(policy_id)))
    return " ".join(found.group(1).replace("\n--", " ").split()) if found else ""
