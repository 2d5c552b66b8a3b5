"""The forecast: per fund the next twelve months, from the newest run, ledger and budget."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.batch_folder import signed_lines
from flows.money.evidence import run_files
from flows.money.funds import read_funds
from flows.money.ledger_store import open_ledger
from flows.store import MANIFEST, Home, expect_digests, replace_file
from sql import policy_cards
from transforms.amounts import is_amount, yuan_column, yuan_text
from transforms.answers.page import render_page
from transforms.errors import LedgerForbidsError
from transforms.money.batch_states import BatchState
from transforms.money.claims import KEY
from transforms.money.forecast import FundForecast, continuing, fund_forecast, going_on
from transforms.review.drawn import FORECAST_FILLS, month_bars
from transforms.sheets.workbook import Line, Sheet, workbook_bytes
from transforms.words import Said, word, worded

ASSUMPTIONS = (
    *("forecast_waiting", "forecast_goes_on", "forecast_same_amount", "forecast_no_new"),
    *("forecast_no_conflict", "forecast_once", "forecast_paid_in_month"),
)


def forecast(home: Home, run_id: str) -> tuple[date, list[FundForecast]]:
    """Forecast every fund from a run: what is payable and held now, and what goes on by the month.

    Raises:  LedgerForbidsError for a run that is not done; DigestDiffersError for a changed one
    """
    funds = read_funds(home)
    with open_ledger(home, only_look=True) as ledger:
        recorded = ledger.books().runs.get(run_id, {"state": ""})
        if recorded["state"] != "done":
            raise LedgerForbidsError(f"run {run_id} is not recorded as done: `wuxing runs`")
        folder, as_of = home.runs / run_id, date.fromisoformat(recorded["as_of"])
        expect_digests([(folder / MANIFEST, recorded["run_manifest"]), *run_files(folder)])
        entitlements = pl.read_parquet(folder / "entitlements.parquet")
        states = ledger.batch_states().values()
        paid = pl.concat([ledger.paid_lines(), signed_lines(home, states)])
        years = (as_of.year, as_of.year + 1)
        cards = [card for card in policy_cards().values() if card.fund]
        names = sorted({str(card.fund) for card in cards})
        left = {
            name: {
                year: None
                if (budget := funds.budget_fen(name, year)) is None
                else budget - ledger.spent_fen(name, year)
                for year in years
            }
            for name in names
        }
    waiting = _waiting(entitlements, paid, [state for state in states if state.run_id == run_id])
    forecasts = []
    for name in names:
        mine = [card for card in cards if card.fund == name]
        going = {
            card.policy_id: continuing(card, pl.read_parquet(path), entitlements, as_of)
            for card in mine
            if card.policy_id in going_on()
            and (path := folder / "policies" / f"{card.policy_id}.parquet").is_file()
        }
        of_fund = waiting.filter(pl.col("policy_id").is_in([card.policy_id for card in mine]))
        now = {
            status: int(of_fund.filter(pl.col("status") == status)["left_fen"].sum())
            for status in ("payable", "held")
        }
        forecasts.append(fund_forecast(name, as_of, now, going, left[name]))
    return as_of, forecasts


def _waiting(
    entitlements: pl.DataFrame, paid: pl.DataFrame, states: Sequence[BatchState]
) -> pl.DataFrame:
    """Return what of a run's payable and held rows is not paid or signed since.

    Holds:   what a reviewer took out of the run's batches is held
    """
    verdicts = [said for state in states for said in state.reviewed]
    lines = [row[: len(KEY)] for said in verdicts for row in (*said["held"], *said["struck"])]
    out = pl.DataFrame(lines, schema=dict.fromkeys(KEY, pl.String), orient="row").unique()
    out = out.with_columns(pl.lit("held").alias("now"))
    sums = paid.group_by(KEY).agg(pl.col("amount_fen").sum().alias("paid_now_fen"))
    return (
        entitlements.filter(pl.col("status").is_in(["payable", "held"]))
        .join(sums, on=KEY, how="left", validate="1:1")
        .join(out, on=KEY, how="left", validate="1:1")
        .with_columns(
            pl.coalesce("now", "status").alias("status"),
            (pl.col("determined_fen") - pl.col("paid_now_fen").fill_null(0))
            .clip(lower_bound=0)
            .alias("left_fen"),
        )
    )


def write_forecast(home: Home, run_id: str, path: Path | None) -> dict[str, Any]:
    """Return a forecast for people, and write it as a workbook or a page where a path is given.

    Units:   yuan, for people
    """
    as_of, forecasts = forecast(home, run_id)
    if path:
        is_page = path.suffix.lower() == ".html"
        written = forecast_page if is_page else forecast_workbook
        replace_file(path, written(run_id, as_of, forecasts))
    return {
        "run_id": run_id,
        "as_of": as_of.isoformat(),
        "funds": [_told(found) for found in forecasts],
        "assumptions": [word(code) for code in ASSUMPTIONS],
        **({"path": str(path)} if path else {}),
    }


def _told(found: FundForecast) -> dict[str, Any]:
    in_yuan = (
        yuan_column(name).alias(name.replace("_fen", "_yuan")) if is_amount(name) else name
        for name in found.months.columns
    )
    return {
        "fund": found.fund,
        "months": found.months.select(in_yuan).to_dicts(),
        "by_policy_yuan": {name: yuan_text(fen) for name, fen in found.by_policy.items()},
        "total_yuan": yuan_text(int(found.months["total_fen"].sum())),
        "runs_out": found.runs_out or None,
    }


def forecast_workbook(run_id: str, as_of: date, forecasts: list[FundForecast]) -> bytes:
    """Write a forecast as a workbook, a sheet for each fund, with what it assumes."""
    sheets = []
    for found in forecasts:
        title = Said(
            "forecast_of", {"fund": found.fund, "run_id": run_id, "as_of": as_of.isoformat()}
        )
        end = Said("forecast_runs_out", {"month": found.runs_out})
        above = [Line("title", [worded(title)])]
        above += [Line("warn", [worded(end)])] if found.runs_out else []
        above += [Line("note", [word(code)]) for code in ASSUMPTIONS]
        sheets.append(Sheet(found.fund, found.months, above))
    return workbook_bytes(sheets, word("sheet_forecast"))


def forecast_page(run_id: str, as_of: date, forecasts: list[FundForecast]) -> bytes:
    """Write a forecast as a page that stands alone: a bar a month, the month the budget ends."""
    titles = {card.policy_id: card.title for card in policy_cards().values()}
    funds = [
        {
            "fund": found.fund,
            "bars": month_bars(found.months.to_dicts()),
            "runs_out": found.runs_out,
            "runs_out_said": worded(Said("forecast_runs_out", {"month": found.runs_out})),
            "has_budget": found.months["left_fen"].null_count() < found.months.height,
            "by_policy": {titles[name]: fen for name, fen in found.by_policy.items()},
        }
        for found in forecasts
    ]
    page = render_page(
        "forecast.html.j2",
        run_id=run_id,
        as_of=as_of.isoformat(),
        funds=funds,
        fills=FORECAST_FILLS,
        columns=forecasts[0].months.columns if forecasts else [],
        assumptions=ASSUMPTIONS,
    )
    return page.encode()
