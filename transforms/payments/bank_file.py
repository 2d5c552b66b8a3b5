"""The bank's file: header, one detail line per payment, trailer, in the bank's own encoding."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.errors import ContractError
from transforms.payments.layouts import Field
from transforms.payments.profile import Profile
from transforms.visible import holds_control

FIRST_NAME = "bank.txt"


@dataclass(frozen=True)
class Payment:
    """One instruction as a payment file needs it."""

    payment_id: str
    holder: str
    account_no: str
    bank_name: str
    bank_code: str
    beneficiary_kind: str
    beneficiary_id: str
    amount_fen: int
    purpose: str


def bank_files(
    payments: Sequence[Payment], batch: Mapping[str, Any], profile: Profile
) -> dict[str, bytes]:
    """Write a batch as the bank's files: bank.txt, and bank-2.txt … beyond the row limit.

    Rows:    payments  in the order of the instructions; batch: batch_id, payer_account,
                       payer_name, project, month
    Units:   fen
    Holds:   counts and sums of headers and trailers are those of the detail lines
    Raises:  ContractError if a text can't be written as it is: it should have been held
    """
    limit = profile.row_limit or len(payments) or 1
    parts = [payments[start : start + limit] for start in range(0, len(payments), limit)]
    return {
        FIRST_NAME if number == 1 else f"bank-{number}.txt": _one_file(part, batch, profile)
        for number, part in enumerate(parts, start=1)
    }


def _one_file(payments: Sequence[Payment], batch: Mapping[str, Any], profile: Profile) -> bytes:
    totals = {"count": len(payments), "sum_fen": sum(p.amount_fen for p in payments)}
    header = _line(profile.header, {**batch, **totals, "version": profile.version}, profile)
    details = b"".join(
        _line(profile.detail, _detail_values(number, payment, profile), profile)
        for number, payment in enumerate(payments, start=1)
    )
    details_sha256 = hashlib.sha256(details).hexdigest()
    trailer = _line(profile.trailer, {**totals, "details_sha256": details_sha256}, profile)
    return header + details + trailer


def _detail_values(number: int, payment: Payment, profile: Profile) -> dict[str, Any]:
    return {
        "number": number,
        "account_no": payment.account_no,
        "holder": payment.holder,
        "id_type": profile.id_types[payment.beneficiary_kind],
        "id": payment.beneficiary_id,
        "amount_fen": payment.amount_fen,
        "bank_name": payment.bank_name,
        "bank_code": payment.bank_code,
        "purpose": payment.purpose,
        "payment_id": payment.payment_id,
    }


def _line(fields: Iterable[Field], values: Mapping[str, Any], profile: Profile) -> bytes:
    cells = [_cell(field, values, profile) for field in fields]
    separator = profile.separator.encode(profile.encoding)
    return separator.join(cells) + profile.line_ending.encode(profile.encoding)


def _cell(field: Field, values: Mapping[str, Any], profile: Profile) -> bytes:
    text = field.text if field.text is not None else str(values[field.word])
    if (profile.separator and profile.separator in text) or holds_control(text):
        raise ContractError(f"field {field.word} holds a separator or control character")
    try:
        cell = text.encode(profile.encoding)
    except UnicodeEncodeError as unfit:
        raise ContractError(f"field {field.word} can't be written in the encoding") from unfit
    if not field.width:
        return cell
    if len(cell) > field.width:
        raise ContractError(f"field {field.word} is wider than its {field.width} bytes")
    fill = field.fill.encode(profile.encoding)
    padded = cell.rjust if field.align == "right" else cell.ljust
    return padded(field.width, fill)
