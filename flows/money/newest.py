"""What the newest run and the newest snapshot say of a batch that is about to be paid."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial

import polars as pl

from flows.money.as_run import paid_elsewhere
from flows.money.batch_folder import StoredBatch, batch_lines, line_named, some_of
from flows.money.clock import today
from flows.money.evidence import expect_evidence, expect_recorded_so, rows_of, table_files
from flows.money.ledger import Ledger
from flows.money.objections import expect_no_objections
from flows.money.twice import takes_up
from flows.store import MANIFEST, Home, expect_digests
from sql import policy_cards
from transforms.amounts import yuan_text
from transforms.errors import LedgerForbidsError
from transforms.money.books import Books
from transforms.money.entitlements import KEY

# A line that is signed shows as nothing due while it stands; these say that it does not.
FALLEN = ["recovery", "unsupported", "superseded", "conflict", "held"]
SOURCE = ("source_file", "source_line")


def expect_still_due(home: Home, books: Books, stored: StoredBatch) -> None:
    """Hold a batch against the newest run: each line still due, to what was signed.

    Holder, account and bank are those that this run's snapshot gives: a bank pays by all of them.

    A line that was signed when that run began is due while it has not fallen; of any other the
    run's own batches must say that they would pay it. And against the home's register: nobody has
    objected to a line since.

    Raises:  LedgerForbidsError naming the lines; DigestDiffersError if that run was changed
    """
    run_id = books.newest_run
    expect_no_objections(home, stored, run_id)
    later = books.later_day(run_id, today())
    if later:
        raise LedgerForbidsError(
            f"batch {stored.manifest['batch_id']}: the newest run {run_id} is as of "
            f"{books.runs[run_id]['as_of']}, and one of {later} is there: run the night of that "
            "day again; what it still finds due is paid"
        )
    if run_id == stored.manifest["run_id"]:
        return
    expect_evidence(home, run_id, books)
    folder, snapshot = home.runs / run_id, home.snapshots / books.runs[run_id]["snapshot_id"]
    lines = stored.numbered_lines()
    fallen = lines.join(pl.read_parquet(folder / "entitlements.parquet"), on=KEY, how="inner")
    fallen = fallen.filter(pl.col("status").is_in(FALLEN))
    signed = pl.read_parquet(folder / "signed_lines.parquet")
    # Two signed batches may each pay a part of one entitlement: a line is told by its payment, too.
    now = lines.join(signed, on=["payment_id", *KEY], how="inner", validate="1:1")
    others = lines.join(
        pl.concat([now.select("line"), fallen.select("line")]), on="line", how="anti"
    )
    accounts = rows_of(table_files(snapshot, "accounts"))
    moved = paid_elsewhere(lines, stored.frame("instructions"), accounts)
    said = {
        **dict(_moved(moved)),
        **dict(_held(now)),
        **dict(_not_due(home, books, run_id, others)),
        **dict(_fallen(fallen)),
    }
    if said:
        raise LedgerForbidsError(
            f"batch {stored.manifest['batch_id']}: by the newest run {run_id} it is not to be paid "
            f"as signed: {some_of(text for _, text in sorted(said.items()))}; withdraw it and sign "
            "the batch of a new run"
        )


def expect_none_restored(ledger: Ledger, stored: StoredBatch) -> None:
    """Hold a batch against what arrived after all since it was drawn up: that is paid already.

    Raises:  LedgerForbidsError naming the lines
    """
    back = ledger.lines_of("restored", ledger.books().drawn_up_at(stored.manifest["batch_id"]))
    if not back.height:
        return
    back = back.join(ledger.paid_lines(), on=["payment_id", *KEY], how="semi")
    lines = stored.numbered_lines()
    met = lines.join(back, on=["subject_kind", "subject_id"], how="inner", suffix="_back")
    said = [line_named(row) for row in met.filter(takes_up()).sort("line").iter_rows(named=True)]
    if said:
        raise LedgerForbidsError(
            f"batch {stored.manifest['batch_id']}: what came back had arrived after all since it "
            f"was drawn up: {some_of(dict.fromkeys(said))}; withdraw it and sign the batch of a "
            "new run"
        )


def _fallen(rows: pl.DataFrame) -> Iterator[tuple[int, str]]:
    for row in rows.iter_rows(named=True):
        yield row["line"], f"{line_named(row)} is now {row['status']} ({row['reason']})"


def _moved(rows: pl.DataFrame) -> Iterator[tuple[int, str]]:
    for row in rows.iter_rows(named=True):
        yield row["line"], f"{line_named(row)} now has another account, bank or holder"


def _held(rows: pl.DataFrame) -> Iterator[tuple[int, str]]:
    for row in rows.drop_nulls("hold_reason").iter_rows(named=True):
        yield row["line"], f"{line_named(row)} is now held ({row['hold_reason']})"


def _not_due(
    home: Home, books: Books, run_id: str, lines: pl.DataFrame
) -> Iterator[tuple[int, str]]:
    """Say of lines that a run did not know as signed what it would not pay so.

    Raises:  DigestDiffersError if one of the run's batches was changed
    """
    if not lines.height:
        return
    drawn = [s for s in books.batches.values() if s.run_id == run_id and not s.came_from]
    due = batch_lines(home, drawn).select(*KEY, due_fen="amount_fen")
    for row in lines.join(due, on=KEY, how="left", validate="1:1").iter_rows(named=True):
        if row["due_fen"] is None:
            yield row["line"], f"{line_named(row)} is no longer due"
        elif row["due_fen"] < row["amount_fen"]:
            yield (
                row["line"],
                f"{line_named(row)} is now due with {yuan_text(row['due_fen'])} 元 only",
            )


def expect_nothing_since(
    home: Home, books: Books, stored: StoredBatch, our_payments: Sequence[str], day: str
) -> None:
    """Hold a batch against the newest snapshot: nobody died, was imprisoned or paid by others.

    Only what the batch's own snapshot did not hold speaks against it: the rest was judged.

    Raises:  LedgerForbidsError naming the lines
    """
    own = books.runs[stored.manifest["run_id"]]["snapshot_id"]
    lines = stored.numbered_lines()
    said = sorted(
        {
            (row["line"], f"{line_named(row)}: {kind} of snapshot {newer}")
            for newer in _newest_snapshots(home, books) - {own}
            for kind, reads in SINCE.items()
            for row in reads(_come(home, own, newer, kind), lines, our_payments, day).iter_rows(
                named=True
            )
        }
    )
    if said:
        raise LedgerForbidsError(
            f"batch {stored.manifest['batch_id']}: delivered since it was drawn up: "
            f"{some_of(text for _, text in said)}; these lines come out: withdraw it, make a new "
            "run and sign that batch"
        )


def _newest_snapshots(home: Home, books: Books) -> set[str]:
    """Return the snapshot that a run read last, by the ledger, and the one written last.

    The days of files can be set by whoever may write them: they can add a snapshot, not hide one.

    Raises:  DigestDiffersError if what the ledger recorded was changed
    """
    recorded = [*books.runs.values()][-1]
    read = home.snapshots / recorded["snapshot_id"]
    expect_digests([(read / MANIFEST, recorded["snapshot_manifest"])])
    expect_recorded_so(read, books)
    expect_digests([file for kind in SINCE for file in table_files(read, kind)])
    there = (path for path in home.snapshots.iterdir() if (path / MANIFEST).is_file())
    written = max(there, key=lambda path: ((path / MANIFEST).stat().st_mtime_ns, path.name))
    return {read.name, written.name}


def _come(home: Home, own: str, newest: str, kind: str) -> pl.DataFrame:
    """Return the rows of a kind that the newest snapshot holds and a batch's own did not."""
    now, then = (rows_of(table_files(home.snapshots / one, kind)) for one in (newest, own))
    columns = [name for name in now.columns if name in then.columns and name not in SOURCE]
    return now.join(then, on=columns, how="anti", nulls_equal=True) if columns else now


