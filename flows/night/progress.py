"""Tell a person what is going on: a moving line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from flows.language import language, said
from transforms.words import word

Report = Callable[[str, int], None]
SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_TICKS = 0.2


@dataclass
class Progress:
    """Write progress to a stream (stderr unless told otherwise); it never touches stdout.

    On a terminal one line is rewritten in place; elsewhere a line is written at most every five
    seconds for a stage, and one at its end. `listener` is told each report, too.
    """

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    listener: Report = field(default=lambda _what, _rows: None)
    stage: str = ""
    rows: int = 0
    started: float = 0.0
    told: float = 0.0

    def report(self, what: str, rows: int) -> None:
        """Say that `what` goes on, `rows` rows done so far (0 where rows mean nothing)."""
        now = time.monotonic()
        self.listener(what, rows)
        if what != self.stage:
            self.end()
            self.stage, self.started, self.told = what, now, now
            if self._on_terminal():
                self._write(now)
        self.rows = rows
        wait = SECONDS_BETWEEN_TICKS if self._on_terminal() else SECONDS_BETWEEN_LINES
        if now - self.told >= wait:
            self.told = now
            self._write(now)

    def end(self) -> None:
        """Close the stage that is open, with its rows and its time."""
        if self.stage:
            self._write(time.monotonic(), last=True)
        self.stage, self.rows = "", 0

    def say(self, message: str) -> None:
        """Write one whole line."""
        self.end()
        self._put(f"{said(message)}\n")

    def _on_terminal(self) -> bool:
        return self.stream.isatty()

    def _write(self, now: float, last: bool = False) -> None:
        seconds = now - self.started
        text = f"{self.stage}: took {seconds:.1f} s"
        if self.rows:
            speed = int(self.rows / max(seconds, 0.001))
            text = f"{self.stage}: {self.rows:,} rows, {speed:,} rows/s, {seconds:.1f} s"
        done = word("night_done", language())
        if self._on_terminal():
            self._put(f"\r\x1b[2K  {said(text)}" + ("\n" if last else ""))
        else:
            self._put(f"  {said(text)} {f'({done})' if last else '…'}\n")

    def _put(self, text: str) -> None:
        # That nobody reads any more how it goes is no reason to stop a night.
        with suppress(OSError):
            self.stream.write(text)
            self.stream.flush()
