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
python -m bench.phase weigh HOME SNAPSHOT
"""

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

from bench import AS_OF, THREADS, processor
from bench.bare import forget, polars, read_bytes, scan

PUT_UP = "2020-12-01"
MONTHS = 24
MEMORY_LIMIT = "2GB"
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


class Watch:
    """Does the stages of a night, and keeps of each the wall and the processor seconds."""

    def __init__(self) -> None:
        self.taken, self.cpu = dict[str, float](), dict[str, float]()

    def __call__(self, _name: str, stage: Any, /, *given: Any, **named: Any) -> Any:
        started, before = time.perf_counter(), processor()
        made = stage.act(*given, **named)
        self.taken[stage.act.__name__] = time.perf_counter() - started
        self.cpu[stage.act.__name__] = processor() - before
        return made


def sample(drop: str, persons: str, formats: str) -> dict[str, object]:
    from data_samples.town.write import write_sample

    write_sample(Path(drop), int(persons), 1, AS_OF, False, formats, None, MONTHS)
    return {}


def ingest(drop: str, home: str, cache: str = "") -> dict[str, object]:
    from flows.ingest.drop import ingest_drop
    from flows.store import Home, hold_home

    place, started, before = Home(Path(home)), time.perf_counter(), processor()
    with hold_home(place, make=True):
        made = ingest_drop(Path(drop), place.snapshots, cache=Path(cache) if cache else None)
    rows = sum(entry["rows"] for entry in made.manifest["files"])
    seconds = {"ingest": time.perf_counter() - started, "ingest_cpu": processor() - before}
    return {**seconds, "snapshot": made.snapshot_id, "rows": rows}


def night(drop: str, home: str) -> dict[str, object]:
    """Do everything, reading only what is new; the ledger begins anew, what was read stays."""
    from flows.store import Home

    place = Home(Path(home))
    before, started = processor(), time.perf_counter()
    ingested = ingest(drop, home, str(place.cache))
    between = processor()
    done = rest(home, str(ingested["snapshot"]))
    after, ended = processor(), time.perf_counter()
    return {
        **ingested,
        "all": ended - started,
        "ingest_cpu": between - before,
        "all_cpu": after - before,
        "determinations": done["determinations"],
    }


def rest(home: str, snapshot: str) -> dict[str, object]:
    """Do everything from the snapshot to draft batches, stage by stage."""
    from expectations import gate
    from flows.money.funds import with_sample_payers
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
    place.funds_path.write_text(with_sample_payers(text), "utf-8")
    stream: TextIO = Quiet()  # type: ignore[assignment]
    request = pipeline.NightRequest(
        place, AS_OF, snapshot_id=snapshot, threads=THREADS, memory_limit=MEMORY_LIMIT
    )
    watch = Watch()
    summary = pipeline.run_night(request, Progress(stream), watch)
    return {
        "stages": {**seconds, **watch.taken},
        "determining": sum(watch.taken[name] for name in DETERMINING),
        "determining_cpu": sum(watch.cpu[name] for name in DETERMINING),
        "all": sum(watch.taken.values()),
        "all_cpu": sum(watch.cpu.values()),
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

    place, stream, watch, runs = Home(Path(home)), Quiet(), Watch(), []
    for day in (AS_OF - timedelta(days=1), AS_OF):
        request = pipeline.NightRequest(place, day, snapshot_id=snapshot, threads=THREADS)
        runs.append(pipeline.run_night(request, Progress(stream), watch)["run_id"])  # type: ignore[arg-type]
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
    return {"rules": sum(watch.taken[name] for name in DETERMINING), "commands": seconds}


def _wall(words: list[str]) -> float:
    """Time one command, from its start to its end."""
    started = time.perf_counter()
    called = [sys.executable, "-m", "flows", *words]
    subprocess.run(called, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def verify(home: str) -> dict[str, object]:
    from flows.money.verify import verify_home
    from flows.store import Home

    forget(home)
    started = time.perf_counter()
    checked = verify_home(Home(Path(home)))
    return {"verify": time.perf_counter() - started, "checked": checked.counts}


if __name__ == "__main__":
    from bench.weigh import weigh

    phases: dict[str, Callable[..., dict[str, object]]] = {
        **{"sample": sample, "ingest": ingest, "scan": scan, "rest": rest, "polars": polars},
        **{"weigh": weigh, "pay": pay, "bytes": read_bytes, "verify": verify},
        **{"answers": answers, "night": night},
    }
    outcome = phases[sys.argv[1]](*sys.argv[2:])
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak_mib = max(one.ru_maxrss for one in used) >> 10
    print(json.dumps({**outcome, "cpu": processor(), "peak_mib": peak_mib}))
