"""What becomes of an objection: one line before and after, and what a clerk decided."""

import re
from datetime import date

import polars as pl
import pytest

from flows.money.objections import objections_of
from sql import connect, show_frame
from tests.answers.objection_rows import ANN, LATER, OLD, decided, frame, line, raised, weigh
from transforms.answers.clerical import objection_questions
from transforms.answers.objections import (
    objection_register,
    objections_pages,
)
from transforms.money.objections import (
    objected_rows,
    objection_findings,
    upheld_shares,
)


@pytest.mark.parametrize(
    ("before", "now", "answers", "state", "is_holding"),
    [
        (("eligible", 500), ("eligible", 500), (), "answered", True),
        (("eligible", 500), ("eligible", 500), (("否", LATER),), "not_upheld", False),
        (("eligible", 500), ("eligible", 500), (("是", LATER),), "upheld", True),
        # decided before it was raised, or contradicting: settles nothing
        (("eligible", 500), ("eligible", 500), (("否", OLD),), "answered", True),
        (("eligible", 500), ("eligible", 500), (("否", LATER), ("是", LATER)), "answered", True),
        (("eligible", 500), ("eligible", 501), (), "upheld", False),
        (("ineligible", 0), ("eligible", 500), (), "upheld", False),
        (None, ("eligible", 500), (), "upheld", False),
        (None, ("ineligible", 0), (), "answered", True),
        (("eligible", 500), None, (), "answered", True),
        (None, None, (), "answered", False),
        # a correction that a clerk does not take for the answer
        (("eligible", 500), ("eligible", 400), (("是", LATER),), "upheld", True),
    ],
)
def test_what_becomes_of_an_objection(
    before: tuple[str, int] | None,
    now: tuple[str, int] | None,
    answers: tuple[tuple[str, date], ...],
    state: str,
    is_holding: bool,
) -> None:
    weighed = weigh(
        [line(*before)] if before else [], [line(*now)] if now else [], decided(*answers)
    )
    row = weighed.row(0, named=True)
    assert weighed.height == 1, "every objection is there, whatever was determined"
    assert (row["objection_state"], row["is_holding"]) == (state, is_holding)
    rows = frame([line("eligible", 1)]).with_row_index("row_number")
    assert objected_rows(rows, weighed).height == (is_holding and row["period"] is not None)


def test_what_a_clerk_upheld_is_free_once_it_is_corrected() -> None:
    yes, held = decided(("是", LATER)), [line("eligible", 500)]
    first = weigh(held, held, yes)
    second = weigh(held, [line("eligible", 640)], yes, known=first)
    third = weigh([line("eligible", 640)], [line("eligible", 640)], yes, known=second)
    assert [w["is_holding"].item() for w in (first, second, third)] == [True, False, False]
    # The clerk did not take the correction that was there for the answer: it waits for another.
    early = weigh(held, [line("eligible", 400)])
    again = [weigh([line("eligible", 400)], [line("eligible", 400)], yes, known=early)]
    again.append(weigh([line("eligible", 400)], [line("eligible", 400)], yes, known=again[0]))
    assert [w["is_holding"].item() for w in again] == [True, True]


@pytest.mark.parametrize(("said", "state"), [("否", "not_upheld"), ("是", "upheld")])
def test_of_a_payment_that_nothing_is_determined_of_a_clerk_decides(said: str, state: str) -> None:
    raised_one = {"policy_id": "p", "period": "2020-02", "subject_id": ANN, "raised_by": "安娜"}
    raised_one |= {"raised_on": date(2020, 3, 5), "reason": "没有多领", "document_no": None}
    types = dict.fromkeys(raised_one, pl.String) | {"raised_on": pl.Date}
    paid = frame([line("eligible", 500)])
    weighed = []
    for answers in (decided(), decided((said, LATER))):
        connection = connect(threads=1)
        show_frame(connection, "objections", pl.DataFrame([raised_one], schema=types))
        show_frame(connection, "determinations", frame([]))
        show_frame(connection, "decisions_in_force", answers)
        weighed.append(objections_of(connection, paid, None, "2020-03-06"))
    first, then = weighed
    assert first.select("period", "objection_state", "is_holding").row(0) == (
        *("2020-02", "answered", True),
    )
    asked = objection_questions(first)
    assert asked.select("subject_id", "provision").rows() == [(ANN, "objection")]
    assert (then["objection_state"].item(), then["decision"].item()) == (state, said)
    assert not objection_questions(then).height


def test_a_letter_says_when_less_is_due_than_was_objected_to() -> None:
    card = dict.fromkeys(("authority", "clause", "bureau", "universe"), "区人社局")
    told = {"run_id": "R1", "as_of": "2020-03-06", "answer_days": 15, "titles": {}, "instead": {}}
    told |= {"provisions": {}, "cards": {"p": card}, "asked_back": [], "names": {}}
    for fen, answers, is_said in ((400, (), True), (600, (), False), (400, ("是",), False)):
        weighed = weigh(
            [line("eligible", 500)],
            [line("eligible", fen)],
            decided(*((answer, LATER) for answer in answers)),
        )
        register = objection_register(weighed, {}, {}, 15)
        told["names"] = {ANN: register["raised_by"].item()}
        page, letters = objections_pages(register, weighed, {}, told)
        assert ("金额比提出异议时减少" in letters) == is_said
        assert ("您的异议成立" in letters) != is_said
        # Register, page and finding say the same.
        said = "认定已改变，金额减少" if is_said else "成立"
        assert register["objection_state"].item() == said and f"<td>{said}</td>" in page
        assert (objection_findings(weighed).height == 0) == is_said
        # Who is nobody of them is told that it changed, and not how.
        told["names"] = {ANN: "安娜的真名"}
        letters = objections_pages(register, weighed, {}, told)[1]
        assert not re.search(r"\d\.\d\d 元|2020-02(?!-)|减少|<h3>", letters.split("理由是")[1])


