"""The house rules as tests: a rule that can't fail a build is not a rule."""

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import yaml

from transforms.extracts.kinds import COLUMNS

ROOT = Path(__file__).parent.parent
CORE = ("transforms", "sql", "expectations")
PACKAGES = ("flows", "data_samples", *CORE)
PYTHON_FILES = sorted(
    p for package in (*PACKAGES, "tests", "bench") for p in (ROOT / package).rglob("*.py")
)
PRODUCT_FILES = [path for path in PYTHON_FILES if path.relative_to(ROOT).parts[0] in PACKAGES]
CORE_FILES = [path for path in PYTHON_FILES if path.relative_to(ROOT).parts[0] in CORE]
SQL_FILES = sorted(p for folder in ("sql", "expectations") for p in (ROOT / folder).rglob("*.sql"))
POLICY_FILES = sorted((ROOT / "sql" / "policies").glob("*.sql"))
CARDS = [path.with_suffix(".yaml") for path in POLICY_FILES]

MAY_IMPORT = {
    "flows": {"flows", "data_samples", "transforms", "sql", "expectations"},
    "data_samples": {"data_samples", "transforms", "sql"},
    "expectations": {"expectations", "transforms"},
    "sql": {"sql", "transforms"},
    "transforms": {"transforms"},
}
ONLY_IMPORTER = {
    "duckdb": ("sql/__init__.py",),
    "sqlite3": ("flows/money/ledger_store.py",),
    "great_expectations": ("expectations/gate.py",),
    # What need not last lies in the home, and is swept.
    "tempfile": ("flows/scratch.py", "flows/store.py", "flows/ingest/drop.py"),
    "typst": ("flows/typeset.py",),
    "prefect": (
        "flows/night/nightly.py",
        "flows/night/in_prefect.py",
        "flows/night/automations.py",
        "flows/audit/scheduled.py",
    ),
}
CLOCKS_AND_CHANCE = {"time", "datetime.now", "random", "uuid", "os", "socket", "secrets"}
BAD_NAMES = {"utils", "helpers", "common", "manager", "misc"}
BANNED_SQL = {
    r"\bany_value\s*\(": "any_value picks a row by chance",
    r"\bfirst\s*\(": "first() picks a row by chance",
    r"\brandom\s*\(": "chance",
    r"\bnow\s*\(|current_date|current_timestamp|\btoday\s*\(": "a clock",
    r"\bnot\s+in\s*\(\s*select": "not in (subquery) is never true beside a null",
    r"::\s*(double|float|real)\b|\bcast\s*\([^)]*as\s+(double|float|real)\)": "a float",
    r"\bavg\s*\(": "avg is a DOUBLE",
    r"\{\{|\{%": "a template",
}