def _of_persons(
    since: str, rows: pl.DataFrame, lines: pl.DataFrame, _ours: Sequence[str], day: str
) -> pl.DataFrame:
    """Return the lines about, or paid to, somebody of whom a row began by the day."""
    if not rows.height:
        return lines.clear()
    found = rows.filter(pl.col(since) <= date.fromisoformat(day))["person_id"].unique().implode()
    return lines.filter(pl.col("subject_id").is_in(found) | pl.col("beneficiary_id").is_in(found))


def _supported(
    rows: pl.DataFrame, lines: pl.DataFrame, ours: Sequence[str], _day: str
) -> pl.DataFrame:
    """Return the lines for a month (or year) that another system has granted meanwhile."""
    if not rows.height:
        return lines.clear()
    types = [
        (card.policy_id, name) for card in policy_cards().values() for name in card.support_types
    ]
    granting = pl.DataFrame(types, schema=["policy_id", "support_type"], orient="row")
    granted = rows.filter(~pl.col("payment_id").fill_null("").is_in(list(ours))).select(
        "support_type", "subject_id", "from_month", "to_month"
    )
    month = pl.col("period").str.replace("-", "").cast(pl.Int64)
    is_year = pl.col("period").str.len_chars() == 4
    year = pl.col("from_month") // 100 == month
    covers = (pl.col("from_month") <= month) & (month <= pl.col("to_month"))
    # Many rows to many lines: a person's grants against the months that are due.
    return (
        lines.join(granting, on="policy_id", how="inner")
        .join(granted, on=["support_type", "subject_id"], how="inner")
        .filter(pl.when(is_year).then(year).otherwise(covers))
        .select(lines.columns)
        .unique()
        .sort("line")
    )


def _extended(
    rows: pl.DataFrame, lines: pl.DataFrame, ours: Sequence[str], day: str
) -> pl.DataFrame:
    """Return the lines for a month whose benefit another system has let go on meanwhile."""
    names = {"person_id": "subject_id", "benefit_type": "support_type"}
    return _supported(rows.rename(names, strict=False), lines, ours, day)


# What a batch is held against when it is paid, each with how its rows speak of lines.
SINCE: Mapping[str, Callable[..., pl.DataFrame]] = {
    "deaths": partial(_of_persons, "died_on"),
    "custody": partial(_of_persons, "from_date"),
    "support": _supported,
    "unemployment_benefits": _extended,
}
