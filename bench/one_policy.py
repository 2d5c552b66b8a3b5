"""One policy three ways over the same tables: the product, pandas, Spark; the same answer or not.

    python -m bench.one_policy HOME SNAPSHOT [--spark-python PYTHON]

`new_hire_subsidy`, since of the policies that pay it asks contributions most, and as an analyst
would: three insurances, the months before a contract and all after it, refunds taken off.

Each way in a process of its own, two threads: wall and processor seconds from start to end, and the
peak of memory, with Spark's Java machine in it. Every row of the policy is compared: subject,
beneficiary, outcome (eligible, ineligible, undetermined) and fen. Differences are shown, and the
exit is 1. pandas (one_policy_pandas.py) and Spark (one_policy.sql) are written for this question
alone. Without Java or pyspark (`--spark-python` names a Python that has it) Spark is left out.
"""

import argparse
import csv
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import AS_OF, THREADS

POLICY = "new_hire_subsidy"
COLUMNS = ["subject_id", "beneficiary_id", "outcome", "amount_fen"]
READ = ["contributions", "employment", "insured_units", "registrations", "designations", "support"]
SHOWN = 5
ROOT = Path(__file__).parent.parent
Tables = dict[str, list[str]]
Answer = set[tuple[str, ...]]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.one_policy", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("snapshot")
    parser.add_argument("--spark-python", default=sys.executable, metavar="PYTHON")
    words = parser.parse_args(argv)
    tables = tables_of(words.home, words.snapshot)
    pythons = {"product": sys.executable, "pandas": sys.executable}
    if has_spark(words.spark_python):
        pythons["spark"] = words.spark_python
    else:
        print("  Spark is not here (java, and a Python with pyspark): left out", flush=True)
    answers: dict[str, Answer] = {}
    for way, python in pythons.items():
        found, answers[way] = answer(way, python, tables)
        memory = f"peak {found['peak_mib'] / 1024:5.2f} GiB"
        seconds = f"{found['wall']:8.2f} s   processor {found['cpu']:7.2f} s"
        print(f"  {way:<10} {seconds}   {memory}   {len(answers[way]):,} rows", flush=True)
    if any([count_differences("product", way, answers) for way in answers]):
        sys.exit(1)
    paid = sum(int(row[3]) for row in answers["product"])
    print(f"  {POLICY}: {' = '.join(answers)}, {paid / 100:,.2f} yuan to the same")


def tables_of(home: Path, snapshot: str) -> Tables:
    from flows.ingest.drop import load_snapshot
    from flows.store import Home

    tables = load_snapshot(Home(home).snapshots, snapshot).tables()
    return {kind: [str(path.absolute()) for path in paths] for kind, paths in tables.items()}


def has_spark(python: str) -> bool:
    if not (shutil.which("java") and shutil.which(python)):
        return False
    tried = subprocess.run([python, "-c", "import pyspark"], check=False, capture_output=True)
    return tried.returncode == 0


def answer(way: str, python: str, tables: Tables) -> tuple[dict[str, float], Answer]:
    """Let a process of its own answer; return what it took, and its rows."""
    with tempfile.TemporaryDirectory() as folder:
        into, started = Path(folder) / "answer.csv", time.perf_counter()
        called = [python, "-m", "bench.one_policy", "--one", way, str(into)]
        given = {"input": json.dumps(tables), "text": True, "cwd": ROOT}
        finished = subprocess.run(called, check=False, capture_output=True, **given)
        if finished.returncode:
            sys.exit(finished.stderr)
        found = {"wall": time.perf_counter() - started, **json.loads(finished.stdout)}
        with into.open(encoding="utf-8", newline="") as stream:
            head, *rows = csv.reader(stream)
    assert head == COLUMNS and len(rows) == len({(row[0], row[1]) for row in rows}), way
    return found, {tuple(row) for row in rows}


def count_differences(one: str, other: str, answers: dict[str, Answer]) -> int:
    """Show where two answers differ, row by row, and count the rows of either alone."""
    alone = {
        one: sorted(answers[one] - answers[other]),
        other: sorted(answers[other] - answers[one]),
    }
    for way, rows in alone.items():
        for row in rows[:SHOWN]:
            print(f"    only {way}: {', '.join(row)}")
    count = sum(map(len, alone.values()))
    if one != other:
        print(f"  {other} beside {one}: {count:,} rows differ", flush=True)
    return count


def by_product(tables: Tables, into: Path) -> None:
    import polars as pl

    from flows.night.determine import PAID_LINE_SCHEMA, determine

    paths = {kind: [Path(path) for path in listed] for kind, listed in tables.items()}
    paid = pl.DataFrame(schema=PAID_LINE_SCHEMA)
    made = determine(paths, AS_OF, paid, threads=THREADS, temp_folder=into.parent, only=[POLICY])
    made.determinations.select(COLUMNS).write_csv(into)


def by_pandas(tables: Tables, into: Path) -> None:
    from bench.one_policy_pandas import by_pandas

    by_pandas(tables).to_csv(into, index=False)


def by_spark(tables: Tables, into: Path) -> dict[str, float]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{THREADS}]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.memory", "3g").config("spark.sql.shuffle.partitions", 16)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for kind in READ:
        spark.read.parquet(*tables[kind]).createOrReplaceTempView(kind)
    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    rows = spark.sql(text).select(COLUMNS).collect()
    with into.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    java = Path("/proc") / str(spark._jvm.java.lang.ProcessHandle.current().pid())
    peak = re.search(r"VmHWM:\s+([0-9]+)", (java / "status").read_text())
    ticks = (java / "stat").read_text().rpartition(")")[2].split()[11:13]
    spark.stop()
    return {"cpu": sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), "peak_mib": int(peak[1]) >> 10}


def measure(way: str, into: Path) -> dict[str, float]:
    """Answer one way; return processor seconds and peak of it, with the Java machine's."""
    ways: dict[str, Any] = {"product": by_product, "pandas": by_pandas, "spark": by_spark}
    beside = ways[way](json.load(sys.stdin), into) or {"cpu": 0.0, "peak_mib": 0}
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu, peak_mib = own.ru_utime + own.ru_stime, own.ru_maxrss >> 10
    return {"cpu": cpu + beside["cpu"], "peak_mib": peak_mib + beside["peak_mib"]}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], Path(sys.argv[3]))))
    else:
        main()
