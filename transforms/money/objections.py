"""Objections: which lines they are about, what became of each, and which lines they hold.

An objection names a policy, a subject, and a period or all. A month of a policy that goes by year
means that year, a year of one that goes by month each of its months: rather too much is held than
too little. What was determined when it was raised
is kept with it from night to night, so that a correction is seen as one.
"""

import polars as pl

from transforms.digest import short_id
from transforms.extracts.dates import ALL_PERIODS
from transforms.money.entitlements import FINDING_COLUMNS, KEY
from transforms.money.exclusions import DECISION_KEY, ROW

OBJECTION, CONFLICT = "objection", "conflict"
PARTY = ["policy_id", "subject_id"]
SAID = ["raised_by", "raised_on", "objection_reason", "document_no"]
BEFORE = ["outcome_before", "amount_before_fen", "reasons_before"]
OF_OBJECTION = ["objection_id", *PARTY, "objected_period", *SAID]
OBJECTION_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(["objection_id", *KEY, "objected_period", *SAID], pl.String()),
        "raised_on": pl.Date(),
        "run_before": pl.String(),
        "outcome_before": pl.String(),
        "amount_before_fen": pl.Int64(),
        "reasons_before": pl.List(pl.String()),
        "outcome": pl.String(),
        "amount_fen": pl.Int64(),
        "reason_codes": pl.List(pl.String()),
        "decision": pl.String(),
        "decided_on": pl.Date(),
        "decided_by": pl.String(),
        "is_corrected": pl.Boolean(),
        "is_holding": pl.Boolean(),
        "objection_state": pl.String(),
        "is_news": pl.Boolean(),
        "answered_on": pl.String(),
    }
)
DETERMINED = ["outcome", "amount_fen", "reason_codes"]
# Of an audit's findings: above this share of objections upheld, the rule or its data is at fault.
UPHELD_PERCENT = 5


def name_objections(raised: pl.DataFrame) -> pl.DataFrame:
    """Name each objection by what it says; two that say the same are one.

    The reason is kept as it was written, and is the same whatever the width of its signs.

    Rows:    raised   rows of the extract; returns  one per objection, OF_OBJECTION
    """
    said = raised.select(
        *PARTY,
        pl.col("period").replace(ALL_PERIODS, None).alias("objected_period"),
        *SAID[:2],
        pl.col("reason").alias("objection_reason"),
        "document_no",
    ).unique()
    plain = said.with_columns(pl.col("objection_reason").str.normalize("NFKC").str.strip_chars())
    named = [
        short_id("Y", [str(cell or "") for cell in row])
        for row in plain.select(OF_OBJECTION[1:]).iter_rows()
    ]
    return (
        said.select(pl.Series("objection_id", named, pl.String), *OF_OBJECTION[1:])
        .sort("objection_id", "objection_reason")
        .unique("objection_id", keep="first", maintain_order=True)
    )


def weigh_objections(
    objections: pl.DataFrame,
    now: pl.DataFrame,
    before: pl.DataFrame,
    known: pl.DataFrame,
    decisions: pl.DataFrame,
    run_before: str,
    as_of: str,
) -> pl.DataFrame:
    """Say of each line objected to what was determined then and now, and what was decided.

    Rows:    objections  OF_OBJECTION
             now, before  determinations of tonight and of `run_before` about their parties
             known       what that run said of objections, OBJECTION_SCHEMA: what was determined
                         when one was first seen stays what it is held against
             decisions   clerks', by the line's key: provision (of objections or conflicts),
                         decision, decided_by, decided_on
             returns     one per objection and line, OBJECTION_SCHEMA; one without a line where
                         nothing was ever determined
    Holds:   every objection is in it
    """
    old = known.join(objections.select("objection_id"), on="objection_id", how="semi")
    new = objections.join(old, on="objection_id", how="anti")
    named = before.rename(dict(zip(DETERMINED, BEFORE, strict=True)))
    said = old.filter(pl.col("outcome_before").is_not_null())
    then = pl.concat(
        part.select("objection_id", *KEY, *BEFORE) for part in (said, _lines(new, named))
    )
    first = old.group_by("objection_id").agg(
        pl.col("run_before", "answered_on").min(),
        pl.col("objection_state").min().alias("known_state"),
    )
    both = then.join(
        _lines(objections, now).select("objection_id", *KEY, *DETERMINED),
        on=["objection_id", *KEY],
        how="full",
        coalesce=True,
    )
    lines = (
        objections.join(both.drop(PARTY), on="objection_id", how="left")
        .join(first, on="objection_id", how="left", validate="m:1")
        .with_columns(
            pl.col("run_before").fill_null(run_before), pl.col("answered_on").fill_null(as_of)
        )
    )
    weighed = _with_states(_with_decisions(_with_awaited(lines, old), decisions, old))
    return weighed.select(pl.col(name).cast(dtype) for name, dtype in OBJECTION_SCHEMA.items())


