"""The texts of the rules: every .sql and .yaml of this folder, read once, with their digests."""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from transforms.digest import content_digest
from transforms.errors import RuleError
from transforms.extracts.kinds import DECLARED, KINDS
from transforms.money.exclusion_file import Exclusion, check_exclusions, parse_exclusions
from transforms.policies.cards import PolicyCard, parse_card, parse_shared
from transforms.policies.parameters import Parameter, is_bound
from transforms.policies.policy_guide import AnnexItem, parse_annex

FOLDER = Path(__file__).parent
ANNEX = "policies/annex.yaml"
NO_CARDS = {"annex", "exclusions"}
AFTER_POLICIES = ("money", "review", "traces")
BY_BUCKET = re.compile(r"^-- by bucket: (\w+)$", re.MULTILINE)
UNIVERSE = re.compile(r"^-- universe: (.*(?:\n--   .*)*)$", re.MULTILINE)
QUOTED = re.compile(r"'([^']*)'")
COMMENT = re.compile(r"--.*$", re.MULTILINE)
DOLLAR = re.compile(r"\$([a-z][a-z_0-9]*)")
FRACTION_SUFFIX = re.compile(r"_(numerator|denominator)$")
Read = TypeVar("Read")
WORD = re.compile(r"\$?\b[a-z][a-z_0-9]*\b")


@cache
def sql_text(path: str) -> str:
    """Return one file by its path under sql/."""
    return (FOLDER / path).read_text(encoding="utf-8")


@cache
def sql_words(path: str) -> frozenset[str]:
    """Return the lower-case words of an SQL file outside comments; `$name` keeps its sign."""
    return frozenset(WORD.findall(COMMENT.sub("", sql_text(path))))


@cache
def rule_words() -> frozenset[str]:
    """Return the words that rules quote: codes and names of lists they ask for."""
    texts = [COMMENT.sub("", text) for text in _texts("*.sql").values()]
    return frozenset(word for text in texts for word in QUOTED.findall(text))


def sql_files(pattern: str = "*.sql") -> list[str]:
    """Return the paths under sql/ of all files of a form."""
    return [path.relative_to(FOLDER).as_posix() for path in sorted(FOLDER.rglob(pattern))]


def dollar_names(path: str) -> list[str]:
    """Return the names that an SQL file takes as `$name`, sorted."""
    return sorted(word[1:] for word in sql_words(path) if word.startswith("$"))


def dated_text(text: str, parameters: Mapping[str, Parameter]) -> str:
    """Return SQL as it is run: `$name` of a parameter that each row takes on a day of its
    own becomes a call of that parameter's macro on that day."""

    def dated(found: re.Match[str]) -> str:
        word = found.group(1)
        parameter = parameters.get(word) or parameters.get(FRACTION_SUFFIX.sub("", word))
        if parameter is None or is_bound(parameter):
            return found.group(0)
        part = FRACTION_SUFFIX.search(word)
        name = parameter.name + (part.group(0) if part and word not in parameters else "")
        is_month = parameter.on.endswith("month")
        return f"{name}_on({f'month_first_day({parameter.on})' if is_month else parameter.on})"

    return DOLLAR.sub(dated, text)


def split_list(code: str) -> list[str]:
    """Split SQL at its top-level commas, up to the bracket that closes it, if one does.

    >>> split_list("a, f(b, 'c)') as d, [1, 2]) from t")
    ['a', "f(b, 'c)') as d", '[1, 2]']
    """
    items, depth, start = [], 0, 0
    for found in re.finditer(r"'[^']*'|[][(){},]", code):
        sign = found[0]
        if depth == 0 and sign in ",)]}":
            items.append(code[start : found.start()].strip())
            start = found.end()
            if sign != ",":
                return items
        depth += (sign in "([{") - (sign in ")]}")
    return [*items, code[start:].strip()]


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
def asked_files() -> tuple[str, ...]:
    """Return the paths of all facts and questions, which other files name."""
    return (*map(fact_path, fact_names()), *map(question_path, question_names()))


@cache
def finding_names() -> tuple[str, ...]:
    """Return the names of all findings."""
    return tuple(sorted(path.stem for path in (FOLDER / "findings").glob("*.sql")))


@cache
def doubt_names() -> tuple[str, ...]:
    """Return the names of the files that ask what may be doubted of a batch's lines."""
    return tuple(sorted(path.stem for path in (FOLDER / "review" / "doubts").glob("*.sql")))


def read_file(path: str, parse: Callable[[str], Read]) -> Read:
    """Read a file of the law; what its author wrote amiss is told with the file's name.

    Raises:  RuleError
    """
    try:
        return parse(sql_text(path))
    except RuleError as broken:
        raise RuleError(f"sql/{path}: {broken}") from broken
    except (KeyError, TypeError, ValueError, AttributeError) as broken:
        raise RuleError(f"sql/{path}: {type(broken).__name__}: {broken}") from broken


@cache
def shared_parameters() -> dict[str, Parameter]:
    """Return the parameters that several policies, or facts, use."""
    return read_file("parameters.yaml", parse_shared)


