"""What later extracts are held against: employers by rank, names on record, lists in use."""

import polars as pl

from transforms.words import Said

# Each of these words is a list that some rule asks for.
LISTS_IN_USE = [
    *("疫情防控重点物资生产企业", "严重失信", "僵尸企业", "拖欠农民工工资失信"),
    *("经营困难且恢复有望企业", "就业见习单位", "就业困难人员", "建档立卡", "退役军人", "残疾人"),
]


def employer_ranks(
    units: pl.LazyFrame, fallen: pl.DataFrame, kind_name: str
) -> pl.DataFrame | None:
    """Number the employers of accepted insured_units from 1, in the order of their codes.

    Rows:    returns  one per employer_code: employer_key; None for any other kind
    """
    if kind_name != "insured_units":
        return None
    accepted = units.join(fallen.lazy(), on=["source_file", "source_line"], how="anti")
    codes = accepted.select(pl.col("employer_code").unique().sort()).collect()
    return codes.with_columns(employer_key=pl.int_range(1, codes.height + 1, dtype=pl.Int32))


def names_on_record(before: pl.DataFrame | None, persons: pl.DataFrame) -> pl.DataFrame:
    """Add persons who have no name on record yet; a name on record stays.

    Rows:    persons  accepted insured_persons, then residents
             returns  one per person_key, in its order
    """
    names = persons.select("person_key", reference_name="name")
    if before is not None:
        names = pl.concat([before, names.join(before, on="person_key", how="anti")])
    return names.sort("person_key")


def notes_on_lists(designations: pl.DataFrame) -> list[Said]:
    """Name, once each, the lists that no rule uses."""
    unused = designations.filter(~pl.col("list").is_in(LISTS_IN_USE))["list"].unique().sort()
    return [Said("list_not_used", {"list": name}) for name in unused]
