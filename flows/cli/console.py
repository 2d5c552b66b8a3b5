"""What every command shares: options, output as text or JSON, messages and exit codes."""

import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.spoken import fitted, spoken
from flows.cli.stopped import (
    KEYBOARD,
    ignore_signals,
    on_the_way,
    stopped_code,
    stopped_words,
    what_stands,
)
from flows.language import OPTION, said, speaking
from flows.machine import denial, where_broken
from flows.midway import midway
from flows.store import Home, expect_home, hold_home
from transforms.amounts import grouped
from transforms.errors import DropRefusedError, MachineDeniedError, UsageError, WuxingError
from transforms.visible import holds_control, visible
from transforms.words import LANGUAGES


def _there(home: Path) -> Path:
    expect_home(Home(home))
    return home


HOME_WORDS: dict[str, Any] = {"envvar": "WUXING_HOME", "help": "Folder where everything is kept."}
HomeOption = Annotated[Path, typer.Option("--home", callback=_there, **HOME_WORDS)]
# Of a command that makes a home, or needs none.
AnyHomeOption = Annotated[Path, typer.Option("--home", **HOME_WORDS)]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")
]
AsOfOption = Annotated[
    str, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day the run is for.")
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, max=1024, help="Threads (default: all cores, in a small town one)."
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option("--memory-limit", help="Most memory for the rules, e.g. 4GB; default: 2GB."),
]
PartsOption = Annotated[
    int | None,
    typer.Option("--parts", min=1, max=16, help="Parts to cut the town into (default: by size)."),
]
ExecutorOption = Annotated[
    str,
    typer.Option("--executor", metavar="WHERE", help="Who makes parts: local, dask[:ADDRESS]."),
]


class Denied(int):
    """The exit code of what the machine denied, told apart from a drop's refusal: both are 10."""


app = typer.Typer(
    name="wuxing",
    help="无形认证: find who is entitled to which subsidy, and draft the payment batches.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
batch_app = typer.Typer(help="Batches and their state.", no_args_is_help=True)
key_app = typer.Typer(help="Signing keys.", no_args_is_help=True)
ledger_app = typer.Typer(help="Balances and entries.", invoke_without_command=True)
app.add_typer(ledger_app, name="ledger")
home_app = typer.Typer(help="Where a home is.", no_args_is_help=True)
app.add_typer(home_app, name="home")
app.add_typer(batch_app, name="batch")
recovery_app = typer.Typer(help="Money that is asked back.", no_args_is_help=True)
app.add_typer(recovery_app, name="recovery")
app.add_typer(key_app, name="key")

DEFAULT_HOME = Path("home")
PASSPHRASE_VARIABLE = "WUXING_PASSPHRASE"


def _say_version(asked: bool) -> None:
    if asked:
        from flows.program import version_line

        typer.echo(said(version_line()))
        raise typer.Exit


def _known_language(asked: str | None) -> str | None:
    if asked not in (None, *LANGUAGES):
        raise UsageError(f"{OPTION} takes zh or en; found {asked!r}")
    return asked


@app.callback()
def program(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_say_version, help="Version, commit, code digest."
        ),
    ] = False,
    _language: Annotated[
        str | None,
        typer.Option(
            OPTION,
            metavar="zh|en",
            callback=_known_language,
            help="The language of help and messages (default: as LANG says).",
        ),
    ] = None,
) -> None:
    """无形认证: find who is entitled to which subsidy, and draft the payment batches."""


def made_home(home: Path) -> Home:
    """Return a home that `wuxing init` has made.

    Raises:  DropRefusedError if it has no ledger
    """
    place = Home(home)
    if not place.ledger_path.is_file():
        raise DropRefusedError(f"{home} is no home: check --home; `wuxing init` makes one")
    return place


def read_day(text: str) -> date:
    """Read a day written YYYY-MM-DD.

    Raises:  UsageError that shows what was given
    """
    try:
        return date.fromisoformat(text)
    except ValueError as unreadable:
        raise UsageError(
            f"--as-of takes a day written YYYY-MM-DD, for example 2020-03-31; found {text!r}"
        ) from unreadable


def ask_passphrase(confirm: bool, who: str = "") -> str:
    """Take a passphrase from the environment, else ask for it without showing it.

    WUXING_PASSPHRASE is everybody's; WUXING_PASSPHRASE_HR and _FINANCE are the heads' own.
    """
    own = f"{PASSPHRASE_VARIABLE}_{who}" if who else PASSPHRASE_VARIABLE
    given = os.environ.get(own, os.environ.get(PASSPHRASE_VARIABLE))
    if given is not None:
        return given
    asking = f"passphrase ({who})" if who else "passphrase"
    try:
        # Without a terminal getpass warns in a line of Python's own source.
        with warnings.catch_warnings(action="ignore"):
            asked = typer.prompt(
                said(asking), hide_input=True, confirmation_prompt=confirm, err=True
            )
    except typer.Abort as nobody:
        raise UsageError(f"no passphrase was given: run on a terminal, or set {own}") from nobody
    return str(asked)


