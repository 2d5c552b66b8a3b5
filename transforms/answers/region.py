"""What one night comes to in counts, and whether its layoffs make a warning of the whole region."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.policies.cards import PolicyCard
from transforms.words import Said

LAYOFFS = "layoff_warning"
PERSONS_END = ("_persons", "_count")


def region_figure(rows: pl.LazyFrame, determinations: pl.LazyFrame) -> dict[str, Any]:
    """Hold the list of layoffs against the region's limits: so many employers, so many at one.

    Rows:    rows  of layoff_warning's policy, with gone_count and the limits in force
    Source:  rulebook §3b, layoff_warning, Region
    """
    listed = determinations.filter(
        (pl.col("policy_id") == LAYOFFS) & (pl.col("outcome") == "eligible")
    )
    on_it = rows.join(listed, on="subject_id", how="semi").collect()
    if not on_it.height:
        return {"is_reached": False, "employers": 0, "gone_most": 0, "gone_sum": 0}
    limits = on_it.row(0, named=True)
    employers, most = on_it.height, int(str(on_it["gone_count"].max()))
    return {
        "is_reached": employers >= limits["region_employers"] or most >= limits["region_gone"],
        "employers": employers,
        "gone_most": most,
        "gone_sum": int(on_it["gone_count"].sum()),
        "employers_from": limits["region_employers"],
        "gone_from": limits["region_gone"],
    }


def count_lists(
    ran: Mapping[str, PolicyCard],
    policy_rows: Mapping[str, pl.LazyFrame],
    determinations: pl.LazyFrame,
) -> dict[str, dict[str, int | None]]:
    """Count what stands on the list of each policy that pays nothing: rows, and persons.

    Of a list of employers the persons are those by whom the card puts it in order, if it does;
    a person concerned at two employers counts at both.

    Rows:    returns  one per such policy of those that ran; a list of nobody is one too
    """
    eligible = determinations.filter(pl.col("outcome") == "eligible")
    lists: dict[str, dict[str, int | None]] = {}
    for name, card in sorted(ran.items()):
        if card.kind == "payment":
            continue
        listed, persons = eligible.filter(pl.col("policy_id") == name), None
        order = next(iter(card.listing.get("order", ())), "")
        if card.subject == "person":
            persons = listed.select(pl.col("subject_id").n_unique()).collect().item()
        elif order.endswith(PERSONS_END):
            keys = ["period", "subject_id"]
            on_it = policy_rows[name].join(listed, on=keys, how="semi")
            persons = int(on_it.select(pl.col(order).sum()).collect().item())
        lists[name] = {"rows": listed.select(pl.len()).collect().item(), "persons": persons}
    return lists


def count_small(frames: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Count what became of the money, of damaged ids and of traces, for a run's manifest.

    Rows:    frames  what the run leaves, by name
    """
    counts: dict[str, Any] = {}
    if "entitlements" in frames:
        sums = pl.len().alias("rows"), pl.col("due_fen").sum()
        statuses = frames["entitlements"].group_by("status").agg(sums).sort("status")
        counts["entitlements"] = {
            status: {"rows": rows, "due_fen": fen} for status, rows, fen in statuses.iter_rows()
        }
    if "damaged_rows" in frames:
        found = frames["identity_candidates"].filter(pl.col("rank") == 1).height
        counts["damaged_ids"] = {"rows": frames["damaged_rows"].height, "with_candidates": found}
    if "traces" in frames:
        backings = frames["traces"]["backing"].value_counts()
        counts["traces"] = dict(sorted(backings.iter_rows()))
    return counts


def region_notes(figure: Mapping[str, Any]) -> list[Said]:
    """Say on top of the list of layoffs that the region's limit is reached, where it is."""
    return [Said("region_reached", figure)] if figure["is_reached"] else []
