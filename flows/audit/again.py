"""A night computed again, in a scratch place, by a process of its own; nothing live is touched.

The scratch place is a home: snapshots are links, the ledger is the prefix of the chain that the
night saw, the batches are those of then without their payment files. Beside it lies the program of
today with the texts that are to decide.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePath
from typing import Any

from flows.money.evidence import open_run
from flows.money.ledger_store import books_of, open_ledger, write_prefix
from flows.night.made_by import funds_texts, is_of_funds
from flows.program import PACKAGES, ROOT, decides, deciding_texts
from flows.store import MANIFEST, PRIVATE, Home, read_inputs, read_manifest
from sql import only_asks
from sql.confined import WITHIN
from transforms.errors import (
    DigestDiffersError,
    DropRefusedError,
    GateStoppedError,
    RuleError,
    WuxingError,
)

HOME, CODE = "home", "code"
FAULTS = (WuxingError.exit_code, RuleError.exit_code)


@dataclass(frozen=True)
class Night:
    """What one run was computed from: its manifest, the texts that decided, the ledger's prefix."""

    home: Home
    manifest: Mapping[str, Any]
    texts: Mapping[str, str] = field(repr=False)
    funds: Mapping[str, str] = field(repr=False)
    position: int

    @property
    def run_id(self) -> str:
        """Return the run's id."""
        return str(self.manifest["run_id"])

    @property
    def as_of(self) -> date:
        """Return the day that it is of."""
        return date.fromisoformat(str(self.manifest["as_of"]))

    @property
    def snapshot(self) -> Path:
        """Return the snapshot's folder."""
        return self.home.snapshots / str(self.manifest["snapshot_id"])


def read_night(home: Home, run_id: str) -> Night:
    """Read what a recorded run was computed from.

    Holds:   a run of before texts were kept is given those of today; every file of the run and of
             its snapshot is as recorded
    Raises:  DropRefusedError if there is no such run; DigestDiffersError if its record is damaged
    """
    # What computes again does so in another place, where a relative path leads elsewhere.
    home = Home(home.root.resolve())
    manifest = read_manifest(home.runs / run_id, "run")
    with open_ledger(home, only_look=True) as ledger:
        recorded = [
            posting.sequence
            for posting in ledger.postings()
            if posting.kind == "run_recorded" and posting.subject == run_id
        ]
        night = open_run(home, run_id, ledger.books())
    night.opened(night.digests)
    made_by = manifest.get("made_by")
    if made_by is None:
        return Night(home, manifest, deciding_texts(), funds_texts(home), recorded[0] - 1)
    inputs = read_inputs(home, made_by["inputs"])
    return Night(home, manifest, inputs["texts"], inputs["funds"], recorded[0] - 1)


def stage_home(night: Night, scratch: Path) -> Home:
    """Make the scratch home of a night: its ledger, its funds, links to its snapshots."""
    place = Home(scratch / HOME)
    place.snapshots.mkdir(parents=True)
    place.batches.mkdir()
    with open_ledger(night.home, only_look=True) as ledger:
        write_prefix(ledger, night.position, place.ledger_path)
    write_texts(night.funds, place.root, is_of_funds)
    if night.manifest.get("matching"):
        text = f"[matching]\ncandidates={json.dumps(night.manifest['matching'])}\n"
        place.settings_path.write_text(text, encoding="utf-8")
    for snapshot in sorted(night.home.snapshots.iterdir()):
        (place.snapshots / snapshot.name).symlink_to(snapshot.resolve())
    books = books_of(place)
    for batch_id in books.batches:
        _link_batch(night.home.batches, place.batches, batch_id)
    place.runs.mkdir()
    for run_id in books.runs:
        stored = night.home.runs / run_id
        # A carried night brings only those whose payments it nets against.
        if stored.is_dir():
            (place.runs / _named(run_id)).symlink_to(stored.resolve())
    return place


def _link_batch(batches: Path, target: Path, batch_id: str) -> None:
    stored, made = batches / _named(batch_id), target / batch_id
    made.mkdir()
    for name in (MANIFEST, *read_manifest(stored, "batch")["files"]):
        (made / _named(name)).symlink_to((stored / name).resolve())