@cache
def policy_cards() -> dict[str, PolicyCard]:
    """Return every policy card, by policy id, in the order of the ids."""
    folder = FOLDER / "policies"
    rules = {path.stem for path in folder.glob("*.sql")}
    texts = {path.stem for path in folder.glob("*.yaml")} - NO_CARDS
    if alone := sorted(rules ^ texts):
        lacks = ", ".join(f"sql/policies/{n}.{'yaml' if n in rules else 'sql'}" for n in alone)
        raise RuleError(
            f"{lacks} is missing: a policy is a card and its SQL, two files of one name"
        )
    read = partial(parse_card, shared=shared_parameters())
    cards = {name: read_file(f"policies/{name}.yaml", read) for name in sorted(rules)}
    if other := sorted(name for name, card in cards.items() if name != card.policy_id):
        raise RuleError(f"a card says another policy than its file: {', '.join(other)}")
    for name, card in cards.items():
        check_taken_days(policy_path(name), card.parameters)
    for path in asked_files():
        check_taken_days(path, shared_parameters())
    return cards


def check_taken_days(path: str, parameters: Mapping[str, Parameter]) -> None:
    """Hold the day that each number is taken on to what the rule's rows may have.

    Raises:  RuleError if no file or kind of extract that the rule names has such a column
    """
    taken = {word[1:] for word in sql_words(path) if word[0] == "$"}
    taken |= {FRACTION_SUFFIX.sub("", word) for word in taken}
    known = words_under(path)
    known |= {name for kind in KINDS.keys() & known for name in KINDS[kind].column_named}
    for name in sorted(taken & parameters.keys()):
        if not is_bound(parameters[name]) and (day := parameters[name].on) not in known:
            raise RuleError(
                f"sql/{path} takes {name} on {day}, a column that none of its rows has: "
                "correct `on:`"
            )


@cache
def exclusions() -> tuple[Exclusion, ...]:
    """Return which policies exclude each other, in the order in which that is settled."""

    cards = policy_cards()  # what is amiss on a card is not told with this file's name

    def parse(text: str) -> tuple[Exclusion, ...]:
        found = parse_exclusions(text)
        check_exclusions(found, cards)
        return found

    return read_file("policies/exclusions.yaml", parse)


@cache
def annex_items() -> tuple[AnnexItem, ...]:
    """Return the items of the notice's annex, in their order."""
    return read_file(ANNEX, parse_annex)


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
def files_in(path: str) -> tuple[str, ...]:
    """Return the facts and questions that an SQL file names itself."""
    named = (other for other in asked_files() if name_of(other) in sql_words(path))
    return tuple(other for other in named if other != path)


@cache
def files_under(path: str) -> tuple[str, ...]:
    """Return all facts and questions an SQL file rests on, each after those it needs itself."""
    ordered = [one for other in files_in(path) for one in (*files_under(other), other)]
    return tuple(dict.fromkeys(ordered))


def name_of(path: str) -> str:
    """Return the name of the fact or question that a file under sql/ holds.

    >>> name_of("questions/is_owner.sql")
    'is_owner'
    """
    return path.rpartition("/")[2].removesuffix(".sql")


def policy_tables_in(path: str) -> set[str]:
    """Return the policies whose table `policy_<id>` a finding reads: withdrawn ones, too."""
    words = sql_words(path) - {"policy_id"} if path.startswith("findings/") else frozenset()
    return {word.removeprefix("policy_") for word in words if word.startswith("policy_")}


def words_under(path: str) -> frozenset[str]:
    """Return the words of an SQL file and of every fact and question under it."""
    return sql_words(path).union(*map(sql_words, files_under(path)))


@cache
def words_after_policies() -> frozenset[str]:
    """Return the words of the files that are asked once every policy and finding is computed."""
    paths = (path for path in sql_files() if path.partition("/")[0] in AFTER_POLICIES)
    return frozenset().union(*map(sql_words, paths))


def rules_digest() -> str:
    """Return the digest over all SQL text and what says when a row counts; comments count too."""
    return content_digest({**_texts("*.sql"), DECLARED.name: DECLARED.read_text("utf-8")})


def parameters_digest() -> str:
    """Return the digest over cards, exclusions and shared numbers; the annex decides nothing."""
    return content_digest({path: text for path, text in _texts("*.yaml").items() if path != ANNEX})


def _texts(pattern: str) -> dict[str, str]:
    return {path: sql_text(path) for path in sql_files(pattern)}


def policy_grain(policy_id: str) -> str:
    """Return the `universe:` of a policy: which rows get a determination.

    >>> policy_grain("new_hire_subsidy")
    'person hired × employer, period 2020'
    """
    return grain_of(sql_text(policy_path(policy_id)))


def grain_of(rule: str) -> str:
    """Return the `universe:` that a policy's SQL says."""
    found = UNIVERSE.search(rule)
    return " ".join(found.group(1).replace("\n--", " ").split()) if found else ""
