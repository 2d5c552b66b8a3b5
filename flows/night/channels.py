"""The ways an alert goes out: a mail, a web hook, a command. A fault is a word, never a secret."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows.machine import where_broken
from flows.night.settings import AlertSettings, Command
from transforms.digest import text_digest

ROOT = Path(__file__).parent.parent.parent
# Of one sending, from its beginning to its end, whatever a server answers meanwhile.
SECONDS, COMMAND_SECONDS = 25, 60


@dataclass(frozen=True)
class Sending:
    """What became of a sending: why it reached nobody, nothing if it was sent; whom it missed."""

    fault: str = ""
    refused: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """Say what is to be mended; nothing if it reached everybody."""
        missed = ", ".join(self.refused)
        return f"it was taken, but not for {missed}" if missed else self.fault


def send(settings: AlertSettings, way: str, alert: Mapping[str, Any]) -> Sending:
    """Send an alert by one way; whatever goes wrong there is a fault of that way."""
    try:
        if way == "command" and settings.command:
            return _command(settings.command, alert)
        return _apart(way, asdict(getattr(settings, way)), alert)
    except subprocess.TimeoutExpired as slow:
        return Sending(f"it did not end within {slow.timeout:.0f} seconds")
    except (OSError, ValueError, subprocess.SubprocessError) as fault:
        return Sending(type(fault).__name__)
    except Exception as bug:
        return Sending(where_broken(bug))


def _apart(way: str, settings: Mapping[str, Any], alert: Mapping[str, Any]) -> Sending:
    """Send in a process of its own, which is ended when its time is up."""
    name = text_digest(f"{alert['home']} {alert['key']}")[:32]
    asked = {"way": way, "settings": settings, "alert": {**alert, "name": name}}
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "flows.night.sending"],
        input=json.dumps(asked).encode() + b"\n",
        timeout=SECONDS,
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    if ran.returncode:
        return Sending(f"exit code {ran.returncode}")
    told = json.loads(ran.stdout)
    return Sending(told["fault"], tuple(told["refused"]))


def _command(command: Command, alert: Mapping[str, Any]) -> Sending:
    # What it leaves running may hold its output open: only its exit code says that it is done.
    ran = subprocess.run(
        command.run,
        input=json.dumps(alert, ensure_ascii=False).encode(),
        timeout=COMMAND_SECONDS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return Sending(f"exit code {ran.returncode}" if ran.returncode else "")
