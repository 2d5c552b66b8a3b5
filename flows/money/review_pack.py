"""The reviewer's copy of a batch: what is looked at and filled in; the signed record is beside it.

It is made of what lies in the home when the batch is drawn up, so that it can be made again.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from flows.store import Home
from transforms.money.books import Books
from transforms.payments.workbook import review_workbook


def review_files(
    home: Home,
    books: Books,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    digest: str,
) -> dict[str, bytes]:
    """Make the files a reviewer gets of a batch, by their names.

    Rows:    books     the ledger as it stood when the batch was drawn up
             manifest  the batch's own, without its files; digest: that of the signed record
             frames    instructions, lines, unpaid_lines as stored
    Holds:   the same home at the same position of its ledger gives the same bytes
    """
    parts = (frames[name] for name in ("instructions", "lines", "unpaid_lines"))
    return {"review.xlsx": review_workbook(manifest, *parts)}
