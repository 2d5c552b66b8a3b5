"""Payment initiation as ISO 20022 pain.001.001.09: one PmtInf, every amount in CNY."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

import polars as pl
from lxml import etree

from transforms.amounts import yuan_text
from transforms.errors import ContractError
from transforms.payments.bank_file import Told, expect_filled

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
PAYMENT_ID = "[A-Z0-9]{1,35}"
AMOUNT = "[0-9]{1,16}[.][0-9]{2}"
PURPOSE_CODE = "AEMP"  # ISO external code: active employment policy

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{namespace}">
<CstmrCdtTrfInitn>
<GrpHdr><MsgId>{batch_id}</MsgId><CreDtTm>{created}</CreDtTm><NbOfTxs>{count}</NbOfTxs>\
<CtrlSum>{total}</CtrlSum><InitgPty><Nm>{payer}</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>{reference}</PmtInfId><PmtMtd>TRF</PmtMtd><NbOfTxs>{count}</NbOfTxs>\
<CtrlSum>{total}</CtrlSum><ReqdExctnDt><Dt>{execution_on}</Dt></ReqdExctnDt>
<Dbtr><Nm>{payer}</Nm></Dbtr>
<DbtrAcct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></DbtrAcct>
<DbtrAgt>{agent}</DbtrAgt>
"""
TRANSFER = """<CdtTrfTxInf><PmtId><EndToEndId>{payment_id}</EndToEndId></PmtId>\
<Amt><InstdAmt Ccy="CNY">{amount}</InstdAmt></Amt><CdtrAgt>{agent}</CdtrAgt>\
<Cdtr><Nm>{holder}</Nm></Cdtr><CdtrAcct><Id><Othr><Id>{account}</Id></Othr></Id></CdtrAcct>\
<Purp><Cd>{purpose_code}</Cd></Purp><RmtInf><Ustrd>{purpose}</Ustrd></RmtInf></CdtTrfTxInf>
"""
TAIL = "</PmtInf>\n</CstmrCdtTrfInitn>\n</Document>\n"
AGENT = """<FinInstnId>{code}{name}</FinInstnId>"""
CODE = """<ClrSysMmbId><ClrSysId><Cd>CNAPS</Cd></ClrSysId><MmbId>{}</MmbId></ClrSysMmbId>"""
NAME = "<Nm>{}</Nm>"
START = "<CdtTrfTxInf>"
SIGNS, ENTITIES = ["&", "<", ">"], ["&amp;", "&lt;", "&gt;"]
# A transfer as it must read back, line by line: in parts, and what holds of each.
TEXT = "[^<>]*"
# No sign that XML has no place for, so that what is made of these is XML.
SIGN = r"(?:[^<>&\x00-\x1F\x{FFFE}\x{FFFF}]|&(?:amp|lt|gt);)"


def _line(text: str, payment_id: str, amount: str, currency: str, name: str, account: str) -> str:
    code, bank = CODE.format(text), NAME.format(name.replace("holder", "bank_name"))
    texts = {"payment_id": payment_id, "amount": amount, "holder": name, "account": account}
    agent = AGENT.format(code=f"(?:{code})?", name=f"(?:{bank})?")
    form = TRANSFER.rstrip().replace('"CNY"', f'"{currency}"')
    return "^" + form.format(**texts, agent=agent, purpose_code=PURPOSE_CODE, purpose=text) + "$"


NAMED = ("payment_id", "amount", "currency", "holder", "account")
PARTS = _line(TEXT, *(f"(?<{name}>{TEXT})" for name in NAMED))
SOUND = _line(f"{SIGN}*", PAYMENT_ID, AMOUNT, "CNY", f"{SIGN}{{1,140}}", f"{SIGN}{{1,34}}")
ID_OF_LINE, AMOUNT_OF_LINE = r"^<CdtTrfTxInf><PmtId><EndToEndId>([^<]*)<", r'Ccy="CNY">([^<]*)<'


def pain001(
    payments: pl.DataFrame,
    batch_id: str,
    payer: Mapping[str, str],
    as_of: date,
    execution_on: date,
) -> bytes:
    """Write a batch as one pain.001.001.09 message.

    Rows:    payments  PAYMENT_SCHEMA, in the order of the instructions; payer: payer_name,
                       payer_account, bank_code, bank_name, and the reference of this payment
    Units:   yuan with two decimals, exactly
    Holds:   created is the as-of date at 00:00 in China, never the clock; checked before return
    """
    expect_filled(payments)
    total_fen = int(payments["amount_fen"].sum())
    bank = (pl.lit(escape(payer[name])) for name in ("bank_code", "bank_name"))
    head = HEAD.format(
        namespace=NAMESPACE,
        batch_id=escape(batch_id),
        reference=escape(payer["reference"]),
        created=f"{as_of.isoformat()}T00:00:00+08:00",
        count=payments.height,
        total=yuan_text(total_fen),
        payer=escape(payer["payer_name"]),
        execution_on=execution_on.isoformat(),
        account=escape(payer["payer_account"]),
        agent=pl.select(_agent(*bank)).item(),
    )
    transfers = payments.select(_transfer().str.join("").cast(pl.Binary)).item()
    message = b"".join([head.encode(), transfers, TAIL.encode()])
    check_pain001(message, payments.height, total_fen)
    return message


