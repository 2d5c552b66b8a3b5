"""A statement of the payer's account against a batch: what was paid, came back, or stays open."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.payments.layouts import Layout
from transforms.payments.received import read_day, read_lines, refuse, refuse_unread

NAMED = re.compile(r"(?<![0-9A-Z])(P[0-9A-F]{31}|B[0-9A-F]{20})(?![0-9A-Z])")
AMOUNT = re.compile(r"(-?)([0-9]{1,13}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:[.]([0-9]{1,2}))?")
MASKED = re.compile("[*＊xX×]+")
STANDINGS = ("paid", "returned", "open")
RECONCILED_SCHEMA: dict[str, Any] = {
    "number": pl.Int64(),
    "payment_id": pl.String(),
    **dict.fromkeys(("amount_fen", "debited_fen", "credited_fen"), pl.Int64()),
    **dict.fromkeys(("bank_answer", "standing", "difference", "statement_lines"), pl.String()),
}


@dataclass(frozen=True)
class Entry:
    """One movement on the payer's account: which payment or batch it names, if any, and where."""

    name: str
    booked_on: str
    is_debit: bool
    amount_fen: int
    counter_account: str
    place: str


def read_statement(content: bytes, layout: Layout, where: str, label: str = "") -> list[Entry]:
    """Read a statement by its layout.

    Rows:    returns  one per movement, in the order of the file; place: label and line
    Units:   fen
    Raises:  DropRefusedError naming every line that is not as expected
    """
    entries = read_lines(content, layout, where, partial(_entry, layout, label))
    several = [int(entry.place.rpartition(":")[2]) for entry in entries if " " in entry.name]
    refuse(several, where, "names more than one payment: ask the bank for a line of each")
    return entries


def refuse_unread_movements(
    content: bytes, layout: Layout, where: str, accounts: Collection[str]
) -> None:
    """Refuse a statement with a payment in its heading, or below its last movement.

    Rows:    accounts  those of the batch's payees: a movement that names nothing counts by them
    Raises:  DropRefusedError naming the lines
    """

    def counted(said: dict[str, str], line: int) -> Entry | None:
        entry = _entry(layout, "", said, line)
        return entry if entry and (entry.name or entry.counter_account in accounts) else None

    refuse_unread(content, layout, where, counted)


def _entry(layout: Layout, label: str, said: Mapping[str, str], line: int) -> Entry | None:
    """Make an entry of a line's cells; none if they are not as expected.

    Of several payments that it names all stand in `name`, with blanks between.
    """
    named = NAMED.findall(f"{said.get('payment_id', '')} {said.get('purpose', '')}")
    day = read_day(said["date"], layout.date_format)
    moved_fen = _moved_fen(said, layout)
    if day is None or not moved_fen:
        return None
    # A payment that is named counts, the batch beside it does not.
    payments = {name for name in named if name.startswith("P")}
    name = " ".join(sorted(payments)) or min(named, default="")
    account, place = said.get("counter_account", ""), f"{label}:{line}" if label else str(line)
    return Entry(name, day, moved_fen > 0, abs(moved_fen), account, place)


def _moved_fen(said: Mapping[str, str], layout: Layout) -> int:
    """Return what left the account by a line; what came in is below zero, unreadable is 0."""
    if "amount" in said:
        fen = _fen(said["amount"], layout.fen_a_unit)
        is_debit = layout.words.get(said["direction"])
        return 0 if is_debit is None else fen if is_debit else -fen
    return _fen(said["debit_amount"], layout.fen_a_unit) - _fen(
        said["credit_amount"], layout.fen_a_unit
    )


def _fen(text: str, fen_a_unit: int) -> int:
    """Read an amount.

    >>> _fen("1,146.5", 100), _fen("-7", 1), _fen("1.5", 1), _fen("", 100)
    (114650, -7, 0, 0)
    """
    found = AMOUNT.fullmatch(text.replace("￥", "").strip())
    if found is None or (found[3] and fen_a_unit == 1):
        return 0
    fen = int(found[2].replace(",", "")) * fen_a_unit + int((found[3] or "0").ljust(2, "0"))
    return -fen if found[1] else fen


def merged(statements: Sequence[Sequence[Entry]]) -> list[Entry]:
    """Put statements together that may overlap: what stands in two of them happened once.

    Rows:    returns  as often as in the statement that holds it most often
    """
    kept: list[Entry] = []
    counted: Counter[tuple[Any, ...]] = Counter()
    for entries in statements:
        here: Counter[tuple[Any, ...]] = Counter()
        for entry in entries:
            what = (entry.name, entry.booked_on, entry.is_debit, entry.amount_fen)
            here[what, entry.counter_account] += 1
            if here[what, entry.counter_account] > counted[what, entry.counter_account]:
                kept.append(entry)
        counted |= here
    return kept


@dataclass(frozen=True)
class Reconciliation:
    """A batch against statements: its payments line by line, and what else the lines tell of it.

    `beside`: difference, place and amount of movements that belong to no payment of the batch.
    """

    lines: pl.DataFrame
    beside: list[tuple[str, str, int]]

    @property
    def differences(self) -> list[tuple[str, str, int]]:
        """List all differences: what, which payment or place, how much."""
        found = self.lines.filter(pl.col("difference") != "")
        rows = found.select("difference", "payment_id", "amount_fen").iter_rows()
        return [*rows, *self.beside]

    def sums(self) -> dict[str, tuple[int, int]]:
        """Return count and sum of what was instructed, and of each standing."""
        parts = {name: self.lines.filter(pl.col("standing") == name) for name in STANDINGS}
        all_parts = {"instructed": self.lines, **parts}
        return {name: (p.height, int(p["amount_fen"].sum())) for name, p in all_parts.items()}


