"""Folders for what need not outlive a command: each process its own, swept once it is gone."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SCRATCH = ".wuxing-scratch-"


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Give a folder of this process alone, gone afterwards; after a kill, the next one removes it.

    It lies in the folder asked for, so that what names persons never leaves the home; where that
    can't be written (an auditor's copy), in the system's place for such.
    """
    with suppress(OSError):
        beside.mkdir(exist_ok=True)
    # Whoever computes there may do so from another folder, where a relative path leads elsewhere.
    place = beside.absolute() if os.access(beside, os.W_OK) else Path(tempfile.gettempdir())
    sweep_scratch(place)
    folder, held = _made_scratch(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _made_scratch(place: Path) -> tuple[Path, int]:
    """Make a scratch folder and hold it; one that was swept before it was held is made again."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=place))
        with suppress(FileNotFoundError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_SH)
            if folder.is_dir():
                return folder, held
            os.close(held)


def sweep_scratch(place: Path) -> None:
    """Remove the scratch folders whose process is gone: its lock went with it."""
    for folder in place.glob(f"{SCRATCH}*/"):
        with suppress(OSError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(held)
