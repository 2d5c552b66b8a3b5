"""Who is eligible by the facts but gets nothing this run, and why: nobody is lost silently."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.amounts import yuan_text
from transforms.answers.open_questions import KEY
from transforms.answers.sheets import Sheet
from transforms.extracts.kinds import KINDS
from transforms.extracts.rules import RULES
from transforms.policies.cards import PolicyCard
from transforms.words import word

OMITTED_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(KEY, pl.String()),
    "reason": pl.String(),
    "detail": pl.String(),
    "missed_fen": pl.Int64(),
}
REASON_WORDS = {
    "held": "暂缓支付",
    "conflict": "排斥待裁",
    "undetermined": "待定",
    "quarantined": "数据行被隔离",
}
HOLD_WORDS = {
    "identity_conflict": "身份信息有冲突，须核对",
    "accounts_not_delivered": "收款账户数据未送达",
    "account_missing": "无收款账户",
    "account_not_normal": "收款账户状态不正常（挂失、冻结或销户）",
    "account_ambiguous": "有多个正常账户，须确认一个",
    "no_reference_name": "登记、参保和户籍中均无名称可核对",
    "account_name_mismatch": "户名与登记名称不符",
    "holder_not_encodable": "户名含银行文件无法表示的字符",
}
SHOWN_PLACES = 5
NO_LOSS_RULES = ("totals_row", "duplicate_row")
HEADINGS = {
    "policy_id": "政策",
    "title": "政策名称",
    "period": "期间",
    "subject_kind": "主体类型",
    "subject_id": "主体代码",
    "beneficiary_kind": "收款主体类型",
    "beneficiary_id": "收款主体代码",
    "reason": "原因",
    "detail": "说明",
    "missed_yuan": "未得金额(元)",
}


def omitted_rows(
    entitlements: pl.DataFrame,
    questions: pl.DataFrame,
    quarantined: pl.DataFrame,
    titles: Mapping[str, str],
) -> pl.DataFrame:
    """Collect all that is due or may be due and is not paid by this run.

    Rows:    entitlements  of the run; questions: one per unknown provision
             quarantined   OMITTED_SCHEMA, one per party, policy and set of rows set aside
             returns       OMITTED_SCHEMA, sorted by key and reason
    Units:   fen; missed_fen of an undetermined row is what it would be were all true
    """
    frames = [
        _held(entitlements),
        _in_conflict(entitlements, titles),
        _undetermined(questions),
        quarantined,
    ]
    typed = [
        frame.select(pl.col(name).cast(dtype) for name, dtype in OMITTED_SCHEMA.items())
        for frame in frames
    ]
    return pl.concat(typed).sort([*KEY, "reason", "detail"])


def _held(entitlements: pl.DataFrame) -> pl.DataFrame:
    return entitlements.filter(pl.col("status") == "held").select(
        *KEY,
        pl.lit("held").alias("reason"),
        pl.col("reason").replace(HOLD_WORDS).alias("detail"),
        pl.col("due_fen").alias("missed_fen"),
    )


def _in_conflict(entitlements: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    others = pl.col("reason").str.split(",").list.eval(pl.element().replace(titles)).list.join("、")
    return entitlements.filter(pl.col("status") == "conflict").select(
        *KEY,
        pl.lit("conflict").alias("reason"),
        pl.concat_str(pl.lit("同一人同一月重复："), others).alias("detail"),
        (pl.col("determined_fen") - pl.col("paid_before_fen")).alias("missed_fen"),
    )


def _undetermined(questions: pl.DataFrame) -> pl.DataFrame:
    said = pl.concat_str(pl.lit("「"), pl.col("title"), pl.lit("」"), pl.col("missing"))
    return (
        questions.sort("provision")
        .group_by(KEY, maintain_order=True)
        .agg(
            said.str.join("；").alias("detail"),
            pl.col("amount_fen").max().alias("missed_fen"),
        )
        .with_columns(pl.lit("undetermined").alias("reason"))
    )


def parties_with_rows_set_aside(
    quarantine: pl.DataFrame, cards: Mapping[str, PolicyCard], determinations: pl.DataFrame
) -> pl.DataFrame:
    """Name the parties of quarantined rows, with the policies that would have read those rows.

    Rows:    quarantine      with subject_id where the row's own id was readable, else null
             cards           of the policies that ran
             returns         OMITTED_SCHEMA, one per party; policy_id and period are empty
    Holds:   only rows whose id was readable are named: the rest is listed in clerical_review.csv;
             a policy under which the party is eligible all the same is not named for it
    """
    named = quarantine.filter(
        pl.col("subject_id").is_not_null() & ~pl.col("rule").is_in(NO_LOSS_RULES)
    )
    words = {rule: word(rule) for rule in RULES}
    place = pl.format(
        "{} {}:{}（{}）", "title", "source_file", "source_line", pl.col("rule").replace(words)
    )
    touched = (
        named.join(_readers(cards), on="kind", how="inner")
        .join(_served(determinations), on=["policy_id", "subject_id"], how="anti")
        .with_columns(pl.col("kind").replace(_kind_titles()).alias("title"))
        .with_columns(place.alias("place"), _party_kind().alias("subject_kind"))
    )
    in_file_order = pl.col("place").sort_by("source_file", "source_line")
    places = in_file_order.unique(maintain_order=True)
    return (
        touched.group_by("subject_kind", "subject_id")
        .agg(
            places.head(SHOWN_PLACES).str.join("、").alias("places"),
            places.len().alias("row_count"),
            pl.col("policy_title").unique().sort().str.join("、").alias("policies"),
        )
        .select(
            *(pl.lit("").alias(name) for name in ("policy_id", "period")),
            "subject_kind",
            "subject_id",
            pl.col("subject_kind").alias("beneficiary_kind"),
            pl.col("subject_id").alias("beneficiary_id"),
            pl.lit("quarantined").alias("reason"),
            pl.format(
                "{} 行被隔离：{}；读取此类数据的政策：{}", "row_count", "places", "policies"
            ).alias("detail"),
            pl.lit(0, pl.Int64).alias("missed_fen"),
        )
    )


def _readers(cards: Mapping[str, PolicyCard]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"policy_id": name, "policy_title": card.title, "kind": kind}
            for name, card in sorted(cards.items())
            for kind in card.reads
        ],
        schema=dict.fromkeys(("policy_id", "policy_title", "kind"), pl.String),
    )


def _party_kind() -> pl.Expr:
    is_person = pl.col("subject_id").str.contains("^[0-9]{17}[0-9X]$")
    # A code of digits only may look like either; a person's has a century of birth inside.
    born = pl.col("subject_id").str.slice(6, 2).is_in(["19", "20"])
    return pl.when(is_person & born).then(pl.lit("person")).otherwise(pl.lit("employer"))


def _served(determinations: pl.DataFrame) -> pl.DataFrame:
    eligible = determinations.filter(pl.col("outcome") == "eligible")
    sides = [
        eligible.select("policy_id", pl.col(side).alias("subject_id"))
        for side in ("subject_id", "beneficiary_id")
    ]
    return pl.concat(sides).unique()


def _kind_titles() -> dict[str, str]:
    return {name: kind.titles[1] for name, kind in KINDS.items()}


def omitted_sheets(omitted: pl.DataFrame, titles: Mapping[str, str], as_of: str) -> list[Sheet]:
    """Lay the report out for people: totals first, then every line."""
    counts = (
        omitted.group_by("policy_id", "reason")
        .agg(pl.len().alias("行数"), pl.col("missed_fen").sum())
        .sort("policy_id", "reason")
    )
    return [
        Sheet(
            title="汇总",
            frame=_readable(counts, titles),
            lines_above=[
                f"应享未享清单（截至 {as_of}，共 {omitted.height:,} 行）",
                "按数据应当享受而本次未得的个人和单位，及其原因；含个人信息，不得外传",
            ],
        ),
        Sheet(title="明细", frame=_readable(omitted, titles), rest="全部见 omitted.parquet。"),
    ]


def _readable(frame: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    yuan = pl.Series("missed_yuan", [yuan_text(fen) for fen in frame["missed_fen"]], pl.String)
    words = frame.with_columns(
        pl.col("policy_id").replace(titles).alias("title"),
        pl.col("reason").replace(REASON_WORDS),
        yuan,
    ).drop("missed_fen")
    ordered = [name for name in HEADINGS if name in words.columns]
    counted = [name for name in words.columns if name not in HEADINGS]
    return words.select(*ordered, *counted).rename({name: HEADINGS[name] for name in ordered})
