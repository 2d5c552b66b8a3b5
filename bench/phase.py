"""One measured phase in a process of its own; prints one JSON line: seconds, peak memory.

python -m bench.phase sample DROP PERSONS FORMATS
python -m bench.phase ingest DROP HOME
python -m bench.phase scan HOME SNAPSHOT
python -m bench.phase rest HOME SNAPSHOT
python -m bench.phase night DROP HOME
python -m bench.phase pay HOME
python -m bench.phase polars DROP
python -m bench.phase bytes HOME
python -m bench.phase verify HOME
python -m bench.phase answers HOME SNAPSHOT
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TextIO

AS_OF, PUT_UP = date(2020, 11, 30), "2020-12-01"
MONTHS = 24
THREADS = 2
MEMORY_LIMIT = "3GB"
BUDGET_YUAN = 1_000_000_000_000
# Of so many payments the bank sends one back.
SENT_BACK_EVERY = 50
DETERMINING = ("determine_rows",)


class Quiet:
    """A stream that forgets what it is told."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def sample(drop: str, persons: str, formats: str) -> dict[str, object]:
    from data_samples.town.write import write_sample

    write_sample(Path(drop), int(persons), 1, AS_OF, False, formats, None, MONTHS)
    return {}


def ingest(drop: str, home: str, cache: str = "") -> dict[str, object]:
    from flows.ingest.drop import ingest_drop
    from flows.store import Home, hold_home

    place, started = Home(Path(home)), time.perf_counter()
    with hold_home(place, make=True):
        made = ingest_drop(Path(drop), place.snapshots, cache=Path(cache) if cache else None)
    rows = sum(entry["rows"] for entry in made.manifest["files"])
    return {"ingest": time.perf_counter() - started, "snapshot": made.snapshot_id, "rows": rows}


def scan(home: str, snapshot: str) -> dict[str, object]:
    """Decode every column of every table: the least anybody must do who looks at all of it."""
    from flows.ingest.drop import load_snapshot
    from flows.store import Home
    from sql import connect, register_tables

    tables = load_snapshot(Home(Path(home)).snapshots, snapshot).tables()
    connection = connect(threads=THREADS)
    register_tables(connection, tables, AS_OF)
    started = time.perf_counter()
    for kind in sorted(tables):
        columns = [row[0] for row in connection.execute(f"describe delivered_{kind}").fetchall()]
        listed = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f"select sum(hash({listed})) from delivered_{kind}").fetchall()
    return {"scan": time.perf_counter() - started}


def night(drop: str, home: str) -> dict[str, object]:
    """Do everything, reading only what is new; the ledger begins anew, what was read stays."""
    from flows.store import Home

    place = Home(Path(home))
    before, started = os.times(), time.perf_counter()
    ingested = ingest(drop, home, str(place.cache))
    between = os.times()
    done = rest(home, str(ingested["snapshot"]))
    after, ended = os.times(), time.perf_counter()

    def cpu(one: os.times_result, two: os.times_result) -> float:
        return sum(two[:4]) - sum(one[:4])

    return {
        **ingested,
        "all": ended - started,
        "ingest_cpu": cpu(before, between),
        "all_cpu": cpu(before, after),
        "determinations": done["determinations"],
    }


