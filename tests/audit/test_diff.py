"""Every difference between two nights has its cause, and the causes add up."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.answers.snapshot_rows import SnapshotRows
from flows.audit.diff import _rows_changed, diff, rows_behind
from flows.cli.console import app, run_command
from flows.store import Home
from transforms.audit.changes import attribute, changed, totals_of
from transforms.audit.diff_text import by_cause, diff_content, diff_lines, diff_page, waterfall
from transforms.errors import ContractError
from transforms.extracts.kinds import KINDS, table_schema

DAYS = [date(2020, 3, 31), date(2020, 4, 1), date(2020, 4, 2), date(2020, 4, 3), date(2020, 4, 30)]


def test_a_pair_of_nights_leaves_no_fen(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    # Backwards, and over all that happened; two pairs more are told apart below.
    found = diff(home, runs[4], runs[0])
    assert found.totals["residual_fen"] == 0
    assert found.changes.height and set(found.changes["cause"]) <= set(found.steps)


def test_the_same_night_does_not_differ(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    found = diff(home, runs[1], runs[1])
    assert found.steps == () and not found.changes.height
    told = diff_content(found.changes, found.totals, found.steps, [])
    lines = diff_lines(told | {"run_a": runs[1], "run_b": runs[1]})
    assert lines[1].strip() == "nothing is changed", "no headings over nothing"


def test_a_planted_row_and_a_payment_are_told_apart(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    found = diff(home, runs[2], runs[3])
    facts = found.changes.filter(
        (pl.col("cause") == "facts") & (pl.col("policy_id") == "new_hire_subsidy")
    )
    assert facts["was"].to_list() and set(facts["cause"]) == {"facts"}
    (behind,) = [row for row in rows_behind(found) if row["policy_id"] == "new_hire_subsidy"]
    assert behind["rows"]["employment"]["went"] and behind["rows"]["employment"]["came"]
    ledger = diff(home, runs[0], runs[1]).changes.filter(pl.col("cause") == "ledger")
    assert set(ledger["table"]) == {"entitlements"}, "what was paid moves what is due alone"
    assert ledger["is_fen"].drop_nulls().sum() < ledger["was_fen"].sum()


def test_the_command_writes_lines_a_page_and_every_change(
    nights: tuple[Home, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home, runs = nights
    place = tmp_path_factory.mktemp("diff")
    words = ["diff", runs[0], runs[1], "--home", str(home.root)]
    files = ["--csv", str(place / "a.csv"), "--html", str(place / "a.html")]
    assert run_command(app, [*words, *files]) == 0
    page = (place / "a.html").read_text("utf-8")
    assert "<svg" in page and "http" not in page.replace("http-equiv", "")
    header, first, *_ = (place / "a.csv").read_text(encoding="utf-8-sig").splitlines()
    assert header.startswith("表,政策代码,期间,主体类型") and header.endswith("现金额(元),变动原因")
    assert first.split(",")[0] in {"认定", "应享"} and first.split(",")[3] in {"个人", "单位"}


def frames(*rows: tuple[str, str, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    keys = ["policy_id", "period", "subject_kind", "subject_id", "beneficiary_kind"]
    determined = pl.DataFrame(
        [
            {
                **dict.fromkeys(keys, "p"),
                "beneficiary_id": name,
                "outcome": outcome,
                "amount_fen": fen,
                "reason_codes": [],
            }
            for name, outcome, fen in rows
        ],
        schema={
            **dict.fromkeys((*keys, "beneficiary_id", "outcome"), pl.String()),
            "amount_fen": pl.Int64(),
            "reason_codes": pl.List(pl.String()),
        },
    )
    entitled = determined.rename({"outcome": "status", "amount_fen": "due_fen"}).drop(
        "reason_codes"
    )
    return determined, entitled.with_columns(pl.lit("").alias("reason"))


def test_what_cancels_out_is_attributed_to_both_steps() -> None:
    states = [frames(("a", "eligible", 5)), frames(("a", "ineligible", 5)), frames()]
    changes = attribute(states, ["facts", "rules"])
    assert changes.filter(pl.col("table") == "determinations")["cause"].to_list() == [
        "facts",
        "rules",
    ]
    assert totals_of(changes, states[0], states[-1])["residual_fen"] == 0


def test_a_fen_attributed_to_nothing_is_noticed() -> None:
    a, b = frames(("a", "eligible", 5)), frames(("a", "eligible", 9))
    with pytest.raises(ContractError, match="attributed to nothing"):
        totals_of(attribute([a, a], ["facts"]), a, b)


def test_reasons_alone_are_a_change() -> None:
    a, _ = frames(("a", "ineligible", 0))
    b = a.with_columns(pl.Series("reason_codes", [["s1_insured"]]))
    assert changed("determinations", a, b).height == 1
    assert not changed("determinations", a, a).height


def test_a_waterfall_ends_where_it_must() -> None:
    bars = waterfall([{"cause": "facts", "fen": 100}, {"cause": "ledger", "fen": -40}])
    assert bars[1]["x"] + bars[1]["width"] == bars[0]["x"] + bars[0]["width"]
    told = diff_content(
        attribute([frames(), frames(("a", "eligible", 5))], ["day, facts"]),
        {"residual_fen": 0, "rows": {}, "by_policy": []},
        ["day, facts"],
        [],
    )
    told |= {"run_a": "R1", "run_b": "R2"}
    assert by_cause(pl.DataFrame(told["changes"]), ["day, facts"])[0]["fen"] == 5
    assert "基准日、数据" in diff_page(told)
    assert diff_lines(told)[-1] == "residual: 0.00 元"
    said = "\n".join(diff_lines(told, "zh", {"p": "甲补贴"}))
    assert "基准日、数据" in said and "甲补贴" in said and "符合" in said
    assert not re.search("facts|eligible|entitlements", said.partition("\n")[2])


def test_a_kind_that_one_night_lacks_is_rows_that_went_or_came(tmp_path: Path) -> None:
    """`diff` ended as a fault of the program, `explain --against` called the night damaged."""
    spec = {"kind": "deaths", "of": "subject"}
    key = {"period": "2020-03", "subject_kind": "person", "subject_id": "370302199703040016"}
    key |= {"beneficiary_kind": "person", "beneficiary_id": key["subject_id"]}
    row = {"person_id": key["subject_id"], "person_key": 37030219970304001}
    row |= {"died_on": date(2020, 1, 1), "source_file": "死亡信息.csv", "source_line": 2}
    (tmp_path / "there/tables").mkdir(parents=True)
    whole = pl.DataFrame([row], schema=table_schema(KINDS["deaths"]))
    whole.write_parquet(tmp_path / "there/tables/deaths.parquet")
    sides = [SnapshotRows(tmp_path / name, date(2020, 3, 31)) for name in ("there", "lacking")]
    for side in sides:
        side.expect([key])
    then, now = (side.rows_of(spec, key) for side in sides)
    assert then.height == 1 and now.schema == then.schema
    assert _rows_changed(then, now) == {"went": ["死亡信息.csv:2"], "came": []}
