"""A planted town: whose id was damaged is found, the same by any threads and in any order."""

from pathlib import Path

import polars as pl
import pytest

from bench import identity as planted
from sql import connect, register_tables
from sql.matching import CANDIDATES, DAMAGED, comparisons, propose_persons
from transforms.digest import frame_digest
from transforms.extracts.damaged_ids import read_damaged_ids

ROWS = 1_000
Proposed = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def propose(folder: Path, damaged: pl.DataFrame, threads: int) -> Proposed:
    tables = {path.stem: [path] for path in sorted((folder / "tables").glob("*.parquet"))}
    with connect(threads) as connection:
        register_tables(connection, tables, planted.AS_OF)
        return propose_persons(connection, damaged)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planted, "OUT", place)
        planted.make_town(planted.BLOCK, ROWS)
    return place / str(planted.BLOCK)


@pytest.fixture(scope="module")
def proposed(folder: Path) -> Proposed:
    return propose(folder, pl.read_parquet(folder / "damaged.parquet"), 1)


@pytest.fixture(scope="module")
def judged(folder: Path, proposed: Proposed) -> pl.DataFrame:
    truth = pl.read_parquet(folder / "truth.parquet")
    return truth.join(
        proposed[1].select("kind", "line", "rank", "probability_ppm", true_id="person_id"),
        on=["kind", "line", "true_id"],
        how="left",
    )


def test_threads_and_the_order_of_rows_make_no_difference(folder: Path, proposed: Proposed) -> None:
    damaged = pl.read_parquet(folder / "damaged.parquet")
    again = propose(folder, damaged.sample(fraction=1.0, shuffle=True, seed=1), 2)
    assert [frame_digest(frame) for frame in again] == [frame_digest(frame) for frame in proposed]
    assert again[0].schema == pl.Schema(DAMAGED)
    assert again[1].schema == pl.Schema(CANDIDATES)


@pytest.mark.parametrize("damage", planted.DAMAGES)
def test_each_kind_of_damage_is_matched_to_its_person(judged: pl.DataFrame, damage: str) -> None:
    known = judged.filter("is_known", pl.col("damage") == damage)
    # Two errors far apart, in a kind without an employer, leave no block but the name's.
    least = {"float_6": 0.9, "two_wrong": 0.85}.get(damage, 0.97)
    assert known.filter(pl.col("rank") == 1).height >= least * known.height > 0


def test_of_all_damaged_rows_as_many_are_right_as_the_issue_asks(judged: pl.DataFrame) -> None:
    known = judged.filter("is_known")
    assert known.filter(pl.col("rank") == 1).height >= 0.95 * known.height
    assert known.filter(pl.col("rank") <= 3).height >= 0.99 * known.height


def test_nobody_is_certain_for_a_person_of_no_register(folder: Path, proposed: Proposed) -> None:
    strangers = pl.read_parquet(folder / "truth.parquet").filter(~pl.col("is_known"))
    shown = proposed[1].join(strangers, on=["kind", "line"])
    assert strangers.height == planted.STRANGERS
    assert shown.height and shown["probability_ppm"].max() < 950_000


def test_without_a_register_damaged_rows_have_no_candidates(folder: Path) -> None:
    """A home whose first supplier delivers payroll alone knows nobody: no reason to fail."""
    damaged = pl.read_parquet(folder / "damaged.parquet").head(3)
    with connect(1) as connection:
        register_tables(connection, {}, planted.AS_OF)
        rows, candidates, _ = propose_persons(connection, damaged)
    assert rows.height == 3
    assert candidates.is_empty()


