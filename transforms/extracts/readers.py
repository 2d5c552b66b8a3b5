"""Read the cells of a column, one reader per type: distinct texts in, values out.

Every reader has a fast form for cells written plainly and looks closer only at the others. A cell
that is empty after cleaning is null and not bad; one that does not parse is null and bad.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from transforms.amounts import read_fen, read_rates
from transforms.columns import ColumnType
from transforms.extracts.dates import read_dates, read_months, read_periods
from transforms.extracts.kinds import KindColumn
from transforms.identifiers import INVISIBLE, read_employer_codes, read_person_ids
from transforms.wide import narrowed

# No cell of Excel holds more characters.
LONGEST_TEXT, LONGEST_ACCOUNT = 32767, 100
PLAIN_TEXT = "^[!-~]{1,200}$"
# No control characters but tabs and line ends; no characters that XML can't hold.
ILLEGIBLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\x{fffe}\x{ffff}]"
WHOLE_NUMBER = r"^(-?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4}))(?:[.]0+)?$"
SPACED_DIGITS = "^[0-9]+(?: +[0-9]+)*$"
# Han characters that no normal form changes: compatibility ideographs are left out.
PLAIN_NAME = r"^[\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}\x{20000}-\x{2a6df}]{1,20}$"
BANK_CODE = "^[0-9]{12}$"
# What is meant as a person's id or an employer's code, valid or not: no household's number.
SHAPED_AS_ID = (
    r"^(?:[1-8][0-9]{5}(?:19|20)[0-9]{9}.|9[0-9A-Z]{17}|[1-8ANY][0-9]{7}M[0-9A-Z]{9}"
    r"|[0-9.]+E[+]?17)$"
)
# Dots that mean the middle dot of a transliterated name; NFKC has narrowed the wide ones.
DOT_IN_NAME = r"(\p{Han})[•.・∙‧⋅](\p{Han})"
# Of FE50 to FEA0 old tables of GBK made U+E815 to U+E864, code points of private use, in this
# order; today's GB18030 says which characters these are. Where it does not they stay as they are.
GBK_TRAILS = (*range(0x50, 0x7F), *range(0x80, 0xA1))
LATER_CODES = {
    chr(old): later
    for old, trail in enumerate(GBK_TRAILS, 0xE815)
    if (later := bytes((0xFE, trail)).decode("gb18030")) != chr(old)
}
OLD_CODE = f"[{''.join(LATER_CODES)}]"

RULE_OF_TYPE: dict[ColumnType, str] = {
    "person_id": "invalid_person_id",
    "employer_code": "invalid_employer_code",
    "code": "unknown_code",
}


@dataclass(frozen=True)
class Reading:
    """What one column's texts became; `rule` is what a bad cell breaks where it is required."""

    values: pl.Series
    bad: pl.Series
    rule: str
    repairs: pl.Series | None = None


def read_column(column: KindColumn, texts: pl.Series, is_number: pl.Series | None) -> Reading:
    """Read the distinct texts of a column.

    Rows:    returns values, bad and repairs, one per text
    Units:   money and 万元 become hundredths, rates hundredths of a per cent
    """
    cleaned = texts.fill_null("")
    rule = RULE_OF_TYPE.get(column.type, "unreadable_value")
    if column.type in ("person_id", "employer_code", "any_id"):
        return _read_ids(column, cleaned, is_number, rule)
    if column.type == "code":
        values = _stripped(cleaned)
        values = values.set(~values.is_in(list(column.codes)), None)
    else:
        values = READERS[column.type](cleaned)
    bad = _filled_where(values.is_null(), cleaned)
    if is_number is not None and column.type in ("account_no", "text", "verbatim", "name"):
        # A number with an exponent lost its low digits, as a text it would look whole; nan, inf.
        spoilt = is_number & (cleaned.str.contains("[en]") | (column.type == "account_no"))
        values, bad = values.set(spoilt, None), bad | spoilt
    return Reading(values, bad, rule, _old_codes(cleaned) if column.type == "name" else None)


def _read_ids(
    column: KindColumn, texts: pl.Series, is_number: pl.Series | None, rule: str
) -> Reading:
    if column.type == "any_id":
        return _read_any_ids(texts, is_number)
    read = read_person_ids if column.type == "person_id" else read_employer_codes
    values, is_valid, repairs = read(texts)
    if is_number is not None:
        # A floating number holds 15 digits for certain: what it shows may not be what was meant.
        is_valid = is_valid & ~is_number
        values, repairs = values.set(~is_valid, None), repairs.set(~is_valid, None)
    return Reading(values, _filled_where(~is_valid, texts), rule, repairs)


