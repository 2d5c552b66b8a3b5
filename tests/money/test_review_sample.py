"""A batch's sample: its digest draws it, every class has its share, the bound is exact."""

from collections.abc import Mapping
from fractions import Fraction
from math import comb
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.answers.sample_audit import batch_sample
from flows.cli.console import app, run_command
from flows.ingest.filled import read_filled
from flows.money import approval
from flows.money.approval import batch_paper
from flows.money.batch import pack_batch
from flows.money.clock import today
from flows.money.export import export_batch, read_export
from flows.money.ledger_store import open_ledger
from flows.money.review import import_review
from flows.money.sign import what_is_signed
from flows.store import Home
from tests.money.money_town import TWO, new_home, night, refund
from transforms.answers.sample import KEY
from transforms.errors import DropRefusedError
from transforms.extracts.kinds import heading
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.review.sampling import (
    CLASSES,
    SHEET,
    draw_sample,
    error_bound,
    places,
    read_sample_answers,
    said_of_sample,
    sample_result,
)
from transforms.sheets.filled import ROW_NUMBER
from transforms.words import word, worded

LABELS = {n: word(n) for n in ("number", "period", "subject_id", "beneficiary_id")}
ANSWER, NOTE = word("sample_answer"), word("sample_note")


def key(number: int, policy: str = "p") -> tuple[str, ...]:
    return (policy, "2020-02", "person", f"S{number:05d}", "person", f"S{number:05d}")


def rows_of(outcomes: Mapping[str, int]) -> pl.DataFrame:
    """So many determinations of each outcome, under two policies."""
    rows = [
        (*key(number, f"p{number % 2}"), outcome, 100)
        for start, (outcome, count) in enumerate(outcomes.items())
        for number in range(start * 10_000, start * 10_000 + count)
    ]
    return pl.DataFrame(rows, schema=[*KEY, "outcome", "amount_fen"], orient="row")


def sample_of(outcomes: Mapping[str, int], held: int = 0, digest: str = "d") -> pl.DataFrame:
    determined = rows_of(outcomes)
    eligible = determined.filter(pl.col("outcome") == "eligible")
    unpaid = eligible.head(held).with_columns(pl.lit("held").alias("status"))
    return draw_sample(determined, eligible.slice(held), unpaid, digest)


def counts_of(sample: pl.DataFrame) -> dict[str, int]:
    found = dict(sample.group_by("class").len().iter_rows())
    return {name: found.get(name, 0) for name in CLASSES}


def test_each_class_has_a_third_and_a_small_one_leaves_its_places() -> None:
    sample = sample_of({"eligible": 500, "ineligible": 5_000, "undetermined": 90}, held=10)
    assert counts_of(sample) == dict.fromkeys(CLASSES, 20)
    few = sample_of({"eligible": 500, "ineligible": 5_000, "undetermined": 2})
    assert counts_of(few) == {"sample_paid": 29, "sample_refused": 29, "sample_omitted": 2}
    assert sample_of({"eligible": 3, "ineligible": 4}).height == 7
    assert sample["number"].to_list() == [*range(1, 61)]
    assert set(sample["policy_id"]) == {"p0", "p1"}, "every policy is in it"


def test_what_was_paid_before_is_in_no_class() -> None:
    determined = rows_of({"eligible": 4})
    nothing = pl.DataFrame(schema=ENTITLEMENT_SCHEMA)
    assert draw_sample(determined, determined.head(1), nothing, "d").height == 1


def test_the_digest_draws_and_nobody_else() -> None:
    outcomes = {"eligible": 500, "ineligible": 900, "undetermined": 90}
    one = sample_of(outcomes)
    assert one.equals(sample_of(outcomes)) and not one.equals(sample_of(outcomes, digest="e"))
    shuffled = rows_of(outcomes).sample(fraction=1, shuffle=True, seed=3)
    eligible = rows_of(outcomes).filter(pl.col("outcome") == "eligible")
    nothing = pl.DataFrame(schema=ENTITLEMENT_SCHEMA)
    assert one.equals(draw_sample(shuffled, eligible, nothing, "d"))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 99), min_size=1), st.integers(0, 120))
def test_places_are_shared_out_and_no_class_gets_more_than_it_has(
    sizes: dict[str, int], count: int
) -> None:
    taken = places(sizes, count)
    assert sum(taken.values()) == min(count, sum(sizes.values()))
    assert all(taken[name] <= size for name, size in sizes.items())
    short = [taken[name] for name in sizes if taken[name] < sizes[name]]
    assert not short or max(taken.values()) - min(short) <= 1