def read_memory(text: str | None) -> str | None:
    """Read an amount of memory, a number with its unit.

    Raises:  UsageError that shows what was given
    """
    from flows.night.settings import MEMORY

    if text is not None and not re.fullmatch(MEMORY, text):
        raise UsageError(f"--memory-limit takes for example 4GB or 500MB; found {text!r}")
    return text


def show(content: Mapping[str, Any], as_json: bool, lines: list[str]) -> None:
    """Print a command's outcome: one JSON object, or lines a person reads."""
    told = [as_text(content)] if as_json else [visible(grouped(said(line))) for line in lines]
    if not as_json and sys.stdout and sys.stdout.isatty():
        told = [fitted(line, shutil.get_terminal_size().columns) for line in told]
    try:
        _print(*told)
    except OSError as full:
        raise MachineDeniedError(
            f"the command did its work, but what it tells can't be written: {full.strerror}"
        ) from full


def as_text(content: Mapping[str, Any]) -> str:
    """Write a JSON object in one line; where a terminal would stumble over it, in ASCII."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
    return json.dumps(json.loads(text), sort_keys=True) if holds_control(text) else text


def _print(*lines: str) -> None:
    """Write lines to stdout, whole; where it takes no more, nothing is left to be written."""
    try:
        for line in lines:
            typer.echo(line)
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


@contextmanager
def changing(home: Home) -> Iterator[None]:
    """Hold a home for a change of its batches; afterwards its index page says how they stand."""
    from flows.answers.nights import write_index

    with hold_home(home):
        yield
        # The page is no record: a disk that is full now is no reason to call the change undone.
        with suppress(OSError):
            write_index(home)


def run_command(program: Callable[..., Any], arguments: list[str]) -> int:
    """Run a command line and return its exit code; never lets a traceback through."""
    with on_the_way(), speaking(arguments, sys.stdout, sys.stderr):
        try:
            if isinstance(program, typer.Typer):
                program = spoken(program)
            outcome = program(args=arguments, standalone_mode=False, prog_name="wuxing")
            # So typer hands on what the keyboard stopped.
            if outcome == KEYBOARD:
                raise KeyboardInterrupt
        # A panic of a library is no Exception, and what it makes of a signal may be any.
        except BaseException as stop:
            ignore_signals()
            return _fail(*_told(stop), arguments)
    return outcome if isinstance(outcome, int) else 0


def _told(stop: BaseException) -> tuple[str, int]:
    """Say what ended a command, and its exit code."""
    if midway().stopped_by or isinstance(stop, KeyboardInterrupt | typer.Abort):
        return stopped_words(), stopped_code()
    if isinstance(stop, typer.TyperException):
        context = getattr(stop, "ctx", None)
        why = stop.format_message().rstrip(".")
        # Without a word behind a group of commands, what is told is its help already.
        advice = f"; see `{context.command_path} --help`" if context and "\n" not in why else ""
        return why + advice, UsageError.exit_code
    denied, place = denial(stop)
    if denied:
        told = (
            f"{denied}: {what_stands()}; free space, memory or handles, give the rules more memory "
            "(--memory-limit, or memory in wuxing.toml), or get the right to write there, and "
            "repeat the command"
        )
        return f"{place}: {told}" if place else told, Denied(MachineDeniedError.exit_code)
    if isinstance(stop, MachineDeniedError):
        return str(stop), Denied(stop.exit_code)
    if isinstance(stop, WuxingError):
        return str(stop), stop.exit_code
    return describe_bug(stop), 1


def describe_bug(bug: BaseException) -> str:
    """Say where the program broke without its data: type and place, never the message's values."""
    return (
        f"{where_broken(bug)}: this is a bug of wuxing, not of your data; "
        "please report this line together with the command and the output of `wuxing doctor`"
    )


def _fail(message: str, code: int, arguments: list[str]) -> int:
    with suppress(OSError):
        typer.echo(f"wuxing: {visible(grouped(_worded(message)))}", err=True)
    if "--json" in arguments:
        told = {"error": {"exit_code": code, "message": message}}
        with suppress(OSError):
            _print(as_text(told))
    return code


def _worded(message: str) -> str:
    """Say it in the language asked for; where memory or disk deny the catalogue, in English."""
    try:
        return said(message)
    except (OSError, MemoryError):
        return message