# A room imports only rooms that stand before it; what lies beside the rooms imports none.
ROOMS = {
    "flows": ["ingest", "money", "inbox", "backup", "answers", "night", "audit", "cli"],
    "transforms": [
        "extracts",
        "policies",
        "money",
        "sheets",
        "payments",
        "answers",
        "review",
        "audit",
    ],
}
CHANGING = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem"}
CHANGING |= {"remove", "setdefault", "sort", "update"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


def module_of(path: Path) -> str:
    """Name a module as an import does; a package is named by its folder."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def names_imported(text: str) -> set[str]:
    """Return all that a text may mean by its imports: `from a import b` is `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def room_of(module: str) -> tuple[str, str]:
    """Return package and room; what lies beside the rooms is in the room without a name."""
    package, *rest = module.split(".")
    return package, rest[0] if rest and (ROOT / package / rest[0]).is_dir() else ""


def arrows_backwards(modules: Mapping[str, str]) -> list[str]:
    """List the imports that point to a room which does not stand before the importing one."""
    wrong = []
    for module, text in modules.items():
        package, room = room_of(module)
        if package not in ROOMS or module == f"{package}.__main__":
            continue
        places = ["", *ROOMS[package]]
        assert room in places, f"{module}: say in ROOMS where its room stands"
        for other in sorted(names_imported(text)):
            their_package, their_room = room_of(other)
            if their_package == package and their_room not in places[: places.index(room) + 1]:
                wrong.append(f"{module} imports {other}")
    return wrong


def untested(modules: Mapping[str, str], tests: Iterable[str]) -> list[str]:
    """List the modules without a test: no test imports them, nor a tested one of their own room.

    A module with examples in its docstrings is a test of itself; one that only says what its
    folder is has nothing to test.
    """
    named = set[str]().union(*(names_imported(text) for text in tests))
    reached = {
        name
        for name, text in modules.items()
        if name in named or ">>> " in text or _says_nothing(text)
    }
    waiting = list(reached)
    while waiting:
        name = waiting.pop()
        for other in names_imported(modules[name]) & modules.keys() - reached:
            if room_of(other) == room_of(name):
                reached.add(other)
                waiting.append(other)
    return sorted(modules.keys() - reached)


def _says_nothing(text: str) -> bool:
    return all(isinstance(node, ast.Expr) for node in ast.parse(text).body)


def module_level_changes(text: str) -> list[str]:
    """List where something at the level of the module is changed after it was made."""
    tree = ast.parse(text)
    targets = [
        target
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    made = {target.id for target in targets if isinstance(target, ast.Name)}
    found = []
    for node in ast.walk(tree):
        changed: ast.expr | None = None
        if isinstance(node, ast.Global):
            found.append(f"line {node.lineno}: global {', '.join(node.names)}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changed = node.func.value if node.func.attr in CHANGING else None
        elif isinstance(node, ast.Subscript | ast.Attribute):
            changed = None if isinstance(node.ctx, ast.Load) else node.value
        if isinstance(changed, ast.Name) and changed.id in made:
            found.append(f"line {node.lineno}: {changed.id}")
    return found


MODULES = {module_of(path): path.read_text(encoding="utf-8") for path in PRODUCT_FILES}
TESTS = [p.read_text(encoding="utf-8") for p in PYTHON_FILES if relative(p).startswith("tests/")]


def sql_without_comments(path: Path) -> str:
    return re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8")).lower()


@pytest.mark.parametrize("path", PRODUCT_FILES, ids=relative)
def test_modules_and_functions_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300, "split it: a module has at most 300 lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= 50, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", PRODUCT_FILES, ids=relative)
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    for module in imported_modules(path):
        top = module.split(".")[0]
        if top in PACKAGES:
            assert top in MAY_IMPORT[package], f"{package} may not import {module}"
        if top in ONLY_IMPORTER:
            assert relative(path) in ONLY_IMPORTER[top], f"only {ONLY_IMPORTER[top]} imports {top}"


def test_rooms_form_no_circle() -> None:
    assert not arrows_backwards(MODULES)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("flows.answers.planted", "from flows.night.determine import Determined"),
        ("flows.store", "from flows.money import batch"),
        ("transforms.money.planted", "import transforms.payments.profile"),
    ],
)
def test_a_planted_arrow_backwards_is_noticed(module: str, line: str) -> None:
    assert arrows_backwards({module: line})
    assert not arrows_backwards({"flows.cli.planted": line, "flows.__main__": line})


def test_every_module_has_a_test_that_imports_it() -> None:
    assert not untested(MODULES, TESTS)


def test_a_planted_module_without_a_test_is_noticed() -> None:
    user = MODULES["flows.money.batch"] + "\nimport transforms.money.planted, flows.money.beside\n"
    planted = {"transforms.money.planted": "x = 1", "flows.money.beside": "x = 1"}
    assert untested({**MODULES, "flows.money.batch": user, **planted}, TESTS) == [
        "transforms.money.planted"
    ]


@pytest.mark.parametrize("path", PRODUCT_FILES, ids=relative)
def test_nothing_at_module_level_changes(path: Path) -> None:
    assert not module_level_changes(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "use",
    [
        *("KEPT.append(1)", "KEPT['a'] = 1", "del KEPT[0]", "KEPT[0] += 1", "KEPT.x = 1"),
        *("def f():\n    global KEPT", "def f():\n    KEPT.update(a=1)"),
    ],
)
def test_a_planted_change_at_module_level_is_noticed(use: str) -> None:
    for made in ("KEPT = []", "KEPT: list[int] = []", "KEPT = make()"):
        assert module_level_changes(f"{made}\n{use}\n"), use
    assert not module_level_changes("KEPT = {}\nx = KEPT['a'], KEPT.get('b'), KEPT.x\n")


@pytest.mark.parametrize("path", CORE_FILES, ids=relative)
def test_core_has_no_clock_and_no_chance(path: Path) -> None:
    assert not imported_modules(path) & CLOCKS_AND_CHANCE
    assert not re.search(r"\.(now|today|utcnow)\(", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_names_say_something(path: Path) -> None:
    assert path.stem not in BAD_NAMES
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert not node.name.startswith(("process_", "handle_")), node.name
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            assert node.id not in {"df", "data", "result", "tmp"}, f"{node.id}, line {node.lineno}"


@pytest.mark.parametrize("path", SQL_FILES, ids=relative)
def test_sql_is_small_and_keeps_the_bans(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150, "split it: a SQL file has at most 150 lines"
    assert all(len(line) <= 100 for line in lines), "a line is over 100 columns"
    text = sql_without_comments(path)
    for pattern, why in BANNED_SQL.items():
        assert not re.search(pattern, text), why


@pytest.mark.parametrize("path", POLICY_FILES, ids=relative)
def test_policy_is_three_files_and_says_its_universe(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("-- universe: ")
    assert path.with_suffix(".yaml").is_file()
    assert (ROOT / "tests" / "rules" / f"{path.stem}.yaml").is_file()


def test_law_that_is_no_policy_is_the_exclusions_and_the_annex() -> None:
    lone = {path for path in (ROOT / "sql" / "policies").glob("*.yaml")} - set(CARDS)
    assert {path.stem for path in lone} == {"exclusions", "annex"}


@pytest.mark.parametrize("path", CARDS, ids=relative)
def test_parameters_have_unit_source_and_confirmation(path: Path) -> None:
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert card["policy"] == path.stem
    for name, parameter in card.get("parameters", {}).items():
        assert parameter["unit"], name
        for value in parameter["values"]:
            assert {"from", "value", "source", "confirmed"} <= set(value), name


@pytest.mark.parametrize("path", CARDS, ids=relative)
def test_every_provision_is_in_sql_and_failed_by_a_case(path: Path) -> None:
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    sql = sql_without_comments(path.with_suffix(".sql"))
    cases = (ROOT / "tests" / "rules" / path.name).read_text(encoding="utf-8")
    for provision, entry in card["provisions"].items():
        counted = "limit" in entry and re.search(r"\bas turn\b", sql)
        assert counted or re.search(rf"\b{provision}\b", sql), provision
        assert provision in cases, f"no golden case names {provision}"
        assert entry["clause"], provision


def test_every_kind_uses_columns_of_the_dictionary() -> None:
    for name, column in COLUMNS.items():
        assert name == column.name and column.meaning
        assert not name.endswith("_fen") or column.unit == "fen"


def test_every_command_is_documented() -> None:
    from flows.cli import command_names

    readme = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for command in command_names():
        assert f"`wuxing {command}" in readme, f"wuxing {command} is not in docs/commands.md"


def words_of_make(text: str) -> set[str]:
    """Return what a page tells its reader to make: between back ticks, or in a block of code."""
    blocks = "\n".join(re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE))
    word = r"make ([a-z][a-z0-9-]*)"
    return set(re.findall(f"`{word}", text)) | set(re.findall(rf"\b{word}", blocks))


