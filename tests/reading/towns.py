"""Random towns in which the edges of the rules are crowded: rows as plain dictionaries.

Each household of a town has two employers and four persons of its own, so that one run of the
engine judges many small, unlike worlds at once.
"""

from datetime import date, timedelta

from data_samples.town.scenes import employer_code, person_id
from tests.reading.basics import LABOUR, add_months, add_years, months, plus
from tests.reading.facts import BLACK_LISTS
from tests.reading.town_deferrals import deferrals, overcharged, shrunk
from tests.reading.town_rows import INSURANCES, Town
from tests.reading.town_works import coverage_gap, large_wave, wages_stop, wave
from transforms.extracts.kinds import KINDS

SIZE_LINES = KINDS["registrations"].column_named["size_line"].codes
REASONS = ("退休", "本人辞职", "协商解除", "经济性裁员", "合同期满", None)
LISTS_OF_EMPLOYERS = (
    *("疫情防控重点物资生产企业", "就业见习单位", "就业见习单位", "经营困难且恢复有望企业"),
    *BLACK_LISTS,
    *("规模以上企业", "化解过剩产能企业", "化解过剩产能企业"),
)
LISTS_OF_PERSONS = (
    *("建档立卡", "低保", "特困"),
    *("就业困难人员", "就业困难人员", "建档立卡", "退役军人", "残疾人", "残疾人"),
)
SUPPORT_OF_PERSONS = (
    *("公益性岗位", "公益性岗位", "公益性岗位延长", "灵活就业社保补贴", "灵活就业社保补贴"),
    *("灵活就业社保补贴延长", "高校毕业生社保补贴", "高校毕业生灵活就业社保补贴", "就业见习补贴"),
    "一次性吸纳就业补贴",
)
BIRTHS = (
    *(date(1960, 2, 29), date(1960, 6, 30), date(1965, 3, 31), date(1965, 9, 1)),
    *(date(1970, 1, 31), date(1970, 7, 15), date(1960, 12, 31), date(1961, 1, 1)),
    *(date(1999, 3, 31), date(1999, 4, 1), date(2004, 3, 31), date(1997, 5, 5), date(1985, 8, 8)),
)

# A town, villages of it, another town; a county, and none.
DIVISIONS = (
    *("370302102", "370302102003", "370302009", "370302009001", "370302102004"),
    *("370302", "370302009002", "370302000000", None),
)

THEMES = (
    *(wave, wages_stop, deferrals, wave, coverage_gap, shrunk, wages_stop, large_wave),
    *(overcharged, wave, wages_stop, coverage_gap, deferrals, wave, coverage_gap),
)