def test_of_namesakes_none_is_certain_and_together_they_are_one(
    folder: Path, proposed: Proposed
) -> None:
    shown = proposed[1]
    assert (
        shown.group_by("kind", "line")
        .agg(pl.col("probability_ppm").sum())
        .filter(pl.col("probability_ppm") > 1_000_000)
        .is_empty()
    )
    register = pl.read_parquet(folder / "tables" / "insured_persons.parquet")
    none = pl.lit(None, pl.String)
    emptied = dict.fromkeys(("employer_code", "months", "unit_no", "insurance"), none)
    row = proposed[0].head(1).with_columns(id_text=pl.lit("3.70302E+17"), **emptied)
    twins = register.filter(pl.col("person_id").str.starts_with("370302")).group_by("name").len()
    name = twins.filter(pl.col("len") >= 3).sort("len", "name", descending=True)["name"][0]
    read = row.with_columns(name=pl.lit(name), month=pl.lit(None, pl.Int64))
    _, found, _ = propose(folder, read.hstack(read_damaged_ids(read["id_text"])), 1)
    assert found["name"].to_list() == [name] * 3
    assert found["probability_ppm"].max() < 400_000


@pytest.mark.parametrize("letter", ["×", "Х", "某", "𠀀", "é"])
def test_a_letter_that_is_no_ascii_is_one_wrong_place(
    folder: Path, proposed: Proposed, letter: str
) -> None:
    """Ids are compared byte by byte: it stopped the night."""
    register = pl.read_parquet(folder / "tables" / "insured_persons.parquet")
    person = register.sort("person_id").row(0, named=True)
    none = dict.fromkeys(
        ("employer_code", "months", "unit_no", "insurance"), pl.lit(None, pl.String)
    )
    known = {"id_text": person["person_id"][:17] + letter, "name": person["name"]}
    row = proposed[0].head(1).with_columns(**none, month=pl.lit(None, pl.Int64))
    row = row.with_columns(pl.lit(text).alias(column) for column, text in known.items())
    _, found, _ = propose(folder, row.hstack(read_damaged_ids(row["id_text"])), 1)
    best = found.filter(rank=1).row(0, named=True)
    (level,) = (one["level"] for one in best["evidence"] if one["field"] == "id_digits")
    assert (best["person_id"], level) == (person["person_id"], "one_wrong")


def test_evidence_adds_up_to_the_probability(proposed: Proposed) -> None:
    fields = {
        field: [level["level"] for level in levels] for field, levels in comparisons().items()
    }
    fields |= {"prior": ["prior"], "others": ["others"]}
    for row in proposed[1].iter_rows(named=True):
        assert all(step["level"] in fields[step["field"]] for step in row["evidence"])
        odds = 2 ** (sum(step["weight_milli"] for step in row["evidence"]) / 1000)
        assert abs(odds / (1 + odds) * 1_000_000 - row["probability_ppm"]) < 1_000


def test_a_beginning_that_agrees_in_part_is_shown_as_far_as_it_does(proposed: Proposed) -> None:
    texts = proposed[0].select("kind", "line", "id_text")
    shown = proposed[1].join(texts, on=["kind", "line"])
    read = shown.hstack(read_damaged_ids(shown["id_text"]))
    seen = set[str]()
    for row in read.filter(pl.col("prefix").is_not_null()).iter_rows(named=True):
        (level,) = (one["level"] for one in row["evidence"] if one["field"] == "id_prefix")
        left, id_ = row["prefix"], row["person_id"]
        agree = next((n for n in (15, 14, 10, 6) if left[:n] == id_[:n] and len(left) >= n), 0)
        is_whole = id_.startswith(left)
        told = f"{'digits' if is_whole else 'only'}_{agree}" if agree else "digits_differ"
        assert level == told or len(left) < 6, (left, id_)
        seen.add(level)
    assert {"digits_15", "digits_6", "digits_differ"} < seen and seen & {"only_14", "only_6"}, seen


@pytest.mark.parametrize(
    ("text", "prefix", "digits"),
    [
        ("370302198503150000", "370302198503150", None),
        ("3.70302198503150E+17", "370302198503150", None),
        ("3.703021985e17", "370302198", None),
        (" 37030219850315001 ", None, "37030219850315001"),
        ("３７０３０２１９８５０３１５００１７", None, "370302198503150017"),
        ("不详", None, "??"),
        ("37030219850315001×", None, "37030219850315001?"),
    ],
)
def test_what_is_left_of_an_id_is_read(text: str, prefix: str | None, digits: str | None) -> None:
    assert read_damaged_ids(pl.Series([text])).row(0)[:2] == (prefix, digits)
