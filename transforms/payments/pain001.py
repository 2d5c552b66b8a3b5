"""Payment initiation as ISO 20022 pain.001.001.09: one PmtInf, every amount in CNY."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from transforms.amounts import yuan_text
from transforms.errors import ContractError
from transforms.payments.bank_file import Payment

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
PAYMENT_ID = re.compile(r"[A-Z0-9]{1,35}")
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


def pain001(
    payments: Sequence[Payment],
    batch_id: str,
    payer: Mapping[str, str],
    as_of: date,
    execution_on: date,
) -> bytes:
    """Write a batch as one pain.001.001.09 message.

    Rows:    payments  in the order of the instructions; payer: payer_name, payer_account,
                       bank_code, bank_name, and the reference of this payment
    Units:   yuan with two decimals, exactly
    Holds:   created is the as-of date at 00:00 in China, never the clock; checked before return
    """
    total_fen = sum(payment.amount_fen for payment in payments)
    head = HEAD.format(
        namespace=NAMESPACE,
        batch_id=escape(batch_id),
        reference=escape(payer["reference"]),
        created=f"{as_of.isoformat()}T00:00:00+08:00",
        count=len(payments),
        total=yuan_text(total_fen),
        payer=escape(payer["payer_name"]),
        execution_on=execution_on.isoformat(),
        account=escape(payer["payer_account"]),
        agent=_agent(payer["bank_code"], payer["bank_name"]),
    )
    transfers = (
        TRANSFER.format(
            payment_id=escape(payment.payment_id),
            amount=yuan_text(payment.amount_fen),
            agent=_agent(payment.bank_code, payment.bank_name),
            holder=escape(payment.holder),
            account=escape(payment.account_no),
            purpose_code=PURPOSE_CODE,
            purpose=escape(payment.purpose),
        )
        for payment in payments
    )
    message = "".join([head, *transfers, TAIL]).encode("utf-8")
    check_pain001(message, len(payments), total_fen)
    return message


def _agent(bank_code: str, bank_name: str) -> str:
    """Name a bank by its 12-digit code where it is known, and by its name."""
    code = (
        f"<ClrSysMmbId><ClrSysId><Cd>CNAPS</Cd></ClrSysId><MmbId>{escape(bank_code)}</MmbId>"
        "</ClrSysMmbId>"
        if bank_code
        else ""
    )
    name = f"<Nm>{escape(bank_name)}</Nm>" if bank_name else ""
    return f"<FinInstnId>{code}{name}</FinInstnId>"


def check_pain001(message: bytes, count: int, total_fen: int) -> None:
    """Read a message back and check what the schema can't: counts, sums, ids, currency.

    Holds:   counts and sums agree at both levels with the transfers and with the batch
    Raises:  ContractError naming what does not hold
    """
    root = etree.fromstring(message)
    texts = _Texts(root)
    amounts = root.findall(f".//{{{NAMESPACE}}}InstdAmt")
    fen = [_fen(amount.text or "") for amount in amounts]
    ids = texts.all("EndToEndId")
    promises = {
        "the number of transfers": texts.all("NbOfTxs") == [str(count)] * 2 and len(fen) == count,
        "the control sums": texts.all("CtrlSum") == [yuan_text(total_fen)] * 2
        and sum(fen) == total_fen,
        "payment ids once each": len(set(ids)) == count,
        "the form of payment ids": all(PAYMENT_ID.fullmatch(payment_id) for payment_id in ids),
        "amounts above zero": all(amount > 0 for amount in fen),
        "the currency": all(amount.get("Ccy") == "CNY" for amount in amounts),
        "names of 1 to 140 characters": all(1 <= len(name) <= 140 for name in texts.all("Nm")),
        "account numbers": all(1 <= len(account) <= 34 for account in texts.all("Othr")),
    }
    broken = [promise for promise, holds in promises.items() if not holds]
    if broken:
        raise ContractError(f"payments.xml does not hold: {', '.join(broken)}")


class _Texts:
    """The texts of a message's elements by local name."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def all(self, name: str) -> list[str]:
        """Return the texts of all elements of a name, their children's included."""
        elements: Iterable[Any] = self.root.iter(f"{{{NAMESPACE}}}{name}")
        return ["".join(element.itertext()) for element in elements]


def _fen(text: str) -> int:
    if not re.fullmatch(r"[0-9]+[.][0-9]{2}", text):
        raise ContractError("an amount is not written with two decimals")
    return int(text.replace(".", ""))
