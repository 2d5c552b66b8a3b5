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
    flat = frame.select(_flat(frame, name) for name in frame.columns)
    if flat.width:
        flat = flat.sort(flat.columns, nulls_last=False)
    header = canonical_json([[name, str(frame.schema[name])] for name in frame.columns])
    digest = hashlib.sha256(f"{header}\n".encode())
    # The text of all rows at once would take more memory than the rows.
    for piece, has_header in [(flat.clear(), True), *((p, False) for p in flat.iter_slices(ROWS))]:
        text = piece.write_csv(
            separator="\t", null_value="\\N", quote_style="necessary", include_header=has_header
        )
        digest.update(text.encode())
    return digest.hexdigest()


def _flat(frame: pl.DataFrame, name: str) -> pl.Expr:
    dtype = frame.schema[name]
    if dtype.is_float():
        raise ContractError(f"column {name} is a float: it can't be digested")
    if isinstance(dtype, pl.List):
        return pl.col(name).cast(pl.List(pl.String())).list.join("|")
    return pl.col(name)
