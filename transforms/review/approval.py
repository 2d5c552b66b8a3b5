"""The approval sheet of a batch: one A4 page that says what is asked for, and is signed by hand."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from transforms.amounts import share_text
from transforms.money.capitals import amount_in_capitals
from transforms.review.doubts import doubt_counts
from transforms.review.review import Review
from transforms.sheets.workbook import Line, Sheet
from transforms.words import Said, said_of, word, worded

DIGEST_GROUP = 4
SUM_WIDTHS = {"policy_title": 20, "authority": 18, "clause": 34, "line_count": 17}
SUM_WIDTHS |= {"instruction_count": 10, "amount_fen": 17}
SIGNED_BY = ("made_up_by", "checked_by_hand", "approved_by", "official_seal")


def approval_form(
    manifest: Mapping[str, Any],
    digest: str,
    instructions: pl.DataFrame,
    looked_at: Mapping[str, Any],
    reviewed: Mapping[str, Any] | None = None,
) -> Sheet:
    """Lay out the approval sheet: what the batch is, its control totals, boxes to sign in.

    Rows:    looked_at  counts_of its review; nothing of a batch of before they were posted
             reviewed   the batch's own review, if it was read back; else the one it comes from
    Units:   fen in, yuan shown
    """
    titles = manifest.get("titles", {})
    entries = {entry["policy_id"]: entry for entry in manifest["policies"]}
    sums = [
        {**total, **{name: entries[total["policy_id"]][name] for name in ("authority", "clause")}}
        for total in manifest["control"]["by_policy"]
    ]
    table = pl.DataFrame(sums).with_columns(
        pl.col("policy_id").replace(titles).alias("policy_title")
    )
    signing = [worded(Said("to_sign_here", {"who": Said(code)})) for code in SIGNED_BY]
    return Sheet(
        title=word("sheet_approval"),
        frame=table.select(*SUM_WIDTHS),
        above=[
            Line("centred", [worded(Said("approval_of", {"fund": manifest["fund"]}))]),
            *_identity(manifest, digest),
            *_money(manifest, instructions),
            *_looked_at(looked_at),
            *_known_of(manifest, reviewed),
        ],
        below=[Line("note", []), Line("box", signing)],
        widths=SUM_WIDTHS,
        is_form=True,
        is_protected=True,
    )


def _identity(manifest: Mapping[str, Any], digest: str) -> Iterator[Line]:
    yield _fields(batch_id=manifest["batch_id"])
    yield _fields(batch_digest=in_groups(digest))
    if manifest.get("came_from"):
        yield _fields(came_from=manifest["came_from"])
        counts = {name: manifest["review"][name] for name in ("held", "struck")}
        yield _fields(reviewed=worded(Said("taken_out_by_review", counts)))
    funding = manifest["funding"]
    yield _fields(fund=manifest["fund"], as_of=manifest["as_of"])
    yield _fields(
        payer_name=_or_none(funding["payer_name"]), payer_account=_or_none(funding["payer_account"])
    )


def _money(manifest: Mapping[str, Any], instructions: pl.DataFrame) -> Iterator[Line]:
    control, funding = manifest["control"], manifest["funding"]
    amount_fen, budget_fen = control["amount_fen"], funding["budget_fen"]
    yield _fields(line_count=control["line_count"], instruction_count=control["instruction_count"])
    yield _fields(amount_fen=_yuan(amount_fen), account_hash=account_hash(instructions))
    yield _fields(amount_in_capitals=amount_in_capitals(amount_fen))
    left_fen = None if budget_fen is None else budget_fen - funding["spent_fen"] - amount_fen
    yield _fields(budget_fen=_yuan(budget_fen), spent_fen=_yuan(funding["spent_fen"]))
    yield _fields(left_after_fen=_yuan(left_fen), budget_year=str(funding["budget_year"]))


def counts_of(review: Review) -> dict[str, Any]:
    """Count what a review shows at a glance: doubts by kind, payees that differ, lines unpaid."""
    return {
        "doubts": doubt_counts(review.doubts),
        **{"changed": review.accounts.height, "first": review.firsts.height},
        "unpaid": review.unpaid_lines.height,
        "failed_checks": len(review.failed_checks),
    }


def _looked_at(counts: Mapping[str, Any]) -> Iterator[Line]:
    if counts:
        yield _fields(sheet_doubts=worded(doubts_said(counts["doubts"])))
        changed = {name: counts[name] for name in ("changed", "first", "unpaid")}
        yield _fields(sheet_before=worded(Said("payees_changed", changed)))
    # A batch of before they were counted says nothing of them.
    if failed := counts.get("failed_checks"):
        yield _fields(checks_of_run=worded(Said("checks_failed", {"count": failed})))


def _known_of(manifest: Mapping[str, Any], reviewed: Mapping[str, Any] | None) -> Iterator[Line]:
    yield _fields(sheet_sample=worded(sample_said(reviewed or manifest.get("review"))))
    unconfirmed = len(manifest["unconfirmed"])
    yield _fields(unconfirmed=worded(Said("unconfirmed_count", {"count": unconfirmed})))
    # A batch of before 0.2.0 has its mark in English only.
    mark = manifest.get("mark_said")
    yield _fields(may_be_released=worded(said_of(mark)) if mark else word("it_may"))


def doubts_said(counts: Mapping[str, int]) -> Said:
    """Say how many doubts of which kind there are."""
    found = [
        Said("doubts_of_kind", {"kind": code, "count": count})
        for code, count in counts.items()
        if count
    ]
    return Said("doubts_found", {"kinds": found}) if found else Said("no_doubts")


def sample_said(reviewed: Mapping[str, Any] | None) -> Said:
    """Say what the sample of a batch showed, if it was answered when the batch was reviewed."""
    showed = (reviewed or {}).get("sample")
    if not showed or not showed["answered"]:
        return Said("sample_not_answered")
    if "bound_share" not in showed:
        return Said("sample_half_answered", dict(showed))
    shares = {name: share_text(showed[name]) for name in ("error_share", "bound_share")}
    values = {**shares, **{name: showed[name] for name in ("drawn", "errors")}}
    return Said("sample_answered", values)


def account_hash(instructions: pl.DataFrame) -> str:
    """Add up the instructions' account numbers: one that is changed shows.

    >>> account_hash(pl.DataFrame({"account_no": ["6228287398000000012", "7-1"]}))
    '6228287398000000083'
    """
    digits = instructions["account_no"].str.extract_all(r"\d").list.join("")
    # A sum of many has more digits than the 64 bits of a column hold.
    return str(sum(int(number) for number in digits if number))


def in_groups(digest: str) -> str:
    """Write a digest in groups of four, so that it can be read aloud.

    >>> in_groups("0123456789ab")
    '0123 4567 89ab'
    """
    starts = range(0, len(digest), DIGEST_GROUP)
    return " ".join(digest[start : start + DIGEST_GROUP] for start in starts)


def _fields(**values: str | int | Decimal) -> Line:
    return Line("field", [cell for code, value in values.items() for cell in (word(code), value)])


def _yuan(fen: int | None) -> str | Decimal:
    return word("not_configured") if fen is None else Decimal(fen) / 100


def _or_none(text: str) -> str:
    return text or word("not_configured")
