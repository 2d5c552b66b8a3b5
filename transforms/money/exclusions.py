"""Which entitlements exclude each other, and what becomes of them (rulebook §4.3)."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import polars as pl

from transforms.errors import ContractError
from transforms.money.exclusion_file import Exclusion
from transforms.policies.cards import Reach

NONE_STANDS = "none_stands"
ROW = "row_number"
GROUP = ("period", "subject_kind", "subject_id", "beneficiary_kind", "beneficiary_id")
KEY = ["policy_id", *GROUP]
# By what a clerk's decisions name a row.
DECISION_KEY = ["policy_id", "period", "subject_id", "beneficiary_id"]
# Why a row waits: money was paid as another row that excludes it, or of what is limited, which
# stands no more or was not looked at.
PAID_UNDER_OTHER = "paid_under_other"
# Why a row waits: a policy that excludes it did not run tonight.
RIVAL_NOT_RUN = "rival_not_run"
PERSON_MONTH = ["period", "subject_id"]
# The cause of what stays with its payee: a clerk decided that it is not asked back.
CLERK_KEPT = "clerk_kept"
NONE_ABSENT: Mapping[str, bool] = MappingProxyType({})


def counted_once(
    rows: pl.DataFrame, amount: str, exclusions: Iterable[Exclusion], *within: str
) -> pl.DataFrame:
    """Count of rows that exclude each other only the largest: the others' amount becomes 0.

    Rows:    rows  policy_id, period, subject_id, the amount, and the columns to stay within
    """
    for exclusion in exclusions:
        is_rival = pl.col("policy_id").is_in(exclusion.policies)
        group = ["period", "subject_id", *within, is_rival]
        place = pl.col(amount).rank("ordinal", descending=True).over(group)
        rows = rows.with_columns(
            pl.when(is_rival & (place > 1)).then(0).otherwise(amount).alias(amount)
        )
    return rows


def settle_larger_stands(rows: pl.DataFrame, exclusion: Exclusion) -> pl.DataFrame:
    """Let the larger of several amounts stand, and carry over what was paid under the others.

    Rows:    rows     one per entitlement key: determined_fen, is_eligible, paid_before_fen
             returns  the same, superseded_by filled where another policy stands
    Units:   fen
    Holds:   the sum of paid_before_fen is unchanged: it only moves to the row that stands
    Source:  rulebook §4.3
    """
    group = list(GROUP)
    rank = {policy: number for number, policy in enumerate(exclusion.policies)}
    rivals = (
        rows.filter(pl.col("is_eligible") & pl.col("policy_id").is_in(exclusion.policies))
        .with_columns(pl.col("policy_id").replace_strict(rank, return_dtype=pl.Int64).alias("rank"))
        .sort([*group, "determined_fen", "rank"], descending=[False] * 5 + [True, False])
        .with_columns(
            pl.col("policy_id").first().over(group).alias("standing"),
            pl.col("paid_before_fen").sum().over(group).alias("paid_in_group_fen"),
        )
        .with_columns((pl.col("policy_id") == pl.col("standing")).alias("stands"))
        .select(
            ROW,
            pl.when("stands").then("paid_in_group_fen").otherwise(0).alias("moved_paid_fen"),
            pl.when("stands").then(None).otherwise("standing").alias("stands_instead"),
        )
    )
    settled = (
        # One row to at most one: rivals holds each row of rows at most once.
        rows.join(rivals, on=ROW, how="left", validate="1:1")
        .with_columns(
            pl.coalesce("moved_paid_fen", "paid_before_fen").alias("paid_before_fen"),
            pl.coalesce("superseded_by", "stands_instead").alias("superseded_by"),
        )
        .drop("moved_paid_fen", "stands_instead")
        .sort(ROW)
    )
    if settled["paid_before_fen"].sum() != rows["paid_before_fen"].sum():
        raise ContractError(f"exclusion {exclusion.exclusion}: money paid before was not conserved")
    return settled


def awaiting_rivals(
    waiting: pl.DataFrame, absent: Mapping[str, Reach], exclusions: Sequence[Exclusion]
) -> pl.DataFrame:
    """List the rows of a person's month of which nobody knows whether another excludes it.

    Rows:    waiting  rows that would be paid; absent: policies that should have run and did not
             returns  row_number
    Source:  rulebook §4.3: none is paid by itself until a clerk decides
    """
    found = [waiting.select(ROW).clear()]
    for one in exclusions:
        missing = [absent[name] for name in one.policies if name in absent]
        if one.form == "clerk_decides" and missing:
            periods = waiting["period"].unique().to_list()
            open_to = [of for of in periods if any(reach.covers(of) for reach in missing)]
            is_such = pl.col("policy_id").is_in(one.policies) & pl.col("period").is_in(open_to)
            found.append(waiting.filter(is_such).select(ROW))
    return pl.concat(found).unique().sort(ROW)


def policies_over(absent: Mapping[str, bool]) -> list[str]:
    """Return the policies whose time has passed, of those that did not run."""
    return [name for name, should_have_run in absent.items() if not should_have_run]


def counting_answers(
    answers: pl.DataFrame, absent: Mapping[str, bool], paid: pl.DataFrame
) -> pl.DataFrame:
    """Keep what a clerk said of rows that count: of a policy that is over, those it paid.

    Rows:    answers, absent  as settle_by_clerk; paid: lines paid or signed
    Source:  rulebook §4.3: a policy that has ended conflicts with nothing
    """
    over = policies_over(absent)
    sums = paid.group_by(DECISION_KEY).agg(pl.col("amount_fen").sum())
    is_over = pl.col("policy_id").is_in(over)
    kept = answers.filter(is_over).join(
        sums.filter(pl.col("amount_fen") > 0), on=DECISION_KEY, how="semi"
    )
    return pl.concat([answers.filter(~is_over), kept])


def with_superseded(
    eligible: pl.DataFrame,
    over: pl.DataFrame,
    answers: pl.DataFrame,
    said: pl.DataFrame,
    exclusions: Sequence[Exclusion],
) -> pl.DataFrame:
    """Add to what clerks said of money paid what their decisions on a person's month supersede.

    Rows:    eligible  of tonight, amount_fen; over: lines paid or signed under policies that are
                       over, amount_fen
             answers   as settle_by_clerk; said: decisions `recovery`, which come first
             returns   said, and what was paid and is superseded by a row of tonight as is_yes
    Source:  rulebook §4.4: a decision that supersedes a paid row asks it back
    """
    sums = over.group_by(DECISION_KEY).agg(pl.col("amount_fen").sum())
    paid = sums.filter(pl.col("amount_fen") > 0).select(DECISION_KEY)
    rows = eligible.filter(pl.col("amount_fen") > 0).select(DECISION_KEY)
    met = rows.join(paid, on=PERSON_MONTH, how="semi")
    sides = [paid.with_columns(is_paid=True), met.with_columns(is_paid=False)]
    rivals = (
        pl.concat(sides)
        .with_row_index(ROW)
        .join(answers, on=DECISION_KEY, how="left", validate="m:1")
    )
    gone = [rivals.select(ROW).clear()]
    for one in exclusions:
        if one.form == "clerk_decides":
            of_these = rivals.filter(pl.col("policy_id").is_in(one.policies))
            marked = _mark_rivals(of_these.filter((~pl.col("is_paid")).any().over(PERSON_MONTH)))
            # Where none stands, who was refused is not paid: what was paid stays.
            gone.append(marked.filter(pl.col("stands_instead") != NONE_STANDS).select(ROW))
    asked = rivals.filter("is_paid").join(pl.concat(gone), on=ROW, how="semi")
    unsaid = asked.join(said, on=DECISION_KEY, how="anti").with_columns(is_yes=True)
    return pl.concat([said, unsaid.select(said.columns)])


def settle_by_clerk(
    rows: pl.DataFrame,
    exclusion: Exclusion,
    answers: pl.DataFrame,
    absent: Mapping[str, bool] = NONE_ABSENT,
) -> pl.DataFrame:
    """Mark a person's month that occurs more than once, unless a clerk has settled it.

    Rows:    rows     one per entitlement key, superseded_by and conflict_with
             answers  one per (policy_id, period, subject_id, beneficiary_id): is_yes
             absent   policies that did not run, and whether they should have: what a clerk said
                      of their rows holds all the same (of those that are over only the
                      counting_answers are given); who is refused may meet one that should have
             returns  the same rows, superseded_by or conflict_with filled
    Holds:   two rows that a clerk both let stand settle nothing: they stay in conflict; what a
             clerk supersedes is determined 0, so that what was paid for it is asked back
    Source:  rulebook §4.3; §0, A clerk's decision
    """
    group, missing = PERSON_MONTH, [name for name in exclusion.policies if name in absent]
    may_meet = pl.lit(any(absent[name] for name in missing))
    let_stand = answers.filter(pl.col("is_yes") & pl.col("policy_id").is_in(missing))
    rivals = (
        rows.filter(
            pl.col("is_eligible")
            & (pl.col("determined_fen") > 0)
            & pl.col("policy_id").is_in(exclusion.policies)
        )
        .select(ROW, "policy_id", *group, "beneficiary_id")
        # One row to at most one answer: the two differ only where nothing is settled.
        .join(answers, on=["policy_id", *group, "beneficiary_id"], how="left", validate="m:1")
    )
    unseen = let_stand.with_row_index(ROW, offset=rows.height).select(rivals.columns)
    rivals = pl.concat([rivals, unseen], how="vertical_relaxed").filter(
        (pl.len().over(group) > 1) | (may_meet & ~pl.col("is_yes").fill_null(True))
    )
    marked = _mark_rivals(rivals)
    return (
        rows.join(marked, on=ROW, how="left", validate="1:1")
        .with_columns(
            pl.coalesce("superseded_by", "stands_instead").alias("superseded_by"),
            pl.coalesce("conflict_with", "rival_policies").alias("conflict_with"),
            pl.when(pl.col("stands_instead").is_null())
            .then("determined_fen")
            .otherwise(0)
            .alias("determined_fen"),
        )
        .drop("stands_instead", "rival_policies")
        .sort(ROW)
    )


def _mark_rivals(rivals: pl.DataFrame) -> pl.DataFrame:
    """Say of each rival whether it stands, is superseded and by what, or is in conflict with what.

    Rows:    returns  row_number, stands_instead, rival_policies
    """
    group = PERSON_MONTH
    is_yes, is_no = pl.col("is_yes").fill_null(False), ~pl.col("is_yes").fill_null(True)
    counted = rivals.with_columns(
        is_yes.sum().over(group).alias("yes_count"),
        (~is_no).sum().over(group).alias("left_count"),
        is_no.alias("is_refused"),
    ).with_columns(
        pl.when(pl.col("yes_count") == 1)
        .then(is_yes)
        .when(pl.col("left_count") == 1)
        .then(~pl.col("is_refused"))
        .otherwise(False)
        .alias("stands")
    )
    standing = counted.filter("stands").select(*group, pl.col("policy_id").alias("standing"))
    settled = counted.join(standing, on=group, how="left", validate="m:1").with_columns(
        (pl.col("standing").is_not_null() | pl.col("is_refused")).alias("is_settled")
    )
    superseded = settled.filter(pl.col("is_settled") & ~pl.col("stands")).select(
        ROW, pl.col("standing").fill_null(NONE_STANDS).alias("stands_instead")
    )
    open_rows = settled.filter(~pl.col("is_settled")).select(ROW, "policy_id", *group)
    # Many to many within one person's month: every row meets the others of its group.
    others = (
        open_rows.join(open_rows, on=group, suffix="_other")
        .filter(pl.col(ROW) != pl.col(f"{ROW}_other"))
        .group_by(ROW)
        .agg(pl.col("policy_id_other").unique().sort().str.join(",").alias("rival_policies"))
    )
    return superseded.join(others, on=ROW, how="full", coalesce=True)


def contradicting_answers(rows: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """List conflicts of which a clerk let two rows stand, which settles nothing.

    Rows:    returns  policy_id, period, subject_id of each such row
    """
    return (
        rows.filter(pl.col("conflict_with").is_not_null())
        .join(answers.filter("is_yes"), on=DECISION_KEY, how="semi")
        .select("policy_id", "period", "subject_kind", "subject_id")
    )
