"""What every command shares: options, output as text or JSON, messages and exit codes."""

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from transforms.errors import UsageError, WuxingError

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="WUXING_HOME", help="Folder where everything is kept.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")
]
AsOfOption = Annotated[
    str, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day the run is for.")
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads to use (default: all cores).")
]
app = typer.Typer(
    name="wuxing",
    help="无形认证: find who is entitled to which subsidy, and draft the payment batches.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
batch_app = typer.Typer(help="Batches and their state.", no_args_is_help=True)
key_app = typer.Typer(help="Signing keys.", no_args_is_help=True)
app.add_typer(batch_app, name="batch")
app.add_typer(key_app, name="key")

DEFAULT_HOME = Path("home")
INTERRUPTED = 130


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


def show(content: Mapping[str, Any], as_json: bool, lines: list[str]) -> None:
    """Print a command's outcome: one JSON object, or lines a person reads."""
    if as_json:
        typer.echo(json.dumps(content, ensure_ascii=False, sort_keys=True, default=str))
    else:
        for line in lines:
            typer.echo(line)


def run_command(program: Callable[..., Any], arguments: list[str]) -> int:
    """Run a command line and return its exit code; never lets a traceback through."""
    try:
        outcome = program(args=arguments, standalone_mode=False, prog_name="wuxing")
    except WuxingError as stop:
        return _fail(str(stop), stop.exit_code, arguments)
    except typer.Abort:
        outcome = INTERRUPTED
    except typer.TyperException as wrong:
        context = getattr(wrong, "ctx", None)
        told = wrong.format_message().rstrip(".")
        # Without a word behind a group of commands, what is told is its help already.
        advice = f"; see `{context.command_path} --help`" if context and "\n" not in told else ""
        return _fail(told + advice, UsageError.exit_code, arguments)
    except Exception as bug:
        return _fail(describe_bug(bug), 1, arguments)
    if outcome == INTERRUPTED:
        return _fail("stopped by the keyboard; nothing half made was kept", INTERRUPTED, arguments)
    return outcome if isinstance(outcome, int) else 0


def describe_bug(bug: BaseException) -> str:
    """Say where the program broke without its data: type and place, never the message's values."""
    frames = traceback.extract_tb(bug.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    return (
        f"unexpected {type(bug).__name__} at {place}: this is a bug of wuxing, not of your data; "
        "please report this line together with the command and the output of `wuxing doctor`"
    )


def _fail(message: str, code: int, arguments: list[str]) -> int:
    sys.stderr.write(f"wuxing: {message}\n")
    if "--json" in arguments:
        typer.echo(
            json.dumps({"error": {"exit_code": code, "message": message}}, ensure_ascii=False)
        )
    return code
