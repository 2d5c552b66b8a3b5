"""What the newest run of a home says of a batch that is about to be paid."""

from collections.abc import Iterator

import polars as pl

from flows.money.batch_folder import StoredBatch
from flows.money.evidence import expect_evidence
from flows.money.objections import expect_no_objections
from flows.store import Home
from transforms.errors import LedgerForbidsError
from transforms.money.books import Books
from transforms.money.entitlements import KEY

# A line that is signed shows as nothing due while it stands; these say that it does not.
FALLEN = ["recovery", "unsupported", "superseded", "conflict", "held"]
SHOWN = 10


def expect_still_due(home: Home, books: Books, stored: StoredBatch) -> None:
    """Hold a batch against the newest run: each line still due, to the account that was signed.

    And against the home's register: nobody has objected to a line since.

    Raises:  LedgerForbidsError naming the lines; DigestDiffersError if that run was changed
    """
    run_id = books.newest_run
    expect_no_objections(home, stored, run_id)
    if run_id == stored.manifest["run_id"]:
        return
    expect_evidence(home, run_id, books.runs[run_id])
    folder = home.runs / run_id
    lines = stored.frame("lines").with_row_index("line", offset=1)
    fallen = lines.join(pl.read_parquet(folder / "entitlements.parquet"), on=KEY, how="inner")
    fallen = fallen.filter(pl.col("status").is_in(FALLEN))
    signed = pl.read_parquet(folder / "signed_lines.parquet").drop("payment_id")
    now = lines.join(signed, on=KEY, how="inner", validate="1:1")
    said = sorted([*_fallen(fallen), *_moved(now)])
    if said:
        more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
        raise LedgerForbidsError(
            f"batch {stored.manifest['batch_id']}: by the newest run {run_id} it is not to be paid "
            f"as signed: {'; '.join(text for _, text in said[:SHOWN])}{more}; withdraw it and sign "
            "the batch of a new run"
        )


def _fallen(rows: pl.DataFrame) -> Iterator[tuple[int, str]]:
    for row in rows.iter_rows(named=True):
        yield row["line"], f"{_name(row)} is now {row['status']} ({row['reason']})"


def _moved(rows: pl.DataFrame) -> Iterator[tuple[int, str]]:
    for row in rows.iter_rows(named=True):
        if row["hold_reason"] is not None:
            yield row["line"], f"{_name(row)} is now held ({row['hold_reason']})"
        elif row["account_now"] != row["account_no"]:
            yield row["line"], f"{_name(row)} now has another account"


def _name(row: dict[str, object]) -> str:
    return f"line {row['line']} ({row['policy_id']}, {row['period']}, {row['payment_id']})"
