"""`make bench-cards`: a night of all cards beside one without those that only watch, in one run.

    python -m bench.cards [PERSONS] [--pairs N] [--keep]

One drop and its ingest; then pairs of everything from the snapshot to draft batches (A, B, A, B,
two threads each): by the program as it is, and by a copy of it without the cards of rulebook §3b.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from bench import scale
from bench.scale import OUT, make_drop, phase, tell
from flows.audit.again import stage_code
from flows.program import deciding_texts
from sql.texts import policy_cards

WATCHING = {
    *("assistance_referral", "capacity_reduction_help", "deferral_due", "housing_fund_relief"),
    *("incubator_extension", "insurance_rate_check", "layoff_compliance", "layoff_warning"),
    *("poor_worker_aid", "unemployed_contact", "unemployment_coverage_gap", "wage_arrears"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("persons", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the drop and its snapshot")
    words = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    drop, home = make_drop(words.persons, "parquet")
    ingested = phase("ingest", drop, home)
    tell("extracts to snapshot", ingested["ingest"], ingested, "")
    snapshot = ingested["snapshot"]
    few, every, ratios, whole = len(policy_cards()) - len(WATCHING), len(policy_cards()), [], []
    with tempfile.TemporaryDirectory() as scratch:
        fewer = fewer_cards(Path(scratch))
        for _ in range(words.pairs):
            one = phase("rest", home, snapshot, code=fewer)
            other = phase("rest", home, snapshot)
            ratios.append(other["all"] / one["all"])
            whole.append((ingested["ingest"] + other["all"]) / (ingested["ingest"] + one["all"]))
            tell(f"a night of {few} cards", one["all"], one, "")
            tell(f"a night of {every} cards", other["all"], other, f"{ratios[-1]:.2f} ×")
    print(f"  from the snapshot on, median ratio {statistics.median(ratios):.2f}")
    print(f"  the whole run, its ingest with it, median ratio {statistics.median(whole):.2f}")
    if not words.keep:
        shutil.rmtree(OUT, ignore_errors=True)


def fewer_cards(scratch: Path) -> Path:
    """Lay a copy of the program without the cards that watch; return its folder."""
    texts = {
        path: text
        for path, text in deciding_texts().items()
        if not (path.startswith("sql/policies/") and Path(path).stem in WATCHING)
    }
    code = stage_code(texts, scratch)
    shutil.copytree(Path(scale.__file__).parent, code / "bench", ignore=lambda *_: ["out"])
    return code


if __name__ == "__main__":
    main()