def reconcile(
    batch_id: str,
    instructions: pl.DataFrame,
    answers: Mapping[str, bool],
    entries: Sequence[Entry],
    known: Collection[str],
    refused: Collection[str] = (),
    *,
    holds_accounts: bool = True,
) -> Reconciliation:
    """Account for every payment of a batch by the movements of the account.

    Rows:    answers  whether a payment arrived, by the bank's answers so far
             known    payment ids of other batches: no concern of this one
             refused  those that the bank refused at once, by its answers
             holds_accounts  whether a debit's account is held against the payee's; not where a
                             statement was taken before that was done
    Units:   fen
    Holds:   instructed = paid + returned + open, in count and sum
    """
    amounts = dict(instructions.select("payment_id", "amount_fen").iter_rows())
    accounts = dict(instructions.select("payment_id", "account_no").iter_rows())
    named: dict[str, list[Entry]] = {payment_id: [] for payment_id in amounts}
    whole, beside = [], []
    for entry in entries:
        if entry.name in named:
            named[entry.name].append(entry)
        elif entry.name == batch_id:
            whole.append(entry)
        elif entry.name.startswith("P") and entry.name not in known:
            beside.append(("unknown_payment", entry.place, entry.amount_fen))
        elif not entry.name and entry.counter_account in accounts.values():
            what = "unnamed_debit" if entry.is_debit else "unnamed_credit"
            beside.append((what, entry.place, entry.amount_fen))
    whole_fen = sum(entry.amount_fen if entry.is_debit else -entry.amount_fen for entry in whole)
    booked = _booked_whole(whole_fen, amounts, refused)
    if whole_fen and not booked:
        beside.append(("batch_sum_differs", whole[-1].place, whole_fen))
    rows = []
    for number, (name, fen) in enumerate(amounts.items(), start=1):
        account = accounts[name] if holds_accounts else ""
        of_whole = whole if name in booked else ()
        told = _accounted(fen, account, named[name], of_whole, answers.get(name))
        rows.append((number, name, *told))
    found = Reconciliation(pl.DataFrame(rows, schema=RECONCILED_SCHEMA, orient="row"), beside)
    instructed, *parts = found.sums().values()
    if instructed != tuple(map(sum, zip(*parts, strict=True))):
        raise ContractError(f"batch {batch_id}: its parts do not add up")
    return found


def _booked_whole(
    whole_fen: int, amounts: Mapping[str, int], refused: Collection[str]
) -> Mapping[str, int]:
    """Some banks book a batch in one sum (or one a file), of all or of what they accepted."""
    accepted = {name: fen for name, fen in amounts.items() if name not in refused}
    parts = [part for part in (amounts, accepted) if sum(part.values()) == whole_fen]
    return parts[0] if parts else {}


def _accounted(
    amount_fen: int,
    account_no: str,
    mine: Sequence[Entry],
    whole: Sequence[Entry],
    arrived: bool | None,
) -> tuple[Any, ...]:
    """Account for one payment: RECONCILED_SCHEMA but for its number and name."""
    debits = [entry.amount_fen for entry in mine if entry.is_debit] + [amount_fen] * bool(whole)
    credits = [entry.amount_fen for entry in mine if not entry.is_debit]
    left = len(debits) - len(credits)
    strayed = account_no and any(
        entry.is_debit and is_other_account(entry.counter_account, account_no) for entry in mine
    )
    difference = _difference(amount_fen, debits, credits, arrived)
    if strayed and left > 0 and difference != "amount_differs":
        difference = "paid_to_another"
    is_back = bool(debits or credits) or arrived is False
    standing = "paid" if left > 0 else "returned" if is_back else "open"
    answer = {None: "", True: "arrived", False: "came_back"}[arrived]
    places = "、".join(entry.place for entry in (*whole, *mine))
    return (amount_fen, sum(debits), sum(credits), answer, standing, difference, places)


def is_other_account(said: str, account_no: str) -> bool:
    """Say whether a statement names another account than the payee's; masked digits are any.

    >>> is_other_account("6228 17**0000", "6228179990000"), is_other_account("62299", "62281")
    (False, True)
    """
    spaceless = "".join(said.split())
    known = map(re.escape, MASKED.split(spaceless))
    return bool(spaceless) and re.fullmatch(".*".join(known), account_no) is None


def _difference(
    amount_fen: int, debits: Sequence[int], credits: Sequence[int], arrived: bool | None
) -> str:
    """Name what does not fit of one payment, the first that applies; nothing if all does."""
    left = len(debits) - len(credits)
    if any(fen != amount_fen for fen in (*debits, *credits)):
        return "amount_differs"
    if left > 1:
        return "debited_twice"
    if left < 0:
        return "credit_without_debit"
    if left == 1:
        return "came_back_by_file_alone" if arrived is False else ""
    if not debits or arrived is False:
        return ""
    return "arrived_but_reversed" if arrived else "return_without_file"
