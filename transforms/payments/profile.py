"""Bank profiles: how one bank wants its file, read from TOML and checked before it is used."""

import codecs
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from transforms.errors import DropRefusedError

PROFILES = Path(__file__).with_name("profiles")
DEFAULT_PROFILE = PROFILES / "default.toml"
SHIPPED_NAMES = tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))
HEADER_WORDS = frozenset(
    ("batch_id", "payer_account", "payer_name", "project", "month", "count", "sum_fen", "version")
)
DETAIL_WORDS = frozenset(
    (
        *("number", "account_no", "holder", "id_type", "id", "amount_fen"),
        *("bank_name", "bank_code", "purpose", "payment_id"),
    )
)
TRAILER_WORDS = frozenset(("count", "sum_fen", "details_sha256"))
ANSWER_WORDS = frozenset(("payment_id", "state", "reason", "date"))
TEXTS = ("encoding", "line_ending", "separator", "version", "id_type_person", "id_type_employer")
PROFILE_KEYS = (*TEXTS, "row_limit", "header", "detail", "trailer")
ANSWER_KEYS = (
    *("encoding", "separator", "heading_lines", "fields"),
    *("arrived", "refused", "date_format"),
)
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
class AnswerFormat:
    """How a bank's answer file looks; a field that is fixed text is not read."""

    encoding: str
    separator: str
    heading_lines: int
    fields: tuple[Field, ...]
    has_arrived: Mapping[str, bool]
    date_format: str


@dataclass(frozen=True)
class Profile:
    """One bank's file formats; `content` is the TOML as read, for the batch's manifest."""

    encoding: str
    line_ending: str
    separator: str
    row_limit: int
    version: str
    id_types: Mapping[str, str]
    header: tuple[Field, ...]
    detail: tuple[Field, ...]
    trailer: tuple[Field, ...]
    answer: AnswerFormat
    content: Mapping[str, Any]


@cache
def shipped_profile(name: str) -> Profile:
    """Return one of the profiles that come with the product."""
    text = (PROFILES / f"{name}.toml").read_text(encoding="utf-8")
    return parse_profile(text, f"the {name} profile")


def default_profile() -> Profile:
    """Return the profile that is used where a fund names none of its own."""
    return shipped_profile("default")


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
    _check_keys(content, PROFILE_KEYS, where, may_have={"answer"})
    _check_plain_values(content, where)
    lines = {
        name: _fields(content[name], words, content["separator"], f"{where}, {name}")
        for name, words in (
            ("header", HEADER_WORDS),
            ("detail", DETAIL_WORDS),
            ("trailer", TRAILER_WORDS),
        )
    }
    needed = {"account_no", "holder", "amount_fen", "payment_id"}
    _check_carried(lines["detail"], needed, f"{where}, detail")
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
        answer=_answer_format(content, f"{where}, answer"),
        content=content,
    )


def _check_keys(
    content: Mapping[str, Any], known: Sequence[str], where: str, may_have: Collection[str] = ()
) -> None:
    unknown = sorted(set(content) - {*known, *may_have})
    missing = sorted(set(known) - set(content))
    if unknown or missing:
        said = [f"unknown {', '.join(unknown)}"] if unknown else []
        said += [f"missing {', '.join(missing)}"] if missing else []
        raise DropRefusedError(f"{where}: {'; '.join(said)}; compare it with the default profile")


def _check_plain_values(content: Mapping[str, Any], where: str) -> None:
    for key in TEXTS:
        if not isinstance(content[key], str):
            raise DropRefusedError(f"{where}: {key} must be text in quotes")
    _check_writing(content, where)
    if content["line_ending"] not in LINE_ENDINGS:
        raise DropRefusedError(
            f"{where}: line_ending is {content['line_ending']!r}; expected CRLF or LF"
        )
    _check_count(content, "row_limit", where)


def _check_writing(content: Mapping[str, Any], where: str) -> None:
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


def _check_count(content: Mapping[str, Any], key: str, where: str) -> None:
    count = content[key]
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise DropRefusedError(f"{where}: {key} must be a whole number, 0 or more")


def _check_carried(fields: Sequence[Field], needed: Collection[str], where: str) -> None:
    missing = sorted(set(needed) - {field.word for field in fields})
    if missing:
        raise DropRefusedError(f"{where}: a line needs {', '.join(missing)}; add it")


def _answer_format(content: Mapping[str, Any], where: str) -> AnswerFormat:
    """Read how the bank answers; a profile that does not say has the default's columns."""
    own = {"encoding": content["encoding"], "separator": content["separator"] or "|"}
    answer = content["answer"] if "answer" in content else default_profile().content["answer"] | own
    if not isinstance(answer, dict):
        raise DropRefusedError(f"{where} must be a table: [answer]")
    _check_keys(answer, ANSWER_KEYS, where)
    for key in ("encoding", "separator", "date_format"):
        if not isinstance(answer[key], str):
            raise DropRefusedError(f"{where}: {key} must be text in quotes")
    _check_writing(answer, where)
    _check_count(answer, "heading_lines", where)
    fields = _fields(answer["fields"], ANSWER_WORDS, answer["separator"], f"{where}, fields")
    _check_carried(fields, ("payment_id", "state"), f"{where}, fields")
    if any(answer["date_format"].count(part) != 1 for part in ("YYYY", "MM", "DD")):
        raise DropRefusedError(f"{where}: date_format must hold YYYY, MM and DD once each")
    return AnswerFormat(
        encoding=answer["encoding"],
        separator=answer["separator"],
        heading_lines=answer["heading_lines"],
        fields=fields,
        has_arrived=_states(answer, where),
        date_format=answer["date_format"],
    )


def _states(answer: Mapping[str, Any], where: str) -> dict[str, bool]:
    states: dict[str, bool] = {}
    for key in ("arrived", "refused"):
        words = answer[key] if isinstance(answer[key], list) else []
        if not words or not all(isinstance(word, str) and word not in states for word in words):
            raise DropRefusedError(
                f"{where}: {key} must be a list of the bank's own words, none in both lists"
            )
        states |= dict.fromkeys(words, key == "arrived")
    return states


def _fields(entries: Any, words: frozenset[str], separator: str, where: str) -> tuple[Field, ...]:
    if not isinstance(entries, list) or not entries:
        raise DropRefusedError(f"{where} must be a list of fields")
    return tuple(_field(entry, words, separator == "", where) for entry in entries)


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