def _read_any_ids(texts: pl.Series, is_number: pl.Series | None) -> Reading:
    """Read ids that name a person, an employer or a household; the last are plain text."""
    persons, employers = read_person_ids(texts), read_employer_codes(texts)
    named = persons.values.zip_with(persons.is_valid, employers.values)
    bare = _stripped(texts).str.replace_all(rf"\s|{INVISIBLE}", "").str.strip_chars_start("'")
    spoilt = named.is_null() & bare.str.to_uppercase().str.contains(SHAPED_AS_ID)
    if is_number is not None:
        # As in _read_ids: a floating number is no id for certain.
        spoilt = spoilt | (named.is_not_null() & is_number)
    values = named.zip_with(named.is_not_null(), _read_texts(texts)).set(spoilt, None)
    repairs = persons.repairs.zip_with(persons.is_valid, employers.repairs).set(spoilt, None)
    return Reading(values, _filled_where(values.is_null(), texts), "unreadable_value", repairs)


def _stripped(texts: pl.Series) -> pl.Series:
    return texts.str.normalize("NFKC").str.strip_chars()


def _filled_where(marks: pl.Series, texts: pl.Series) -> pl.Series:
    """Mark, of the texts marked, those that are not empty; only they are looked at."""
    if not marks.any():
        return marks
    return marks.clone().scatter(marks.arg_true(), _stripped(texts.filter(marks)) != "")


def _read_texts(texts: pl.Series) -> pl.Series:
    plain = texts.str.contains(PLAIN_TEXT)
    if plain.all():
        return texts
    left = _legible(_stripped(texts.filter(~plain)))
    return texts.clone().scatter((~plain).arg_true(), left)


def _read_verbatim(texts: pl.Series) -> pl.Series:
    """Read texts as they were delivered, outer spaces apart: a bank compares every letter."""
    return texts.str.strip_chars().set(_read_texts(texts).is_null(), None)


def read_names(texts: pl.Series) -> pl.Series:
    """Read names: NFKC, no spaces, one kind of middle dot between two Han characters.

    A code point of private use in which old tables of GBK put a character becomes that character.

    >>> read_names(pl.Series(["阿・卜．都", "张 三"])).to_list()
    ['阿·卜·都', '张三']
    """
    plain = texts.str.contains(PLAIN_NAME)
    if not plain.all():
        return texts.clone().scatter((~plain).arg_true(), _clean_names(texts.filter(~plain)))
    return texts


def _old_codes(texts: pl.Series) -> pl.Series | None:
    """Note which names held old code points; nothing where none did."""
    is_old = texts.str.contains(OLD_CODE)
    noted = pl.repeat("old_code_point", len(texts), eager=True)
    return noted.set(~is_old, None) if is_old.any() else None


def _clean_names(texts: pl.Series) -> pl.Series:
    known = texts.str.replace_many(LATER_CODES)
    bare = known.str.normalize("NFKC").str.replace_all(r"\s", "")
    # Twice: the character between two dots belongs to both.
    dotted = bare.str.replace_all(DOT_IN_NAME, "$1·$2").str.replace_all(DOT_IN_NAME, "$1·$2")
    return _legible(dotted)


def _legible(texts: pl.Series) -> pl.Series:
    """Make null of texts that are empty, or that no list, bank file or workbook can hold."""
    is_legible = texts.str.len_chars().is_between(1, LONGEST_TEXT) & ~texts.str.contains(ILLEGIBLE)
    return texts.set(~is_legible, None)


def _read_integers(texts: pl.Series) -> pl.Series:
    cleaned = narrowed(texts).str.strip_chars()
    return cleaned.str.extract(WHOLE_NUMBER).str.replace_all(",", "").cast(pl.Int64)


def _read_account_numbers(texts: pl.Series) -> pl.Series:
    cleaned = narrowed(texts).str.strip_chars()
    is_right = cleaned.str.contains(SPACED_DIGITS) & (cleaned.str.len_bytes() < LONGEST_ACCOUNT)
    return cleaned.str.replace_all(" ", "").set(~is_right, None)


def _read_bank_codes(texts: pl.Series) -> pl.Series:
    cleaned = narrowed(texts).str.strip_chars()
    return cleaned.set(~cleaned.str.contains(BANK_CODE), None)


def _read_wan(texts: pl.Series) -> pl.Series:
    return read_fen(texts, unit="万元?")


READERS: dict[ColumnType, Callable[[pl.Series], pl.Series]] = {
    "integer": _read_integers,
    "account_no": _read_account_numbers,
    "bank_code": _read_bank_codes,
    "money": read_fen,
    "wan": _read_wan,
    "rate": read_rates,
    "date": read_dates,
    "month": read_months,
    "period": read_periods,
    "text": _read_texts,
    "verbatim": _read_verbatim,
    "name": read_names,
}
