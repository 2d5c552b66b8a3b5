"""Bad weather: the night while the machine denies something, then once more in good weather.

Each time the exit code must be the right one, nothing may be lost or double, and the next run must
come out as on a home that never saw bad weather. `make weather`, or for some of it
`python -m tests.faults.weather --short`.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.bounded import ROOT

AS_OF = "2020-03-31"
MIB = 1 << 20
FINE, DENIED, BUSY, INTERRUPTED = 0, 10, 15, 130
Limits = Callable[[], None]


@dataclass(frozen=True)
class Site:
    """A home in which nothing ran yet, a drop, and what a night in good weather says."""

    home: Path
    drop: Path
    good: dict[str, Any]


@dataclass(frozen=True)
class Weather:
    """One sort of bad weather: how the night is started in it, and how it may end."""

    name: str
    allowed: tuple[int, ...]
    limits: Limits | None = None
    environment: tuple[tuple[str, str], ...] = ()
    signal: tuple[int, float] | None = None
    disk_bytes: int = 0
    is_read_only: bool = False
    at_once: int = 1
    as_of: str = AS_OF


def limited(limit: int, most: int) -> Limits:
    """Set a limit of a process to come."""
    return lambda: resource.setrlimit(limit, (most, most))


def masked(mask: int) -> Limits:
    """Set the file mode mask of a process to come."""
    return lambda: (os.umask(mask), None)[1]


def forecast(short: bool) -> Iterator[Weather]:
    """Name the weathers, in short a few of them."""
    yield Weather("files of 64 KiB at most", (DENIED,), limited(resource.RLIMIT_FSIZE, 1 << 16))
    yield Weather("2 at once", (FINE, BUSY), at_once=2)
    if short:
        return
    yield Weather("20 file handles", (FINE, DENIED), limited(resource.RLIMIT_NOFILE, 20))
    yield Weather("512 MiB of addresses", (FINE, DENIED), limited(resource.RLIMIT_AS, 512 * MIB))
    yield Weather("4 at once", (FINE, BUSY), at_once=4)
    for handles in (32, 48, 64):
        limit = limited(resource.RLIMIT_NOFILE, handles)
        yield Weather(f"{handles} file handles", (FINE, DENIED), limit)
    for size in (0, 1, 4096, 1 << 18, 1 << 20):
        limit = limited(resource.RLIMIT_FSIZE, size)
        yield Weather(f"files of {size} bytes at most", (FINE, DENIED), limit)
    for size in (1, 2, 3, 4, 6, 8):
        yield Weather(f"a disk with {size} MiB left", (FINE, DENIED), disk_bytes=size * MIB)
    yield Weather("a read-only disk", (DENIED,), disk_bytes=8 * MIB, is_read_only=True)
    for seconds in (0.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0):
        yield Weather(
            f"SIGTERM after {seconds} s", (FINE, 143, -15), signal=(signal.SIGTERM, seconds)
        )
        yield Weather(
            f"SIGINT after {seconds} s", (FINE, INTERRUPTED, -2), signal=(signal.SIGINT, seconds)
        )
    yield Weather("umask 000", (FINE,), masked(0))
    yield Weather("umask 077", (FINE,), masked(0o077))
    for locale in ("C", "zh_CN.GB18030"):
        words = (("LC_ALL", locale), ("LANG", locale), ("PYTHONUTF8", "0"))
        encoding = "ascii" if locale == "C" else "gb18030"
        yield Weather(f"locale {locale}", (FINE,), None, (*words, ("PYTHONIOENCODING", encoding)))
    yield Weather("the clock a day back", (FINE,), as_of="2020-03-30")
    yield Weather("20 at once", (FINE, BUSY), at_once=20)


def build_site(folder: Path) -> Site:
    """Make the drop, the home, and do the night once on a copy."""
    from datetime import date

    from data_samples.town.write import write_sample
    from tests.conftest import make_home

    write_sample(folder / "drop", 60, 7, date.fromisoformat(AS_OF))
    make_home(folder / "home")
    shutil.copytree(folder / "home", folder / "good")
    code, out = run(folder / "good", folder / "drop", Weather("", (FINE,)))
    assert code == FINE, out
    return Site(folder / "home", folder / "drop", json.loads(out))


def start(home: Path, drop: Path, weather: Weather) -> subprocess.Popen[str]:
    """Start the night in some weather."""
    words = ["run", str(drop), "--as-of", weather.as_of, "--home", str(home), "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "flows", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | dict(weather.environment),
        text=True,
        errors="backslashreplace",
        # Only one thread runs here.
        preexec_fn=weather.limits,  # noqa: PLW1509
    )


def run(home: Path, drop: Path, weather: Weather) -> tuple[int, str]:
    """Run the night to its end in some weather; return exit code, and what it told."""
    process = start(home, drop, weather)
    if weather.signal:
        number, seconds = weather.signal
        time.sleep(seconds)
        process.send_signal(number)
    out, said = process.communicate(timeout=300)
    return process.returncode, out if process.returncode == FINE else said + out


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Give a file system of some size, if this machine lets us make one; else the folder."""
    place = folder / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    is_made = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield place
    finally:
        if is_made:
            subprocess.run(["umount", str(place)], check=False)