def chance_of_so_few(errors: int, count: int, share: int) -> Fraction:
    rate = Fraction(share, 10_000)
    return sum(
        (comb(count, k) * rate**k * (1 - rate) ** (count - k) for k in range(errors + 1)),
        Fraction(0),
    )


@settings(deadline=None)
@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((0, 60))
@example((60, 60))
@example((1, 1))
def test_the_bound_is_the_smallest_rate_that_is_refuted(drawn: tuple[int, int]) -> None:
    errors, count = drawn
    bound = error_bound(errors, count)
    assert errors * 10_000 <= bound * count, "never below what was found"
    if errors < count:
        assert chance_of_so_few(errors, count, bound) <= Fraction(1, 20)
        assert chance_of_so_few(errors, count, bound - 1) > Fraction(1, 20)
        assert bound <= error_bound(errors + 1, count)
    assert bound >= error_bound(errors, count + 1)


@pytest.mark.parametrize(
    ("errors", "count", "percent"),
    # Tables of the exact binomial: 0 of 60 is 1 − 0.05^(1/60).
    [(0, 60, 4.87), (1, 60, 7.66), (2, 60, 10.12), (3, 60, 12.42), (0, 59, 4.95), (0, 1, 95.0)],
)
def test_the_bound_agrees_with_the_tables(errors: int, count: int, percent: float) -> None:
    assert abs(error_bound(errors, count) / 100 - percent) <= 0.02


def filled(sample: pl.DataFrame, *answers: tuple[str, str]) -> pl.DataFrame:
    """The sheet as it is read back, the first lines answered."""
    given = [*answers, *([("", "")] * (sample.height - len(answers)))]
    return sample.select(
        pl.int_range(4, pl.len() + 4).alias(ROW_NUMBER),
        *(pl.col(name).cast(pl.String).alias(label) for name, label in LABELS.items()),
        pl.Series(ANSWER, [answer for answer, _ in given]),
        pl.Series(NOTE, [note for _, note in given]),
    )


SMALL = sample_of({"eligible": 2, "ineligible": 2})


def test_answers_are_read_back_and_give_the_rate() -> None:
    read = read_sample_answers(filled(SMALL, ("正确", ""), ("有误", " 金额 ")), SMALL, "r.xlsx")
    assert read == [
        {"number": 1, "is_right": True, "note": ""},
        {"number": 2, "is_right": False, "note": "金额"},
    ]
    assert sample_result(read, 4) == {"drawn": 4, "answered": 2, "errors": 1}
    all_right = [("正确", "")] * 4
    done = read_sample_answers(filled(SMALL, *all_right), SMALL, "r.xlsx")
    said = {"drawn": 4, "answered": 4, "errors": 0, "error_share": 0, "bound_share": 5272}
    assert sample_result(done, 4) == said
    assert sample_result([], 0) == {"drawn": 0, "answered": 0, "errors": 0}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda sheet: sheet.with_columns(pl.lit("好").alias(ANSWER)), "row 4, 5, 6, 7: 核查结论"),
        (lambda sheet: sheet.with_columns(pl.lit("有误").alias(ANSWER)), "说明 is missing"),
        (lambda sheet: sheet.with_columns(pl.lit("错").alias(NOTE)), "核查结论 is missing"),
        (lambda sheet: sheet.head(3), "1 lines of its sample are missing"),
        (lambda sheet: pl.concat([sheet, sheet.tail(1)]), "row 7, 7: the same line twice"),
        (lambda sheet: sheet.with_columns(pl.lit("x").alias("主体代码")), "no line of this sample"),
        (lambda sheet: sheet.drop(NOTE), "column missing: 说明"),
    ],
)
def test_what_is_altered_is_refused_by_row(change: Any, told: str) -> None:
    with pytest.raises(DropRefusedError, match=told):
        read_sample_answers(change(filled(SMALL)), SMALL, "r.xlsx")


