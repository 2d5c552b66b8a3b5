"""How much of what is owed has arrived: on the night itself, today, and night by night."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.language import headings, language, policy_word
from flows.money.batch_folder import batch_lines, signed_lines
from flows.money.evidence import open_run, run_table
from flows.money.ledger_store import Ledger, open_ledger
from flows.money.returned import over_lines
from flows.money.standing import Standing
from flows.store import Home
from sql.texts import exclusions, policy_cards
from transforms.amounts import share_in, share_text, yuan_text
from transforms.answers.takeup import (
    FENS,
    GROUP,
    RANKS,
    SUMMED,
    TakenUp,
    expect_netted,
    found_in,
    of_periods,
    rows_taken_up,
    set_aside_rows,
    undetermined_rows,
    with_days,
)
from transforms.errors import LedgerForbidsError
from transforms.money.books import OPEN_STATES
from transforms.money.entitlements import KEY
from transforms.payments.working_days import next_working_day
from transforms.visible import table
from transforms.words import Said, worded

NAME = "takeup"
SHOWN = ("entitled_fen", *FENS, "to_recover_fen")
BESIDE = ("rows", "undetermined_rows", "set_aside_rows", *RANKS)


def taken_up(
    home: Home,
    as_of: date,
    entitlements: pl.DataFrame,
    determinations: pl.LazyFrame,
    snapshot: Path,
    standing: Standing,
) -> TakenUp:
    """Say on a night itself where each 分 is that it determined.

    Holds:   it depends on what the run's id names, and on the runs before it, alone
    """
    drafted = entitlements.filter(pl.col("status") == "payable").with_columns(amount_fen="due_fen")
    with open_ledger(home, only_look=True) as ledger:
        lines = [
            _lines("paid", standing.paid, ledger),
            _lines("signed", standing.signed),
            _lines("drafted", drafted),
            _lines("returns", ledger.lines_of("return")),
        ]
        rows = rows_taken_up(entitlements, pl.concat(lines), exclusions())
        expect_netted(rows)
        found = first_found(home, ledger.books().runs, rows, as_of)
    return _beside(with_days(rows, found), determinations, snapshot)


def _beside(rows: pl.DataFrame, determinations: pl.LazyFrame, snapshot: Path) -> TakenUp:
    cards = {name: card for name, card in policy_cards().items() if card.kind == "payment"}
    reads = [(name, kind) for name, card in cards.items() for kind in card.reads]
    return TakenUp(
        rows=rows,
        undetermined=undetermined_rows(determinations, list(cards)),
        set_aside=set_aside_rows(pl.read_parquet(snapshot / "quarantine.parquet"), reads),
    )


def _lines(place: str, lines: pl.DataFrame, ledger: Ledger | None = None) -> pl.DataFrame:
    """Say of lines in which place they are; of paid ones, on which day the bank was to pay."""
    executed = pl.lit(None, pl.Date())
    if ledger is not None:
        of_batch = {
            name: next_working_day(date.fromisoformat(state.as_of))
            for name, state in ledger.batch_states().items()
            if state.released
        }
        days = {p: of_batch[batch] for p, batch in ledger.batches_of_payments().items()}
        executed = pl.col("payment_id").replace_strict(days, default=None).cast(pl.Date())
    return lines.select(
        *KEY, "amount_fen", pl.lit(place).alias("place"), executed.alias("executed_on")
    )


def first_found(
    home: Home, runs: Mapping[str, Mapping[str, Any]], rows: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """Say which finished run first found each yearly row that something was paid for.

    Rows:    runs     as recorded, in their order; as_of: of a night that is not recorded yet
             returns  KEY, run_id and found_on, one per row
    """
    wanted = rows.filter((pl.col("paid_fen") > 0) & (pl.col("period").str.len_chars() == 4))
    wanted = wanted.select(KEY)
    parts = []
    for run_id, run in runs.items():
        is_asked = wanted.height and run["state"] == "done"
        # A carried night brings only those that found something first.
        if is_asked and (path := run_table(home, run_id, run, "entitlements")):
            found = found_in(pl.scan_parquet(path), wanted)
            wanted = wanted.join(found, on=KEY, how="anti")
            day = date.fromisoformat(run["as_of"])
            parts.append(found.with_columns(run_id=pl.lit(run_id), found_on=pl.lit(day)))
    return pl.concat([*parts, wanted.with_columns(run_id=pl.lit(""), found_on=pl.lit(as_of))])


def finders(home: Home, manifest: Mapping[str, Any], standing: Standing) -> set[str]:
    """List the runs that first found what was paid before a night: its days are counted from."""
    run_id = str(manifest["run_id"])
    with open_ledger(home, only_look=True) as ledger:
        entitlements = pl.read_parquet(home.runs / run_id / "entitlements.parquet")
        rows = rows_taken_up(entitlements, _lines("paid", standing.paid, ledger), exclusions())
        found = first_found(home, ledger.books().runs, rows, date.fromisoformat(manifest["as_of"]))
    return {*found["run_id"]} - {"", run_id}


def take_up_today(home: Home, first: str = "", last: str = "") -> dict[str, Any]:
    """Say where each 分 is today that the newest run determined, and how it was night by night.

    Rows:    first, last  months (YYYY-MM), both within
             returns      `policies` by policy and period, `total`, `nights` with their totals;
                          `unsupported_fen`: paid above what is determined, in none of these;
                          `over_fen`: came back and is paid by no night any more, in these only if
                          the newest run determined it
    Units:   fen
    Raises:  LedgerForbidsError if no run has finished; DigestDiffersError for a changed one
    """
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
        runs, run_id = books.runs, books.newest_run
        if not run_id:
            raise LedgerForbidsError("no run has finished yet: nothing is determined")
        run, recorded = runs[run_id], open_run(home, run_id, books)
        tables = [recorded.run / f"{name}.parquet" for name in ("entitlements", "determinations")]
        recorded.opened([*tables, recorded.snapshot / "quarantine.parquet"])
        entitlements = pl.read_parquet(tables[0])
        lines = pl.concat(_lines_today(home, ledger, run_id))
        rows = rows_taken_up(entitlements, lines, exclusions())
        found = first_found(home, runs, rows, date.fromisoformat(run["as_of"]))
        nights = list(_nights(home, runs, first, last))
        schema = {"period": pl.String(), "amount_fen": pl.Int64()}
        over = of_periods(pl.DataFrame(over_lines(ledger), schema=schema), first, last)
    taken = _beside(
        with_days(rows, found),
        pl.scan_parquet(tables[1]),
        recorded.snapshot,
    ).of_periods(first, last)
    unsupported = of_periods(entitlements.filter(status="unsupported"), first, last)
    released = lines.filter(place="paid").group_by(KEY).agg(held_fen=pl.sum("amount_fen"))
    held = unsupported.join(released, on=KEY, how="inner", validate="1:1")
    more_fen = (pl.col("held_fen") - pl.col("determined_fen")).clip(lower_bound=0)
    return {
        "run_id": run_id,
        "as_of": run["as_of"],
        "from": first,
        "to": last,
        "periods": taken.by(*GROUP).to_dicts(),
        "policies": taken.by("policy_id").to_dicts(),
        "total": taken.total(),
        "unsupported_fen": held.select(more_fen.sum()).item(),
        "over_fen": over["amount_fen"].sum(),
        "nights": nights,
    }


def _lines_today(home: Home, ledger: Ledger, run_id: str) -> Iterator[pl.DataFrame]:
    states = ledger.batch_states().values()
    recorded = [p.sequence for p in ledger.postings() if p.subject == run_id]
    mine = [s for s in states if s.run_id == run_id and s.state in OPEN_STATES and not s.reserves]
    yield _lines("paid", ledger.paid_lines(), ledger)
    yield _lines("signed", signed_lines(home, states))
    yield _lines("drafted", batch_lines(home, mine))
    yield _lines("returns", ledger.lines_of("return"))
    for kind, sign in (("return", 1), ("recovered", 1), ("restored", -1)):
        back = ledger.lines_of(kind, after=min(recorded))
        yield _lines("returned", back.with_columns(pl.col("amount_fen") * sign))


def _nights(
    home: Home, runs: Mapping[str, Mapping[str, Any]], first: str, last: str
) -> Iterator[dict[str, Any]]:
    """Return what each finished night said of itself; none of it is computed again.

    Rows:    returns  one per night that was made since there is a take-up
    """
    for run_id, run in runs.items():
        if run["state"] == "done" and (path := run_table(home, run_id, run, NAME)):
            sums = of_periods(pl.read_parquet(path), first, last).select(pl.col(SUMMED).sum())
            yield {"run_id": run_id, "as_of": run["as_of"], **sums.row(0, named=True)}


def takeup_lines(told: Mapping[str, Any]) -> list[str]:
    """Write a take-up as two tables: policies with their total, and the nights."""
    total = {"policy_id": headings("takeup_total")[0], "set_aside_rows": None, **told["total"]}
    policies = [[*headings("policy"), *_headings(BESIDE)]]
    policies += [
        _row(policy_word(one["policy_id"]), one, BESIDE) for one in [*told["policies"], total]
    ]
    nights = [[*headings("as_of"), *_headings(BESIDE[:2])]]
    nights += [_row(one["as_of"], one, BESIDE[:2]) for one in told["nights"]]
    right = set(range(1, len(policies[0])))
    of = Said("takeup_of", {name: told[name] for name in ("run_id", "as_of")})
    beside = [Said("takeup_unsupported", {"fen": told["unsupported_fen"]})]
    beside += [Said("takeup_over", {"fen": told["over_fen"]})] if told["over_fen"] else []
    above, below = worded(of, language()), (worded(one, language()) for one in beside)
    between = headings("takeup_nights")
    return [above, *table(policies, right), *below, "", *between, *table(nights, right)]


def _headings(beside: Sequence[str]) -> list[str]:
    return headings(*(f"takeup_{name}" for name in ("share", *SHOWN, *beside)))


def _row(name: str, one: Mapping[str, Any], beside: Sequence[str]) -> list[str]:
    whole = one["entitled_fen"]
    share = share_text(share_in(one["paid_fen"], whole)) if whole else "-"
    counts = ("-" if one[column] is None else str(one[column]) for column in beside)
    return [name, share, *(yuan_text(one[column], ",") for column in SHOWN), *counts]