def without_rule(words: set[str], makefile: str) -> list[str]:
    return sorted(word for word in words if not re.search(rf"^{word}:.*\n+\t", makefile, re.M))


def test_every_make_that_the_pages_name_has_a_rule() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {word for page in pages for word in words_of_make(page.read_text(encoding="utf-8"))}
    phony = set(" ".join(re.findall(r"^\.PHONY:(.*)$", makefile, re.M)).split())
    assert {"run", "test", "fuzz", "wheelhouse"} <= named
    # These two run nothing but what they need.
    assert not without_rule((named | phony) - {"test", "check"}, makefile)


def test_a_planted_make_without_a_rule_is_noticed() -> None:
    page = "Run `make lost-2` or\n```sh\ncd x && make astray\n```\nmake it so."
    assert words_of_make(page) == {"lost-2", "astray"}
    makefile = ".PHONY: lost-2 astray\nastray: here\n\tdo\nlost-2-too:\n\tdo\n"
    assert without_rule({"lost-2", "astray"}, makefile) == ["lost-2"]


def test_nothing_is_skipped_or_waved_through() -> None:
    for path in [*PYTHON_FILES, ROOT / "Makefile", ROOT / ".ci" / "run"]:
        if path.name == "test_tidy.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert "|| true" not in text, relative(path)
        assert not re.search(r"mark\.(skip|xfail)|pytest\.skip\(", text), relative(path)
        assert "TODO" not in text and "FIXME" not in text, relative(path)


def test_no_committed_file_names_a_registry() -> None:
    registry = "pypi" + ".org"
    for path in [ROOT / "requirements.lock", ROOT / "pyproject.toml", ROOT / "Makefile"]:
        assert registry not in path.read_text(encoding="utf-8")
