"""The reviewer's page: a batch at a glance and line by line, one file that loads nothing."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
from markupsafe import Markup

from transforms.amounts import is_amount, share_text, yuan_text
from transforms.answers.page import TEMPLATES, render_page
from transforms.extracts.kinds import names_of_kinds
from transforms.money.capitals import amount_in_capitals
from transforms.money.entitlements import KEY
from transforms.money.payees import DESTINATION, PAYEE
from transforms.review import figures
from transforms.review.approval import in_groups
from transforms.review.drawn import budget_bar, histogram_bars, policy_bars, step_bars
from transforms.review.explained import Rule, explained_block, packed
from transforms.review.review import Review
from transforms.review.sums import town
from transforms.review.workbook import before_sheet, doubts_sheet
from transforms.sheets.workbook import Sheet
from transforms.words import said_of, word, words_column

MOST_BYTES = 5_000_000
TRIED_LINES, MOST_TRIES = 2_000, 8
SHOWN_TOWNS, SHOWN_OF_A_KIND = 100, 20
SHOWN = (
    *("policy_title", "period", "subject_id", "beneficiary_id", "holder", "account_no"),
    *("amount_fen", "status_said", "town", "doubts"),
)
TOLD = (
    *("period", "subject_id", "beneficiary_id", *DESTINATION, "payment_id", "status", "reason"),
    *("determined_fen", "paid_before_fen", "amount_fen", "town", "doubts"),
)
MARKS = ("account_changed", "is_above_cap", "is_outlier")
BETWEEN_DOUBTS = "；"
UNSAFE_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
UNSAFE_IN_SCRIPT |= {"\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True)
class Reviewed:
    """A batch with all that its page tells beside what it is reviewed by.

    Rows:    policy_rows  by policy the run's own rows of the batch's lines, paid or not
             entitled     the run's entitlements of the fund's policies
             earlier      the fund's batches before it, oldest first: batch_id, as_of, by_policy
             caps         policy_id, period, cap_fen
    """

    review: Review
    rules: Mapping[str, Rule]
    policy_rows: Mapping[str, pl.DataFrame]
    entitled: pl.DataFrame
    earlier: Sequence[Mapping[str, Any]]
    signed_fen: int
    caps: pl.DataFrame


def review_page(told: Reviewed, most_bytes: int = MOST_BYTES) -> str:
    """Render a batch for its reviewer: figures, tables, and as many lines as the size holds.

    Holds:   the same content gives the same bytes, at most `most_bytes` of them; every text is
             escaped; what is left out is said, and the most doubtful and largest lines are in
    """
    lines = _all_lines(told)
    render = partial(_rendered, told, _figures(told, lines), lines)
    count = min(lines.height, TRIED_LINES)
    best = render(lines.head(count))
    if count == lines.height and len(best.encode()) <= most_bytes:
        return best
    best = render(lines.head(0))
    empty_bytes = len(best.encode())
    for _ in range(MOST_TRIES):
        page = render(lines.head(count))
        size = len(page.encode())
        # What these lines took tells how many will fit; a little is kept free.
        room, took = most_bytes - empty_bytes, max(size - empty_bytes, 1)
        fitting = min(max(count * room * 97 // (took * 100), 0), lines.height)
        if size > most_bytes:
            count = min(fitting, count - 1)
            continue
        best = page
        if count == lines.height or count * 10 >= fitting * 9:
            break
        count = fitting
    return best


def _all_lines(told: Reviewed) -> pl.DataFrame:
    """Put paid and unpaid lines under each other: doubts first, then the largest amounts."""
    review = told.review
    accounts = review.instructions.select("payment_id", *DESTINATION)
    paid = review.lines.join(accounts, on="payment_id", how="left", validate="m:1")
    marked = figures.with_marks(paid, told.caps).with_columns(
        pl.lit("payable").alias("status"), pl.lit("").alias("reason")
    )
    unpaid = review.unpaid_lines.rename({"due_fen": "amount_fen"}).drop("cause", "cause_rows")
    payees = review.parties.select(
        pl.col("subject_kind").alias(PAYEE[0]),
        pl.col("subject_id").alias(PAYEE[1]),
        town().alias("town"),
        pl.col("subject_name").alias("payee_name"),
    )
    moved = review.accounts.select(*PAYEE, pl.lit(True).alias("account_changed"))
    said = review.doubts.select(*KEY, words_column("doubt").alias("said"))
    marks = [pl.when(name).then(pl.lit(word(name))).alias(name) for name in MARKS]
    doubts = pl.concat_list(pl.col("said").fill_null([]), *marks).list.drop_nulls()
    return (
        pl.concat([marked, unpaid], how="diagonal")
        .join(payees, on=PAYEE, how="left", validate="m:1")
        .join(moved, on=PAYEE, how="left", validate="m:1")
        .join(said.group_by(KEY).agg(pl.col("said").unique().sort()), on=KEY, how="left")
        .with_columns(doubts.alias("doubt_words"))
        .sort(
            [pl.col("doubt_words").list.len(), "amount_fen", *KEY],
            descending=[True, True, *(False for _ in KEY)],
        )
        .with_columns(
            pl.col("doubt_words").list.join(BETWEEN_DOUBTS).alias("doubts"),
            words_column("status"),
            words_column("reason", review.titles),
            pl.col("holder").fill_null(pl.col("payee_name")).fill_null(""),
            pl.col("town", "payment_id", *DESTINATION[1:]).fill_null(""),
        )
    )


def _figures(told: Reviewed, lines: pl.DataFrame) -> dict[str, Any]:
    review = told.review
    manifest, titles = review.manifest, review.titles
    control = manifest["control"]
    marked = lines.filter(pl.col("is_outlier").is_not_null()).sort("policy_id")
    histograms = [
        {"title": titles[str(name)], **histogram_bars(figures.histogram(of))}
        for (name,), of in marked.group_by("policy_id", maintain_order=True)
    ]
    budget = figures.budget_parts(manifest["funding"], told.signed_fen, control["amount_fen"])
    policies = figures.policy_rows(control["by_policy"], told.earlier)
    towns = review.sums["town"]
    return {
        "budget": budget | {"bar": budget_bar(budget)},
        "policies": [
            {"title": titles.get(row["policy_id"], row["policy_id"]), **policy_bars(row)}
            for row in policies
        ],
        "earlier": told.earlier[-figures.LAST_BATCHES :],
        "histograms": histograms,
        "steps": step_bars(figures.band(told.entitled, control["amount_fen"])),
        "towns": towns.head(SHOWN_TOWNS).to_dicts(),
        "more_towns": max(towns.height - SHOWN_TOWNS, 0),
        "most_of_towns": int(towns["amount_fen"].to_list()[0]),
        "tables": [
            _table(before_sheet(review), "change"),
            _table(doubts_sheet(review), "doubt"),
        ],
    }


def _table(sheet: Sheet, by: str) -> dict[str, Any]:
    """Lay a workbook's sheet out as texts: what is said above it, the first rows of each kind."""
    rows = sheet.frame.group_by(by, maintain_order=True).head(SHOWN_OF_A_KIND)
    said = [
        name
        for name in sheet.frame.columns
        if not rows[name].cast(pl.String).is_in(["", None], nulls_equal=True).all()
    ]
    rows = rows.select(said)
    numbers = [dtype.is_integer() for dtype in rows.dtypes]
    return {
        "title": sheet.title,
        "notes": [str(line.cells[0]) for line in sheet.above if line.cells],
        "headings": [
            {"text": word(name), "is_number": is_number}
            for name, is_number in zip(rows.columns, numbers, strict=True)
        ],
        "rows": [
            [_text(name, cell) for name, cell in zip(rows.columns, row, strict=True)]
            for row in rows.iter_rows()
        ],
        "left": sheet.frame.height - rows.height,
    }


