"""The workbook for the people who review a batch: approval sheet first, then what it rests on."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.money.batches import UNPAID_STATUSES
from transforms.money.entitlements import KEY
from transforms.money.reviews import OPEN as OPEN_ON_LINES
from transforms.money.reviews import VERDICTS
from transforms.payments.workbook import instruction_table, line_sheet_table
from transforms.policies.card_text import value_text
from transforms.review.approval import approval_form, counts_of, doubts_said
from transforms.review.comparison import CHANGED_PERCENT
from transforms.review.doubts import doubt_counts, doubts_table
from transforms.review.review import Review
from transforms.review.sampling import ANSWERS, OPEN, said_of_sample, sample_sheet_table
from transforms.review.sums import share_of
from transforms.sheets.workbook import Sheet, said_lines, workbook_bytes
from transforms.words import Said, word, worded, words_column

# The longest lists of what changed; the sheet says how many there are.
MOST_LISTED = 2_000
# So wide that ids, accounts and most names stand on one line, and a page takes them side by side.
WIDTHS = {
    **dict.fromkeys(("subject_id", "beneficiary_id"), 19),
    **dict.fromkeys(("policy_title", "holder", "subject_name"), 25),
    **dict.fromkeys(("account_no", "account_before", "bank_name"), 20),
    **dict.fromkeys(("determined_fen", "paid_before_fen", "paid_now_fen", "before_fen"), 12),
    **dict.fromkeys(("number", "instruction_number", "line_count", "before_count"), 6),
    **{"period": 8, "verdict": 7, "remark": 18, "amount_fen": 13, "beneficiary_kind": 8},
    **{"bank_code": 14, "payment_id": 34, "amount_share": 8, "account_known_by": 18, "change": 9},
    **{"doubt": 16, "clue": 36, "pattern": 34, "sample_answer": 9, "sample_note": 24, "how": 92},
}
SUM_WIDTHS = {"group": 9, "subject_name": 40, "identifier": 22, "amount_fen": 16}
BEFORE = (
    *("change", "policy_title", "subject_id", "subject_name", "beneficiary_id", "before_fen"),
    *("before_count", "amount_fen", "line_count", "amount_share", "account_before", "account_no"),
    "account_known_by",
)
HELD = (
    *("number", "status", "policy_title", "period", "subject_id", "subject_name"),
    *("beneficiary_id", "determined_fen", "paid_before_fen", "due_fen", "reason"),
    *("held_by", "held_since", "held_reason"),
)
OF_HELD = ("determined_fen", "paid_before_fen", "due_fen", "status", "reason")
NUMBERS = ("policy_title", "parameter_title", "name", "value", "from", "source", "is_confirmed")
STEPS = (
    *("step_verdict", "step_reason", "step_protected", "step_import", "step_after"),
    *("step_doubts", "step_before", "step_sample", "step_bound", "step_print"),
)


def review_workbook(review: Review) -> bytes:
    """Write a batch's workbook: the same review gives the same bytes.

    Units:   fen in, yuan shown
    Holds:   lines and instructions add up to the control total that is shown
    Raises:  ContractError if they do not
    """
    manifest = review.manifest
    sums = {int(frame["amount_fen"].sum()) for frame in (review.instructions, review.lines)}
    if sums != {manifest["control"]["amount_fen"]}:
        raise ContractError(f"batch {manifest['batch_id']}: its rows differ from its control total")
    sheets = [
        approval_form(manifest, review.digest, review.instructions, counts_of(review)),
        _sums(review),
        _lines(review),
        _sheet("sheet_instructions", instruction_table(manifest, review.instructions)),
        before_sheet(review),
        doubts_sheet(review),
        _held(review),
        _parameters(review),
        _sample(review),
        _how(),
    ]
    return workbook_bytes(sheets, worded(Said("review_pack_of", {"batch": manifest["batch_id"]})))


def _sheet(code: str, frame: pl.DataFrame, said: Sequence[Said] = (), **other: Any) -> Sheet:
    settings = {"widths": WIDTHS, **other}
    return Sheet(word(code), frame, said_lines(said), is_protected=True, **settings)


def _sums(review: Review) -> Sheet:
    shown = ("subject_name", "identifier", "line_count", "payee_count", "amount_fen")
    parts = [
        _largest(rows)
        .select(
            pl.lit(word(by)).alias("group"),
            *shown,
            share_of("amount_fen", int(rows["amount_fen"].sum())),
        )
        .with_columns(pl.col("identifier") if by == "employer" else pl.lit("").alias("identifier"))
        for by, rows in review.sums.items()
    ]
    return _sheet("sheet_sums", pl.concat(parts), [Said("sums_are")], widths=SUM_WIDTHS)


def _largest(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the largest sums, and add up the others in one row: all together stay the batch."""
    rest = rows.slice(MOST_LISTED)
    if not rest.height:
        return rows
    named = pl.lit(worded(Said("the_other_payees", {"count": rest.height})))
    added = rest.select(pl.col("line_count", "payee_count", "amount_fen").sum())
    others = added.with_columns(pl.lit("").alias("identifier"), named.alias("subject_name"))
    return pl.concat([rows.head(MOST_LISTED), others], how="diagonal")


