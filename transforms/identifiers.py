"""Normalise, check and repair person ids (GB 11643) and employer codes (GB 32100)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.wide import narrowed

PERSON_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int32)
PERSON_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
EMPLOYER_ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"
EMPLOYER_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)], dtype=np.int32)
NOT_IN_ALPHABET = 31
# Persons lie in so many buckets: the highest four bits of the key times an odd constant of 64 bits,
# which spreads keys that lie close together.
BUCKETS = 16
MIXER = 0x9E3779B97F4A7C15
PERSON_ID_FORM = "^[0-9]{17}[0-9X]$"
EMPLOYER_CODE_FORM = "^[0-9A-Z]{18}$"
# Zero-width characters, marks of direction, soft hyphen, BOM: nobody sees them, exports add them.
INVISIBLE = r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
Flags = npt.NDArray[np.bool_]


class IdReading(NamedTuple):
    """Ids as read: `values` null where not valid, `repairs` null where nothing was repaired."""

    values: pl.Series
    is_valid: pl.Series
    repairs: pl.Series


def read_person_ids(texts: pl.Series) -> IdReading:
    """Repair what is only a matter of writing, upgrade 15 digits, and check.

    >>> read_person_ids(pl.Series(["11010519491231002x", "110105491231002"])).values.to_list()
    ['11010519491231002X', '11010519491231002X']
    """
    as_written = texts.str.contains(PERSON_ID_FORM)
    cleaned, repairs = texts, pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    if not as_written.all():
        rough = texts.filter(~as_written)
        wide = narrowed(rough)
        bare = wide.str.replace_all(rf"\s|{INVISIBLE}", "").str.strip_chars_start("'")
        clean = bare.str.to_uppercase()
        is_old = clean.str.contains("^[0-9]{15}$")
        notes = _repair_notes(rough, wide, bare, is_old)
        cleaned = _put(texts, as_written, _upgrade_old_ids(clean, is_old))
        repairs = _put(repairs, as_written, notes)
    is_valid = check_person_ids(cleaned)
    return _keep_valid(cleaned, is_valid, repairs)


def read_employer_codes(texts: pl.Series) -> IdReading:
    """Take spaces out, narrow and upper-case, and check. O/0 and I/1 swaps are not repaired.

    >>> read_employer_codes(pl.Series(["9137 0300mA3C00001x"])).is_valid.to_list()
    [False]
    """
    as_written = texts.str.contains(EMPLOYER_CODE_FORM)
    cleaned, repairs = texts, pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    if not as_written.all():
        rough = texts.filter(~as_written)
        wide = narrowed(rough)
        bare = wide.str.replace_all(r"\s", "")
        notes = _repair_notes(rough, wide, bare, pl.repeat(False, len(rough), eager=True))
        cleaned = _put(texts, as_written, bare.str.to_uppercase())
        repairs = _put(repairs, as_written, notes)
    is_valid = check_employer_codes(cleaned)
    return _keep_valid(cleaned, is_valid, repairs)


def _keep_valid(cleaned: pl.Series, is_valid: pl.Series, repairs: pl.Series) -> IdReading:
    if is_valid.all():
        return IdReading(cleaned, is_valid, repairs)
    return IdReading(cleaned.set(~is_valid, None), is_valid, repairs.set(~is_valid, None))


def _put(whole: pl.Series, unchanged: pl.Series, instead: pl.Series) -> pl.Series:
    """Replace the cells that are not `unchanged` by `instead`, in order."""
    places = (~unchanged).arg_true()
    return whole.clone().scatter(places, instead)


def _repair_notes(
    rough: pl.Series, wide: pl.Series, bare: pl.Series, is_old: pl.Series
) -> pl.Series:
    """Say which repairs a text needed, joined by +, in a fixed order."""
    seen = pl.DataFrame({"rough": rough, "wide": wide, "bare": bare, "old": is_old})
    spaces = pl.col("wide").str.contains(r"\s")
    narrowed = pl.col("rough").str.replace_all(r"\s", "") != pl.col("wide").str.replace_all(
        r"\s", ""
    )
    noted = (
        pl.when(narrowed).then(pl.lit("full_width")),
        pl.when(spaces).then(pl.lit("spaces")),
        pl.when(pl.col("wide").str.contains(INVISIBLE)).then(pl.lit("invisible_characters")),
        pl.when(pl.col("wide").str.contains(rf"^(\s|{INVISIBLE})*'")).then(pl.lit("apostrophe")),
        pl.when(pl.col("bare") != pl.col("bare").str.to_uppercase()).then(pl.lit("lower_case")),
        pl.when(pl.col("old")).then(pl.lit("15_digits")),
    )
    joined = seen.select(pl.concat_str(noted, separator="+", ignore_nulls=True).alias("repair"))
    return joined.select(pl.when(pl.col("repair") != "").then("repair")).to_series()


def _upgrade_old_ids(texts: pl.Series, is_old: pl.Series) -> pl.Series:
    """Turn 15 digits into 18: insert 19 after the 6th, add the check character."""
    if not is_old.any():
        return texts
    old = texts.filter(is_old)
    bodies = old.str.slice(0, 6) + "19" + old.str.slice(6)
    checks = _person_checks(_characters(bodies, 17))
    ends = pl.Series([chr(check) for check in checks], dtype=pl.String)
    return texts.clone().scatter(is_old.arg_true(), bodies + ends)


def _characters(texts: pl.Series, width: int) -> npt.NDArray[np.uint8]:
    """Lay texts of one length in ASCII out as a matrix of bytes, a row for each text."""
    joined = texts.str.join("").item() if len(texts) else ""
    return np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(-1, width)


def _person_checks(characters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    digits = characters[:, :17].astype(np.int32) - ord("0")
    checks: npt.NDArray[np.uint8] = PERSON_CHECKS[(digits @ PERSON_WEIGHTS) % 11]
    return checks


def with_check_character(body: str) -> str:
    """Return a person id from its first 17 digits.

    >>> with_check_character("11010519491231002")
    '11010519491231002X'
    """
    digits = np.array([int(digit) for digit in body], dtype=np.int32)
    return body + chr(PERSON_CHECKS[int(digits @ PERSON_WEIGHTS) % 11])


def check_person_ids(texts: pl.Series) -> pl.Series:
    """Tell which texts are valid person ids: form, check character, birth date, digits 15–17.

    >>> check_person_ids(pl.Series(["11010519491231002X", "110105194912310021"])).to_list()
    [True, False]
    """
    formed = texts.str.contains(PERSON_ID_FORM).fill_null(False)
    ids = texts.filter(formed)
    characters = _characters(ids, 18)
    is_right = _person_checks(characters) == characters[:, 17]
    born_in = ids.str.slice(6, 8).str.to_date("%Y%m%d", strict=False).dt.year()
    is_right &= born_in.is_between(1900, 2100).fill_null(False).to_numpy()
    is_right &= (characters[:, 14:17] > ord("0")).any(axis=1)
    return _spread(formed, is_right)


def check_employer_codes(texts: pl.Series) -> pl.Series:
    """Tell which texts are valid employer codes: character set and check character."""
    formed = texts.str.contains(EMPLOYER_CODE_FORM).fill_null(False)
    value_of = np.full(256, NOT_IN_ALPHABET, dtype=np.int32)
    value_of[np.frombuffer(EMPLOYER_ALPHABET, dtype=np.uint8)] = np.arange(31)
    values = value_of[_characters(texts.filter(formed), 18)]
    checks = (31 - (values[:, :17] @ EMPLOYER_WEIGHTS) % 31) % 31
    return _spread(formed, (values < NOT_IN_ALPHABET).all(axis=1) & (checks == values[:, 17]))


def _spread(formed: pl.Series, is_right: Flags) -> pl.Series:
    flags = np.zeros(len(formed), dtype=np.bool_)
    flags[formed.to_numpy()] = is_right
    return pl.Series(flags)


def person_keys(person_ids: pl.Series) -> pl.Series:
    """Turn valid person ids into 64-bit keys: their first 17 digits, from which the 18th follows.

    >>> person_keys(pl.Series(["11010519491231002X"])).to_list()
    [11010519491231002]
    """
    return person_ids.str.slice(0, 17).cast(pl.Int64).rename("person_key")
