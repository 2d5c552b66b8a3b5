"""How a bank lays out its lines: fields, encodings, and what it sends back to us."""

import codecs
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transforms.errors import DropRefusedError
from transforms.strict_yaml import in_backticks, odd_keys

ANSWER_WORDS = frozenset(("payment_id", "state", "reason", "date"))
STATEMENT_WORDS = frozenset(
    (
        *("date", "direction", "amount", "debit_amount", "credit_amount"),
        *("payment_id", "purpose", "counter_account"),
    )
)
TWO_COLUMNS = frozenset(("debit_amount", "credit_amount"))
LAYOUT_KEYS = ("encoding", "separator", "heading_lines", "fields", "date_format")
STATEMENT_KEYS = ("amount_unit", "trailing_lines")
# Besides letters and digits: what stands in the cells of every bank, so it can't part them.
IN_CELLS = ".-"
# What these say is as good with zeros before it.
NUMBERS = frozenset(("number", "amount_fen", "count", "sum_fen", "version"))
FEN_A_UNIT = {"元": 100, "分": 1}
# Who can act on a payment that came back.
OWNERS = ("人社", "财政", "银行", "收款人")


@dataclass(frozen=True)
class Field:
    """One field of a line: fixed text or a word, and its width in bytes where widths are fixed."""

    word: str
    text: str | None = None
    width: int = 0
    align: str = "left"
    fill: str = " "


@dataclass(frozen=True)
class Layout:
    """How a file that a bank sends looks; a field that is fixed text is not read.

    `words`: the bank's own words for what arrived or was debited (true), and for the contrary.
    """

    encoding: str
    separator: str
    heading_lines: int
    fields: tuple[Field, ...]
    words: Mapping[str, bool]
    date_format: str
    fen_a_unit: int = 1
    trailing_lines: int = 0


@dataclass(frozen=True)
class ReturnCode:
    """Who acts on a payment that came back for a reason of the bank's, and what to do."""

    owner: str
    action: str


def check_keys(
    content: Mapping[str, Any], known: Sequence[str], where: str, may_have: Collection[str] = ()
) -> None:
    """Check that a table has the keys it must have, and no others."""
    odd = odd_keys(content, known, may_have)
    if odd:
        raise DropRefusedError(f"{where}: {odd}; compare it with the default profile")


def check_writing(content: Mapping[str, Any], where: str) -> None:
    """Check encoding and separator of a table."""
    try:
        codecs.lookup(content["encoding"])
        "元".encode(content["encoding"])
    except (LookupError, UnicodeEncodeError) as unfit:
        raise DropRefusedError(
            f"{where}: encoding {content['encoding']!r} is unknown or holds no Chinese; "
            "use gb18030, gbk or utf-8"
        ) from unfit
    if len(content["separator"]) > 1 or content["separator"] in ("\r", "\n"):
        raise DropRefusedError(f"{where}: separator must be one character, or empty: fixed width")
    if content["separator"].isalnum() or content["separator"] in tuple(IN_CELLS):
        raise DropRefusedError(
            f"{where}: separator {content['separator']!r} stands in names, numbers or dates; use |"
        )


def check_unmarked(encoding: str, where: str) -> None:
    """Check that an encoding begins no text with a mark: the parts of a file are written apart.

    Raises:  DropRefusedError naming the encoding without it
    """
    if "".encode(encoding):
        name = codecs.lookup(encoding).name
        plain = name.removesuffix("-sig") if name.endswith("-sig") else f"{name}-le"
        raise DropRefusedError(
            f"{where}: encoding {encoding!r} puts a byte order mark before the first payment, too; "
            f"use {plain}"
        )


def check_fills(fields: Sequence[Field], where: str) -> None:
    """Check that no field is filled up to another amount, account, id or name than it holds.

    Raises:  DropRefusedError naming the field and its cure
    """
    for field in fields:
        is_zeros = field.fill == "0" and field.word in NUMBERS
        if is_zeros and field.width and field.align == "left":
            raise DropRefusedError(
                f"{where}: {field.word} filled with 0 behind it is another number; "
                'add align = "right"'
            )
        is_cell = field.fill.isalnum() or field.fill in (*IN_CELLS, "+", ",")
        if is_cell and field.width and field.word and not is_zeros:
            raise DropRefusedError(
                f"{where}: {field.word} filled with {field.fill!r} reads as another one; "
                'fill it with blanks (fill = " ")'
            )


def check_count(content: Mapping[str, Any], key: str, where: str) -> None:
    """Check that a key holds a whole number."""
    count = content[key]
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise DropRefusedError(f"{where}: {key} must be a whole number, 0 or more")


def check_carried(fields: Sequence[Field], needed: Collection[str], where: str) -> None:
    """Check that a line has the fields it needs."""
    missing = sorted(set(needed) - {field.word for field in fields})
    if missing:
        raise DropRefusedError(f"{where}: a line needs {in_backticks(missing)}; add it")


def answer_layout(content: Any, where: str) -> Layout:
    """Read how the bank answers a batch, for `settle`."""
    layout = _layout(content, ANSWER_WORDS, ("arrived", "refused"), (), where)
    check_carried(layout.fields, ("payment_id", "state"), f"{where}, fields")
    return layout


