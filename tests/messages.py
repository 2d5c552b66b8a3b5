"""Every English text of the product that a person may read, found in its source.

`python -m tests.messages` prints those that transforms/messages.yaml has not, to be put there.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("flows", "transforms", "expectations", "sql", "data_samples")
# Their texts are no messages of a command: what they write has other readers.
OTHERS = {
    "data_samples/town/naming.py": "the cast of the sample town: a bug of it stops a build",
    "data_samples/town/planted.py": "the same",
    "data_samples/town/readme.py": "a page beside the sample town",
    "data_samples/town/scene_rows.py": "the same as naming.py",
    "data_samples/town/scenes.py": "the same",
    "expectations/suites.py": "files of the program itself, checked by its tests",
    "flows/cli/demonstration.py": "make run shows commands, and beside them what each one says",
    "sql/compared.py": "queries",
    "sql/parts.py": "queries",
    "transforms/audit/carry_readme.py": "a page in Chinese",
    "transforms/columns.py": "the same as kinds.py",
    "transforms/extracts/kinds.py": "kinds.yaml is read before the catalogue, which names them",
    "transforms/extracts/kinds_page.py": "a page of the documentation",
    "transforms/money/ledger_schema.py": "the tables of the ledger",
    "transforms/payments/pain001.py": "a file for a bank",
    "transforms/policies/policy_guide.py": "a page of the documentation",
    "transforms/sheets/rows.py": "XML of a workbook",
}
# Names, and pieces of queries.
NO_WORDS = {
    *("Noto Serif CJK SC", "Source Han Serif SC", "Noto Sans CJK SC", "演练 REHEARSAL"),
    *("no value:", "subject_id as {said}", "subject_id as 个人", "subject_id as 单位", "all said"),
    *("date '{as_of}'", "� end of file", "unsupported file format", "wuxing signing key"),
    *(
        "begin immediate",
        "{text} limit 1",
        "union all",
        "{text} order by entry_id",
        "union all by name",
    ),
    *("02:00 Asia/Shanghai", "describe policy_sentences", "describe {table}", "{name} is null"),
    *("* replace ({emptied})", "policy.{key} = outcome.{key2}", "policy.{key} = {only}.{key2}"),
    *("Mismatch Type Error:", "Out of Range Error:", "describe keyed_rows"),
    *("Catalog Error:", "Binder Error:", "Parser Error:", "Conversion Error:", "{name} covers"),
    *(
        "{table}: a fact that its card shows",
        "provision {name}: holds",
        "parameter {name}",
        "parameter {name}, value from {day}",
    ),
    *("HTTP {code}", "application/json; charset=utf-8", "errcode {code}", "extra =="),
    *("{size} GiB", "{size} MiB"),
    *("null::{sql_types} as {column}", "wuxing: {message}"),
    # Places on a card, in its own words.
    *(
        "policy {policy}",
        "policy {policy}: limit",
        "{persons} of ({held})",
        "told by no literal",
        "{where}: provision {name}",
        "{where}: rows of {kind}, months",
    ),
    *(f"{{where}}: rows of {{kind}}, {word}" for word in ("only", "by", "for")),
    *("{where}: needs, insurances", "{where}: needs, months"),
    *(f"{{where}}: {word}" for word in ("in_force", "kind", "list", "needs", "period", "reads")),
    *(f"{{where}}: {word}" for word in ("rows", "rows of", "rows of kind", "touches")),
    "{where}: support_types",
    *("sql/{path}: {broken}", "sql/{path}: {name}: {broken}", "sql/{path}{place}: {value}"),
    "Stack Trace:",
    "{no_value}parameter {name} has no value in force on",
}
QUERY = re.compile(
    r"\s*(select|create|drop table|insert into|alter table|set \w+ =|pragma|(case )?when|"
    r"where \w+ (=|\()|where exists|-- |with \w+ as|from \w+\s|order by|group by)|"
    r"(?s:.*)(\\|\[\^|\(\?|\^|</|<\w+ \w+=|\|n|\[0-9\])"
)
WORDS = re.compile(r"[A-Za-z]{2}")
# What stands around a sentence where several are put together.
AROUND = " ;,:"
COMMANDS = {"command", "callback"}


def placeholder(node: ast.expr) -> str:
    """Name what an expression stands for, as its last word does."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Subscript(value=inner) | ast.GeneratorExp(elt=inner) | ast.IfExp(body=inner):
            return placeholder(inner)
        case ast.Call(args=[inner, *_]) | ast.Call(func=ast.Attribute(value=inner)):
            return placeholder(inner)
        case ast.Call(func=inner) | ast.BinOp(left=inner):
            return placeholder(inner)
    return "value"


def template(node: ast.Constant | ast.JoinedStr) -> str:
    """Write a text with a name for each value, `{name}`, as the catalogue has it."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
        return text if re.search(r"\{[a-z_]+\}", text) else _escaped(text)
    text, seen = "", Counter[str]()
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            name = re.sub(r"\W", "_", placeholder(part.value)) or "value"
            seen[name] += 1
            text += f"{{{name}{seen[name] if seen[name] > 1 else ''}}}"
        elif isinstance(part, ast.Constant):
            text += _escaped(str(part.value))
    return text


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def messages() -> Iterator[tuple[str, str]]:
    """Find each text with its place, file:line."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name not in OTHERS:
                tree = ast.parse(path.read_text(encoding="utf-8"))
                for text, line in (*_sentences(tree), *_helps(tree)):
                    yield text.strip(AROUND), f"{name}:{line}"


def _sentences(tree: ast.Module) -> Iterator[tuple[str, int]]:
    left = set(_left_out(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in left:
            text = template(node)
            lines = [] if QUERY.match(text) else [line.strip() for line in text.split("\n")]
            yield from ((line, node.lineno) for line in lines if is_said(line))


def _helps(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Find what `--help` says: of options, and of commands by their docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for given in node.keywords:
                if given.arg == "help" and isinstance(given.value, ast.Constant):
                    yield _escaped(given.value.value), node.lineno
        elif isinstance(node, ast.FunctionDef) and any(map(_is_command, node.decorator_list)):
            for paragraph in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
                yield _escaped(" ".join(paragraph.split())), node.lineno


def _is_command(decorator: ast.expr) -> bool:
    match decorator:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=attr)):
            return attr in COMMANDS and owner.endswith("app")
    return False


def is_said(text: str) -> bool:
    """Tell sentences from keys, queries and patterns: they have words and a space between."""
    bare = re.sub(r"\{\w*\}", "", text)
    is_text = " " in text and text not in NO_WORDS and bool(WORDS.search(bare))
    return is_text and not QUERY.match(text)


def _left_out(tree: ast.Module) -> Iterator[ast.AST]:
    """Give the parts of texts, docstrings, keys of a mapping, and what only a bug says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                yield part
                if isinstance(part, ast.FormattedValue) and part.format_spec:
                    yield from ast.walk(part.format_spec)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "ContractError":
            yield from ast.walk(node)


def known(text: str) -> str:
    """Write a template as it is looked up: what its values are called does not matter."""
    return re.sub(r"\{\w*\}", "{}", text)


def missing() -> dict[str, tuple[str, str]]:
    """Find the texts that are in no catalogue, with the place of each."""
    from transforms.answers.messages import messages as catalogue

    there = {known(en) for en in catalogue()}
    found = {known(text): (text, place) for text, place in messages()}
    return {text: place for key, (text, place) in sorted(found.items()) if key not in there}


if __name__ == "__main__":
    for said, place in missing().items():
        print(f"  # {place}\n  - en: {said!r}\n    zh: ")
