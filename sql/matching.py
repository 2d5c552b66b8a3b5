"""Proposes persons for rows whose person id is damaged: Splink, by weights counted on the snapshot.

identity/model.yaml   the comparisons, their levels, what is stated and what is counted
identity/counts.sql   the counts: whole numbers, so that a replay weighs the same to the bit
identity/*.sql        the rows, the persons in their blocks, the nearest three

Nothing is joined: there is no threshold, and no rule reads what is proposed here.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import polars as pl

from sql import Connection, query, register_frame, run_sql
from sql.texts import FOLDER, sql_text
from transforms.strict_yaml import read_yaml

MODEL = "identity/model.yaml"
TABLES = ("register", "rows", "stays", "persons", "at_work", "frequencies")
DAMAGED = {
    **{"kind": pl.String, "source_file": pl.String, "file_digest": pl.String, "line": pl.Int64},
    **{"content_digest": pl.String, "id_text": pl.String, "name": pl.String},
    **{"employer_code": pl.String, "employer_name": pl.String, "birth_on": pl.String},
    "months": pl.String,
}
# What the rows are compared by beside what is kept of them.
READ = {
    **{"prefix": pl.String, "digits": pl.String, "width": pl.Int64, "birth": pl.String},
    **{"unit_no": pl.String, "insurance": pl.String, "month": pl.Int64},
}
EVIDENCE = pl.Struct({"field": pl.String, "level": pl.String, "weight_milli": pl.Int64})
CANDIDATES: dict[str, Any] = {
    **{"kind": pl.String, "file_digest": pl.String, "line": pl.Int64, "rank": pl.Int64},
    **{"person_id": pl.String, "name": pl.String, "employer_code": pl.String},
    **{"probability_ppm": pl.Int64, "evidence": pl.List(EVIDENCE)},
}
# So many of those at work are persons of the register, at most: some rows are about nobody known.
MOST_KNOWN = Fraction(49, 50)


def clerical_links(connection: Connection) -> pl.DataFrame:
    """Return what clerks decided on damaged rows, as the snapshot holds it."""
    return query(connection, "select * from clerical_links order by all")


def can_match() -> bool:
    """Tell whether these are rules that match: those of before had no model."""
    return (FOLDER / MODEL).is_file()


@cache
def comparisons() -> Mapping[str, list[Mapping[str, Any]]]:
    """Return the levels of each comparison, in their order."""
    model: Mapping[str, Any] = read_yaml(sql_text(MODEL))
    return dict(model["comparisons"])


def propose_persons(
    connection: Connection, damaged: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Find for each damaged row the persons of the register it may be about, the nearest three.

    Rows:    damaged  DAMAGED and READ, sorted; the connection has the snapshot's views
             returns  DAMAGED, CANDIDATES, and the counts that the weights rest on
    Holds:   the same rows and snapshot give the same bytes, by any number of threads
    """
    rows = _placed(connection, damaged).with_row_index("row_number").cast({"row_number": pl.Int64})
    register_frame(connection, "damaged", rows)
    for statement in sql_text("identity/macros.sql").split(";\n"):
        connection.execute(statement)
    for table in TABLES:
        connection.execute(
            f"create or replace table identity_{table} as {sql_text(f'identity/{table}.sql')}"
        )
    counts = run_sql(connection, "identity/counts.sql", {})
    shares = {name: Fraction(part, whole) for name, part, whole in counts.iter_rows()}
    _weigh(connection, _settings(shares))
    found = run_sql(connection, "identity/candidates.sql", {})
    place = rows.select("row_number", "kind", "file_digest", "line")
    evidence = [list(_evidence(row)) for row in found.iter_rows(named=True)]
    candidates = found.with_columns(pl.Series("evidence", evidence, pl.List(EVIDENCE))).join(
        place, on="row_number"
    )
    key = ["kind", "file_digest", "line", "rank"]
    return (
        rows.select(list(DAMAGED)).sort("kind", "source_file", "line"),
        candidates.select(list(CANDIDATES)).cast(pl.Schema(CANDIDATES)).sort(key),
        counts,
    )


