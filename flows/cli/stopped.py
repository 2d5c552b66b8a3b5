"""Stopped by keyboard or signal, or denied something: how it is noticed, what is said to stand."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flows.midway import MIDWAY, Midway, midway
from flows.store import Home

BY = {signal.SIGINT: "the keyboard", signal.SIGTERM: "SIGTERM"}
# What a shell calls a process that a signal ended.
ENDED_BY_SIGNAL = 128
KEYBOARD = ENDED_BY_SIGNAL + signal.SIGINT
AGAIN = "the same command again goes on from there and makes nothing twice"


class StoppedBySignal(KeyboardInterrupt):
    """Unwinds what goes on; Python gives the exit code of the plain one away on some ways out."""


@contextmanager
def on_the_way() -> Iterator[None]:
    """Keep account of one command, so that it can say what stands if it is stopped."""
    kept = MIDWAY.set(Midway())
    try:
        yield
    finally:
        MIDWAY.reset(kept)


def heed_signals() -> None:
    """Let both signals stop the program alike: it cleans up, says what stands, and leaves."""
    for number in BY:
        # A shell lets its background jobs ignore the keyboard.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def ignore_signals() -> None:
    """Let nobody stop what is only a few words more."""
    for number in BY:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_IGN)


def _stop(number: int, _frame: FrameType | None) -> None:
    midway().stopped_by = number
    raise StoppedBySignal


def stopped_code() -> int:
    """Return the exit code of a command that was stopped."""
    return ENDED_BY_SIGNAL + (midway().stopped_by or signal.SIGINT)


def stopped_words() -> str:
    """Say by whom the command was stopped, at what, what stands, and what to do."""
    by = BY[signal.Signals(midway().stopped_by or signal.SIGINT)]
    *done, last = midway().stages or [""]
    said = [f"stopped by {by} during stage {last}" if last else f"stopped by {by}"]
    said += [f"finished before: {', '.join(done)}"] if done else []
    return "; ".join([*said, what_stands(), AGAIN])


def what_stands() -> str:
    """Read from the home what the command finished and kept, and what it did not come to."""
    try:
        posted = _posted()
        stands = [*midway().new(), *(f"in the ledger: {one}" for one in posted)]
    except Exception:
        return "what stands could not be read: `wuxing verify` says whether the home is whole"
    said = f"nothing was changed but this, which stands: {'; '.join(stands)}"
    if midway().stages and not any(one.startswith("run_recorded") for one in posted):
        stands_not = "no run was recorded and no batch drafted"
        return f"{said}; {stands_not}" if stands else f"nothing was changed, {stands_not}"
    return said if stands else "nothing was changed"


def _posted() -> list[str]:
    """Name what this command posted in the ledger; of a release also where its files are not."""
    from flows.money.ledger_store import open_ledger
    from flows.money.release import files_there

    root, position = midway().root, midway().position
    if root is None or position is None:
        return []
    home = Home(root)
    with open_ledger(home, only_look=True) as ledger:
        found = []
        for posting in ledger.postings(after=position):
            about = f"{posting.kind} {posting.batch_id or posting.subject}".strip()
            if posting.kind == "released":
                state = ledger.batch_states()[posting.batch_id]
                there = files_there(home, state)
                about += "" if there else " (its payment files are not in place yet)"
            found.append(about)
    return found
