"""What a notice says of money that is asked back: what lists ask for, what was given back."""

import polars as pl

from transforms.money.books import Books
from transforms.money.entitlements import KEY

SCHEMA = dict.fromkeys(KEY, pl.String()) | dict.fromkeys(["open_fen", "back_fen"], pl.Int64())


def told_of_claims(lines: pl.DataFrame, books: Books, paid: pl.DataFrame) -> pl.DataFrame:
    """Add to lines of which more was paid than is determined what signed lists ask of it.

    Rows:    lines    LINE_SCHEMA as far as there; books: with the claims of then
             paid     key, sent_fen: what was ever released, and now_fen: what of it is left
                      then and did not come back
             returns  with repaid_fen, left_fen, `told_as` by what became of the claim, and
                      paid_before_fen as it was sent
    Units:   fen
    """
    found = (
        lines.join(_known(books), on=KEY, how="left", validate="1:1")
        .join(paid.select(*KEY, "sent_fen", held_fen="now_fen"), on=KEY, how="left", validate="1:1")
        .with_columns(pl.col("held_fen", "sent_fen", "repaid_fen").fill_null(0))
    )
    above = pl.col("held_fen") - pl.col("determined_fen")
    is_open, is_asked = pl.col("open_fen") > 0, pl.col("status") == "recovery"
    is_back = is_asked | (pl.col("status") == "unsupported")
    # Signed, and never released: nobody ever held more than is determined.
    is_unsent = pl.col("open_fen").is_null() & (pl.col("sent_fen") <= pl.col("determined_fen"))
    told = (
        pl.when(is_asked & is_open & (above > 0))
        .then(pl.lit("recovery_listed"))
        .when(is_back & is_unsent)
        .then(pl.lit("not_sent"))
        .when(is_asked & ((pl.col("open_fen") == 0) | (above <= 0)))
        .then(pl.lit("recovery_closed"))
        .when(is_open & pl.col("status").is_in(["unsupported", "nothing_due"]))
        .then(pl.lit("recovery_doubted"))
        # The bank brought it back since.
        .when(is_back & (above <= 0))
        .then(pl.lit("recovery_closed"))
    )
    left = pl.when(is_asked).then(pl.min_horizontal("open_fen", above)).otherwise("open_fen")
    sent = pl.when(is_back).then(pl.col("held_fen") + pl.col("repaid_fen"))
    return found.with_columns(
        pl.coalesce(told, "told_as").alias("told_as"),
        left.alias("left_fen"),
        pl.coalesce(sent, "paid_before_fen").alias("paid_before_fen"),
        pl.when(is_back).then("repaid_fen").otherwise(0).alias("repaid_fen"),
    ).drop("held_fen", "sent_fen", "open_fen")


def _known(books: Books) -> pl.DataFrame:
    """Return, by key, what is open of its claim (nothing where it has none) and was given back."""
    given = [one["act"]["statement"] for s in books.batches.values() for one in s.recovered]
    rows = [(*(said["line"][name] for name in KEY), None, said["amount_fen"]) for said in given]
    rows += [(*key, claim.open_fen, None) for key, claim in books.claims.items()]
    known = pl.DataFrame(rows, schema=SCHEMA, orient="row").group_by(KEY)
    return known.agg(pl.col("open_fen").max(), pl.col("back_fen").sum().alias("repaid_fen"))