def test_what_is_decided_of_another_objection_opens_none_again() -> None:
    rows, other = [line("eligible", 500)], raised(on=date(2020, 3, 12))
    no, yes = ("否", LATER), ("是", date(2020, 3, 15))
    first = weigh(rows, rows, decided(no))
    assert first["objection_state"].to_list() == ["not_upheld"]
    both = pl.concat([raised(), other]).sort("objection_id")
    by_two = decided(no, yes).with_columns(decided_by=pl.Series(["甲", "乙"]))
    then = weigh(rows, rows, by_two, known=first, objections=both).sort("raised_on")
    assert then["objection_state"].to_list() == ["not_upheld", "upheld"]
    assert then["is_news"].to_list() == [False, True]
    # Two clerks who differ about one and the same settle nothing, as ever.
    alone = weigh(rows, rows, by_two, known=first)
    assert alone["objection_state"].to_list() == ["answered"]


def test_what_a_clerk_upheld_and_let_stand_is_free() -> None:
    """Who objected that this policy was left out, and not the other, is paid by it."""
    rows = [line("eligible", 500)]
    upheld = decided(("是", LATER))
    stands = pl.concat([upheld, upheld.with_columns(provision=pl.lit("conflict"))])
    for answers, is_holding in ((upheld, True), (stands, False)):
        weighed = weigh(rows, rows, answers)
        assert weighed["objection_state"].to_list() == ["upheld"]
        assert weighed["is_holding"].to_list() == [is_holding]


def test_what_was_determined_first_stays_what_it_is_held_against() -> None:
    first = weigh([line("eligible", 500)], [line("eligible", 500)])
    second = weigh([line("eligible", 500)], [line("eligible", 400)], known=first)
    third = weigh([line("eligible", 400)], [line("eligible", 400)], known=second)
    assert [w["objection_state"].item() for w in (first, second, third)] == [
        *("answered", "lowered", "lowered")
    ]
    assert [w["is_news"].item() for w in (first, second, third)] == [True, True, False]
    assert third["amount_before_fen"].item() == 500 and third["run_before"].item() == "R1"


def test_a_month_that_comes_later_is_no_correction_but_waits() -> None:
    everything = raised(None)
    rows = [line("eligible", 500)]
    later = [*rows, line("eligible", 500, "2020-04")]
    weighed = weigh(rows, later, objections=everything)
    assert set(weighed["objection_state"]) == {"answered"} and all(weighed["is_holding"])
    settled = weigh(rows, later, decided(("否", LATER)), objections=everything)
    assert set(settled["objection_state"]) == {"not_upheld"} and not any(settled["is_holding"])


def test_a_month_that_no_run_had_judged_is_no_correction_when_it_appears() -> None:
    paid = [line("eligible", 500, f"2020-0{month}") for month in (1, 2, 3)]
    april = line("eligible", 500, "2020-04")
    for on in (date(2020, 4, 15), date(2020, 5, 2)):
        weighed = weigh(paid, [*paid, april], objections=raised(None, on))
        assert set(weighed["objection_state"]) == {"answered"} and all(weighed["is_holding"])
        # Once a month of them is mended, the objection holds what came later no more.
        both = weigh(
            [*paid[:2], line("ineligible", 0, "2020-03")],
            [*paid, april],
            objections=raised(None, on),
        )
        assert both["is_holding"].to_list() == [True, True, False, False]
        assert both["is_corrected"].to_list() == [False, False, True, False]
        # One that was left out between them is a correction, as for who was left out at all.
        gap = weigh(paid[::2], paid, objections=raised(None, on))
        assert gap["is_corrected"].to_list() == [False, True, False]
        assert all(weigh([], paid, objections=raised(None, on))["is_corrected"])
    early = weigh([], [april], objections=raised("2020-04", date(2020, 4, 15)))
    assert early["objection_state"].item() == "answered" and early["is_holding"].item()


def test_many_upheld_are_a_finding() -> None:
    few = pl.concat([raised(on=date(2020, 2, day)) for day in range(1, 21)])
    same = [line("eligible", 500)]
    weighed = weigh(same, same, objections=few)
    assert objection_findings(weighed).height == 0
    # One of twenty is five of a hundred, and not more.
    one = weighed.with_row_index("n").with_columns(
        pl.when(pl.col("n") < 1)
        .then(pl.lit("upheld"))
        .otherwise("objection_state")
        .alias("objection_state")
    )
    assert objection_findings(one.drop("n")).height == 0
    two = one.with_columns(
        pl.when(pl.col("n") < 2)
        .then(pl.lit("upheld"))
        .otherwise("objection_state")
        .alias("objection_state")
    ).drop("n")
    assert objection_findings(two)["detail"].to_list() == [
        "upheld 2 of 20 objections",
        "upheld 2 of 20 objections; provision amount_fen",
    ]
    assert upheld_shares(two)["provision"].to_list() == ["", "amount_fen"]
