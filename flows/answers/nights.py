"""Lists of what there is: nights, snapshots, and the home's own index page."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flows.language import language, policy_titles
from flows.money.ledger_store import books_of
from flows.store import (
    MANIFEST,
    Home,
    digest_problems,
    expect_digests,
    expect_home,
    read_manifest,
    replace_file,
)
from transforms.amounts import yuan_text
from transforms.answers.page import render_page
from transforms.errors import UsageError
from transforms.money.batch_states import BatchState
from transforms.visible import table
from transforms.words import BETWEEN, word

LATEST, LAST_NIGHTS = "latest", 12
SHORTEST = 5
INDEX = "index.html"
FILES = {
    "index_report": "report.html",
    "index_trend": "trend.html",
    "index_omitted": "omitted.xlsx",
    "index_clerical_decisions": "clerical_decisions.xlsx",
    "index_clerical_review": "clerical_review.xlsx",
    "index_objections": "objections.html",
}
NIGHT_HEADINGS = ("run_id", "as_of", "status", "amount_fen", "batches", "signed_by")
REVIEWS = {"review_page": "review.html", "review_to_fill_in": "review.xlsx"}


def list_nights(home: Home) -> list[dict[str, Any]]:
    """List every recorded run, the newest first: day, state, money, batches, who signed.

    Units:   fen
    Raises:  DropRefusedError if there is no home
    """
    expect_home(home)
    books = books_of(home)
    members = books.roster.members
    short = shortened(books.runs)
    nights = []
    for run_id, recorded in reversed(list(books.runs.items())):
        batches = [state for state in books.batches.values() if state.run_id == run_id]
        # What replaced a superseded batch is of the same run.
        standing = [state for state in batches if state.state != "superseded"]
        signed = [said["statement"] for state in batches for said in state.signatures.values()]
        nights.append(
            {
                "run_id": run_id,
                "short_id": short[run_id],
                "as_of": recorded["as_of"],
                "state": recorded["state"],
                "snapshot_id": recorded["snapshot_id"],
                "is_latest": run_id == books.newest_run,
                "batches": [_batch(state) for state in batches],
                "amount_fen": sum(state.amount_fen for state in standing),
                "signed_by": sorted({members[said["key_id"]].name for said in signed}),
            }
        )
    return nights


def _batch(state: BatchState) -> dict[str, Any]:
    named = {name: getattr(state, name) for name in ("batch_id", "fund", "state", "amount_fen")}
    return {**named, "state_word": f"batch_{state.state}"}


def list_snapshots(home: Home) -> list[dict[str, Any]]:
    """List every snapshot with its rows, and the runs that used it.

    Raises:  DropRefusedError if there is no home; DigestDiffersError if what is said of one that a
             run used was changed
    """
    used: dict[str, list[str]] = {}
    for night in list_nights(home):
        used.setdefault(night["snapshot_id"], []).append(night["short_id"])
    found = {path.parent.name for path in home.snapshots.glob(f"S*/{MANIFEST}")}
    expect_digests(
        (home.snapshots / run["snapshot_id"] / MANIFEST, run["snapshot_manifest"])
        for run in books_of(home).runs.values()
        if run["snapshot_id"] in found
    )
    short = shortened(found)
    listed = []
    for snapshot_id in sorted(found):
        files = read_manifest(home.snapshots / snapshot_id, "snapshot")["files"]
        listed.append(
            {
                "snapshot_id": snapshot_id,
                "short_id": short[snapshot_id],
                "files": len(files),
                "rows": sum(file["rows"] for file in files),
                "quarantined": sum(file["quarantined"] for file in files),
                "runs": used.get(snapshot_id, []),
            }
        )
    return listed


def shortened(ids: Iterable[str]) -> dict[str, str]:
    """Return the shortest beginning of each id that means no other.

    >>> shortened(["RABCDEF1", "RABCDEF2", "R0"])["RABCDEF1"]
    'RABCDEF1'
    """
    known = sorted(ids)
    return {name: _shortest(name, [other for other in known if other != name]) for name in known}


def _shortest(name: str, others: Iterable[str]) -> str:
    for length in range(SHORTEST, len(name)):
        if not any(other.startswith(name[:length]) for other in others):
            return name[:length]
    return name


def find_run(home: Home, given: str) -> str:
    """Return the run that an id, the beginning of one, or `latest` means.

    Raises:  UsageError if it means none, or several
    """
    names = sorted(path.name for path in home.runs.glob("R*")) if home.runs.is_dir() else []
    if given == LATEST:
        given = books_of(home).newest_run or LATEST
    found = [name for name in names if name.startswith(given)]
    if given in names:
        return given
    if len(found) != 1:
        meant = ", ".join(found) if found else "no run"
        raise UsageError(f"{given!r} means {meant}; `wuxing runs` lists the runs")
    return found[0]


def write_index(home: Home) -> None:
    """Write the home's index page: every night in a line, with links to what it left."""
    nights, runs = list_nights(home), books_of(home).runs
    titles = policy_titles()
    for night in nights:
        folder = home.runs / night["run_id"]
        night["is_warned"] = (folder / MANIFEST).is_file() and _is_warned(
            _as_recorded(folder, runs[night["run_id"]])
        )
        night["lists"] = {
            path.stem: titles.get(path.name.partition(".")[0], path.stem)
            for path in sorted((folder / "lists").glob("*.xlsx"))
        }
        for batch in night["batches"]:
            place = home.batches / batch["batch_id"]
            batch["reviews"] = {w: name for w, name in REVIEWS.items() if (place / name).is_file()}
        night["files"] = {said: name for said, name in FILES.items() if (folder / name).is_file()}
    listed = lists_by_night(home, nights, titles)
    page = render_page("index.html.j2", nights=nights, listed=listed)
    replace_file(home.root / INDEX, page.encode())