def is_about() -> pl.Expr:
    """Say whether a line's period is the one objected to, or one holds the other, or all are."""
    said, period = pl.col("objected_period"), pl.col("period")
    return said.is_null() | period.str.starts_with(said) | said.str.starts_with(period)


def _lines(objections: pl.DataFrame, determined: pl.DataFrame) -> pl.DataFrame:
    """Pair objections with the determinations that they are about."""
    # Many to many: a party's objections by the lines of the policy.
    return objections.join(determined, on=PARTY, how="inner").filter(is_about())


def _with_awaited(lines: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Mark the lines that a clerk upheld and that waited for a correction, or have had it."""
    awaited = (pl.col("decision") == "是") & (pl.col("is_holding") != pl.col("is_corrected"))
    marked = known.filter(awaited).select(
        "objection_id", *KEY, pl.lit(value=True).alias("was_awaited")
    )
    return lines.join(marked, on=["objection_id", *KEY], how="left", validate="m:1")


def _with_decisions(
    lines: pl.DataFrame, decisions: pl.DataFrame, known: pl.DataFrame
) -> pl.DataFrame:
    """Add to each line what was decided since; two decisions that differ settle nothing.

    One that settled an objection goes on settling it while it is in force: what is decided of
    another objection to the same line opens it no more.
    """
    lines = lines.with_columns(pl.col("raised_on").max().over(KEY).alias("last_raised_on"))
    decided = lines.join(decisions, on=DECISION_KEY).filter(
        pl.col("decided_on") >= pl.col("raised_on")
    )
    stands = decided.filter(provision=CONFLICT, decision="是").select("objection_id", *KEY).unique()
    decided = decided.filter(provision=OBJECTION).drop("provision")
    same = ["objection_id", *KEY]
    settled = decided.join(known, on=[*same, "decision", "decided_on", "decided_by"], how="semi")
    settled = settled.filter(pl.col("last_raised_on") >= pl.col("decided_on"))
    told = (
        pl.concat([settled, decided.join(settled, on=same, how="anti")])
        .group_by("objection_id", *KEY)
        .agg(pl.col("decision").unique(), pl.col("decided_on").max(), pl.col("decided_by").min())
        .filter(pl.col("decision").list.len() == 1)
        .with_columns(pl.col("decision").list.first())
    )
    stands = stands.with_columns(pl.lit(value=True).alias("is_let_stand"))
    # A line without a determination has no decision either.
    for more in (told, stands):
        lines = lines.join(more, on=["objection_id", *KEY], how="left", validate="m:1")
    return lines


def _with_states(lines: pl.DataFrame) -> pl.DataFrame:
    """Add what became of each line, and of each objection as a whole.

    A line that was determined otherwise when the objection came is answered as corrected: upheld,
    or `lowered` where all that came of it is that less is due. A month
    that came after an objection to all months, or after the last that was determined then, is no
    correction of what it was about; nor is one that was not over when somebody objected to it.
    """
    raised_in = pl.col("raised_on").dt.strftime("%Y-%m")
    was_there = pl.col("outcome_before").is_not_null()
    judged_to = pl.col("period").filter(was_there).max().over("objection_id")
    was_about = (pl.col("objected_period") == pl.col("period")).fill_null(False) | (
        pl.col("period") <= pl.min_horizontal(raised_in, judged_to)
    ).fill_null(True)
    is_other = (
        pl.col("outcome_before").ne_missing(pl.col("outcome"))
        | pl.col("amount_before_fen").ne_missing(pl.col("amount_fen"))
    ) & pl.col("outcome").is_not_null()
    was_left_out = (pl.col("outcome") == "eligible") & (pl.col("period") < raised_in)
    is_yes, is_no = (pl.col("decision").eq_missing(pl.lit(said)) for said in ("是", "否"))
    corrected = is_other & (was_there | was_left_out) & was_about & (pl.col("run_before") != "")
    state = _outcome(corrected, is_yes, is_no, was_about)
    # What a clerk upheld waits for the correction; one that was there already was no answer. That
    # the line stands, and not what it is in conflict with, is one.
    is_answered = corrected & pl.col("was_awaited").fill_null(False)
    is_answered |= pl.col("is_let_stand").fill_null(False)
    holding = (
        pl.when(pl.col("decision").is_not_null())
        .then(is_yes & ~is_answered)
        .when(was_about)
        .then(~corrected)
        .otherwise(state == "answered")
    )
    return lines.with_columns(
        corrected.alias("is_corrected"),
        state.alias("objection_state"),
        (holding & pl.col("period").is_not_null()).alias("is_holding"),
        state.ne_missing(pl.col("known_state")).alias("is_news"),
    ).sort("objection_id", *KEY)


def _outcome(corrected: pl.Expr, is_yes: pl.Expr, is_no: pl.Expr, was_about: pl.Expr) -> pl.Expr:
    """Say what became of each objection as a whole."""
    is_less = pl.col("amount_fen").fill_null(0) < pl.col("amount_before_fen").fill_null(0)
    upheld = (corrected | is_yes).any().over("objection_id")
    # Nobody upheld it, and whatever was corrected took money away.
    lowered = (~(corrected | is_yes) | (corrected & ~is_yes & is_less)).all().over("objection_id")
    refused = (is_no | ~was_about).all().over("objection_id") & is_no.any().over("objection_id")
    return (
        pl.when(upheld & lowered)
        .then(pl.lit("lowered"))
        .when(upheld)
        .then(pl.lit("upheld"))
        .when(refused)
        .then(pl.lit("not_upheld"))
        .otherwise(pl.lit("answered"))
    )


def objected_rows(open_rows: pl.DataFrame, weighed: pl.DataFrame) -> pl.DataFrame:
    """List the rows that an objection holds.

    Rows:    open_rows  one per key; returns  row_number, one per row held
    """
    holding = weighed.filter("is_holding").select(KEY).unique()
    return open_rows.join(holding, on=KEY, how="semi").select(ROW)


def upheld_shares(weighed: pl.DataFrame) -> pl.DataFrame:
    """Count objections by policy, and by the provisions that they turn on.

    Rows:    returns  policy_id, provision (empty: the whole policy), objection_count, upheld_count
    """
    one = weighed.group_by("objection_id", "policy_id").agg(
        (pl.col("objection_state") == "upheld").any().alias("is_upheld"),
        pl.col("reasons_before").drop_nulls().list.explode().alias("was"),
        pl.col("reason_codes").drop_nulls().list.explode().alias("became"),
    )
    provisions = pl.concat_list("was", "became").list.drop_nulls().list.unique().list.sort()
    named = pl.when(provisions.list.len() > 0).then(provisions).otherwise(pl.lit(["amount_fen"]))
    each = one.select("policy_id", "is_upheld", named.alias("provision")).explode("provision")
    whole = one.select("policy_id", "is_upheld", pl.lit("").alias("provision"))
    return (
        pl.concat([whole, each.select(whole.columns)])
        .group_by("policy_id", "provision")
        .agg(
            pl.len().cast(pl.Int64).alias("objection_count"),
            pl.col("is_upheld").sum().cast(pl.Int64).alias("upheld_count"),
        )
        .sort("policy_id", "provision")
    )


def objection_findings(weighed: pl.DataFrame) -> pl.DataFrame:
    """Say of which policies and provisions more than a few of a hundred objections are upheld."""
    shares = upheld_shares(weighed)
    many = shares.filter(100 * pl.col("upheld_count") > UPHELD_PERCENT * pl.col("objection_count"))
    counts = pl.concat_str(
        pl.lit("upheld "), "upheld_count", pl.lit(" of "), "objection_count", pl.lit(" objections")
    )
    about = (
        pl.when(pl.col("provision") == "")
        .then(pl.lit(""))
        .otherwise(pl.concat_str(pl.lit("; provision "), "provision"))
    )
    return many.select(
        pl.lit("objections_upheld").alias("finding"),
        pl.lit("warning").alias("severity"),
        "policy_id",
        pl.lit("").alias("subject_kind"),
        pl.lit("").alias("subject_id"),
        pl.concat_str(counts, about).alias("detail"),
    ).select(FINDING_COLUMNS)


def no_objections() -> pl.DataFrame:
    """Return the objections of a night that has none."""
    return pl.DataFrame(schema=OBJECTION_SCHEMA)
