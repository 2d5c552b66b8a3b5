"""Works of a random town whose fees stand on an edge: deferred, overcharged, of a smaller staff."""

from tests.reading.basics import months, plus
from tests.reading.town_rows import INSURANCES, Town
from tests.reading.town_works import Works, works_of


def deferrals(town: Town, number: int) -> None:
    """Months deferred by leave, around six months ago, some of them paid since."""
    works, pick = works_of(town, number, town.random.choice((1, 2, 3))), town.random.choice
    first = plus(works.last, 1 - pick((0, 3, 4, 5, 6, 7)))
    insurances = pick((("养老",), ("工伤", "生育"), INSURANCES))
    for person in works.persons:
        for month in months(first, plus(first, pick((0, 1, 2)))):
            for insurance in insurances:
                unit_fen = pick((0, 1, 700, 700))
                fee = {"unit_fen": unit_fen, "entry": pick(("正常", "正常", "补缴"))}
                town.fee(person, works.unit, insurance, month, state="缓缴", **fee)
                if town.chance(0.5):
                    _answer(works, person, insurance, month)


def _answer(works: Works, person: str, insurance: str, month: int) -> None:
    """Add what ends a deferral or does not: a payment of all, of the person's part, a refund."""
    pick = works.town.random.choice
    entry = pick(("补缴", "补缴", "正常", "退费"))
    sign = -1 if entry == "退费" else 1
    works.town.fee(
        person,
        works.unit,
        insurance,
        month,
        entry=entry,
        state=pick(("已到账", "已到账", "已到账", "未到账")) if sign > 0 else "已到账",
        unit_fen=sign * pick((0, 1, 700)),
        person_fen=sign * 300,
        paid_on=works.town.as_of if works.town.chance(0.5) else works.town.within(month),
    )


def overcharged(town: Town, number: int) -> None:
    """A rate of unemployment insurance that is right to the fen, or a yuan too high in all."""
    works, pick = works_of(town, number, town.random.choice((1, 2))), town.random.choice
    over = pick((0, 99, 100, 101, 200))
    base = pick((100_000, 652_357, 652_358, 714_285))
    rates = {100_000: 700, 652_357: 4566, 652_358: 4567, 714_285: 5000}
    for place, person in enumerate(works.persons):
        unit_fen = rates[base] + (over - over // 2 if place == 0 else over // 2)
        fee = {"base_fen": base, "unit_fen": unit_fen}
        town.fee(person, works.unit, "失业", works.last, **fee)
        if town.chance(0.3):
            back = {"entry": "退费", "unit_fen": -pick((1, 50, 5000)), "person_fen": 0}
            town.fee(person, works.unit, "失业", works.last, **back)
        if town.chance(0.2):
            odd = pick(
                ({"base_fen": None}, {"entry": "补缴"}, {"state": "未到账"}, {"base_fen": 0})
            )
            town.fee(person, works.unit, "失业", works.last, **(fee | {"unit_fen": 9000} | odd))


def shrunk(town: Town, number: int) -> None:
    """A staff of about four fifths of what it was in December; a housing fund above the least."""
    pick = town.random.choice
    works = works_of(town, number, pick((5, 10, 11)))
    december = town.as_of.year * 100 - 88
    left = len(works.persons) * 8 // 10 + pick((-1, 0, 0, 1))
    for place, person in enumerate(works.persons):
        town.fee(person, works.unit, "养老", december)
        if place < left:
            town.fee(person, works.unit, "养老", works.last)
    if town.chance(0.8):
        rates = {"unit_rate_bp": 501, "person_rate_bp": 500}
        town.add("housing_fund", employer_code=works.employer, month=works.last, **rates)
