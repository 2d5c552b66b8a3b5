"""Full-width letters and digits made narrow, and nothing else made a digit."""

import polars as pl

# Footnote marks (²), circled and framed numbers (①, ㏠), fractions (½), digits of other scripts:
# the normal form writes most of them as plain digits, beside those that are meant.
OTHER_DIGITS = r"[[\p{Nd}\p{No}\p{So}]--[0-9０-９]]"
NO_CHARACTER = "\ufffd"


def narrowed(texts: pl.Series) -> pl.Series:
    r"""Write texts in which digits count in their normal form (NFKC).

    What is neither a plain nor a full-width digit becomes U+FFFD, which no form of a value takes.

    >>> narrowed(pl.Series(["￥１，１４６", "480①", "½"])).to_list()
    ['¥1,146', '480\ufffd', '\ufffd']
    """
    is_plain = texts.str.len_bytes() == texts.str.len_chars()
    if is_plain.all():
        return texts
    others = texts.filter(~is_plain).str.replace_all(OTHER_DIGITS, NO_CHARACTER)
    return texts.clone().scatter((~is_plain).arg_true(), others.str.normalize("NFKC"))