def random_town(seed: int, as_of: date, households: int) -> Town:
    """Make a whole town, household by household."""
    town = Town(seed, as_of)
    _background(town)
    for number in range(1, households + 1):
        _household(town, number)
    for number in range(households // 4):
        THEMES[number % len(THEMES)](town, number)
    if town.chance(0.2):
        _lose_payroll(town, plus(town.last_month, -town.random.choice((2, 3, 4))))
    return town


def _lose_payroll(town: Town, month: int) -> None:
    rows = town.tables["payroll"]
    town.tables["payroll"] = [row for row in rows if row["month"] != month]


def _background(town: Town) -> None:
    code = employer_code(9999, 1)
    town.add("insured_units", unit_no="底", employer_code=code, is_dispatch="否")
    person = person_id(9999, "1980-01-01", 1, "男")
    for month in months(201812, town.last_month):
        for insurance in INSURANCES:
            town.contribution(person, "底", insurance, month, plain=True)


def _household(town: Town, number: int) -> None:
    employers = [employer_code(number, place) for place in (1, 2)]
    for place, employer in enumerate(employers):
        _employer(town, employer, [f"{number}-{place}", f"{number}-{place}b"])
    persons = [
        person_id(number, town.random.choice(BIRTHS).isoformat(), place, sex)
        for place, sex in enumerate(town.random.choices("男女", k=4), start=1)
    ]
    if town.chance(0.8):
        legal = town.random.choice([*persons, None, None, None])
        town.tables["registrations"] = [
            row | ({"legal_rep_id": legal} if row["employer_code"] == employers[0] else {})
            for row in town.tables["registrations"]
        ]
    for person in persons:
        _person(town, person, number, employers)


def _employer(town: Town, code: str, units: list[str]) -> None:
    pick, chance = town.random.choice, town.chance
    if chance(0.93):
        line = pick(SIZE_LINES) if chance(0.8) else None
        town.add(
            "registrations",
            employer_code=code,
            employer_name=code,
            division_code=DIVISIONS[len(town.tables["registrations"]) % len(DIVISIONS)],
            entity_type=pick(("企业", "企业", "企业", "个体工商户", "事业单位")),
            status=pick(("存续", "在业", "存续", "在业", "注销")),
            size_line=line,
            size_class=pick((None, None, None, "小型", "微型", "中型")),
            staff=pick((None, 19, 20, 99, 100, 299, 300)),
            revenue_wan_x100=pick((None, 49999, 50000, 199999, 200000, 600000, 9000000)),
            assets_wan_x100=pick((None, 499999, 500000, 799999, 800000)),
        )
    for unit in units[: pick((1, 1, 2))]:
        is_dispatch = pick(("否", "否", "否", "否", "是"))
        town.add("insured_units", unit_no=unit, employer_code=code, is_dispatch=is_dispatch)
    if chance(0.7):
        for name in town.random.sample(LISTS_OF_EMPLOYERS, k=2):
            if name not in BLACK_LISTS or chance(0.2):
                town.listed("单位", code, name)
    town.agreements(code)
    if chance(0.08):
        kind = pick(("一次性用工补贴", "稳岗返还"))
        town.support("单位", code, kind, pick((201912, 202001, 202006, 202012)), 0)


def _units_of(town: Town, code: str) -> list[str]:
    rows = town.tables["insured_units"]
    return [row["unit_no"] for row in rows if row["employer_code"] == code]


def _person(town: Town, person: str, household: int, employers: list[str]) -> None:
    pick, chance, days = town.random.choice, town.chance, timedelta
    if chance(0.9):
        town.add(
            "insured_persons",
            person_id=person,
            staff_category=pick((None, "工人", "干部", "农民工")),
            pension_from=pick((None, None, None, 202003, 202008)),
        )
    household_no = str(household * 10 + town.random.randint(0, 1))
    town.add("residents", person_id=person, household_no=household_no)
    for _ in range(pick((0, 1, 1, 2))):
        employer = pick(employers)
        _spell(town, person, pick(_units_of(town, employer)), employer)
    if chance(0.4):
        town.own_insurance(person)
    if chance(0.6):
        graduated = pick((date(2018, 2, 28), date(2018, 6, 30), date(2019, 7, 1)))
        town.add("graduates", person_id=person, graduated_on=graduated)
        if chance(0.2):
            town.add("graduates", person_id=person, graduated_on=add_years(graduated, 1))
    for name in town.random.sample(LISTS_OF_PERSONS, k=pick((0, 1, 2))):
        town.listed("个人", person, name)
    for kind in town.random.sample(SUPPORT_OF_PERSONS, k=pick((0, 1, 1, 2))):
        last = pick((201912, 202001, 202002, 202006, 202012, 202101))
        town.support("个人", person, kind, last, pick((0, 2, 11)))
    _unemployment(town, person, employers)
    if chance(0.08):
        died = town.day(date(2019, 12, 1), town.as_of + days(days=9))
        town.add("deaths", person_id=person, died_on=died)
    if chance(0.08):
        taken = town.day(date(2019, 12, 1), town.as_of)
        until = taken + days(days=town.random.randint(0, 90)) if chance(0.7) else None
        town.add("custody", person_id=person, from_date=taken, to_date=until)


def _unemployment(town: Town, person: str, employers: list[str]) -> None:
    pick, chance = town.random.choice, town.chance
    for _ in range(pick((0, 1, 1, 2))):
        registered = town.day(date(2019, 6, 1), town.as_of + timedelta(days=5))
        closed = registered + timedelta(days=town.random.randint(0, 300))
        town.add(
            "unemployment",
            person_id=person,
            registered_on=registered,
            closed_on=closed if chance(0.4) else None,
            willing=pick(("有", "有", "无", None)),
        )
    for _ in range(pick((0, 0, 1, 1, 2))):
        last = pick((201911, 201912, 202001, 202002, 202005, 202011))
        town.add(
            "unemployment_benefits",
            person_id=person,
            last_unit_no=pick([None, *_units_of(town, pick(employers))]),
            from_month=plus(last, -pick((0, 5, 11))),
            to_month=last,
            benefit_type=pick((None, "失业保险金", "失业保险金", "续发")),
        )


def _spell(town: Town, person: str, unit: str, employer: str) -> None:
    """A job, an internship or a public post: its row, contributions, payroll, attendance."""
    pick, chance = town.random.choice, town.chance
    kind = pick(("固定期限", "固定期限", "固定期限", *LABOUR, "就业见习", "就业见习", "公益性岗位"))
    starts = pick(
        (
            town.day(date(2018, 12, 1), date(2019, 12, 31)),
            town.day(date(2020, 2, 10), date(2020, 3, 10)),
            town.day(date(2020, 2, 9), date(2020, 3, 11)),
            town.day(date(2019, 12, 17), town.as_of),
        )
    )
    ends = add_years(starts, 1) - timedelta(days=pick((0, 1, 1, 2, -30)))
    ended = starts + timedelta(days=town.random.randint(0, 500))
    town.add(
        "employment",
        employer_code=employer,
        person_id=person,
        contract_type=kind,
        starts_on=starts,
        ends_on=ends if chance(0.75) else None,
        ended_on=ended if chance(0.35) else None,
        end_reason=pick(REASONS),
    )
    if chance(0.2):
        again = add_months(starts, -6) - timedelta(days=pick((-1, 0, 1)))
        town.add(
            "employment",
            employer_code=employer,
            person_id=person,
            contract_type=pick((*LABOUR, "就业见习")),
            starts_on=again,
            ended_on=again + timedelta(days=20) if chance(0.8) else None,
            ends_on=ends if chance(0.2) else None,
        )
    first = plus(starts.year * 100 + starts.month, pick((0, 0, 0, 1, -1, -6, -7)))
    first = pick((first, first, 201812))
    last = pick((plus(first, pick((2, 11, 14))), 201911, town.last_month, town.last_month))
    insurances = pick((("养老", "医疗", "失业"), ("养老", "医疗", "失业"), ("失业",), INSURANCES))
    if kind == "就业见习":
        first = plus(starts.year * 100 + starts.month, pick((2, 3, 3, 30, 30)))
    for month in months(max(first, 201812), last):
        for insurance in insurances:
            town.contribution(person, unit, insurance, month)
    town.wages(person, employer, starts.year * 100 + starts.month)
