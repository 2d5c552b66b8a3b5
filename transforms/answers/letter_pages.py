"""Letters laid out as pages: by town, one letter a page of paper."""

from collections.abc import Iterator

import polars as pl

from transforms.answers.page import render_page

# The code of a town as letters are named by it; what can't be part of a name is none.
TOWN = pl.col("town").str.extract(r"^([0-9A-Za-z]{1,12})$").fill_null("0")


def letter_pages(told: pl.DataFrame, most: int) -> Iterator[tuple[str, str]]:
    """Lay letters out as pages, by town and so many to a page.

    Rows:    returns  the page's name, without its ending, and its HTML
    Holds:   nothing that a name or clause holds is read as markup; nothing is loaded from anywhere
    """
    head, foot = render_page("letters.html.j2", pages="\x00").split("\x00")
    sections = pl.concat_str(
        pl.lit('<section class="letter"><h2>'),
        _escaped("title"),
        pl.lit(" <code>"),
        _escaped("notice_no"),
        pl.lit("</code></h2><p>"),
        _escaped("name"),
        pl.lit("：</p><p>"),
        _escaped("letter").str.split("\n").list.join("</p><p>"),
        pl.lit("</p></section>\n"),
    )
    laid_out = told.select(town=TOWN, section=sections)
    for (town,), letters in laid_out.group_by("town", maintain_order=True):
        for number, part in enumerate(letters.iter_slices(most), start=1):
            yield f"{town}-{number:03d}", head + "".join(part["section"]) + foot


def _escaped(column: str) -> pl.Expr:
    text = pl.col(column)
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.str.replace_all(plain, safe, literal=True)
    return text
