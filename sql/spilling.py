"""Where a database spills what does not fit into memory: a folder that no other one has."""

from contextlib import suppress
from itertools import count
from pathlib import Path


def claimed_in(folder: Path) -> Path:
    """Make a folder in another, for one database alone, whoever else asks at the same time.

    Files of two databases have the same names: in one folder each would read the other's for its
    own, and nobody would notice.
    """
    for number in count():
        with suppress(FileExistsError):
            (mine := folder / f"spill-{number}").mkdir(mode=0o700, parents=True)
            return mine
    raise AssertionError
