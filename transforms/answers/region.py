"""Whether the layoffs on one night's list make a warning of the whole region."""

from typing import Any

import polars as pl

LAYOFFS = "layoff_warning"


def region_figure(rows: pl.DataFrame, determinations: pl.DataFrame) -> dict[str, Any]:
    """Hold the list of layoffs against the region's limits: so many employers, so many at one.

    Rows:    rows  of layoff_warning's policy, with gone_count and the limits in force
    Source:  rulebook §3b, layoff_warning, Region
    """
    listed = determinations.filter(
        (pl.col("policy_id") == LAYOFFS) & (pl.col("outcome") == "eligible")
    )
    on_it = rows.join(listed, on="subject_id", how="semi")
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
