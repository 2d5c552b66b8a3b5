"""A night under pseudonyms: to be computed again by whoever may not know who the persons are.

It holds tables, what the ledger said of payments, the texts that decide, and what came out: no raw
file, no ledger, no signature, for these name persons and can't be rewritten.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from flows.audit.again import HOME, call_program, read_night, stage_code, stage_home, tell
from flows.audit.recompute import STANDING_FRAMES, TABLES, keep_standing, kept_standing
from flows.ingest.drop import load_snapshot
from flows.money.standing import read_standing
from flows.store import Home
from transforms.audit.carry_readme import pseudonymous_readme
from transforms.audit.pseudonyms import Pseudonyms, pseudonymous
from transforms.digest import frame_digest
from transforms.errors import DigestDiffersError, DropRefusedError

NIGHT, README, STAMP = "night.json", "说明.md", (1980, 1, 1, 0, 0, 0)
LEAST_KEY = 16


def read_key(path: Path) -> bytes:
    """Read the key of pseudonyms, which stays outside the file and the home.

    Raises:  DropRefusedError if it is missing or too short
    """
    key = path.read_bytes().strip() if path.is_file() else b""
    if len(key) < LEAST_KEY:
        raise DropRefusedError(f"{path}: expected a file with a key of at least {LEAST_KEY} bytes")
    return key


def export_pseudonymous(home: Home, run_id: str, target: Path, key: bytes) -> dict[str, Any]:
    """Write a night under pseudonyms, after computing it: outcomes and amounts are the night's.

    Raises:  DropRefusedError if the file is there; DigestDiffersError if anything came out
             otherwise than under the true names
    """
    if target.exists():
        raise DropRefusedError(f"{target} is there already: nothing is overwritten")
    night, pseudonyms = read_night(home, run_id), Pseudonyms(key)
    with tempfile.TemporaryDirectory(prefix="wuxing-pseudonyms-") as scratch:
        place, folder = Path(scratch), Path(scratch) / "night"
        folder.mkdir()
        tables = _write_tables(home, night.snapshot.name, folder, pseudonyms)
        year = int(str(night.manifest["as_of"])[:4])
        keep_standing(read_standing(stage_home(night, place), year), folder)
        for name in STANDING_FRAMES:
            path = folder / f"{name}.parquet"
            pseudonymous(pl.read_parquet(path), pseudonyms).write_parquet(path)
        said = {
            "as_of": night.manifest["as_of"],
            "tables": tables,
            "texts": dict(night.texts),
            "funds": dict(night.funds),
        }
        found = _compute(said, folder)
        for name in TABLES:
            expected = pseudonymous(
                pl.read_parquet(home.runs / run_id / f"{name}.parquet"), pseudonyms
            )
            if frame_digest(expected) != frame_digest(found[name]):
                raise DigestDiffersError(
                    f"under pseudonyms the {name} come out otherwise: nothing was written"
                )
        said["digests"] = {name: frame_digest(found[name]) for name in TABLES}
        (folder / NIGHT).write_text(tell(said), encoding="utf-8")
        (folder / README).write_text(pseudonymous_readme(said), encoding="utf-8")
        _pack(folder, target)
    return {"path": str(target), "as_of": said["as_of"], "digests": said["digests"]}


def _write_tables(
    home: Home, snapshot_id: str, folder: Path, pseudonyms: Pseudonyms
) -> dict[str, list[str]]:
    written: dict[str, list[str]] = {}
    for kind, paths in load_snapshot(home.snapshots, snapshot_id).tables().items():
        for number, path in enumerate(paths):
            name = f"{kind}-{number:02d}.parquet"
            pseudonymous(pl.read_parquet(path), pseudonyms).write_parquet(folder / name)
            written.setdefault(kind, []).append(name)
    return written


def _compute(said: Mapping[str, Any], folder: Path) -> dict[str, pl.DataFrame]:
    with tempfile.TemporaryDirectory(prefix="wuxing-audit-") as scratch:
        place = Path(scratch) / HOME
        for name, text in said["funds"].items():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        request = {
            "as_of": said["as_of"],
            "tables": {k: [str(folder / n) for n in names] for k, names in said["tables"].items()},
            "home": str(place),
            "standing": str(folder),
            "into": scratch,
            "threads": None,
            "memory": None,
        }
        code = stage_code(said["texts"], Path(scratch))
        call_program(code, ["flows.audit.recompute"], tell(request))
        return {name: pl.read_parquet(Path(scratch) / f"{name}.parquet") for name in TABLES}


def _pack(folder: Path, target: Path) -> None:
    making = target.with_name(f".making-{target.name}")
    with zipfile.ZipFile(making, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name, STAMP), path.read_bytes())
    shutil.move(making, target)


def is_pseudonymous(path: Path) -> bool:
    """Say whether a file is a night under pseudonyms."""
    return zipfile.is_zipfile(path) and NIGHT in zipfile.ZipFile(path).namelist()


def replay_pseudonymous(path: Path) -> dict[str, Any]:
    """Compute a night under pseudonyms again, by the texts it holds.

    Raises:  DropRefusedError if the file can't be read as one
    """
    with tempfile.TemporaryDirectory(prefix="wuxing-pseudonyms-") as scratch:
        folder = Path(scratch)
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if Path(name).name == name]
                archive.extractall(folder, names)
            said = json.loads((folder / NIGHT).read_text(encoding="utf-8"))
            kept_standing(folder)
            found = _compute(said, folder)
            then = said["digests"]
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as bad:
            raise DropRefusedError(f"{path} can't be read as a night under pseudonyms") from bad
    stages = [
        {
            "stage": name,
            "then": then[name],
            "now": frame_digest(found[name]),
            "rows": found[name].height,
        }
        for name in TABLES
    ]
    same = all(stage["then"] == stage["now"] for stage in stages)
    return {"path": str(path), "stages": stages, "verdict": "identical" if same else "differs"}
