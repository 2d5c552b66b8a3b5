"""Bank profiles: how one bank wants its file, read from TOML and checked before it is used."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from transforms.errors import DropRefusedError
from transforms.payments.layouts import (
    Field,
    Layout,
    ReturnCode,
    answer_layout,
    check_carried,
    check_count,
    check_fills,
    check_keys,
    check_unmarked,
    check_writing,
    fields_of,
    return_codes,
    statement_layout,
)

PROFILES = Path(__file__).with_name("profiles")
DEFAULT_PROFILE = PROFILES / "default.toml"
SHIPPED_NAMES = tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))
# The lines of the bank's file, each with the words that its fields may name.
LINES = {
    "header": frozenset(
        (
            *("batch_id", "payer_account", "payer_name", "project", "month"),
            *("count", "sum_fen", "version", "ledger_head"),
        )
    ),
    "detail": frozenset(
        (
            *("number", "account_no", "holder", "id_type", "id", "amount_fen"),
            *("bank_name", "bank_code", "purpose", "payment_id"),
        )
    ),
    "trailer": frozenset(("count", "sum_fen", "details_sha256")),
}
TEXTS = ("encoding", "line_ending", "separator", "version", "id_type_person", "id_type_employer")
PROFILE_KEYS = (*TEXTS, "row_limit", *LINES)
# What a bank sends back. A profile that does not say has the default's; only the answer's layout
# is frozen in a batch, by the others nothing is paid.
RECEIVED = ("answer", "statement", "returns")
# What the bank calls an id of a person that begins so; a profile of before has none of it.
BY_PREFIX = "id_type_by_prefix"
LINE_ENDINGS = {"CRLF": "\r\n", "LF": "\n"}
# Control and invisible characters, and what XML 1.0 can't hold: none belongs in a payment line.
UNPRINTABLE = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{FFFE}\u{FFFF}]"
# Longest texts that pain.001 takes for a name and for an account.
NAME_LIMIT = 140
ACCOUNT_LIMIT = 34


@dataclass(frozen=True)
class Profile:
    """One bank's file formats; `content` is the TOML as read, for the batch's manifest.

    `received`: what it says, or the default one, of each file that the bank sends.
    """

    encoding: str
    line_ending: str
    separator: str
    row_limit: int
    version: str
    id_types: Mapping[str, str]
    id_types_by_prefix: Mapping[str, str]
    header: tuple[Field, ...]
    detail: tuple[Field, ...]
    trailer: tuple[Field, ...]
    answer: Layout
    statement: Layout
    returns: Mapping[str, ReturnCode]
    received: Mapping[str, Any]
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
    profile = profile_of(content, where)
    # What is drawn up already keeps its form, and is settled in it.
    check_unmarked(profile.encoding, where)
    expect_unchanged(profile, where)
    return profile


def expect_unchanged(profile: Profile, where: str) -> None:
    """Check that the bank's file holds amounts, accounts, ids and names as they are.

    Raises:  DropRefusedError naming the line, the field and its cure
    """
    for name in LINES:
        check_fills(getattr(profile, name), f"{where}, `{name}`")


def profile_of(content: Mapping[str, Any], where: str) -> Profile:
    """Make a profile of its content, checking every word of it.

    Raises:  DropRefusedError saying where, what was expected and what was found
    """
    check_keys(content, PROFILE_KEYS, where, may_have=(*RECEIVED, BY_PREFIX))
    by_prefix = content.get(BY_PREFIX, {})
    if not isinstance(by_prefix, dict):
        raise DropRefusedError(f"{where}, [{BY_PREFIX}] must be a table")
    for key, text in [*((key, content[key]) for key in TEXTS), *by_prefix.items()]:
        if not isinstance(text, str):
            raise DropRefusedError(f"{where}: {key} must be text in quotes")
    check_writing(content, where)
    if content["line_ending"] not in LINE_ENDINGS:
        raise DropRefusedError(
            f"{where}: line_ending is {content['line_ending']!r}; expected CRLF or LF"
        )
    check_count(content, "row_limit", where)
    lines = {
        name: fields_of(content[name], words, content["separator"], f"{where}, `{name}`")
        for name, words in LINES.items()
    }
    received = _received(content)
    needed = {"account_no", "holder", "amount_fen", "payment_id"}
    check_carried(lines["detail"], needed, f"{where}, `detail`")
    return Profile(
        encoding=content["encoding"],
        line_ending=LINE_ENDINGS[content["line_ending"]],
        separator=content["separator"],
        row_limit=content["row_limit"],
        version=content["version"],
        id_types={"person": content["id_type_person"], "employer": content["id_type_employer"]},
        id_types_by_prefix=by_prefix,
        **lines,
        answer=answer_layout(received["answer"], f"{where}, [answer]"),
        statement=statement_layout(received["statement"], f"{where}, [statement]"),
        returns=return_codes(received["returns"], f"{where}, [returns]"),
        received=received,
        content=content,
    )


def _received(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a profile says of each file that it receives, else what the default one says."""
    if all(name in content for name in RECEIVED):
        return {name: content[name] for name in RECEIVED}
    own = {"encoding": content["encoding"], "separator": content["separator"] or "|"}
    usual = dict(default_profile().content)
    usual |= {name: usual[name] | own for name in ("answer", "statement")}
    return {name: content.get(name, usual[name]) for name in RECEIVED}


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
