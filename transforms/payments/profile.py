"""Bank profiles: how one bank wants its file, read from TOML and checked before it is used."""

import codecs
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from transforms.errors import DropRefusedError

DEFAULT_PROFILE = Path(__file__).with_name("default_profile.toml")
HEADER_WORDS = frozenset(
    (
        *("batch_id", "payer_account", "payer_name", "project", "month"),
        *("count", "sum_fen", "version", "ledger_head"),
    )
)
DETAIL_WORDS = frozenset(
    (
        *("number", "account_no", "holder", "id_type", "id", "amount_fen"),
        *("bank_name", "bank_code", "purpose", "payment_id"),
    )
)
TRAILER_WORDS = frozenset(("count", "sum_fen", "details_sha256"))
LINE_ENDINGS = {"CRLF": "\r\n", "LF": "\n"}
# Control and invisible characters, and what XML 1.0 can't hold: none belongs in a payment line.
UNPRINTABLE = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{FFFE}\u{FFFF}]"
# Longest texts that pain.001 takes for a name and for an account.
NAME_LIMIT = 140
ACCOUNT_LIMIT = 34


@dataclass(frozen=True)
class Field:
    """One field of a line: fixed text or a word, and its width in bytes where widths are fixed."""

    word: str
    text: str | None = None
    width: int = 0
    align: str = "left"
    fill: str = " "


@dataclass(frozen=True)
class Profile:
    """One bank's file format; `content` is the TOML as read, for the batch's manifest."""

    encoding: str
    line_ending: str
    separator: str
    row_limit: int
    version: str
    id_types: Mapping[str, str]
    header: tuple[Field, ...]
    detail: tuple[Field, ...]
    trailer: tuple[Field, ...]
    content: Mapping[str, Any]


@cache
def default_profile() -> Profile:
    """Return the profile that is used where a fund names none of its own."""
    return parse_profile(DEFAULT_PROFILE.read_text(encoding="utf-8"), "the default profile")


def parse_profile(text: str, where: str) -> Profile:
    """Read a bank profile from TOML.

    Raises:  DropRefusedError saying where, what was expected and what was found
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        raise DropRefusedError(f"{where} is no TOML: {broken}; correct it") from broken
    return profile_of(content, where)


def profile_of(content: Mapping[str, Any], where: str) -> Profile:
    """Make a profile of its content, checking every word of it.

    Raises:  DropRefusedError saying where, what was expected and what was found
    """
    known = set(parse_keys())
    unknown, missing = sorted(set(content) - known), sorted(known - set(content))
    if unknown or missing:
        said = [f"unknown {', '.join(unknown)}"] if unknown else []
        said += [f"missing {', '.join(missing)}"] if missing else []
        raise DropRefusedError(f"{where}: {'; '.join(said)}; compare it with the default profile")
    _check_plain_values(content, where)
    is_fixed = content["separator"] == ""
    lines = {
        name: tuple(_field(entry, words, is_fixed, f"{where}, {name}") for entry in content[name])
        for name, words in (
            ("header", HEADER_WORDS),
            ("detail", DETAIL_WORDS),
            ("trailer", TRAILER_WORDS),
        )
    }
    carried = {field.word for field in lines["detail"]}
    needed = {"account_no", "holder", "amount_fen", "payment_id"}
    if not needed <= carried:
        raise DropRefusedError(
            f"{where}, detail: a payment line needs {', '.join(sorted(needed - carried))}; add it"
        )
    return Profile(
        encoding=content["encoding"],
        line_ending=LINE_ENDINGS[content["line_ending"]],
        separator=content["separator"],
        row_limit=content["row_limit"],
        version=content["version"],
        id_types={"person": content["id_type_person"], "employer": content["id_type_employer"]},
        header=lines["header"],
        detail=lines["detail"],
        trailer=lines["trailer"],
        content=content,
    )


def parse_keys() -> tuple[str, ...]:
    """Return the keys a profile has, each of them required."""
    texts = "encoding line_ending separator version id_type_person id_type_employer"
    return (*texts.split(), "row_limit", "header", "detail", "trailer")


def _check_plain_values(content: Mapping[str, Any], where: str) -> None:
    for key in parse_keys()[:6]:
        if not isinstance(content[key], str):
            raise DropRefusedError(f"{where}: {key} must be text in quotes")
    try:
        codecs.lookup(content["encoding"])
        "元".encode(content["encoding"])
    except (LookupError, UnicodeEncodeError) as unfit:
        raise DropRefusedError(
            f"{where}: encoding {content['encoding']!r} is unknown or holds no Chinese; "
            "use gb18030, gbk or utf-8"
        ) from unfit
    if content["line_ending"] not in LINE_ENDINGS:
        raise DropRefusedError(
            f"{where}: line_ending is {content['line_ending']!r}; expected CRLF or LF"
        )
    if len(content["separator"]) > 1 or content["separator"] in ("\r", "\n"):
        raise DropRefusedError(f"{where}: separator must be one character, or empty: fixed width")
    limit = content["row_limit"]
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise DropRefusedError(f"{where}: row_limit must be a whole number, 0 or more")
    for name in ("header", "detail", "trailer"):
        if not isinstance(content[name], list) or not content[name]:
            raise DropRefusedError(f"{where}: {name} must be a list of fields")


def _field(entry: Any, words: frozenset[str], is_fixed: bool, where: str) -> Field:
    table = entry if isinstance(entry, dict) else {"field": entry}
    word = table.get("field")
    unknown = sorted(set(table) - {"field", "width", "align", "fill"})
    if not isinstance(word, str) or unknown:
        raise DropRefusedError(f"{where}: {entry!r} is no field")
    if not word.startswith("=") and word not in words:
        raise DropRefusedError(f"{where}: no field {word!r}; there are {', '.join(sorted(words))}")
    field = Field(
        word="" if word.startswith("=") else word,
        text=word[1:] if word.startswith("=") else None,
        width=table.get("width", 0),
        align=table.get("align", "left"),
        fill=table.get("fill", " "),
    )
    if is_fixed and (not isinstance(field.width, int) or field.width < 1):
        raise DropRefusedError(f"{where}: fixed width, so {word!r} needs a width of 1 or more")
    if field.align not in ("left", "right") or len(field.fill) != 1 or not field.fill.isascii():
        raise DropRefusedError(f"{where}: {word!r} is aligned left or right, filled by one letter")
    return field


def writable(texts: pl.Series, field_word: str, profile: Profile) -> pl.Series:
    """Say of each text whether a profile's detail line can hold it as it is.

    Rows:    returns  one boolean per text; false for a separator, a control character, a
                      character outside the encoding, or more bytes than the field is wide
    """
    limit = ACCOUNT_LIMIT if field_word == "account_no" else NAME_LIMIT
    fits = (texts.str.len_chars() <= limit) & ~texts.str.contains(UNPRINTABLE)
    if profile.separator:
        fits &= ~texts.str.contains(profile.separator, literal=True)
    widths = [field.width for field in profile.detail if field.word == field_word and field.width]
    width = min(widths, default=0)
    distinct = texts.unique().drop_nulls()
    sizes = pl.DataFrame(
        {"text": distinct, "size": [_encoded_size(text, profile.encoding) for text in distinct]},
        schema={"text": pl.String, "size": pl.Int64},
    )
    size = texts.to_frame("text").join(sizes, on="text", how="left", maintain_order="left")["size"]
    return (fits & (size >= 0) & ((size <= width) if width else True)).fill_null(False)


def _encoded_size(text: str, encoding: str) -> int:
    try:
        return len(text.encode(encoding))
    except UnicodeEncodeError:
        return -1