def rest(home: str, snapshot: str) -> dict[str, object]:
    """Do everything from the snapshot to draft batches, stage by stage."""
    from expectations import gate
    from flows.money.funds import PLACEHOLDER
    from flows.money.heads import initialise_home
    from flows.night import pipeline
    from flows.night.progress import Progress
    from flows.store import Home

    started = time.perf_counter()
    gate.preload().join()
    seconds = {"import_great_expectations": time.perf_counter() - started}
    place = Home(Path(home))
    for made in (place.runs, place.batches):
        shutil.rmtree(made, ignore_errors=True)
    for path in (place.ledger_path, place.journal_path):
        path.unlink(missing_ok=True)
    initialise_home(place)
    text = place.funds_path.read_text("utf-8").replace("2020 = 0", f"2020 = {BUDGET_YUAN}")
    place.funds_path.write_text(text.replace(PLACEHOLDER, "样例"), "utf-8")
    stream: TextIO = Quiet()  # type: ignore[assignment]
    request = pipeline.NightRequest(
        place, AS_OF, snapshot_id=snapshot, threads=THREADS, memory_limit=MEMORY_LIMIT
    )

    def timed(_name: str, stage: Any, /, *given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        made = stage.act(*given, **named)
        taken[stage.act.__name__] = time.perf_counter() - started
        return made

    taken: dict[str, float] = {}
    summary = pipeline.run_night(request, Progress(stream), timed)
    return {
        "stages": {**seconds, **taken},
        "determining": sum(taken[name] for name in DETERMINING),
        "all": sum(taken.values()),
        "determinations": summary["counts"],
    }


def pay(home: str) -> dict[str, object]:
    """Let four sample people sign and release every batch, and the bank answer it."""
    from flows.money.batch_folder import read_batch
    from flows.money.ledger_store import open_ledger
    from flows.money.notice import write_notice
    from flows.money.payment_files import payment_files
    from flows.money.release import release_batch
    from flows.money.settle import settle_batch
    from flows.store import Home
    from tests.ceremony import hold_ceremony
    from tests.money.money_town import sign_both

    place = Home(Path(home))
    answer = place.root.with_name("answer.txt")
    hold_ceremony(place)
    with open_ledger(place) as ledger:
        states = ledger.batch_states()
    instructions, seconds = 0, 0.0
    for batch_id in sorted(name for name, state in states.items() if state.state == "draft"):
        batch = read_batch(place, batch_id)
        rows, started = batch.frame("instructions"), time.process_time()
        payment_files(batch.manifest, rows, "0" * 64)
        instructions, seconds = instructions + len(rows), seconds + time.process_time() - started
        write_notice(place, batch_id, PUT_UP)
        sign_both(place, batch_id)
        release_batch(place, batch_id)
        paid = rows["payment_id"]
        words = ["失败" if number % SENT_BACK_EVERY == 0 else "成功" for number in range(len(paid))]
        lines = [f"{name}|{word}||20201202" for name, word in zip(paid, words, strict=True)]
        answer.write_text("\n".join(lines), "gb18030")
        settle_batch(place, batch_id, answer)
    with open_ledger(place) as ledger:
        counted = {"batches": len(ledger.batch_states()), "entries": ledger.count_entries()}
    return {**counted, "instructions_a_cpu_second": int(instructions / seconds)}


def answers(home: str, snapshot: str) -> dict[str, object]:
    """Time a night's rules, then the commands that answer about it, each as its user waits."""
    import polars as pl

    from flows.night import pipeline
    from flows.night.progress import Progress
    from flows.store import Home

    place, stream, taken = Home(Path(home)), Quiet(), dict[str, float]()

    def timed(_name: str, stage: Any, /, *given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        made = stage.act(*given, **named)
        taken[stage.act.__name__] = time.perf_counter() - started
        return made

    runs = []
    for day in (AS_OF - timedelta(days=1), AS_OF):
        request = pipeline.NightRequest(place, day, snapshot_id=snapshot, threads=THREADS)
        runs.append(pipeline.run_night(request, Progress(stream), timed)["run_id"])  # type: ignore[arg-type]
    rows = pl.scan_parquet(place.runs / runs[1] / "determinations.parquet")
    hired = rows.filter(pl.col("policy_id") == "new_hire_subsidy").head(1).collect().to_dicts()[0]
    person, page = ["--person", hired["subject_id"]], ["--html", str(place.root / "page.html")]
    line = ["--policy", "new_hire_subsidy", "--beneficiary", hired["beneficiary_id"]]
    explain, whatif = ["explain", runs[1]], ["whatif", runs[1], "--set"]
    commands = {
        "whatif of one policy": [*whatif, "hire_amount_fen=1500.00@2020-01-01"],
        "whatif of what all share": [*whatif, "minimum_wage_fen=2000.00@2020-01-01"],
        "explain a line": [*explain, *line],
        "explain a line, page": [*explain, *line, *page],
        "explain a person": [*explain, *person],
        "explain a person, page": [*explain, *person, *page],
        "explain between two runs": [*explain, *person, "--against", runs[0]],
        "explain an employer": [*explain, "--employer", hired["beneficiary_id"]],
    }
    seconds = {name: _wall([*words, "--home", home]) for name, words in commands.items()}
    return {"rules": sum(taken[name] for name in DETERMINING), "commands": seconds}


def _wall(words: list[str]) -> float:
    """Time one command, from its start to its end."""
    started = time.perf_counter()
    called = [sys.executable, "-m", "flows", *words]
    subprocess.run(called, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def polars(drop: str) -> dict[str, object]:
    """Read the drop's CSV files with Polars and nothing else."""
    import polars as pl

    started = time.perf_counter()
    rows = 0
    for path in sorted(Path(drop).glob("*.csv")):
        encoding = "utf8" if _is_utf8(path) else "gb18030"
        rows += pl.read_csv(path, infer_schema=False, encoding=encoding).height
    return {"polars": time.perf_counter() - started, "rows": rows}


def forget(home: str) -> list[Path]:
    """Let the machine forget what it has read of a home; return its files."""
    files = [path for path in sorted(Path(home).rglob("*")) if path.is_file()]
    for path in files:
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return files


def read_bytes(home: str) -> dict[str, object]:
    """Read every byte of a home from the disk, by as many threads as `verify` has, and no more."""
    from concurrent.futures import ThreadPoolExecutor

    def read(path: Path) -> int:
        block, count = bytearray(1 << 20), 0
        with path.open("rb", buffering=0) as stream:
            while got := stream.readinto(block):
                count += got
        return count

    files, started = forget(home), time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        count = sum(pool.map(read, files))
    return {"bytes": time.perf_counter() - started, "count": count}


def verify(home: str) -> dict[str, object]:
    from flows.money.verify import verify_home
    from flows.store import Home

    forget(home)
    started = time.perf_counter()
    checked = verify_home(Home(Path(home)))
    return {"verify": time.perf_counter() - started, "checked": checked.counts}


def _is_utf8(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    try:
        head[: head.rfind(b"\n")].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


PHASES = {
    **{"sample": sample, "ingest": ingest, "scan": scan, "rest": rest, "polars": polars},
    **{"pay": pay, "bytes": read_bytes, "verify": verify, "answers": answers, "night": night},
}

if __name__ == "__main__":
    outcome = PHASES[sys.argv[1]](*sys.argv[2:])
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    peak_mib = max(one.ru_maxrss for one in used) >> 10
    print(json.dumps({**outcome, "cpu": cpu, "peak_mib": peak_mib}))
