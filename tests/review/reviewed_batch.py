"""A batch of the sample town as its page tells it, and how to make it large, hostile, or late."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.batch_folder import FRAMES, batch_digest, read_batch
from flows.money.ledger_store import open_ledger
from flows.money.review_pack import read_review
from flows.money.reviewed import read_reviewed
from flows.store import Home
from transforms.review.page import Reviewed

IDS = ("subject_id", "beneficiary_id", "payment_id")
HOSTILE = (
    "</script><script>document.title='cut'</script>",
    '"><img src=x onerror="document.title=1">',
    "=SUM(A1:A9)",
    "𠮷野家 👩‍👧 & 'q' \u2028\u2029 </template>",
)


def reviewed_of(root: Path) -> Reviewed:
    """Read the batch with the most lines of a home, as it is when its page is made."""
    home = Home(root)
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
    batch = max(books.batches.values(), key=lambda state: state.line_count)
    stored = read_batch(home, batch.batch_id)
    manifest = {name: value for name, value in stored.manifest.items() if name != "files"}
    frames = {name: stored.frame(name) for name in FRAMES}
    review = read_review(home, books, manifest, frames, batch_digest(stored.folder))
    return read_reviewed(home, books, review)


def times(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """Repeat rows, each time of other parties."""
    copies = pl.DataFrame({"copy": [f"{number:07}" for number in range(count)]})
    named = [pl.concat_str(name, "copy") for name in IDS if name in rows.columns]
    return (
        rows.join(copies, how="cross", maintain_order="left_right").with_columns(named).drop("copy")
    )


def grown(told: Reviewed, count: int) -> Reviewed:
    """Make a batch so many times as large."""
    review = told.review
    control = _times_all(review.manifest["control"], count)
    larger = replace(
        review,
        manifest={**review.manifest, "control": control},
        lines=times(review.lines, count),
        instructions=times(review.instructions, count),
        unpaid_lines=times(review.unpaid_lines, count),
        parties=times(review.parties, count),
    )
    rows = {name: times(frame, count) for name, frame in told.policy_rows.items()}
    return replace(told, review=larger, entitled=times(told.entitled, count), policy_rows=rows)


def _times_all(content: Any, count: int) -> Any:
    if isinstance(content, Mapping):
        return {name: _times_all(value, count) for name, value in content.items()}
    if isinstance(content, list):
        return [_times_all(value, count) for value in content]
    return content * count if isinstance(content, int) else content


def hostile(told: Reviewed) -> Reviewed:
    """Let every name be one that wants to be more than a text."""
    review = told.review
    names = [HOSTILE[n % len(HOSTILE)] for n in range(review.instructions.height)]
    said = pl.Series("holder", names)
    parties = review.parties.with_columns(pl.lit(HOSTILE[0]).alias("subject_name"))
    titles = {name: f"{title}{HOSTILE[1]}" for name, title in review.titles.items()}
    manifest = {**review.manifest, "titles": titles, "fund": HOSTILE[0]}
    instructions = review.instructions.with_columns(said, said.alias("bank_name"))
    return replace(
        told,
        review=replace(review, manifest=manifest, parties=parties, instructions=instructions),
    )


def after_others(told: Reviewed, count: int) -> Reviewed:
    """Let the fund have paid so many batches before, spent much and signed more."""
    manifest = told.review.manifest
    before = [
        {
            "batch_id": f"B{number:020}",
            "as_of": f"2019-{number % 12 + 1:02}-28",
            "by_policy": [
                {**total, "amount_fen": total["amount_fen"] * (number % 5 + 1) // 3}
                for total in manifest["control"]["by_policy"][number % 2 :]
            ],
        }
        for number in range(count)
    ]
    funding = {**manifest["funding"], "spent_fen": 173_456_789}
    review = replace(told.review, manifest={**manifest, "funding": funding})
    return replace(told, review=review, earlier=before, signed_fen=50_000_000)