def _placed(connection: Connection, damaged: pl.DataFrame) -> pl.DataFrame:
    """Say of each row at which employer it is: by its code, else by the insured unit's number."""
    units = query(
        connection,
        "select unit_no, employer_code, employer_name as known_name, employer_key "
        "from insured_units order by unit_no",
    )
    by_unit = units.select("unit_no", unit_code="employer_code").unique("unit_no", keep="first")
    employers = units.drop("unit_no").unique("employer_code", keep="first", maintain_order=True)
    code = pl.coalesce("employer_code", "unit_code")
    name = pl.coalesce("employer_name", "known_name")
    # m:1 each: a unit, an employer once
    coded = damaged.join(by_unit, on="unit_no", how="left").with_columns(employer_code=code)
    return coded.join(employers, on="employer_code", how="left").with_columns(employer_name=name)


def _settings(shares: Mapping[str, Fraction]) -> dict[str, Any]:
    """Write the settings of Splink from the model and the counts; numbers of six digits."""
    known = min(shares["known"], MOST_KNOWN)
    odds = known / (1 - known) * shares["persons"]
    return {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": _number(odds / (1 + odds)),
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": "l.keys=r.keys", "arrays_to_explode": ["keys"]}
        ],
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": True,
        "comparisons": [
            {
                "output_column_name": field,
                "comparison_levels": [_level(level, shares) for level in levels],
            }
            for field, levels in comparisons().items()
        ],
    }


def _level(level: Mapping[str, Any], shares: Mapping[str, Fraction]) -> dict[str, Any]:
    when = "ELSE" if level["when"] == "else" else level["when"]
    written = {"sql_condition": when, "label_for_charts": level["level"]}
    if "m" not in level:
        return {**written, "is_null_level": True}
    for letter in ("m", "u"):
        said = level[letter]
        # An empty register counts nothing: one of two, as the counts add to a nought
        share = _number(shares.get(said, Fraction(1, 2))) if isinstance(said, str) else said
        written[f"{letter}_probability"] = share
    if level.get("frequency"):
        written |= {"tf_adjustment_column": "name", "tf_adjustment_weight": 1.0}
    return written


def _number(share: Fraction) -> float:
    return float(f"{float(share):.6g}")


def _weigh(connection: Connection, settings: dict[str, Any]) -> None:
    """Let Splink compare what is in one block; make `weighed` of it, in thousandths of a bit."""
    # Imported here: a night without a damaged row needs none of it.
    from splink import DuckDBAPI, Linker

    database = DuckDBAPI(connection)
    # Of two tables the one that comes first in the alphabet is the left one.
    names = {"rows": "damaged", "persons": "persons", "frequencies": "frequencies"}
    rows, persons, frequencies = (
        database.register(f"identity_{table}", table_name=name) for table, name in names.items()
    )
    linker = Linker([rows, persons], settings, log_level=None)
    linker.table_management.register_term_frequency_lookup(frequencies, "name")
    pairs = linker.inference.predict(warning_mode="never").physical_name
    fields = list(comparisons())
    weights = {field: f"milli(mw_{field})" for field in fields}
    weights["name"] = "milli(mw_name+mw_tf_adj_name)"
    prior = settings["probability_two_random_records_match"]
    weights["prior"] = f"milli(log2({prior!r}/(1-{prior!r})))"
    levels = {field: f"gamma_{field}" for field in fields}
    connection.execute(
        f"create or replace table weighed as select unique_id_l as row_number, "
        f"unique_id_r as person_key, id, name, {' + '.join(weights.values())} as weight_milli, "
        f"{_packed(weights)} as weights, {_packed(levels)} as levels "
        f"from {pairs} inner join identity_persons on unique_id_r = unique_id"
    )


def _packed(columns: Mapping[str, str]) -> str:
    return f"struct_pack({', '.join(f'{name} := {value}' for name, value in columns.items())})"


def _evidence(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Write what spoke for and against a candidate; Splink numbers levels from the last up."""
    yield {"field": "prior", "level": "prior", "weight_milli": row["weights"]["prior"]}
    for field, levels in comparisons().items():
        gamma = row["levels"][field]
        level = levels[0] if gamma < 0 else levels[len(levels) - 1 - gamma]
        weight = row["weights"][field]
        yield {"field": field, "level": level["level"], "weight_milli": weight}
    if row["others_milli"]:
        yield {"field": "others", "level": "others", "weight_milli": row["others_milli"]}
