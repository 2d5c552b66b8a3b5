"""What was paid as a row that stands no more, and what it means for those it excludes."""

from collections.abc import Sequence

import polars as pl

from transforms.errors import ContractError
from transforms.money.exclusion_file import Exclusion
from transforms.money.exclusions import (
    CLERK_KEPT,
    DECISION_KEY,
    GROUP,
    KEY,
    PERSON_MONTH,
    ROW,
)

# A row, and what was paid as others that stand no more.
FOUND = [ROW, "paid_as", "paid_as_fen", "stays"]
YEAR_LENGTH = 4


def paid_under_another(
    waiting: pl.DataFrame,
    paid: pl.DataFrame,
    settled: pl.DataFrame,
    causes: pl.DataFrame,
    exclusions: Sequence[Exclusion],
    ended: Sequence[str] = (),
) -> pl.DataFrame:
    """List the rows that another one excludes which was paid, and does not stand beside.

    Of a pair that is the other policy's for the same beneficiary and period; of a person's month
    any other of the policies that a clerk decides between, or the same at another employer.

    Rows:    waiting  rows that would be paid; paid: lines paid or signed
             settled  all rows: those eligible are netted with it, and of causes those asked back
             ended    policies that are over
             returns  row_number, paid_as (a policy) and paid_as_fen, is_netted (of a pair),
                      stays (none of it is ever asked back: a clerk decided so, or it is over)
    Source:  rulebook §4.3: what was paid under the other counts as paid before
    """
    sums, found = _paid_and_kept(paid, settled, causes, ended), []
    for one in exclusions:
        is_pair = one.form == "larger_stands"
        group = GROUP if is_pair else PERSON_MONTH
        of_these = pl.col("policy_id").is_in(one.policies)
        others = (
            sums.filter(of_these)
            .group_by(group)
            .agg(
                pl.col("policy_id").min().alias("paid_as"),
                pl.col("amount_fen").sum().alias("paid_as_fen"),
                pl.col("stays").all(),
            )
        )
        rows = waiting.filter(of_these).join(others, on=group, how="inner", validate="m:1")
        found.append(rows.select(*FOUND, is_netted=is_pair))
    return pl.concat(found)


