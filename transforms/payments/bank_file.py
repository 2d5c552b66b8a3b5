"""The bank's file: header, one detail line per payment, trailer, in the bank's own encoding."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.payments.layouts import Field
from transforms.payments.profile import Profile
from transforms.visible import holds_control

FIRST_NAME = "bank.txt"
# One instruction as a payment file needs it; no cell is null.
PAYMENT_SCHEMA = {
    **dict.fromkeys(("payment_id", "holder", "account_no", "bank_name", "bank_code"), pl.String()),
    **{"beneficiary_kind": pl.String(), "beneficiary_id": pl.String(), "amount_fen": pl.Int64()},
    "purpose": pl.String(),
}
# What a payment file that is read back says of a payment.
TOLD = ("payment_id", "account_no", "holder", "amount_fen")
Told = tuple[str, str, str, int]
UNLIKE = "the bank's file is not of the form that its profile describes"


def expect_filled(payments: pl.DataFrame) -> None:
    """Make sure that no cell is null: joined to text, its payment would be gone without a word.

    Raises:  ContractError naming the columns
    """
    empty = [name for name in PAYMENT_SCHEMA if payments[name].null_count()]
    if empty:
        raise ContractError(f"a payment has no {', '.join(empty)}: it should have been held")


def bank_files(
    payments: pl.DataFrame, batch: Mapping[str, Any], profile: Profile
) -> dict[str, bytes]:
    """Write a batch as the bank's files: bank.txt, and bank-2.txt … beyond the row limit.

    Rows:    payments  PAYMENT_SCHEMA, in the order of the instructions; batch: batch_id,
                       payer_account, payer_name, project, month
    Units:   fen
    Holds:   counts and sums of headers and trailers are those of the detail lines
    Raises:  ContractError if a text can't be written as it is: it should have been held
    """
    expect_filled(payments)
    limit = profile.row_limit or payments.height or 1
    return {
        FIRST_NAME if number == 1 else f"bank-{number}.txt": _one_file(part, batch, profile)
        for number, part in enumerate(payments.iter_slices(limit), start=1)
    }


def _one_file(payments: pl.DataFrame, batch: Mapping[str, Any], profile: Profile) -> bytes:
    totals = {"count": payments.height, "sum_fen": payments["amount_fen"].sum()}
    header = _line(profile.header, {**batch, **totals, "version": profile.version}, profile)
    details = _lines(profile.detail, _detail_columns(payments, profile), payments.height, profile)
    details_sha256 = hashlib.sha256(details).hexdigest()
    trailer = _line(profile.trailer, {**totals, "details_sha256": details_sha256}, profile)
    return header + details + trailer


def _detail_columns(payments: pl.DataFrame, profile: Profile) -> dict[str, pl.Series]:
    told = payments.with_row_index("number", offset=1).with_columns(
        _id_type(profile).alias("id_type"),
        pl.col("beneficiary_id").alias("id"),
    )
    return {field.word: told[field.word].cast(pl.String) for field in profile.detail if field.word}


def _id_type(profile: Profile) -> pl.Expr:
    """Name the kind of id; of two prefixes that both fit, the longer one counts."""
    said = pl.col("beneficiary_kind").replace_strict(profile.id_types)
    is_person = pl.col("beneficiary_kind") == "person"
    for prefix in sorted(profile.id_types_by_prefix, key=len):
        begins = is_person & pl.col("beneficiary_id").str.starts_with(prefix)
        said = pl.when(begins).then(pl.lit(profile.id_types_by_prefix[prefix])).otherwise(said)
    return said


def _line(fields: Iterable[Field], values: Mapping[str, Any], profile: Profile) -> bytes:
    told = {name: pl.Series([str(value)]) for name, value in values.items()}
    return _lines(fields, told, 1, profile)


def _lines(
    fields: Iterable[Field], columns: Mapping[str, pl.Series], count: int, profile: Profile
) -> bytes:
    """Write lines of cells, column by column: what may stand in none is looked for at once."""
    cells = [
        _cells(field, pl.Series([field.text]), profile).new_from_index(0, count)
        if field.text is not None
        else _cells(field, columns[field.word], profile)
        for field in fields
    ]
    lines = pl.select(pl.concat_str(cells, separator=profile.separator)).to_series()
    ended = lines.str.join(profile.line_ending).item() + profile.line_ending if count else ""
    return str(ended).encode(profile.encoding)


def _cells(field: Field, texts: pl.Series, profile: Profile) -> pl.Series:
    whole = str(texts.str.join("").item())
    if (profile.separator and profile.separator in whole) or holds_control(whole):
        raise ContractError(f"field {field.word} holds a separator or control character")
    try:
        whole.encode(profile.encoding)
    except UnicodeEncodeError as unfit:
        raise ContractError(f"field {field.word} can't be written in the encoding") from unfit
    if not field.width:
        return texts
    left = [field.width - len(text.encode(profile.encoding)) for text in texts]
    if min(left, default=0) < 0:
        raise ContractError(f"field {field.word} is wider than its {field.width} bytes")
    fills = pl.Series([field.fill * more for more in left], dtype=pl.String)
    return fills + texts if field.align == "right" else texts + fills


def payments_of_file(content: bytes, profile: Profile) -> list[Told]:
    """Read a bank's file back: what it says of each payment.

    Raises:  ContractError if a line, a count or a sum is not as it must be; ValueError for what
             is not of the encoding, or no number
    """
    first, *lines = content.decode(profile.encoding).split(profile.line_ending)
    if len(lines) < 2 or lines[-1]:
        raise ContractError(UNLIKE)
    *details, trailer, _ = lines
    read = _reader(profile.detail, profile)
    payments = [read(line) for line in details]
    told = [
        (said["payment_id"], said["account_no"], said["holder"], int(said["amount_fen"]))
        for said in payments
    ]
    totals = {"count": len(told), "sum_fen": sum(fen for *_, fen in told)}
    around = _reader(profile.header, profile)(first), _reader(profile.trailer, profile)(trailer)
    promised = [(int(said[name]), totals[name]) for said in around for name in totals.keys() & said]
    if any(said != found for said, found in promised):
        raise ContractError(UNLIKE)
    return told


def _reader(fields: Sequence[Field], profile: Profile) -> Callable[[str], dict[str, str]]:
    """Return what takes a line apart; what is fixed text must stand there."""
    fixed = [
        None if field.text is None else _cells(field, pl.Series([field.text]), profile)[0]
        for field in fields
    ]
    ends = [0, *accumulate(field.width for field in fields)]

    def read(line: str) -> dict[str, str]:
        if profile.separator:
            cells = line.split(profile.separator)
        else:
            encoded = line.encode(profile.encoding)
            cells = [encoded[a:b].decode(profile.encoding) for a, b in pairwise(ends)]
            cells = cells if len(encoded) == ends[-1] else []
        if len(cells) != len(fields) or any(map(_is_other, fixed, cells)):
            raise ContractError(UNLIKE)
        return {f.word: _bare(cell, f) for f, cell in zip(fields, cells, strict=True)}

    return read


def _is_other(fixed: str | None, cell: str) -> bool:
    return fixed not in (None, cell)


def _bare(cell: str, field: Field) -> str:
    return (cell.lstrip if field.align == "right" else cell.rstrip)(field.fill).strip()
