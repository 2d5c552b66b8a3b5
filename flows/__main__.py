"""`python -m flows` is the command `wuxing`."""

import os
import sys


def main() -> None:
    """Run the command; whoever stops it while it still loads is told so, too."""
    if sys.getfilesystemencoding() != "utf-8":
        _begin_anew_in_utf8()
    try:
        from flows.cli import main as command
    except KeyboardInterrupt:
        sys.stderr.write("wuxing: stopped before it began; nothing was changed\n")
        sys.exit(130)
    command()


def _begin_anew_in_utf8() -> None:
    """Take names of files as what they are, whatever the terminal's encoding; write in that."""
    os.environ["PYTHONUTF8"] = "1"
    os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding if sys.stdout else "utf-8")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()