def tree_bytes(folder: Path) -> int:
    """Return what a folder takes on a disk, whole pages."""
    return sum(4096 + -(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*"))


def endure(site: Site, weather: Weather, folder: Path) -> list[str]:
    """Do the night in bad weather, then in good; return what offends."""
    if not weather.disk_bytes:
        return _endure(site, weather, folder)
    with small_disk(folder, tree_bytes(site.home) + weather.disk_bytes) as disk:
        return _endure(site, weather, disk)


def _endure(site: Site, weather: Weather, folder: Path) -> list[str]:
    home = folder / "home"
    shutil.copytree(site.home, home)
    _remount(folder, weather, "ro")
    if weather.at_once > 1:
        started = [start(home, site.drop, weather) for _ in range(weather.at_once)]
        ended = [(process.communicate(timeout=600), process.returncode) for process in started]
        codes, told = [code for _, code in ended], " ".join(said for (_, said), _ in ended)
        wrong = [] if FINE in codes else [f"none of them got through: {codes}"]
    else:
        code, told = run(home, site.drop, weather)
        codes, wrong = [code], []
    wrong += [f"exit code {code}: {told[-300:]}" for code in codes if code not in weather.allowed]
    wrong += [f"it tells {word!r}" for word in ("Traceback", "damaged") if word in told]
    _remount(folder, weather, f"rw,size={256 * MIB}")
    code, out = run(home, site.drop, Weather("", (FINE,)))
    if code != FINE:
        return [*wrong, f"the next run ends with {code}: {out[-300:]}"]
    return wrong + _differences(site, json.loads(out), home)


def _remount(folder: Path, weather: Weather, how: str) -> None:
    if weather.disk_bytes and (how != "ro" or weather.is_read_only) and folder.is_mount():
        subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def _differences(site: Site, found: dict[str, Any], home: Path) -> list[str]:
    """Compare what the night says with that in good weather; hold the home against its ledger."""
    same = ("run_id", "snapshot_id", "batches", "counts", "warnings", "policies")
    wrong = [f"{name} differs" for name in same if found[name] != site.good[name]]
    words = [sys.executable, "-m", "flows", "verify", "--home", str(home)]
    verified = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if verified.returncode:
        wrong.append(f"verify ends with {verified.returncode}: {verified.stderr[-300:]}")
    left = [path.name for path in home.rglob(".making-*")]
    made = {path.relative_to(home) for path in home.rglob("*")}
    made -= {path.relative_to(site.home) for path in site.home.rglob("*")}
    bare = sorted(str(path) for path in made if (home / path).stat().st_mode & 0o077)
    if left or bare:
        wrong.append(f"left behind: {left}; open to others: {bare[:3]}")
    return wrong


def main() -> int:
    """Go through all weathers; print each and what offends."""
    offends = 0
    with tempfile.TemporaryDirectory() as folder:
        site = build_site(Path(folder) / "site")
        for number, weather in enumerate(forecast("--short" in sys.argv)):
            place = Path(folder) / str(number)
            place.mkdir()
            wrong = endure(site, weather, place)
            print(f"{weather.name}: {'; '.join(wrong) or 'endured'}", flush=True)
            offends += bool(wrong)
            shutil.rmtree(place)
    print(f"{offends} weathers not endured")
    return 1 if offends else 0


if __name__ == "__main__":
    sys.exit(main())
