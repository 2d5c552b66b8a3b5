"""Keyed pseudonyms: whoever has not the key can't tell who it is; the rules see the same.

A person id keeps what rules take from it: birth date, sex, its being valid. Equal names stay equal,
and so do accounts. Employers stay: their register is public.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable

import polars as pl

from transforms.errors import ContractError
from transforms.extracts.kinds import COLUMNS
from transforms.identifiers import PERSON_ID_FORM, person_keys, with_check_character

REGIONS, SERIALS, SEXES = 900_000, 100, 5
ROLES = ("subject_id", "beneficiary_id")
FILE_LENGTH = 8
# 3,755 common characters (GB 2312, first level), and one that most banks can't write.
COMMON = bytes(
    byte for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF) for byte in (row, cell)
).decode("gb2312", errors="ignore")
RARE, LETTERS = "𠮷", "abcdefghijklmnopqrstuvwxyz"
# Names that are no name by the dictionary of columns, or must stay equal to one that is.
MORE_NAMES = ("name_raw", "employer_name")
IS_PERSON = re.compile(PERSON_ID_FORM).match


class Pseudonyms:
    """Pseudonyms under one key; the same value always gets the same."""

    def __init__(self, key: bytes) -> None:
        """Take the key; it is not kept anywhere else."""
        self._key = key
        self._persons: dict[str, str] = {}
        self._taken: dict[str, str] = {}

    def _number(self, purpose: str, text: str) -> int:
        told = hmac.digest(self._key, f"{purpose} {text}".encode(), "sha256")
        return int.from_bytes(told, "big")

    def person(self, person_id: str) -> str:
        """Return a person's pseudonym: another id of the same birth date and sex.

        Holds:   no two persons get the same
        Raises:  ContractError if every id of a birth date and sex is taken
        """
        if person_id not in self._persons:
            for attempt in range(REGIONS):
                number = self._number("person", f"{person_id} {attempt}")
                made = _person_id(person_id, number)
                if self._taken.setdefault(made, person_id) == person_id:
                    self._persons[person_id] = made
                    break
            else:
                raise ContractError("more persons of one birth date than ids")
        return self._persons[person_id]

    def name(self, text: str) -> str:
        """Return the pseudonym of a name: as long, and as hard to write for a bank."""
        number, signs = self._number("name", unicodedata.normalize("NFKC", text)), []
        for sign in text:
            number, step = (
                divmod(number, len(COMMON)) if number >= len(COMMON) else (number, number)
            )
            if not sign.isalnum():
                signs.append(sign)
            elif sign.isascii():
                signs.append(LETTERS[step % len(LETTERS)])
            else:
                signs.append(COMMON[step] if _is_common(sign) else RARE)
        return "".join(signs)

    def account(self, text: str) -> str:
        """Return the pseudonym of an account: as many digits."""
        return f"{self._number('account', text)}".zfill(len(text))[-len(text) :]

    def file(self, text: str) -> str:
        """Return the pseudonym of a file's name: it may be named after a person."""
        return f"文件{self._number('file', text):x}"[: FILE_LENGTH + 2]


def _is_common(sign: str) -> bool:
    try:
        return bool(sign.encode("gbk"))
    except UnicodeEncodeError:
        return False


def _person_id(person_id: str, number: int) -> str:
    region, rest = number % REGIONS + 100_000, number // REGIONS
    serial = rest % SERIALS
    own = int(person_id[16])
    sex = (rest // SERIALS % SEXES) * 2 + own % 2
    if serial == 0 and sex == 0:
        serial = 1
    return with_check_character(f"{region}{person_id[6:14]}{serial:02d}{sex}")


def pseudonymous(frame: pl.DataFrame, pseudonyms: Pseudonyms) -> pl.DataFrame:
    """Return a table with pseudonyms for persons, names, accounts and files.

    Rows:    any; the same rows in the same order
    """
    writers = {name: _writer(name, pseudonyms) for name in frame.columns}
    frame = frame.with_columns(
        _mapped(frame[name], write) for name, write in writers.items() if write
    )
    if "person_key" in frame.columns and "person_id" in frame.columns:
        frame = frame.with_columns(person_keys(frame["person_id"]).alias("person_key"))
    return frame


def _writer(name: str, pseudonyms: Pseudonyms) -> Callable[[str], str] | None:
    personal = COLUMNS[name].personal if name in COLUMNS else ""
    if personal == "person_id" or name in ROLES:
        return lambda text: pseudonyms.person(text) if IS_PERSON(text) else text
    if personal == "name" or name in MORE_NAMES:
        return pseudonyms.name
    if personal == "account":
        return pseudonyms.account
    return pseudonyms.file if name == "source_file" else None


def _mapped(column: pl.Series, write: Callable[[str], str]) -> pl.Series:
    pairs = {text: write(text) for text in column.drop_nulls().unique()}
    return column.replace_strict(pairs, return_dtype=pl.String)
