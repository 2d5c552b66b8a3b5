"""What a fact is limited to, against what is asked of it: checked once, before anything is built.

A fact that does not hold everything says so in its header, one line for each limit:

    -- limited to: insurance in (养老, 失业)             rows of these codes, no others
    -- limited to: persons of (graduations, grants)     rows of persons in these facts, no others

"No" is never the answer to a question that was not prepared: asking elsewhere is an error. So is
asking for a word that no row can have, of a column that has codes (the name of a list is any).
"""

import re
from collections.abc import Iterator
from functools import cache

from sql.texts import (
    COMMENT,
    fact_names,
    fact_path,
    files_under,
    name_of,
    question_names,
    question_path,
    split_list,
    sql_files,
    sql_text,
    sql_words,
)
from transforms.errors import RuleError
from transforms.extracts.kinds import KINDS

LIMIT = re.compile(r"^-- limited to: (\w+) (?:in|of) \((.+)\)$", re.MULTILINE)
MACRO = re.compile(r"macro \w+\(([^)]*)\)")
COMPARED = r"\b({}) (?:=|<>|!=|in|not in) (\([^)]*\)|'[^']*')"
LITERAL = re.compile(r"'([^']*)'")
SOURCE = re.compile(r"\b(?:from|join) (\w+)")
PERSONS = "persons"
RULES = ("facts/", "questions/", "policies/")


@cache
def check_limits() -> None:
    """Hold every file of the rules against the limits of the facts that it asks.

    Raises:  RuleError naming the file, the fact and what is asked of it
    """
    for path in sorted(sql_files()):
        text = sql_text(path)
        for offence in (*words_unknown(path, text), *asked_elsewhere(path, text)):
            raise RuleError(offence)


def words_unknown(path: str, text: str) -> Iterator[str]:
    """Say which words a rule asks for, by comparison or of a question, that no row can have."""
    if not path.startswith(RULES):
        return
    code, known = COMMENT.sub("", text), words_of_columns()
    compared = re.finditer(COMPARED.format("|".join(known)), code)
    asked = [(at.start(), at[1], at[2]) for at in compared]
    for question in sorted(set(re.findall(r"\w+", code)) & set(question_names())):
        for start, handed in _calls(code, question):
            asked += [(start, name, argument) for name, argument in handed.items()]
    for start, name, literals in asked:
        column = name if name in known else name.removesuffix("s")
        for word in LITERAL.findall(literals) if column in known else ():
            if word not in known[column]:
                line = code.count("\n", 0, start) + 1
                words = ", ".join(sorted(known[column]))
                yield f"sql/{path}:{line}: {word} is no word of {column}: {words}"


def misfitting_lines(path: str, column: str) -> list[str]:
    """Return the lines on which a file hands another column to a question than it asks for."""
    code = COMMENT.sub("", sql_text(path))
    return sorted(
        {
            str(code.count("\n", 0, start) + 1)
            for question in sorted(sql_words(path) & set(question_names()))
            for start, handed in _calls(code, question)
            if column in handed and handed[column].rpartition(".")[2] != column
        }
    )


@cache
def words_of_columns() -> dict[str, frozenset[str]]:
    """Return the codes that rows can have, by column, of all kinds together."""
    found: dict[str, set[str]] = {}
    for kind in KINDS.values():
        for column in (column for column in kind.columns if column.codes):
            found.setdefault(column.name, set()).update(column.codes)
    # What is prolonged of a benefit is judged as support, too.
    found["support_type"] |= found["benefit_type"]
    return {column: frozenset(words) for column, words in found.items()}


def asked_elsewhere(path: str, text: str) -> Iterator[str]:
    """Say what a file asks of facts that they do not hold."""
    code = COMMENT.sub("", text)
    words = frozenset(re.findall(r"\w+", code))
    for fact, column, held in _limits_in(words):
        if column == PERSONS:
            if not (path.startswith("questions/") or _is_about(code, text, fact, held)):
                yield f"sql/{path} asks {fact} for persons in none of {', '.join(sorted(held))}"
            continue
        asked = set(_codes_compared(code, column)) if fact in words else set()
        for question in sorted(words & set(question_names())):
            if (fact, column, held) in _limits_in(frozenset([question])):
                asked |= _codes_handed(code, question, column)
        for code_asked in sorted(asked - held):
            yield f"sql/{path} asks {fact} for {column} {code_asked}, which it does not hold"


def _limits_in(words: frozenset[str]) -> list[tuple[str, str, frozenset[str]]]:
    """Return fact, column and codes of each limit of a fact that is named, or asked by question."""
    limits = []
    for fact in sorted(words & set(fact_names())):
        for column, codes in LIMIT.findall(sql_text(fact_path(fact))):
            limits.append((fact, column, frozenset(codes.split(", "))))
    for question in sorted(words & set(question_names())):
        limits += _limits_in(sql_words(question_path(question)) - {question})
    return limits


def _is_about(code: str, text: str, fact: str, held: frozenset[str]) -> bool:
    """Say whether rows come from persons held: by a source, or by the same limit in the header."""
    sources = set(SOURCE.findall(code)) & set(fact_names()) - {fact}
    under = (name_of(path) for source in sources for path in files_under(fact_path(source)))
    about = sources.union(under)
    return bool(about & held) or f"{PERSONS} of ({', '.join(sorted(held))})" in text


def _codes_compared(code: str, column: str) -> list[str]:
    compared = re.findall(rf"\b{column} (?:=|in) (\([^)]*\)|'[^']*')", code)
    return [literal for one in compared for literal in LITERAL.findall(one)]


def _codes_handed(code: str, question: str, column: str) -> set[str]:
    """Return the codes that the calls of a question hand over; `no literal` where there is none."""
    asked: set[str] = set()
    for _, handed in _calls(code, question):
        for name in handed.keys() & {column, f"{column}s"}:
            asked |= set(LITERAL.findall(handed[name])) or {"told by no literal"}
    return asked


def _calls(code: str, question: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Give where a file asks a question, and what it hands over by the question's own names."""
    (signature,) = MACRO.findall(sql_text(question_path(question)))
    names = [name.strip() for name in signature.split(",")]
    for found in re.finditer(rf"(?<!macro )\b{question}\(", code):
        # Too few or too many the database tells.
        yield found.start(), dict(zip(names, split_list(code[found.end() :]), strict=False))