def _as_recorded(folder: Path, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a run says of itself; nothing where it was changed: the page says to look at it."""
    is_changed = digest_problems([(folder / MANIFEST, recorded["run_manifest"])])
    return {} if is_changed else read_manifest(folder, "run")


def _is_warned(run: Mapping[str, Any]) -> bool:
    """Say whether a run has anything to look at: a warning, a failed check, a policy left out."""
    checks = {status for of in run.get("gates", {}).values() for status in of.values()}
    ran = {policy["status"] for policy in run.get("policies", {}).values()}
    return bool(run.get("warnings")) or bool(checks - {"passed"}) or ran != {"ran"}


def lists_by_night(
    home: Home, nights: Iterable[dict[str, Any]], titles: Mapping[str, str]
) -> dict[str, Any]:
    """Set what stands on each list against the last nights, the oldest first.

    Rows:    nights   the newest first; returns  the days, and per list its counts day by day, null
                      where the night did not make it
    Holds:   of a day only its newest finished run is shown
    """
    newest: dict[str, str] = {}
    for night in nights:
        # A carried night brings only those whose payments it nets against.
        if night["state"] == "done" and (home.runs / night["run_id"]).is_dir():
            newest.setdefault(night["as_of"], night["run_id"])
    days = sorted(newest)[-LAST_NIGHTS:]
    # A night of before has no counts of lists.
    runs = books_of(home).runs
    manifests = [_as_recorded(home.runs / newest[day], runs[newest[day]]) for day in days]
    found = [manifest.get("counts", {}).get("lists", {}) for manifest in manifests]
    rows = [
        {"title": titles.get(name, name), "counts": [counts.get(name) for counts in found]}
        for name in sorted({name for counts in found for name in counts})
    ]
    return {"days": days, "rows": rows}


def night_lines(nights: Iterable[dict[str, Any]]) -> list[str]:
    """Write nights as lines a person reads."""
    spoken = language()
    rows = [[word(code, spoken) for code in NIGHT_HEADINGS]]
    for night in nights:
        latest = f" ({word('latest', spoken)})" if night["is_latest"] else ""
        batches = [
            f"{b['batch_id'][: SHORTEST + 3]} {word(b['state_word'], spoken)}"
            for b in night["batches"]
        ]
        rows.append([night["short_id"] + latest, night["as_of"]])
        rows[-1] += [word(f"night_{night['state']}", spoken), yuan_text(night["amount_fen"], ",")]
        rows[-1] += [BETWEEN[spoken].join(names) for names in (batches, night["signed_by"])]
    return table(rows, {3}) if len(rows) > 1 else ["no night yet"]


def snapshot_lines(snapshots: Iterable[dict[str, Any]]) -> list[str]:
    """Write snapshots as lines a person reads."""
    lines = [
        f"{one['short_id']:<8} {one['rows']:>12,} rows of {one['files']} files, "
        f"{one['quarantined']:,} in quarantine; runs: {', '.join(one['runs']) or '-'}"
        for one in snapshots
    ]
    return lines or ["no snapshot yet"]
