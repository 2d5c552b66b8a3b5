"""YAML of the program's own files, read strictly: no word twice, no truth value but true and false.

Read in C, as YAML 1.2 has it: `on`, `yes` and `no` are words. Which keys a table may have is said
here for all files that people write.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

import yaml

from transforms.errors import RuleError


class StrictLoader(yaml.CSafeLoader):
    """Refuses what a mapping says twice: else the later is taken, and the first is lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a mapping, naming the line of what can't be one."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise RuleError(f"line {key.start_mark.line + 1}: {key.value} stands twice")
            seen.add(key.value)
        try:
            return super().construct_mapping(node, deep)
        except ValueError as broken:
            raise RuleError(f"line {node.start_mark.line + 1}: {broken}") from broken


StrictLoader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:bool" or letter in "tTfF"
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str) -> Any:
    """Read a file of the program.

    Raises:  RuleError if a word stands twice in one mapping, or it is no YAML
    """
    try:
        return yaml.load(text, StrictLoader)
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark
        raise RuleError(f"line {mark.line + 1 if mark else '?'}: {broken.problem}") from broken


def check_words(entry: Any, must: Collection[str], may: Collection[str], where: str) -> None:
    """Hold an entry to the words it must have and may have.

    Raises:  RuleError naming those it lacks, or that nobody reads
    """
    if not isinstance(entry, Mapping):
        raise RuleError(f"{where}: not words with values, but {entry!r}")
    check_known(entry, {*must, *may}, where)
    if missing := sorted(set(must) - set(entry)):
        raise RuleError(f"{where}: {', '.join(missing)} is missing")


def check_known(words: Any, known: Collection[Any], where: str) -> None:
    """Hold words to those that are known.

    Raises:  RuleError naming the others
    """
    listed = words if isinstance(words, list | tuple | Mapping) else [words]
    if unknown := sorted({str(word) for word in listed if word not in known}):
        raise RuleError(f"{where}: {', '.join(unknown)} is not known here")


def odd_keys(
    content: Mapping[str, Any], known: Collection[str], may_have: Collection[str] = ()
) -> str:
    """Say which keys of a table nobody knows, and which are missing; nothing if it is whole.

    They stand in backticks: what is to be typed is the same in every language.

    >>> odd_keys({"runs": 1}, ["run"]), odd_keys({"run": 1}, ["run"])
    ('unknown `runs`; missing `run`', '')
    """
    unknown = sorted(set(content) - {*known, *may_have})
    missing = sorted(set(known) - set(content))
    said = [f"unknown {in_backticks(unknown)}"] if unknown else []
    return "; ".join([*said, *([f"missing {in_backticks(missing)}"] if missing else [])])


def in_backticks(keys: Iterable[str]) -> str:
    """List keys as they are to be typed.

    >>> in_backticks(["night", "alerts"])
    '`night`, `alerts`'
    """
    return ", ".join(f"`{key}`" for key in keys)
