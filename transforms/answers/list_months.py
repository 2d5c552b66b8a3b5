"""The months before and after of employers on a list: one bad file, or a real event?"""

from collections.abc import Sequence

import polars as pl

from transforms.amounts import share_text
from transforms.answers.lists import IDENTIFIER, NAME, NUMBER, NUMBER_WIDTH
from transforms.policies.cards import PolicyCard
from transforms.policies.parameters import months_between
from transforms.sheets.workbook import Line, Sheet, said_lines
from transforms.words import Said, word, worded

MONTHS_BEFORE = 6
MEASURES = ("present_persons", "payments")
DISTRICT_MEASURES = (*MEASURES, "employers", "shrunk_employers")
DISTRICT = ""
THIN_SHARE = 9_000


def first_month(listed: pl.DataFrame, last_month: int) -> int:
    """Return the month from which a list's months are shown: six before the first judged."""
    judged = listed.select(
        (pl.col("period").str.head(4) + pl.col("period").str.tail(2)).cast(pl.Int32).min()
    ).item()
    return _plus(judged or last_month, -MONTHS_BEFORE)


def _plus(month: int, months: int) -> int:
    number = month // 100 * 12 + month % 100 - 1 + months
    return number // 12 * 100 + number % 12 + 1


def months_sheet(
    card: PolicyCard, listed: pl.DataFrame, by_month: pl.DataFrame, last_month: int
) -> Sheet:
    """Show persons present and paid of each listed employer month by month, below the district's.

    Rows:    listed    an edition's list; by_month: as review/employer_months.sql gives them
             returns   per employer one row for each measure, numbered as in the list
    """
    months = months_between(first_month(listed, last_month), last_month)
    own = listed.select(NUMBER, "period", IDENTIFIER, NAME)
    district = pl.DataFrame(
        {NUMBER: [None], "period": [""], IDENTIFIER: [DISTRICT], NAME: [word("whole_district")]},
        schema=own.schema,
    )
    parts = [
        *(_measured(district, by_month, name, months) for name in DISTRICT_MEASURES),
        *(_measured(own, by_month, name, months) for name in MEASURES),
    ]
    frame = pl.concat(parts).sort(NUMBER, nulls_last=False, maintain_order=True)
    told = Said("list_months_of", {"policy": card.title.removesuffix("名单")})
    above = [*said_lines([told, Said("list_months_how")]), *_notes(listed, by_month)]
    title = word("sheet_list_months")
    return Sheet(title, frame, above, widths={NUMBER: NUMBER_WIDTH})


def _measured(
    rows: pl.DataFrame, by_month: pl.DataFrame, measure: str, months: Sequence[int]
) -> pl.DataFrame:
    wide = by_month.pivot(on="month", index="employer_code", values=measure)
    names = {str(month): f"{month // 100}-{month % 100:02d}" for month in months}
    lacking = [pl.lit(0, pl.Int64).alias(name) for name in names if name not in wide.columns]
    wide = wide.with_columns(lacking)
    return rows.join(
        wide, left_on=IDENTIFIER, right_on="employer_code", how="left", validate="m:1"
    ).select(
        *rows.columns,
        pl.lit(word(measure)).alias("measure"),
        *(pl.col(name).fill_null(0).alias(shown) for name, shown in names.items()),
    )


def _notes(listed: pl.DataFrame, by_month: pl.DataFrame) -> list[Line]:
    """Hold the district's rows of each month judged against the month before."""
    district = {
        row["month"]: row
        for row in by_month.filter(pl.col("employer_code") == DISTRICT).iter_rows(named=True)
    }
    nothing = dict.fromkeys(DISTRICT_MEASURES, 0)
    lines = []
    for period in sorted(set(listed["period"])):
        month = int(period[:4] + period[5:])
        now, before = district.get(month, nothing), district.get(_plus(month, -1), nothing)
        shares = {name: _share(now[name], before[name]) for name in MEASURES}
        told = {name: share_text(share) for name, share in shares.items()}
        told |= {name: now[name] for name in ("employers", "shrunk_employers")} | {"month": period}
        lines.append(Line("note", [worded(Said("month_of_district", told))]))
        if min(shares.values()) < THIN_SHARE:
            lines.append(Line("warn", [worded(Said("month_is_thin", {"month": period}))]))
    return lines


def _share(now: int, before: int) -> int:
    return now * 10_000 // before if before else 10_000