def settle_what_stays(settled: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Let what was paid as another row, and stays with its payee, count as that row's amount.

    Of a pair the larger stands: if that is what stays, the row is superseded; else what stays
    counts as paid before, and the other is superseded. A person's month is superseded by it.

    Rows:    settled  one per key; found: as paid_under_another, none twice
             returns  settled; what waits for a clerk is as it was
    Holds:   the sum of paid_before_fen grows by what was paid as lines that have no row (of a
             policy that is over), and by nothing else; none of these rows is held for ever
    Source:  rulebook §4.3
    """
    stays = settled.join(found.filter("stays"), on=ROW, how="inner", validate="1:1")
    is_more = pl.col("is_netted") & (pl.col("open_fen") >= pl.col("paid_as_fen"))
    more = stays.filter(is_more)
    loses = stays.filter(~is_more).select(
        ROW, moved_fen=pl.lit(0, pl.Int64), instead=pl.col("paid_as")
    )
    gains = more.select(ROW, moved_fen=pl.col("paid_as_fen"), instead=pl.lit(None, pl.String))
    # What stays of a pair is the other policy's row alone: to one policy no more than one row.
    by = more.select("paid_as", *GROUP, "paid_as_fen", instead=pl.col("policy_id"))
    gives = settled.join(
        by, left_on=KEY, right_on=["paid_as", *GROUP], how="inner", validate="1:1"
    ).select(ROW, moved_fen=-pl.col("paid_as_fen"), instead=pl.col("instead"))
    changed = settled.join(
        pl.concat([loses, gains, gives]), on=ROW, how="left", validate="1:1"
    ).with_columns(
        pl.col("paid_before_fen") + pl.col("moved_fen").fill_null(0),
        pl.col("open_fen") - pl.col("moved_fen").fill_null(0),
        pl.coalesce("superseded_by", "instead").alias("superseded_by"),
    )
    unseen = by.join(settled, left_on=["paid_as", *GROUP], right_on=KEY, how="anti")
    columns = changed["paid_before_fen"], settled["paid_before_fen"], unseen["paid_as_fen"]
    now_fen, before_fen, unseen_fen = (int(column.sum()) for column in columns)
    if now_fen != before_fen + unseen_fen:
        raise ContractError("money paid as another row was not conserved")
    return changed.drop("moved_fen", "instead").sort(ROW)


def turns_with_paid(
    waiting: pl.DataFrame,
    paid: pl.DataFrame,
    settled: pl.DataFrame,
    causes: pl.DataFrame,
    limited: Sequence[str],
) -> pl.DataFrame:
    """Count for rows of what is limited what was paid and stands no more along with what stands.

    Once all of it stays with its payees, a row comes after what is paid and the rows before it.

    Rows:    as paid_under_another; limited: policies
             returns  waiting, of subjects of whom such was paid, turns, and stays
    Source:  rulebook §2: a person counts once, and for so many months
    """
    of_subject = ["policy_id", *GROUP[1:3]]
    kept = _paid_and_kept(paid, settled, causes, ()).filter(pl.col("policy_id").is_in(limited))
    # A month at two employers is one month; in a year each employer is one.
    payee = pl.when(pl.col("period").str.len_chars() == YEAR_LENGTH).then("beneficiary_id")
    turn = pl.concat_str("period", payee.fill_null("")).alias("turn")
    eligible = settled.filter("is_eligible")
    standing = eligible.filter(pl.col("paid_before_fen") > 0)
    in_all, used_up = (
        pl.concat([rows.select(KEY) for rows in (kept, others)])
        .group_by(of_subject)
        .agg(turn.n_unique().alias("turns"))
        for others in (eligible, standing)
    )
    counted = (
        kept.group_by(of_subject)
        .agg(pl.col("stays").all())
        .join(in_all, on=of_subject, how="left", validate="1:1")
        .join(used_up.rename({"turns": "used_up"}), on=of_subject, how="left", validate="1:1")
    )
    is_more = pl.col("paid_before_fen") > 0
    rank = turn.rank("dense").over(*of_subject, is_more).cast(pl.Int64)
    place = pl.col("used_up") + pl.when(is_more).then(0).otherwise(rank)
    return waiting.join(counted, on=of_subject, how="inner", validate="m:1").with_columns(
        pl.when("stays").then(place).otherwise("turns").alias("turns")
    )


def _paid_and_kept(
    paid: pl.DataFrame, settled: pl.DataFrame, causes: pl.DataFrame, ended: Sequence[str]
) -> pl.DataFrame:
    """Sum by key what is paid, of rows that are neither eligible nor asked back.

    What is asked back of a policy that is over is there until it is back: nobody is paid meanwhile.

    Rows:    returns  KEY, amount_fen, stays (nobody will ask it back: a clerk decided so, its
                      period is outside the span, or its policy is over and no clerk asks for it)
    """
    is_over = pl.col("policy_id").is_in(ended)
    told = settled.join(causes, on=ROW, how="left", validate="1:1")
    is_claim = pl.col("is_claim").fill_null(False) & ~is_over
    counted = told.filter(pl.col("is_eligible") | is_claim)
    stays = pl.col("is_outside") | (pl.col("cause") == CLERK_KEPT).fill_null(False)
    return (
        paid.group_by(KEY)
        .agg(pl.col("amount_fen").sum())
        .filter(pl.col("amount_fen") > 0)
        .join(counted, on=KEY, how="anti")
        # One key to at most one row: none where its policy did not run.
        .join(told.select(*KEY, stays.alias("stays")), on=KEY, how="left", validate="1:1")
        .with_columns(pl.col("stays").fill_null(is_over))
    )


def with_in_question(
    netted: pl.DataFrame,
    paid: pl.DataFrame,
    ended: Sequence[str],
    answers: pl.DataFrame,
    claimed: Sequence[Sequence[str]],
) -> pl.DataFrame:
    """Add what was paid under policies that are over and does not stay paid by itself.

    Rows:    netted   one per key; paid: lines paid or signed; ended: policies that are over
             answers  a clerk's decisions `recovery`; claimed: keys of claims that are open
             returns  netted, and one per key that a clerk asks back, or of which a claim is open
    Source:  rulebook §4.3, §4.4
    """
    sums = (
        paid.filter(pl.col("policy_id").is_in(ended))
        .group_by(KEY)
        .agg(pl.col("amount_fen").sum().alias("paid_before_fen"))
        .filter(pl.col("paid_before_fen") > 0)
        .join(netted, on=KEY, how="anti")
    )
    open_claims = pl.DataFrame([*claimed], schema=dict.fromkeys(KEY, pl.String), orient="row")
    asked = sums.join(answers.filter("is_yes"), on=DECISION_KEY, how="semi")
    of_before = sums.join(open_claims, on=KEY, how="semi")
    nothing = pl.lit(0, pl.Int64).alias("determined_fen")
    added = (
        pl.concat([asked, of_before])
        .unique()
        .with_columns(nothing, is_eligible=pl.lit(False), is_outside=pl.lit(False))
    )
    rows = netted.drop(ROW)
    return pl.concat([rows, added.select(rows.columns)]).sort(KEY).with_row_index(ROW)
