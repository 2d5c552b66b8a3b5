"""The command `wuxing`: every command, found in one place, and the way out."""

import gc
import io
import os
import sys
from contextlib import suppress

from flows.cli import answers as cli_answers
from flows.cli import audit as cli_audit
from flows.cli import backup as cli_backup
from flows.cli import batches as cli_batches
from flows.cli import checking as cli_checking
from flows.cli import keys as cli_keys
from flows.cli import money as cli_money
from flows.cli import persons as cli_persons
from flows.cli import policies as cli_policies
from flows.cli import recovery as cli_recovery
from flows.cli import run as cli_run
from flows.cli import status as cli_status
from flows.cli.console import Denied, app, run_command
from flows.cli.stopped import heed_signals
from flows.store import PRIVATE

COMMAND_MODULES = (
    *(cli_run, cli_keys, cli_batches, cli_money, cli_recovery),
    *(cli_policies, cli_answers, cli_audit, cli_checking),
    *(cli_persons, cli_status, cli_backup),
)


def command_names() -> list[str]:
    """Return every command as it is typed, groups included; the documentation names each."""
    groups = [("", app), *((f"{one.name} ", one.typer_instance) for one in app.registered_groups)]
    return sorted(
        f"{before}{entry.name or entry.callback.__name__}"
        for before, group in groups
        for entry in (group.registered_commands if group else [])
        if entry.callback
    )


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    heed_signals()
    # Pages, exports and samples name persons, wherever they are put: they are their owner's alone.
    os.umask(PRIVATE)
    # A terminal that can't show a character is shown its escape.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # The libraries' million objects stay: looking through them again and again costs a tenth.
    gc.set_threshold(100_000, 50, 1000)
    code = run_command(app, sys.argv[1:])
    if isinstance(code, Denied):
        _stop_prefect()
        # All is told. What was half loaded when memory ended may crash as it is taken apart.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)
    # Nor need they be looked through at the end.
    gc.freeze()
    sys.exit(code)


def _stop_prefect() -> None:
    """End the server that Prefect started for this process alone: it would outlive it."""
    prefect_server = sys.modules.get("prefect.server.api.server")
    if prefect_server:
        with suppress(Exception):
            prefect_server.SubprocessASGIServer().stop()