def _lines(review: Review) -> Sheet:
    return _sheet(
        "sheet_payment_lines",
        line_sheet_table(review.manifest, review.instructions, review.lines),
        open_columns=OPEN_ON_LINES,
        choices={"verdict": [word(code) for code in VERDICTS]},
    )


def before_sheet(review: Review) -> Sheet:
    """Lay out a batch beside the one before it."""
    changes = review.changes
    named = {"subject_kind": pl.col("beneficiary_kind"), "subject_id": pl.col("beneficiary_id")}
    parts = {
        "account_changed": review.accounts.with_columns(words_column("account_known_by"), **named),
        **{
            code: changes.filter(pl.col("change") == code).drop("change")
            for code in ("line_new", "line_gone", "amount_changed")
        },
        # Where nobody was paid before, everybody is: no list says more than that.
        "first_payee": review.firsts.head(MOST_LISTED if review.paid.height else 0).with_columns(
            **named
        ),
        "top_payee": review.top.with_columns(**named),
    }
    names = review.parties.select("subject_kind", "subject_id", "subject_name")
    listed = pl.concat(
        [
            rows.head(MOST_LISTED).with_columns(pl.lit(word(code)).alias("change"))
            for code, rows in parts.items()
        ],
        how="diagonal",
    ).join(names, on=["subject_kind", "subject_id"], how="left", validate="m:1")
    table = listed.with_columns(
        pl.col("policy_id").replace(review.titles).alias("policy_title")
    ).select(BEFORE)
    counts = {code: rows.height for code, rows in parts.items()}
    counts["first_payee"] = review.firsts.height
    return _sheet("sheet_before", table, _said_of_before(review, counts))


def _said_of_before(review: Review, counts: dict[str, int]) -> list[Said]:
    of_all = max(int(review.instructions["amount_fen"].sum()), 1)
    percent = (100 * int(review.top["amount_fen"].sum()) + of_all // 2) // of_all
    top = Said("top_payees_have", {"count": counts.pop("top_payee"), "percent": percent})
    if review.last is None:
        first = Said("no_batch_before")
    else:
        first = Said("batch_before", dict(review.last))
    said = [Said("changes_of_kind", {"kind": code, "count": n}) for code, n in counts.items()]
    limits = {"percent": CHANGED_PERCENT, "rows": MOST_LISTED}
    return [first, Said("changes_found", {"kinds": said}), top, Said("changes_are", limits)]


def doubts_sheet(review: Review) -> Sheet:
    """Lay out the doubts."""
    table = doubts_table(review.doubts, review.titles, review.parties)
    return _sheet(
        "sheet_doubts", table, [doubts_said(doubt_counts(review.doubts)), Said("doubts_are")]
    )


def _held(review: Review) -> Sheet:
    names = review.parties.select("subject_kind", "subject_id", "subject_name")
    order = {status: place for place, status in enumerate(("payable", *UNPAID_STATUSES))}
    unpaid = review.unpaid_lines.select(*KEY, *OF_HELD)
    # Lines that were held and are in this batch again stand on top.
    again = review.lines.join(review.held, on=KEY, how="semi").select(
        *KEY,
        *("determined_fen", "paid_before_fen", pl.col("amount_fen").alias("due_fen")),
        *(pl.lit("payable").alias("status"), pl.lit("held_before").alias("reason")),
    )
    rows = pl.concat([again, unpaid]).join(
        names, on=["subject_kind", "subject_id"], how="left", validate="m:1", maintain_order="left"
    )
    rows = rows.join(review.held, on=KEY, how="left", validate="1:1", maintain_order="left").sort(
        pl.col("status").replace_strict(order, return_dtype=pl.Int64), maintain_order=True
    )
    table = rows.with_columns(
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.col("policy_id").replace(review.titles).alias("policy_title"),
        words_column("status"),
        words_column("reason", review.titles),
    ).select(HELD)
    return _sheet("sheet_held", table, [Said("held_are")])


def _parameters(review: Review) -> Sheet:
    schema = dict.fromkeys(("policy_id", *NUMBERS[1:-1]), pl.String) | {"confirmed": pl.Boolean}
    numbers = [
        {**number, "value": value_text(number), "parameter_title": number.get("title", "")}
        for number in review.parameters
    ]
    rows = pl.DataFrame(numbers, schema=schema, orient="row")
    table = rows.sort("confirmed", "policy_id", "name", "from", maintain_order=True).select(
        pl.col("policy_id").replace(review.titles).alias("policy_title"),
        "parameter_title",
        "name",
        "value",
        "from",
        "source",
        pl.when("confirmed")
        .then(pl.lit(word("is_confirmed_yes")))
        .otherwise(pl.lit(word("is_confirmed_no")))
        .alias("is_confirmed"),
    )
    said = "unconfirmed_numbers" if review.manifest["unconfirmed"] else "all_confirmed"
    return _sheet("sheet_parameters", table, [Said(said)])


def _sample(review: Review) -> Sheet:
    above = said_of_sample(review.manifest["batch_id"], review.sample.height)
    return _sheet(
        "sheet_sample",
        sample_sheet_table(review.sample, review.titles, review.parties),
        above,
        open_columns=OPEN,
        choices={OPEN[0]: [word(code) for code in ANSWERS]},
    )


def _how() -> Sheet:
    steps = pl.DataFrame({"number": range(1, len(STEPS) + 1), "how": [word(s) for s in STEPS]})
    return _sheet("sheet_how", steps)
