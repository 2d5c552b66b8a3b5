"""What every person is told: one notice a line, a letter and a short message, by the thousand.

The words stand in letters.yaml; a sentence is filled in column by column, for all lines at once.
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from transforms.amounts import yuan_column
from transforms.answers.letter_sentences import (
    IS_ABOUT_ANOTHER,
    IS_TO_FAMILY,
    conditions,
    day_text,
    kinds_for_others,
    letter_texts,
    other_named,
    why_said,
)
from transforms.errors import ContractError
from transforms.extracts.kinds import names_of_kinds
from transforms.masking import masked_person_id
from transforms.money.claims import IN_PART, REST_KEPT
from transforms.money.entitlements import KEY
from transforms.money.exclusions import PAID_UNDER_OTHER
from transforms.money.payees import STRUCK_OUT
from transforms.policies.cards import PolicyCard
from transforms.words import filled, words_column

AMOUNTS = ("due", "determined", "paid_before", "excess", "left")
MESSAGE_LENGTH = 70
LAST_DIGITS = 4
RETURNED = "returned"
# Reasons of a hold that may end without a payment: no letter promises one.
NOT_PROMISED = [STRUCK_OUT, PAID_UNDER_OTHER]
# What a line brings: its key, what is due and why, where it would be paid, what the bank said if it
# came back from there, and under which words it is told if not under its status.
LINE_SCHEMA = pl.Schema(
    {
        **dict.fromkeys([*KEY, "status", "reason", "cause"], pl.String()),
        **dict.fromkeys(["determined_fen", "paid_before_fen", "due_fen"], pl.Int64()),
        # Given back of what was paid before, and left of what a signed list asks for.
        **dict.fromkeys(["repaid_fen", "left_fen"], pl.Int64()),
        "reason_codes": pl.List(pl.String()),
        # Of a refusal those of the reasons that are not known, rather than known not to hold.
        "not_known": pl.List(pl.String()),
        **dict.fromkeys(["bank_name", "account_no", "bank_said", "told_as"], pl.String()),
        # Whether somebody objected to it, and no clerk has decided yet.
        "is_objected": pl.Boolean(),
    }
)
# Who asks is told of these, too: they come last, so that every other number is the same for all.
ASKED_ONLY = ("eligible", "ineligible")
NOTICE = ["notice_no", *KEY, "status", "name", "town", "title", "letter", "message"]


def notices(
    lines: pl.DataFrame,
    parties: pl.DataFrame,
    cards: Mapping[str, PolicyCard],
    days: Mapping[str, tuple[date, date]],
    series: str,
) -> pl.DataFrame:
    """Word one notice for each line.

    Rows:    lines    LINE_SCHEMA, one per key
             parties  party_kind, party_id, name, town: as they are on record; is_dead
             days     by policy, of the notice, and the last one to say that something is wrong
             returns  NOTICE, in the order of status and key, those of ASKED_ONLY last; `letter`:
                      paragraphs by line ends
    Holds:   a message has at most 70 characters and names nobody
    Raises:  ContractError if a status has no words, or a line has two notices
    """
    held = pl.col("paid_before_fen") - pl.col("repaid_fen").fill_null(0)
    is_in_part = pl.col("cause").is_in([IN_PART, REST_KEPT])
    excess = pl.when(is_in_part).then(-pl.col("due_fen")).otherwise(held - pl.col("determined_fen"))
    is_last = pl.col("status").is_in(ASKED_ONLY)
    ordered = lines.with_columns(excess.alias("excess_fen")).sort(is_last, "status", *KEY)
    ordered = ordered.with_row_index("place", offset=1)
    known = _with_parties(ordered, parties)
    came_back = pl.when(pl.col("bank_said").is_not_null()).then(pl.lit(RETURNED))
    is_doubtful = (pl.col("status") == "held") & pl.col("reason").is_in(NOT_PROMISED)
    not_promised = pl.when(is_doubtful).then("reason")
    in_part = pl.when(is_in_part).then("cause")
    words = pl.coalesce("told_as", came_back, not_promised, in_part, "status")
    titles = {name: card.title for name, card in cards.items()}
    worded = [
        _worded(part, str(worded_as), cards[str(policy)], titles, days[str(policy)])
        for (worded_as, policy), part in known.group_by(words, "policy_id", maintain_order=True)
    ]
    number = pl.concat_str(pl.lit(f"{series}-"), pl.col("place").cast(pl.String).str.zfill(7))
    empty = pl.DataFrame(schema=dict.fromkeys(NOTICE, pl.String()))
    numbered = (part.with_columns(number.alias("notice_no")).select(NOTICE) for part in worded)
    told = pl.concat([empty, *numbered]).sort("notice_no")
    if told.height != lines.height or told.select(KEY).is_duplicated().any():
        raise ContractError("a line has no notice, or two")
    if told.filter(pl.col("message").str.len_chars() > MESSAGE_LENGTH).height:
        raise ContractError(f"a message has more than {MESSAGE_LENGTH} characters")
    return told


def _with_parties(lines: pl.DataFrame, parties: pl.DataFrame) -> pl.DataFrame:
    """Add by which name the reader and the subject are known, and the reader's town."""
    named = parties.select("party_kind", "party_id", "name", "town", "is_dead")
    for side, suffix in (("beneficiary", "name"), ("subject", "subject_name")):
        on = [f"{side}_kind", f"{side}_id"]
        also = {"town": f"{suffix}_town", "is_dead": f"{suffix}_is_dead"}
        renamed = named.rename({"name": suffix} | also)
        lines = lines.join(
            renamed, left_on=on, right_on=["party_kind", "party_id"], how="left", validate="m:1"
        )
    parts = letter_texts()["parts"]
    is_dead = pl.col("name_is_dead").fill_null(False) & pl.col("name").is_not_null()
    family, meant = (filled(parts[text]) for text in ("family", "meant"))
    return lines.with_columns(
        pl.when(is_dead)
        .then(family)
        .otherwise(pl.col("name").fill_null(parts["nobody_named"]))
        .alias("name"),
        pl.when(is_dead).then(meant).otherwise(pl.lit("")).alias("meant"),
        pl.coalesce("name_town", "subject_name_town").fill_null("").alias("town"),
    )