def _transfer() -> pl.Expr:
    """Write each payment as a transfer."""
    fen = pl.col("amount_fen")
    cents = (fen % 100).cast(pl.String).str.zfill(2)
    filled = {
        "payment_id": _escaped("payment_id"),
        "amount": pl.concat_str((fen // 100).cast(pl.String), cents, separator="."),
        "agent": _agent(_escaped("bank_code"), _escaped("bank_name")),
        "holder": _escaped("holder"),
        "account": _escaped("account_no"),
        "purpose_code": pl.lit(PURPOSE_CODE),
        "purpose": _escaped("purpose"),
    }
    # Text and field in turn.
    parts = re.split(r"\{(\w+)\}", TRANSFER)
    return pl.concat_str(filled[p] if place % 2 else pl.lit(p) for place, p in enumerate(parts))


def _escaped(name: str) -> pl.Expr:
    return pl.col(name).str.replace_many(SIGNS, ENTITIES)


def _agent(code: pl.Expr, name: pl.Expr) -> pl.Expr:
    """Name a bank by its 12-digit code where it is known, and by its name."""
    said = [
        pl.when(text != "").then(pl.format(form, text)).otherwise(pl.lit(""))
        for form, text in ((CODE, code), (NAME, name))
    ]
    return pl.format(AGENT.format(code="{}", name="{}"), *said)


def check_pain001(message: bytes, count: int, total_fen: int) -> None:
    """Read a message back and check what the schema can't: counts, sums, ids, currency.

    Holds:   counts and sums agree at both levels with the transfers and with the batch
    Raises:  ContractError naming what does not hold
    """
    # A large message is copied once only: what a copy takes is a tenth of all this.
    start, tail = message.find(START.encode()), f"\n{TAIL}".encode()
    end = len(message) - (len(tail) if message.endswith(tail) else 0)
    around = _read(message if start < 0 else message[:start] + tail)
    transfers = pl.Series(dtype=pl.String) if start < 0 else _lines(message[start:end])
    unsound = transfers.filter(~transfers.str.contains(SOUND))
    if len(unsound):
        # What is sound is XML between a head and an end that are.
        _read(message)
    counts, sums = (_texts(around, name).to_list() for name in ("NbOfTxs", "CtrlSum"))
    ids, amounts = (transfers.str.extract(form) for form in (ID_OF_LINE, AMOUNT_OF_LINE))
    fen = amounts.str.replace(".", "", literal=True).cast(pl.Int64, strict=False)
    promises = {
        **_promises(unsound, around),
        "the number of transfers": counts == [str(count)] * 2 and len(ids) == count,
        "the control sums": sums == [yuan_text(total_fen)] * 2 and fen.sum() == total_fen,
        "payment ids once each": ids.n_unique() == count,
        "amounts above zero": (fen > 0).all(),
    }
    broken = [promise for promise, holds in promises.items() if not holds]
    if broken:
        raise ContractError(f"payments.xml does not hold: {', '.join(broken)}")


def _lines(transfers: bytes) -> pl.Series:
    try:
        text = pl.Series([transfers]).cast(pl.String)
    except pl.exceptions.PolarsError as unfit:
        raise ContractError(f"payments.xml does not hold: it is no XML ({unfit})") from unfit
    return text.str.split("\n").explode()


def _read(message: bytes) -> Any:
    try:
        return etree.fromstring(message)
    except etree.XMLSyntaxError as unfit:
        raise ContractError(f"payments.xml does not hold: it is no XML ({unfit})") from unfit


def payments_of_message(message: bytes) -> list[Told]:
    """Read a message back: what it says of each payment.

    Raises:  ContractError if it is no message; ValueError if what stands for an amount is none
    """
    places = ("PmtId/EndToEndId", "CdtrAcct/Id/Othr/Id", "Cdtr/Nm", "Amt/InstdAmt")
    told = []
    for transfer in _read(message).iter(f"{{{NAMESPACE}}}CdtTrfTxInf"):
        payment_id, account, holder, amount = (
            transfer.findtext(place, "", {"": NAMESPACE}) for place in places
        )
        if not re.fullmatch(AMOUNT, amount):
            raise ContractError(f"payments.xml does not hold: {amount!r} is no amount")
        told.append((payment_id, account.strip(), holder.strip(), int(amount.replace(".", ""))))
    return told


def _texts(root: Any, name: str) -> pl.Series:
    """Return the texts of all elements of a name, their children's included."""
    elements: Iterable[Any] = root.iter(f"{{{NAMESPACE}}}{name}")
    return pl.Series(["".join(element.itertext()) for element in elements], dtype=pl.String)


def _promises(unsound: pl.Series, around: Any) -> dict[str, bool]:
    """Say what of the payer, and of transfers that are not as they must be, does not hold."""
    parts = unsound.str.extract_groups(PARTS).struct.unnest()
    texts = parts.with_columns(pl.all().str.replace_many(ENTITIES, SIGNS))
    names = pl.concat([texts["holder"], texts["bank_name"].drop_nulls(), _texts(around, "Nm")])
    accounts = pl.concat([texts["account"], _texts(around, "Othr")])
    return {
        "the form of payment ids": parts["payment_id"].str.contains(f"^{PAYMENT_ID}$").all(),
        "the form of amounts": parts["amount"].str.contains(f"^{AMOUNT}$").all(),
        "the currency": (parts["currency"] == "CNY").all(),
        "names of 1 to 140 characters": names.str.len_chars().is_between(1, 140).all(),
        "account numbers": accounts.str.len_chars().is_between(1, 34).all(),
        "the form of transfers": not len(unsound),
    }
