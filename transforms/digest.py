"""Digests that last: over sorted, canonical content, never over bytes a library may change."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.errors import ContractError

ID_LENGTH = 20
ROWS = 100_000


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text as UTF-8, in lower-case hexadecimal.

    >>> text_digest("无形")[:8]
    '67870546'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(content: Mapping[str, Any] | list[Any]) -> str:
    """Write plain content as JSON in the one form that is digested: sorted keys, no spaces.

    >>> canonical_json({"b": 1, "a": "元"})
    '{"a":"元","b":1}'
    """
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_digest(content: Mapping[str, Any] | list[Any]) -> str:
    """Return the SHA-256 of plain content in its canonical JSON form."""
    return text_digest(canonical_json(content))


def short_id(prefix: str, content: Mapping[str, Any] | list[Any]) -> str:
    """Name a thing by what it is: a letter and the first 20 hex digits of its digest.

    >>> short_id("R", {"a": 1})
    'R015ABD7F5CC57A2DD94B'
    """
    return prefix + content_digest(content)[:ID_LENGTH].upper()


def frame_digest(frame: pl.DataFrame) -> str:
    """Return a digest of a frame's content that depends on no row order and no file format.

    Rows:    any; they are sorted over all columns first
    Holds:   the same rows give the same digest on every machine and thread count
    Raises:  ContractError for a float column: money and ids are never floats
    """
    digest = PiecesDigest(frame)
    digest.add(frame)
    return digest.hexdigest()


class PiecesDigest:
    """The digest of a frame that is never there whole: its rows come in pieces.

    Holds:   it is the frame's digest
    Raises:  ContractError for a float column, and for a piece that belongs before another
    """

    def __init__(self, like: pl.DataFrame) -> None:
        header = canonical_json([[name, str(like.schema[name])] for name in like.columns])
        flat = _flat(like.clear())
        self._last = flat
        self._digest = hashlib.sha256(f"{header}\n{_csv(flat, has_header=True)}".encode())

    def add(self, piece: pl.DataFrame) -> None:
        """Take the next piece: in any order itself, but none of it before what was taken."""
        flat = _flat(piece)
        if not flat.width:
            return
        flat = flat.sort(flat.columns, nulls_last=False)
        border = pl.concat([self._last, flat.head(1)])
        if not border.equals(border.sort(flat.columns, nulls_last=False)):
            raise ContractError("pieces of a frame are digested in order, and these are not")
        self._last = pl.concat([self._last, flat.tail(1)]).tail(1)
        # The text of all rows at once would take more memory than the rows.
        for rows in flat.iter_slices(ROWS):
            self._digest.update(_csv(rows, has_header=False).encode())

    def hexdigest(self) -> str:
        """Return the digest of what was taken."""
        return self._digest.hexdigest()


def _csv(flat: pl.DataFrame, *, has_header: bool) -> str:
    return flat.write_csv(
        separator="\t", null_value="\\N", quote_style="necessary", include_header=has_header
    )


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(_flat_column(frame, name) for name in frame.columns)


def _flat_column(frame: pl.DataFrame, name: str) -> pl.Expr:
    dtype = frame.schema[name]
    if dtype.is_float():
        raise ContractError(f"column {name} is a float: it can't be digested")
    if isinstance(dtype, pl.List):
        return pl.col(name).cast(pl.List(pl.String())).list.join("|")
    return pl.col(name)
