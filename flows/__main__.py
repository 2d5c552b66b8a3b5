"""`python -m flows` is the command `wuxing`."""

import os
import sys
from contextlib import suppress

from transforms.errors import RuleError


def main() -> None:
    """Run the command; whoever stops it while it still loads is told so, too."""
    if sys.getfilesystemencoding() != "utf-8":
        _begin_anew_in_utf8()
    # Nothing here is reckoned by it, and it ends the process itself where memory is short.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from flows.cli import main as command
    except KeyboardInterrupt:
        _tell("stopped before it began; nothing was changed")
        sys.exit(130)
    except RuleError as miswritten:
        # The catalogue of messages names kinds of extract: it can't be loaded either.
        _tell(str(miswritten))
        sys.exit(miswritten.exit_code)
    except (MemoryError, OSError, ImportError) as denied:
        why = str(denied) or type(denied).__name__
        _tell(
            f"it can't be loaded here ({why}); nothing was changed; "
            "free memory or handles, or install it anew, and repeat"
        )
        sys.stderr.flush()
        os._exit(10)
    command()


def _tell(message: str) -> None:
    """Say it in the language asked for, as long as the catalogue can be loaded."""
    # What could not be loaded is no reason to be silent.
    with suppress(KeyboardInterrupt, MemoryError, OSError, ImportError, RuleError):
        from flows.language import said, speaking

        with speaking(sys.argv[1:], sys.stderr):
            message = said(message)
    sys.stderr.write(f"wuxing: {message}\n")


def _begin_anew_in_utf8() -> None:
    """Take names of files as what they are, whatever the terminal's encoding; write in that."""
    os.environ["PYTHONUTF8"] = "1"
    os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding if sys.stdout else "utf-8")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()
