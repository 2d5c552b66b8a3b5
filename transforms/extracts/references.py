"""What later extracts are held against: employers by rank, names on record, lists in use."""

from collections.abc import Collection

import polars as pl

from transforms.words import Said


def employer_ranks(units: pl.LazyFrame, fallen: pl.DataFrame) -> pl.DataFrame:
    """Number the employers of accepted insured_units from 1, in the order of their codes.

    Rows:    returns  one per employer_code: employer_key
    """
    accepted = units.join(fallen.lazy(), on=["source_file", "source_line"], how="anti")
    codes = accepted.select(pl.col("employer_code").unique().sort()).collect()
    return codes.with_columns(employer_key=pl.int_range(1, codes.height + 1, dtype=pl.Int32))


def names_on_record(before: pl.DataFrame | None, persons: pl.LazyFrame) -> pl.DataFrame:
    """Add persons who have no name on record yet; a name on record stays.

    Rows:    persons  accepted insured_persons, then residents
             returns  one per person_key, in its order
    """
    names = persons.select("person_key", reference_name="name").collect()
    if before is not None:
        names = pl.concat([before, names.join(before, on="person_key", how="anti")])
    return names.sort("person_key")


def notes_on_lists(designations: pl.LazyFrame, rule_words: Collection[str]) -> list[Said]:
    """Name, once each, the lists that no rule speaks of."""
    said = designations.select(pl.col("list").unique()).collect()
    unused = sorted(set(said["list"]) - set(rule_words))
    return [Said("list_not_used", {"list": name}) for name in unused]
