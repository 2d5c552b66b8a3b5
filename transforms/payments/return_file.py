"""The bank's answer: which payments arrived and which came back, from its file or pain.002."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import accumulate

from lxml import etree

from transforms.errors import DropRefusedError
from transforms.payments.profile import AnswerFormat, Profile

FINAL_STATUSES = {"ACSC": True, "ACCC": True, "RJCT": False, "CANC": False}
PAIN002 = re.compile(r"urn:iso:std:iso:20022:tech:xsd:pain\.002\.001\.[0-9]{2}")
SHOWN_LINES = 10


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
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _read_pain002(content, where, batch_id, paid)
    return _read_text(content, profile.answer, where)


def _read_text(content: bytes, form: AnswerFormat, where: str) -> list[Answer]:
    try:
        text = content.decode(form.encoding)
    except UnicodeDecodeError as broken:
        number = content[: broken.start].count(b"\n") + 1
        raise DropRefusedError(
            f"{where}, line {number}: is not {form.encoding}; ask the bank for the file again"
        ) from broken
    answers, wrong = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if number <= form.heading_lines or not line.strip():
            continue
        answer = _answer(_cells(line, form), number, form)
        if answer is None:
            wrong.append(number)
        else:
            answers.append(answer)
    columns = (form.separator or " ").join(field.word or "…" for field in form.fields)
    states = ", ".join(form.has_arrived)
    _refuse(wrong, where, f"expected {columns} with state {states} and date {form.date_format}")
    return answers


def _cells(line: str, form: AnswerFormat) -> list[str]:
    """Take a line apart; one that is not as wide as its fields has no cells."""
    if form.separator:
        return line.split(form.separator)
    ends = list(accumulate(field.width for field in form.fields))
    encoded = line.encode(form.encoding)
    if len(encoded) != ends[-1]:
        return []
    try:
        return [
            encoded[start:end].decode(form.encoding)
            for start, end in zip([0, *ends], ends, strict=False)
        ]
    except UnicodeDecodeError:
        return []


def _answer(cells: Sequence[str], line: int, form: AnswerFormat) -> Answer | None:
    if len(cells) != len(form.fields):
        return None
    pairs = zip(form.fields, cells, strict=True)
    said = {field.word: cell.strip() for field, cell in pairs if field.word}
    day = _day(said["date"], form.date_format) if "date" in said else ""
    if said["state"] not in form.has_arrived or day is None:
        return None
    has_arrived = form.has_arrived[said["state"]]
    return Answer(said["payment_id"], has_arrived, said.get("reason", ""), day, line)


@cache
def _day(text: str, form: str) -> str | None:
    """Read a date as YYYYMMDD, none if it is no such date.

    >>> _day("2020-04-01", "YYYY-MM-DD"), _day("2020-4-1", "YYYY-MM-DD")
    ('20200401', None)
    """
    pattern = re.escape(form)
    for part in ("YYYY", "MM", "DD"):
        pattern = pattern.replace(part, f"(?P<{part}>[0-9]{{{len(part)}}})")
    found = re.fullmatch(pattern, text)
    try:
        return found and f"{date(*(int(found[part]) for part in ('YYYY', 'MM', 'DD'))):%Y%m%d}"
    except ValueError:
        return None


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
    _refuse(wrong, where, "expected OrgnlEndToEndId and TxSts in each transaction")
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
    _refuse(arrived, where, "a payment arrived of a message that was refused whole")
    told = {answer.payment_id for answer in answers}
    return answers + [answer for answer in whole if answer.payment_id not in told]


def _line(element: etree._Element) -> int:
    return int(str(element.sourceline or 0))


def _reason(element: etree._Element, prefix: str) -> str:
    said = element.find(f"{prefix}StsRsnInf")
    texts = [] if said is None else [str(text).strip() for text in said.itertext()]
    return " ".join(text for text in texts if text)


@dataclass(frozen=True)
class Settlement:
    """What a file says that was not known: payment ids, and where one changes its state."""

    new: list[Answer]
    late: list[Answer]
    restored: list[Answer]


def settle_answers(
    answers: Sequence[Answer], known: Mapping[str, Answer], paid: Collection[str], where: str
) -> Settlement:
    """Set a file's answers against those the bank gave before; refuse it whole if one differs.

    Rows:    known  the last answer of each payment that has one
    Raises:  DropRefusedError naming the lines
    """
    if not answers:
        raise DropRefusedError(f"{where}: answers no payment; check that it is the right file")
    counts = Counter(answer.payment_id for answer in answers)
    repeated = [answer.line for answer in answers if counts[answer.payment_id] > 1]
    _refuse(repeated, where, "a payment id occurs more than once")
    foreign = [answer.line for answer in answers if answer.payment_id not in paid]
    _refuse(foreign, where, "a payment id is not of this batch")
    again = [(answer, known[a]) for answer in answers if (a := answer.payment_id) in known]
    altered = [now.line for now, old in again if now.arrived == old.arrived and _says(now, old)]
    _refuse(altered[:1], where, "differs from what an earlier file said of the same payment")
    return Settlement(
        new=[answer for answer in answers if answer.payment_id not in known],
        late=[now for now, old in again if old.arrived and not now.arrived],
        restored=[now for now, old in again if now.arrived and not old.arrived],
    )


def _says(now: Answer, old: Answer) -> bool:
    return (now.reason, now.answered_on) != (old.reason, old.answered_on)


def check_late(days: Sequence[str], as_of: date, where: str) -> None:
    """Refuse late returns from before the batch or more than a year after it.

    Raises:  DropRefusedError naming the day
    """
    first, last = f"{as_of:%Y%m%d}", f"{as_of.year + 1}{as_of:%m%d}"
    outside = [day for day in days if not first <= day <= last]
    if outside:
        raise DropRefusedError(
            f"{where}: a late return of {outside[0]}; expected a day from {first} to {last}"
        )


def _refuse(lines: Sequence[int], where: str, why: str) -> None:
    if lines:
        shown = ", ".join(str(line) for line in lines[:SHOWN_LINES])
        more = f" and {len(lines) - SHOWN_LINES} more" if len(lines) > SHOWN_LINES else ""
        raise DropRefusedError(f"{where}, line {shown}{more}: {why}; nothing of it was taken")