def statement_layout(content: Any, where: str) -> Layout:
    """Read how a statement of the payer's account looks, for `reconcile`."""
    layout = _layout(content, STATEMENT_WORDS, ("debit", "credit"), STATEMENT_KEYS, where)
    check_count(content, "trailing_lines", where)
    if str(content["amount_unit"]) not in FEN_A_UNIT:
        raise DropRefusedError(f"{where}: amount_unit must be one of {', '.join(FEN_A_UNIT)}")
    there = {field.word for field in layout.fields}
    amounts = {"direction", "amount"} if there & {"direction", "amount"} else TWO_COLUMNS
    check_carried(layout.fields, ("date", *sorted(amounts)), f"{where}, fields")
    if not there & {"payment_id", "purpose"}:
        raise DropRefusedError(f"{where}: a line needs payment_id, or purpose that holds it")
    unit, trailing = FEN_A_UNIT[content["amount_unit"]], content["trailing_lines"]
    return replace(layout, fen_a_unit=unit, trailing_lines=trailing)


def _layout(
    content: Any, words: frozenset[str], pair: tuple[str, str], more: Sequence[str], where: str
) -> Layout:
    if not isinstance(content, dict):
        raise DropRefusedError(f"{where} must be a table")
    check_keys(content, (*LAYOUT_KEYS, *pair, *more), where)
    for key in ("encoding", "separator", "date_format"):
        if not isinstance(content[key], str):
            raise DropRefusedError(f"{where}: {key} must be text in quotes")
    check_writing(content, where)
    check_count(content, "heading_lines", where)
    if any(content["date_format"].count(part) != 1 for part in ("YYYY", "MM", "DD")):
        raise DropRefusedError(f"{where}: date_format must hold YYYY, MM and DD once each")
    layout = Layout(
        encoding=content["encoding"],
        separator=content["separator"],
        heading_lines=content["heading_lines"],
        fields=fields_of(content["fields"], words, content["separator"], f"{where}, fields"),
        words=_words(content, pair, where),
        date_format=content["date_format"],
    )
    _check_widths(layout, where)
    return layout


def _check_widths(layout: Layout, where: str) -> None:
    """Hold fixed widths to what must fit into them."""
    said = {"state": layout.words, "direction": layout.words, "date": (layout.date_format,)}
    for field in layout.fields if layout.separator == "" else ():
        for word in said.get(field.word, ()):
            if len(word.encode(layout.encoding, "replace")) > field.width:
                raise DropRefusedError(
                    f"{where}: {word!r} does not fit into {field.word}, {field.width} bytes wide"
                )


def return_codes(content: Any, where: str) -> dict[str, ReturnCode]:
    """Read who acts on each of the bank's reasons for a return, and what to do."""
    codes = {}
    for code, entry in (content if isinstance(content, dict) else {"": content}).items():
        said = entry if isinstance(entry, dict) else {}
        texts = [said.get(key) for key in ("owner", "action")]
        if set(said) != {"owner", "action"} or not all(isinstance(t, str) and t for t in texts):
            raise DropRefusedError(
                f'{where}: {code!r} must be {{owner = "…", action = "…"}}: who acts, what to do'
            )
        if said["owner"] not in OWNERS:
            raise DropRefusedError(f"{where}: owner of {code!r} is none of {'、'.join(OWNERS)}")
        codes[code.strip()] = ReturnCode(said["owner"], said["action"])
    return codes


def _words(content: Mapping[str, Any], pair: tuple[str, str], where: str) -> dict[str, bool]:
    said: dict[str, bool] = {}
    for key in pair:
        words = content[key] if isinstance(content[key], list) else []
        if not words or not all(isinstance(word, str) and word not in said for word in words):
            raise DropRefusedError(
                f"{where}: {key} must be a list of the bank's own words, none in both lists"
            )
        said |= dict.fromkeys(words, key == pair[0])
    return said


def fields_of(entries: Any, words: frozenset[str], separator: str, where: str) -> tuple[Field, ...]:
    """Read the fields of a line."""
    if not isinstance(entries, list) or not entries:
        raise DropRefusedError(f"{where} must be a list of fields")
    fields = tuple(_field(entry, words, separator == "", where) for entry in entries)
    named = [field.word for field in fields if field.word]
    if twice := sorted({word for word in named if named.count(word) > 1}):
        raise DropRefusedError(f"{where}: {in_backticks(twice)} stands twice in a line")
    return fields


def _field(entry: Any, words: frozenset[str], is_fixed: bool, where: str) -> Field:
    table = entry if isinstance(entry, dict) else {"field": entry}
    word = table.get("field")
    unknown = sorted(set(table) - {"field", "width", "align", "fill"})
    if not isinstance(word, str) or unknown:
        raise DropRefusedError(f"{where}: {entry!r} is no field")
    if not word.startswith("=") and word not in words:
        raise DropRefusedError(
            f"{where}: no field {word!r}; there are {in_backticks(sorted(words))}"
        )
    field = Field(
        word="" if word.startswith("=") else word,
        text=word[1:] if word.startswith("=") else None,
        width=table.get("width", 0),
        align=table.get("align", "left"),
        fill=table.get("fill", " "),
    )
    if is_fixed and (not isinstance(field.width, int) or field.width < 1):
        raise DropRefusedError(f"{where}: fixed width, so {word!r} needs a width of 1 or more")
    is_one = isinstance(field.fill, str) and len(field.fill) == 1
    if field.align not in ("left", "right") or not is_one or not " " <= field.fill <= "~":
        raise DropRefusedError(f"{where}: {word!r} is aligned left or right, filled by one letter")
    return field