def _named(name: str) -> str:
    """Refuse what names another place than one in a folder: ledger and manifests say it."""
    if PurePath(name).parts != (name,) or name == "..":
        raise DigestDiffersError(f"{name} is no name of a batch, a run or a file: find out why")
    return name


def stage_code(texts: Mapping[str, str], scratch: Path) -> Path:
    """Lay today's program into the scratch place, with these texts instead of its own."""
    code = scratch / CODE
    for name in PACKAGES:
        # Compiled anew: what lies compiled here may be of another source than it says.
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in deciding_texts().keys() - texts.keys():
        (code / path).unlink()
    write_texts(texts, code, decides)
    for path, text in texts.items():
        if path.endswith(".sql") and not only_asks(text):
            raise DigestDiffersError(
                f"{path}, as the night keeps it, does more than ask: ask who put it there; "
                "nothing was computed"
            )
    return code


def write_texts(texts: Mapping[str, str], folder: Path, may_be: Callable[[str], bool]) -> None:
    """Write texts that a night kept into a folder, each at its path there.

    Raises:  DigestDiffersError, before anything is written, for a path that none of them has
    """
    for path in texts:
        if not may_be(path):
            raise DigestDiffersError(
                f"the night keeps {path} among its rules, which is none: ask who put it there; "
                "nothing was computed"
            )
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def call_program(
    code: Path, arguments: list[str], given: str = "", *, within: Iterable[Path] = ()
) -> str:
    """Call a module of a program laid out by `stage_code`, and return what it prints.

    `within`: where its rules may read beside the scratch place; nothing else, whoever wrote them.

    Raises:  DropRefusedError saying what it said, if it ended otherwise than well or at a gate
    """
    folders = (str(folder.resolve()) for folder in (code.parent, *within))
    (code / WITHIN).write_text("\0".join(folders), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(
        [sys.executable, "-P", "-m", *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=code,
        env=environment,
        umask=PRIVATE,
    )
    if finished.returncode not in (0, GateStoppedError.exit_code):
        said = finished.stderr.strip().splitlines() or ["it said nothing"]
        raise _failure(finished.returncode, said[-1])
    return finished.stdout


def _failure(code: int, said: str) -> WuxingError:
    kind = DigestDiffersError if code == DigestDiffersError.exit_code else DropRefusedError
    told = said.removeprefix("wuxing: ")
    if code in FAULTS:
        return kind(
            f"computed again it ended with a fault: {told}; what was changed may not fit the rest "
            "of the rules; or another version of the program made that night and does not fit the "
            "rules of then: replay with the one that the run's manifest names under made_by"
        )
    return kind(f"computed again it ended with {code}: {told}")


def run_again(
    night: Night,
    scratch: Path,
    *,
    threads: int | None,
    memory: str | None,
    from_raw: bool,
    executor: str = "local",
) -> Path:
    """Do a whole night again by its texts; return the run's folder in the scratch place."""
    place, code = stage_home(night, scratch), stage_code(night.texts, scratch)
    if from_raw:
        raw = night.snapshot / "raw"
        (place.snapshots / night.snapshot.name).unlink()
        what = [str(raw.resolve())]
    else:
        what = ["--snapshot", night.snapshot.name]
    options = ["--executor", executor, *(["--threads", str(threads)] if threads else [])]
    options += ["--memory-limit", memory] if memory else []
    as_of = night.as_of.isoformat()
    words = ["run", *what, "--as-of", as_of, "--home", str(place.root), "--json", *options]
    said = call_program(code, ["flows", *words], within=place.snapshots.iterdir())
    made = [path for path in place.runs.iterdir() if not path.is_symlink()]
    # By the rules of an earlier run it may be that run again, which stands there already.
    return made[0] if made else place.runs / str(json.loads(said)["run_id"])


def tell(content: Mapping[str, Any]) -> str:
    """Write a request to a child process."""
    return json.dumps(content, ensure_ascii=False)
