"""The bank's answer: which payments arrived and which came back, from its file or pain.002."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from lxml import etree

from transforms.errors import DropRefusedError
from transforms.payments.layouts import Layout
from transforms.payments.profile import Profile
from transforms.payments.received import (
    BYTE_ORDER_MARK,
    read_day,
    read_lines,
    refuse,
    refuse_unread,
)

FINAL_STATUSES = {"ACSC": True, "ACCC": True, "RJCT": False, "CANC": False}
PAIN002 = re.compile(r"urn:iso:std:iso:20022:tech:xsd:pain\.002\.001\.[0-9]{2}")


@dataclass(frozen=True)
class Answer:
    """What the bank says of one payment, and the line of its file that says so."""

    payment_id: str
    arrived: bool
    reason: str
    answered_on: str
    line: int


def read_answers(
    content: bytes, profile: Profile, where: str, batch_id: str = "", paid: Sequence[str] = ()
) -> list[Answer]:
    """Read the bank's answer: pain.002 if it is XML, else the bank profile's return file.

    Rows:    paid     the batch's payment ids: a message refused whole returns them all
             returns  one per payment with a final state, in the order of the file
    Raises:  DropRefusedError naming every line that is not as expected
    """
    if _is_xml(content):
        return _read_pain002(content, where, batch_id, paid)
    return _read_text(content, profile.answer, where)


def answers_given(content: bytes, profile: Profile, where: str) -> list[Answer]:
    """Read an answer as the bank gives it: a payment in its heading would stay without one.

    Raises:  DropRefusedError, as `read_answers`; or naming the lines of the heading
    """
    answers = read_answers(content, profile, where)
    if not _is_xml(content):
        refuse_unread(content, profile.answer, where, lambda *_: None)
    return answers


def _is_xml(content: bytes) -> bool:
    return content.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"<")


def _read_text(content: bytes, layout: Layout, where: str) -> list[Answer]:
    def answer(said: dict[str, str], line: int) -> Answer | None:
        day = read_day(said["date"], layout.date_format) if "date" in said else ""
        if said["state"] not in layout.words or day is None:
            return None
        reason = said.get("reason", "")
        return Answer(said["payment_id"], layout.words[said["state"]], reason, day, line)

    return read_lines(content, layout, where, answer)


def _read_pain002(content: bytes, where: str, batch_id: str, paid: Sequence[str]) -> list[Answer]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as broken:
        raise DropRefusedError(f"{where}, line {broken.lineno}: is no XML: ask again") from broken
    namespace = etree.QName(root).namespace or ""
    if not PAIN002.fullmatch(namespace):
        raise DropRefusedError(f"{where}: expected a pain.002 message, found {namespace[:60]!r}")
    prefix = f"{{{namespace}}}"
    day = (root.findtext(f".//{prefix}GrpHdr/{prefix}CreDtTm") or "")[:10].replace("-", "")
    said_of = root.findtext(f".//{prefix}OrgnlGrpInfAndSts/{prefix}OrgnlMsgId")
    if batch_id and said_of not in (None, batch_id):
        raise DropRefusedError(f"{where}: answers another message than that of {batch_id}")
    answers: list[Answer] = []
    wrong: list[int] = []
    for transaction in root.iter(f"{prefix}TxInfAndSts"):
        payment_id = transaction.findtext(f"{prefix}OrgnlEndToEndId")
        status = transaction.findtext(f"{prefix}TxSts")
        line = _line(transaction)
        if not payment_id or not status:
            wrong.append(line)
        elif status in FINAL_STATUSES:
            reason = _reason(transaction, prefix)
            answers.append(Answer(payment_id, FINAL_STATUSES[status], reason, day, line))
    refuse(wrong, where, "expected OrgnlEndToEndId and TxSts in each transaction")
    for part, status_name in (("OrgnlGrpInfAndSts", "GrpSts"), ("OrgnlPmtInfAndSts", "PmtInfSts")):
        for refused in root.iter(f"{prefix}{part}"):
            if refused.findtext(f"{prefix}{status_name}") == "RJCT":
                reason = _reason(refused, prefix)
                whole = [Answer(name, False, reason, day, _line(refused)) for name in paid]
                return _refused_whole(answers, whole, where)
    return answers


def _refused_whole(answers: list[Answer], whole: list[Answer], where: str) -> list[Answer]:
    """Let a message refused whole return every payment, each with its own reason if it has one."""
    arrived = [answer.line for answer in answers if answer.arrived]
    refuse(arrived, where, "a payment arrived of a message that was refused whole")
    told = {answer.payment_id for answer in answers}
    return answers + [answer for answer in whole if answer.payment_id not in told]


def _line(element: etree._Element) -> int:
    return int(str(element.sourceline or 0))


def _reason(element: etree._Element, prefix: str) -> str:
    said = element.find(f"{prefix}StsRsnInf")
    texts = [] if said is None else [str(text).strip() for text in said.itertext()]
    return " ".join(text for text in texts if text)


def settle_answers(
    answers: Sequence[Answer], known: Mapping[str, Answer], paid: Collection[str], where: str
) -> tuple[list[Answer], list[Answer], list[Answer]]:
    """Set a file's answers against those the bank gave before; refuse it whole if one differs.

    Rows:    known    the last answer of each payment that has one
             returns  those of payments without one; what came back late; what arrived after all
    Raises:  DropRefusedError naming the lines
    """
    if not answers:
        raise DropRefusedError(f"{where}: answers no payment; check that it is the right file")
    counts = Counter(answer.payment_id for answer in answers)
    repeated = [answer.line for answer in answers if counts[answer.payment_id] > 1]
    refuse(repeated, where, "a payment id occurs more than once")
    foreign = [answer.line for answer in answers if answer.payment_id not in paid]
    refuse(foreign, where, "a payment id is not of this batch")
    again = [(answer, known[a]) for answer in answers if (a := answer.payment_id) in known]
    altered = [now.line for now, old in again if _is_altered(now, old)]
    refuse(altered[:1], where, "differs from what an earlier file said of the same payment")
    undated = [now.line for now, old in again if now.arrived > old.arrived and not now.answered_on]
    refuse(
        undated[:1],
        where,
        "says without a day that a payment arrived which had come back, and it may be the older "
        "answer: ask the bank for its pain.002, which has the day",
    )
    new = [answer for answer in answers if answer.payment_id not in known]
    late = [now for now, old in again if old.arrived and not now.arrived]
    restored = [now for now, old in again if now.arrived and not old.arrived]
    return new, late, restored


def _is_altered(now: Answer, old: Answer) -> bool:
    """Say whether a file tells another story of what an earlier one told, not what came after.

    What came back and arrived after all did so on a later day; that what had arrived came back is
    confirmed by two persons, whatever its day.
    """
    if now.arrived == old.arrived:
        return (now.reason, now.answered_on) != (old.reason, old.answered_on)
    return now.arrived and bool(now.answered_on) and now.answered_on <= old.answered_on


def check_days(answers: Sequence[Answer], as_of: str, today: str, where: str) -> None:
    """Refuse answers from before the batch or after today.

    Raises:  DropRefusedError naming the lines
    """
    first, last = (day.replace("-", "") for day in (as_of, today))
    outside = [a.line for a in answers if a.answered_on and not first <= a.answered_on <= last]
    refuse(outside, where, f"a day is not from {first} to {last}")


def check_late(days: Sequence[str], as_of: date, where: str) -> None:
    """Refuse late returns from before the batch or more than a year after it.

    Of one without a day, the bank's profile has none, two persons confirm that it is the later.

    Raises:  DropRefusedError naming the day
    """
    until = as_of.replace(day=28) if (as_of.month, as_of.day) == (2, 29) else as_of
    first, last = f"{as_of:%Y%m%d}", f"{as_of.year + 1}{until:%m%d}"
    outside = [day for day in days if day and not first <= day <= last]
    if outside:
        raise DropRefusedError(
            f"{where}: a late return of {outside[0]}; expected a day from {first} to {last}"
        )
