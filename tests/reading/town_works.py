"""Works of a random town: employers with staff enough for shares, limits and waves to have edges.

A works takes one theme, so that little else stirs the edge that it stands on.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from data_samples.town.scenes import employer_code, person_id
from tests.reading.basics import first_day, last_day_of, months, plus
from tests.reading.town_rows import Town
from tests.reading.watch_staff import FOCUS

BIRTHS = (
    *(date(1960, 2, 29), date(1960, 6, 30), date(1960, 12, 31), date(1961, 4, 1)),
    *(date(1970, 1, 31), date(1970, 7, 15), date(1971, 2, 1), date(1985, 8, 8), date(1990, 1, 1)),
)
WAVE_REASONS = ("经济性裁员", "经济性裁员", "协商解除", "合同期满", "退休", None)


@dataclass(frozen=True)
class Works:
    """An employer of a theme, the one beside it, and its staff."""

    town: Town
    employer: str
    unit: str
    heir: str
    heir_unit: str
    persons: list[str]

    @property
    def last(self) -> int:
        return plus(self.town.last_month, -2)

    def employed(self, person: str, starts: date, **cells: object) -> None:
        cells = {"contract_type": "无固定期限", **cells}
        row = {"employer_code": self.employer, "person_id": person, "starts_on": starts, **cells}
        self.town.add("employment", **row)

    def fees(self, person: str, first: int, until: int, unit: str = "", **cells: object) -> None:
        """Pay 养老 and 失业 for months, all alike."""
        for month in months(first, until):
            for insurance in ("养老", "失业"):
                self.town.fee(person, unit or self.unit, insurance, month, **cells)


def works_of(town: Town, number: int, size: int) -> Works:
    """Make the two employers of a works and its staff, without a month of work."""
    codes = [employer_code(5000 + number, place) for place in (1, 2)]
    units = [f"w{number}-{place}" for place in (1, 2)]
    for code, unit in zip(codes, units, strict=True):
        if town.chance(0.85):
            town.add(
                "registrations",
                employer_code=code,
                employer_name=code,
                entity_type=town.random.choice((*("企业",) * 5, "机关", "事业单位")),
                status=town.random.choice(("存续", "在业", "在业", "注销")),
                size_class=town.random.choice((None, "小型", "中型", "大型")),
            )
        town.add("insured_units", unit_no=unit, employer_code=code, is_dispatch="否")
        town.agreements(code)
    persons = []
    for place in range(1, size + 1):
        born, sex = town.random.choice(BIRTHS), town.random.choice("男女")
        persons.append(person_id(5000 + number, born.isoformat(), place, sex))
        if town.chance(0.8):
            category = town.random.choice((None, "工人", "干部", "农民工"))
            town.add("insured_persons", person_id=persons[-1], staff_category=category)
    for name in town.random.sample(FOCUS, k=town.random.choice((0, 1, 2))):
        town.listed("单位", codes[0], name)
    return Works(town, codes[0], units[0], codes[1], units[1], persons)


def wave(town: Town, number: int) -> None:
    """Many leave together, stay unpaid, or move to another employer; some were laid off."""
    size = town.random.choice((9, 10, 11, 20, 21, 30, 31))
    works, pick = works_of(town, number, size), town.random.choice
    if town.chance(0.6):
        _capacity_list(works)
    leaving, is_plain = max(1, size * 3 // 10 + pick((-1, 0, 0, 1))), town.chance(0.5)
    moving = leaving // 2 + pick((-1, 0, 1)) if town.chance(0.5) else 0
    for place, person in enumerate(works.persons):
        if place >= leaving:
            works.fees(person, plus(works.last, -2), works.last)
            continue
        if is_plain:
            works.fees(person, plus(works.last, -2), plus(works.last, -1))
        else:
            _leaves(works, person)
        if place < moving:
            works.fees(person, works.last, works.last, works.heir_unit)
        if town.chance(0.1 if is_plain else 0.5):
            _end_of_work(works, person)
    for person in works.persons[leaving : leaving + pick((0, 1, 2))]:
        _end_of_work(works, person)
    _reports(works)


def _capacity_list(works: Works) -> None:
    pick = works.town.random.choice
    until = first_day(plus(works.last, pick((-6, -1, 0, 1)))) - timedelta(days=pick((0, 1)))
    works.town.add(
        "designations",
        list="化解过剩产能企业",
        subject_kind="单位",
        subject_id=works.employer,
        valid_from=date(2019, 1, 1),
        valid_to=pick((None, until)),
    )


def _leaves(works: Works, person: str) -> None:
    """Give the fees of one who may count as gone: stopped, late, or unpaid for long."""
    last, pick = works.last, works.town.random.choice
    stopped = plus(last, -pick((1, 1, 1, 1, 1, 1, 2, 6, 7)))
    unpaid_since = plus(last, -pick((0, 2, 3, 4)))
    if works.town.chance(0.7):
        works.fees(person, plus(stopped, -1), stopped)
    else:
        works.fees(person, plus(unpaid_since, -1), plus(unpaid_since, -1))
        works.fees(person, unpaid_since, last, state="未到账")
        if works.town.chance(0.2):
            works.town.fee(person, works.unit, "养老", plus(last, -pick((1, 3, 4))), state="缓缴")


def _end_of_work(works: Works, person: str) -> None:
    pick, last = works.town.random.choice, works.last
    before = plus(last, -1)
    ended = pick(
        (
            *(first_day(last), last_day_of(last), first_day(before), last_day_of(before)),
            *(first_day(before) - timedelta(days=1), last_day_of(last) + timedelta(days=1)),
        )
    )
    works.employed(person, date(2019, 1, 1), ended_on=ended, end_reason=pick(WAVE_REASONS))
    if works.town.chance(0.3):
        again = ended + timedelta(days=pick((0, 0, 1, -1)))
        works.employed(person, date(2019, 6, 1), ended_on=again, end_reason=pick(WAVE_REASONS))


def _reports(works: Works) -> None:
    ends = [
        row["ended_on"]
        for row in works.town.tables["employment"]
        if row["employer_code"] == works.employer
        and row["end_reason"] == "经济性裁员"
        and first_day(works.last) <= row["ended_on"] <= last_day_of(works.last)
    ]
    if ends and works.town.chance(0.7):
        days = works.town.random.choice((29, 30, 31, 31, 179, 180, 181, -60))
        reported = min(ends) - timedelta(days=days)
        works.town.add("layoff_reports", employer_code=works.employer, reported_on=reported)


def large_wave(town: Town, number: int) -> None:
    """A works large enough for the limits that count heads: 50 gone, 20 laid off."""
    pick = town.random.choice
    works = works_of(town, number, pick((167, 168, 172, 205)))
    leaving, laid_off = pick((49, 50, 51, 52)), pick((19, 20, 21))
    for place, person in enumerate(works.persons):
        until = plus(works.last, -1) if place < leaving else works.last
        for month in months(plus(works.last, -1), until):
            town.fee(person, works.unit, "养老", month)
        if place < laid_off:
            ended = last_day_of(works.last)
            works.employed(person, date(2019, 1, 1), ended_on=ended, end_reason="经济性裁员")


def wages_stop(town: Town, number: int) -> None:
    """Wages stop, or fall below the minimum, for about a tenth of a staff that stays insured."""
    pick = town.random.choice
    works = works_of(town, number, pick((9, 10, 19, 20, 21)))
    month = plus(works.last, -pick((0, 1, 2, 3)))
    short = set(works.persons[: pick((0, 1, 2, 2, 3))])
    for person in works.persons:
        state = "已到账" if person not in short or town.chance(0.7) else "未到账"
        works.fees(person, plus(month, -3), plus(month, -2))
        works.fees(person, plus(month, -1), plus(month, 1), state=state)
        _ordinary_wages(works, person, month)
        if person in short:
            _short_wage(works, person, month)
        else:
            town.wage(person, works.employer, month, 300_000, 280_000)
        if town.chance(0.25 if person in short else 0.1):
            _start_or_end(works, person, month)


def _ordinary_wages(works: Works, person: str, month: int) -> None:
    pick = works.town.random.choice
    since, until = pick(((-3, -1), (-3, -3), (-4, -4), (-7, -7), (-1, -1), (-2, -1), (-3, -1)))
    for paid in months(plus(month, since), plus(month, until)):
        works.town.wage(person, works.employer, paid, 300_000, 280_000)


def _short_wage(works: Works, person: str, month: int) -> None:
    """Give no wage, one of nothing, one paid too late to be seen, or one around the minimum."""
    wage, pick = works.town.wage, works.town.random.choice
    match pick(("none", "none", "nothing", "late", "short", "short", "parts")):
        case "nothing":
            wage(person, works.employer, month, pick((0, 300_000)), 0)
        case "late":
            paid_on = works.town.as_of + timedelta(days=pick((0, 1)))
            wage(person, works.employer, month, 300_000, 280_000, paid_on)
        case "short":
            wage(person, works.employer, month, pick((1, 190_999, 191_000, 209_999, 210_000)), 1)
        case "parts":
            wage(person, works.employer, month, 100_000, pick((0, 1)))
            wage(person, works.employer, month, pick((90_999, 91_000)), 90_000)


def _start_or_end(works: Works, person: str, month: int) -> None:
    pick = works.town.random.choice
    first, last = first_day(month), last_day_of(month)
    edge = pick((first - timedelta(days=1), first, last, last + timedelta(days=1)))
    column = pick(("ended_on", "ends_on", "starts_on"))
    if column == "starts_on":
        works.employed(person, edge)
    else:
        works.employed(person, date(2019, 1, 1), contract_type=pick(("固定期限", "就业见习")))
        works.town.tables["employment"][-1][column] = edge
        if works.town.chance(0.3):
            works.employed(person, pick((edge, last, last + timedelta(days=1))))


def coverage_gap(town: Town, number: int) -> None:
    """Staff without unemployment insurance, and wages for persons whom no insurance shows."""
    pick, paid = town.random.choice, town.random.choice((9, 10, 19, 20, 21, 29, 30))
    works = works_of(town, number, paid)
    last, unseen = works.last, pick((0, 1, 2, 3))
    half_insured = pick((0, 0, 1, 2))
    for place, person in enumerate(works.persons):
        town.wage(person, works.employer, last, pick((*(200_000,) * 9, 0)), 1)
        if place < unseen:
            _unseen(works, person)
        elif place < unseen + half_insured:
            _half_insured(works, person)
        else:
            works.fees(person, last, last)


def _unseen(works: Works, person: str) -> None:
    """Give what may explain a wage without insurance: an internship, a stale unpaid row."""
    last, pick = works.last, works.town.random.choice
    first, end = first_day(last), last_day_of(last)
    day = timedelta(days=1)
    starts = pick((date(2019, 12, 1), end, end + day))
    until = pick((None, first - day, first))
    if works.town.chance(0.3):
        works.employed(person, starts, contract_type="就业见习", ended_on=until)
    if works.town.chance(0.2):
        works.fees(person, plus(last, -pick((2, 3))), last, state="未到账")
    if works.town.chance(0.2):
        works.fees(person, last, last, works.heir_unit)


def _half_insured(works: Works, person: str) -> None:
    """Give 养老 and of 失业 nothing, another's, one unpaid, deferred or given back."""
    fee, last = works.town.fee, works.last
    fee(person, works.unit, "养老", last, state=works.town.random.choice(("已到账", "未到账")))
    match works.town.random.choice(("nothing", "elsewhere", "未到账", "缓缴", "refund")):
        case "elsewhere":
            fee(person, works.heir_unit, "失业", last)
        case "未到账" | "缓缴" as state:
            fee(person, works.unit, "失业", last, state=state)
        case "refund":
            fee(person, works.unit, "失业", last)
            fee(person, works.unit, "失业", last, entry="退费", unit_fen=-700, person_fen=-300)
