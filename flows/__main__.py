"""`python -m flows` is the command `wuxing`."""

import os
import sys


def main() -> None:
    """Run the command; whoever stops it while it still loads is told so, too."""
    if sys.getfilesystemencoding() != "utf-8":
        _begin_anew_in_utf8()
    # Nothing here is reckoned by it, and it ends the process itself where memory is short.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from flows.cli import main as command
    except KeyboardInterrupt:
        sys.stderr.write("wuxing: stopped before it began; nothing was changed\n")
        sys.exit(130)
    except (MemoryError, OSError, ImportError) as denied:
        why = str(denied) or type(denied).__name__
        sys.stderr.write(
            f"wuxing: it can't be loaded here ({why}); nothing was changed; "
            "free memory or handles, or install it anew, and repeat\n"
        )
        sys.stderr.flush()
        os._exit(10)
    command()


def _begin_anew_in_utf8() -> None:
    """Take names of files as what they are, whatever the terminal's encoding; write in that."""
    os.environ["PYTHONUTF8"] = "1"
    os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding if sys.stdout else "utf-8")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()