def _text(name: str, cell: Any) -> str:
    if not isinstance(cell, int):
        return cell or ""
    if name.endswith("_share"):
        return share_text(cell)
    return yuan_text(cell, ",") if is_amount(name) else f"{cell:,}"


def _rendered(
    told: Reviewed, drawn: Mapping[str, Any], lines: pl.DataFrame, shown: pl.DataFrame
) -> str:
    blocks = [
        _block(told, name, of)
        for (name,), of in shown.sort("policy_id", maintain_order=True).group_by(
            "policy_id", maintain_order=True
        )
    ]
    script = Markup((TEMPLATES / "review.js").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    content = [{name: block[name] for name in block if name not in IN_THE_PAGE} for block in blocks]
    mark = told.review.manifest.get("mark_said")
    parts = [("budget", "part_budget"), ("policies", "part_policies"), ("amounts", "part_amounts")]
    parts += [("band", "part_band"), ("towns", "part_towns")]
    left = lines.slice(shown.height)
    return render_page(
        "review.html.j2",
        batch=told.review.manifest,
        digest=in_groups(told.review.digest),
        mark=said_of(mark) if mark else None,
        failed_checks=[said_of(said) for said in told.review.failed_checks],
        names={**names_of_kinds(), **told.review.titles},
        capitals=amount_in_capitals(told.review.manifest["control"]["amount_fen"]),
        unpaid_count=told.review.unpaid_lines.height,
        parts=[
            *((part, word(said)) for part, said in parts),
            *((f"table{n}", one["title"]) for n, one in enumerate(drawn["tables"], start=1)),
            ("lines-part", word("sheet_payment_lines")),
        ],
        blocks=blocks,
        statuses=shown["status"].unique(maintain_order=True).to_list(),
        town_names=[town for town in shown["town"].unique().sort() if town],
        doubt_names=shown["doubt_words"].explode().drop_nulls().unique().sort().to_list(),
        columns=[(name, word(name.removesuffix("_said"))) for name in SHOWN],
        shown_count=shown.height,
        left_out=left.height,
        left_out_fen=int(left.filter(pl.col("payment_id") != "")["amount_fen"].sum()),
        content=Markup(script_json(content)),
        script=script,
        script_digest=f"sha256-{digest}",
        **drawn,
    )


IN_THE_PAGE = ("authority", "clause", "shapes")


def _block(told: Reviewed, policy: str, lines: pl.DataFrame) -> dict[str, Any]:
    """Lay out the lines of one policy: its words once, each column short, what explains them."""
    rule = told.rules[policy]
    same = pl.when(pl.col("subject_id") == pl.col("beneficiary_id")).then(pl.lit(""))
    told_lines = lines.with_columns(same.otherwise("subject_id").alias("subject_id"))
    block = {
        "count": lines.height,
        "title": rule.card.title,
        "authority": rule.card.authority,
        "clause": rule.card.clause,
        "columns": {name: packed(told_lines[name].to_list()) for name in TOLD},
    }
    return block | explained_block(rule, told.policy_rows.get(policy), lines)


def script_json(content: Any) -> str:
    r"""Write content as JSON that may stand inside a script's tags.

    >>> script_json(["</script>", 1])
    '["\\u003c/script\\u003e",1]'
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter, escaped in UNSAFE_IN_SCRIPT.items():
        text = text.replace(letter, escaped)
    return text