def _worded(
    lines: pl.DataFrame,
    status: str,
    card: PolicyCard,
    titles: Mapping[str, str],
    days: tuple[date, date],
) -> pl.DataFrame:
    """Fill in the words of one status and policy."""
    texts = letter_texts()
    if status not in texts["statuses"]:
        raise ContractError(f"letters.yaml has no words for status {status}")
    said = texts["statuses"][status]
    # Thrice: why, what to do about it and what comes of it name columns themselves.
    given = lines.with_columns(
        *_values(card, days), other_named(status, card.policy_id, titles).alias("other")
    )
    heirs, other_account = (filled(texts["parts"][text]) for text in ("heirs", "other_account"))
    given = given.with_columns(
        heirs.alias("heirs"),
        pl.when(IS_TO_FAMILY).then(heirs).otherwise(other_account).alias("other_account"),
    ).with_columns(
        *(why_said(status, name) for name in ("why", "how", "brief")),
        filled(texts["parts"]["listed"][card.kind]).alias("listed"),
        pl.when("is_objected")
        .then(filled(texts["parts"]["objected"]))
        .otherwise(pl.lit(""))
        .alias("objected"),
    )
    sentences = [filled(sentence) for sentence in (*said["body"], texts["closing"])]
    letter = pl.concat_str("meant", pl.concat_str(sentences, separator="\n"))
    sign = pl.lit(texts["signature"])
    message, short = (pl.concat_str(sign, filled(said[name])) for name in ("message", "short"))
    fits = message.str.len_chars() <= MESSAGE_LENGTH
    return given.with_columns(
        pl.lit(said["title"]).alias("title"),
        letter.alias("letter"),
        pl.when(fits).then(message).otherwise(short).alias("message"),
    )


def _values(card: PolicyCard, days: tuple[date, date]) -> list[pl.Expr]:
    """Give the columns that sentences name: of the policy, and of each line."""
    parts, kinds = letter_texts()["parts"], names_of_kinds()
    texts = {
        "policy": card.title,
        "authority": card.authority,
        "clause": card.clause,
        # Of several bureaus the first is in charge: a person is sent to one door.
        "office": card.bureau.split("、")[0],
        "question": parts["question"][card.kind],
        "day": day_text(days[0]),
        "until": day_text(days[1]),
        "by": f"{days[1].month}月{days[1].day}日",
    }
    year, month = pl.col("period").str.head(4), pl.col("period").str.slice(5)
    other = (
        pl.when(IS_ABOUT_ANOTHER).then(pl.col("subject_name").fill_null("")).otherwise(pl.lit(""))
    )
    own, others = (
        "、".join(map(kinds.__getitem__, k)) for k in (card.reads, kinds_for_others(card))
    )
    return [
        *(pl.lit(text).alias(name) for name, text in texts.items()),
        pl.when(IS_ABOUT_ANOTHER).then(pl.lit(others)).otherwise(pl.lit(own)).alias("records"),
        *(yuan_column(f"{name}_fen", ",").alias(name) for name in AMOUNTS),
        pl.when(month == "")
        .then(filled(parts["year"], year=year))
        .otherwise(filled(parts["month"], year=year, month=month.str.strip_chars_start("0")))
        .alias("months"),
        pl.col("beneficiary_kind").replace(parts["own"]).alias("own"),
        pl.col("subject_name").fill_null(parts["nameless"]).alias("subject"),
        pl.when(other == "")
        .then(pl.lit(""))
        .otherwise(filled(parts["about"], name=other))
        .alias("about"),
        pl.when(pl.col("repaid_fen") > 0)
        .then(filled(parts["back"], repaid=yuan_column("repaid_fen", ",")))
        .otherwise(pl.lit(""))
        .alias("back"),
        *conditions(card),
        pl.col("bank_said").replace("", parts["nothing_said"]),
        pl.col("bank_name").fill_null(parts["account_unknown"]).alias("bank"),
        pl.col("account_no").str.tail(LAST_DIGITS).fill_null(parts["no_digits"]).alias("last_four"),
    ]


def messages(told: pl.DataFrame) -> pl.DataFrame:
    """Lay out what the message gateway gets: no name, no full id, no account.

    Rows:    told  notices; returns  one per notice, in their order
    """
    is_person = pl.col("beneficiary_kind") != "employer"
    return told.select(
        "notice_no",
        words_column("beneficiary_kind").alias("receiver_kind"),
        pl.when(is_person)
        .then(masked_person_id("beneficiary_id"))
        .otherwise("beneficiary_id")
        .alias("identifier"),
        "town",
        words_column("status").alias("notice_status"),
        "message",
    )
