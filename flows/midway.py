"""What a command is doing, so that it can say what stands when it is stopped midway."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Midway:
    """A command on its way: the home that it holds, and what stood there when it began.

    `position`: the ledger's before this command first added to it; `stages`: those that it began.
    """

    root: Path | None = None
    folders: tuple[Path, ...] = ()
    before: frozenset[Path] = frozenset()
    position: int | None = None
    stages: list[str] = field(default_factory=list)
    stopped_by: int = 0

    def begin(self, root: Path, *folders: Path) -> None:
        """Note what stands in folders of a home; what will stand there later is new."""
        self.root, self.folders = root, folders
        self.before = frozenset(self._standing())

    def new(self) -> list[str]:
        """Name what stands there since, relative to the home."""
        root, made = self.root, self._standing() - self.before
        return sorted(path.relative_to(root).as_posix() for path in made) if root else []

    def _standing(self) -> set[Path]:
        # What begins with a dot is half made.
        return {path for folder in self.folders for path in folder.glob("[!.]*")}


MIDWAY: ContextVar[Midway] = ContextVar("midway")


def midway() -> Midway:
    """Return what is known of this process's command; outside of one, something to be forgotten."""
    return MIDWAY.get(Midway())