def test_each_line_of_the_sheet_has_its_page(
    run_home: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(run_home[0])
    with open_ledger(home, only_look=True) as ledger:
        batch_id = min(ledger.batch_states())
    told = batch_sample(home, batch_id, tmp_path / "a")
    assert told == {"batch_id": batch_id, "path": str(tmp_path / "a"), "pages": 60}
    pages = sorted((tmp_path / "a").iterdir())
    assert [page.name for page in pages] == [f"{number:04d}.html" for number in range(1, 61)]
    with pytest.raises(DropRefusedError, match="nothing is overwritten"):
        batch_sample(home, batch_id, tmp_path / "a")
    out = tmp_path / "b"
    asked = ["batch", "sample", batch_id, "--home", str(home.root), "--out", str(out)]
    assert run_command(app, asked) == 0
    assert "60 pages" in capsys.readouterr().out
    assert [page.read_bytes() for page in sorted(out.iterdir())] == [p.read_bytes() for p in pages]


def test_answers_on_the_sheet_are_read_back_and_stand_on_the_next_approval_sheet(
    tmp_path: Path,
) -> None:
    home = new_home(tmp_path / "home")
    refused = {**refund(0, "91370302MA3C00003C"), "outcome": "ineligible"}
    rows = [refund(100), refund(70, TWO), refused]
    batch_id = night(home, "R1", rows)[1].batches[0].batch_id
    book = openpyxl.load_workbook(home.batches / batch_id / "review.xlsx")
    _fill(book[word("sheet_payment_lines")], {1: {"意见": "暂缓", "原因": "查账号"}})
    answers = {1: {ANSWER: "正确"}, 2: {ANSWER: "有误", NOTE: "金额"}, 3: {ANSWER: "正确"}}
    _fill(book[word("sheet_sample")], answers)
    book.save(tmp_path / "filled.xlsx")
    labels, above = [heading(name) for name in SHEET], map(worded, said_of_sample(batch_id, 3))
    title = word("sheet_sample")
    sheet = read_filled(tmp_path / "filled.xlsx", labels, "the workbook", title, [*above], None)
    assert sheet[ANSWER].to_list() == ["正确", "有误", "正确"]
    after = import_review(home, batch_id, tmp_path / "filled.xlsx", by="周审核")["to_be_signed"]
    shown = openpyxl.load_workbook(home.batches / after / "review.xlsx")[word("sheet_approval")]
    found = {row[0].value: row[1].value for row in shown.iter_rows()}
    assert found[word("sheet_sample")] == "3 条中有误 1 条，差错率 33.34%，95% 上限 86.47%"
    assert found[word("came_from")] == batch_id
    held = openpyxl.load_workbook(home.batches / after / "review.xlsx")[word("sheet_held")]
    (said,) = [row for row in held.iter_rows(min_row=3, values_only=True)]
    assert said[-3:] == ("周审核", today(), "查账号"), "who holds it, since when and why"
    assert pack_batch(home, after)["kept"] == []


def test_a_batch_agreed_to_shows_its_own_sample_on_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = new_home(tmp_path / "home")
    batch_id = night(home, "R1", [refund(100), refund(70, TWO)])[1].batches[0].batch_id
    book = openpyxl.load_workbook(home.batches / batch_id / "review.xlsx")
    _fill(book[word("sheet_sample")], {1: {ANSWER: "正确"}, 2: {ANSWER: "正确"}})
    book.save(tmp_path / "filled.xlsx")
    assert import_review(home, batch_id, tmp_path / "filled.xlsx")["to_be_signed"] == batch_id
    shown: dict[str, Any] = {}
    monkeypatch.setattr(approval, "pdf_of", lambda _form, content: shown.update(content) or b"")
    batch_paper(home, batch_id)
    assert [word("sheet_sample"), "2 条中有误 0 条，差错率 0.00%，95% 上限 77.64%"] in shown[
        "facts"
    ]
    asked = ["batch", "import", batch_id, str(tmp_path / "filled.xlsx"), "--home", str(home.root)]
    assert run_command(app, asked) == 0
    assert "sample: 0 of 2 wrong" in capsys.readouterr().out
    export_batch(home, batch_id, tmp_path / "b.zip")
    told = what_is_signed(read_export(tmp_path / "b.zip"), tmp_path / "no.key")
    assert (told["sample"]["answered"], told["sample"]["errors"]) == (2, 0)


def _fill(sheet: Any, cells: Mapping[int, Mapping[str, str]]) -> None:
    rows = list(sheet.iter_rows())
    at, head = next((n, row) for n, row in enumerate(rows) if "序号" in [c.value for c in row])
    places = {cell.value: cell.column - 1 for cell in head}
    for row in rows[at + 1 :]:
        for label, value in cells.get(row[places["序号"]].value, {}).items():
            row[places[label]].value = value
