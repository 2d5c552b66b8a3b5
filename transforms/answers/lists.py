"""Lists for the bureaus: who is entitled to a relief or a referral, with the clause.

Nothing is paid for these. A list leaves the bureau that runs this, so persons and households are
masked in it; the same numbers stand in the unmasked list that stays inside.
"""

import polars as pl

from transforms.amounts import yuan_text
from transforms.answers.sheets import Sheet
from transforms.masking import masked_household, masked_name, masked_person_id
from transforms.policies.cards import PolicyCard

KIND_WORDS = {"person": "个人", "employer": "单位", "household": "家庭"}
NUMBER, PERIOD, KIND, IDENTIFIER, NAME = "序号", "期间", "主体类型", "代码", "名称"
AMOUNT, AUTHORITY, CLAUSE, BUREAU = "减免金额(元)", "依据", "条款", "责任单位"
PERSONAL_KINDS = ("person", "household")


def listed_subjects(card: PolicyCard, determinations: pl.DataFrame) -> pl.DataFrame:
    """Return the eligible rows of one policy: subject and amount, in the order of the list."""
    return (
        determinations.filter(
            (pl.col("policy_id") == card.policy_id) & (pl.col("outcome") == "eligible")
        )
        .select("period", "subject_kind", "subject_id", "amount_fen")
        .sort("period", "subject_kind", "subject_id")
    )


def list_of(card: PolicyCard, listed: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Lay out a policy's list, unmasked.

    Rows:    listed   one per subject of the policy
             names    subject_kind, subject_id, subject_name; at most one per subject
             returns  one per listed row, numbered in its order
    """
    named = listed.join(
        names,
        on=["subject_kind", "subject_id"],
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    columns = [
        pl.int_range(1, pl.len() + 1).alias(NUMBER),
        pl.col("period").alias(PERIOD),
        pl.col("subject_kind").replace(KIND_WORDS).alias(KIND),
        pl.col("subject_id").alias(IDENTIFIER),
        pl.col("subject_name").fill_null("").alias(NAME),
    ]
    if card.kind == "relief":
        yuan = pl.Series(AMOUNT, [yuan_text(fen) for fen in listed["amount_fen"]], dtype=pl.String)
        columns.append(pl.lit(yuan))
    columns += [
        pl.lit(card.authority).alias(AUTHORITY),
        pl.lit(card.clause).alias(CLAUSE),
        pl.lit(card.bureau).alias(BUREAU),
    ]
    return named.select(columns)


def has_persons(card: PolicyCard) -> bool:
    """Say whether a policy's list names persons or households."""
    return card.subject in PERSONAL_KINDS


def masked_list(card: PolicyCard, rows: pl.DataFrame) -> pl.DataFrame:
    """Mask the persons or households of a list; employers stay, their register is public.

    Holds:   the numbers are the same as in the unmasked list
    """
    if not has_persons(card):
        return rows
    if card.subject == "household":
        # The names of its members would name the household.
        return rows.with_columns(
            masked_household(IDENTIFIER).alias(IDENTIFIER), pl.lit("").alias(NAME)
        )
    return rows.with_columns(
        masked_person_id(IDENTIFIER).alias(IDENTIFIER),
        pl.when(pl.col(NAME) == "").then(pl.lit("")).otherwise(masked_name(NAME)).alias(NAME),
    )


def list_sheet(card: PolicyCard, rows: pl.DataFrame, as_of: str, *, is_masked: bool) -> Sheet:
    """Head a list with what it is, for whom, by which clause, and whether it may leave."""
    if not has_persons(card):
        handling = "单位名单，登记信息公开"
    elif is_masked:
        handling = "已脱敏，可送责任单位；序号与内部名单一致"
    else:
        handling = "内部名单，含个人信息，不得外传"
    return Sheet(
        title="名单",
        frame=rows.drop(AUTHORITY, CLAUSE, BUREAU),
        lines_above=[
            f"{card.title}名单（截至 {as_of}，共 {rows.height:,} 条；不发放资金）",
            f"责任单位：{card.bureau}　依据：{card.authority}",
            f"条款：{card.clause}",
            handling,
        ],
        rest="全部见同名 CSV。",
    )
