"""The rows of a random town: lists, support, wages, contributions, with random numbers at hand."""

from datetime import date, timedelta
from random import Random
from typing import Any

from tests.reading.basics import Row, months, plus
from transforms.extracts.kinds import KINDS

INSURANCES = ("养老", "医疗", "失业", "工伤", "生育")


class Town:
    """A town in the making: its random numbers and its tables."""

    def __init__(self, seed: int, as_of: date) -> None:
        self.random, self.as_of = Random(seed), as_of
        self.tables: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        self.last_month = plus(as_of.year * 100 + as_of.month, 1)

    def add(self, kind: str, **cells: Any) -> None:
        """Add one row; cells that are not named are empty."""
        self.tables[kind].append(dict.fromkeys(KINDS[kind].column_named) | cells)

    def chance(self, share: float) -> bool:
        """Say yes with a probability."""
        return self.random.random() < share

    def day(self, first: date, last: date) -> date:
        """Choose a day, the ends of the span more often than others."""
        drawn = first + timedelta(days=self.random.randint(0, (last - first).days))
        return self.random.choice((first, last, drawn, drawn, drawn, drawn.replace(day=1)))

    def listed(self, kind: str, subject: str, name: str) -> None:
        since = self.day(date(2019, 1, 1), self.as_of + timedelta(days=20))
        until = since + timedelta(days=self.random.randint(0, 500)) if self.chance(0.4) else None
        self.add(
            "designations",
            list=name,
            subject_kind=kind,
            subject_id=subject,
            valid_from=since,
            valid_to=until,
        )

    def support(self, subject_kind: str, subject: str, kind: str, last: int, length: int) -> None:
        self.add(
            "support",
            support_type=kind,
            subject_kind=subject_kind,
            subject_id=subject,
            from_month=plus(last, -length),
            to_month=last,
            months_used=self.random.choice((length + 1, length + 1, 3, 9, 11, 12, 22)),
        )

    def wages(self, person: str, employer: str, first: int) -> None:
        pick = self.random.choice
        for month in months(first, self.last_month):
            if self.chance(0.15):
                continue
            net = pick((0, 114599, 114600, 114601, 300_000, 300_001))
            self.add(
                "payroll",
                employer_code=employer,
                person_id=person,
                month=month,
                gross_fen=net + pick((0, 1, 999)),
                net_fen=net,
                paid_on=self.within(month),
            )
        if self.chance(0.3):
            for _ in range(self.random.randint(1, 9)):
                worked = self.day(date(2020, 1, 23), date(2020, 2, 10))
                self.add("attendance", employer_code=employer, person_id=person, worked_on=worked)

    def wage(
        self,
        person: str,
        employer: str,
        month: int,
        gross_fen: int,
        net_fen: int,
        paid_on: date | None = None,
    ) -> None:
        """Add a wage as it stands, by default paid on the month's tenth."""
        self.add(
            "payroll",
            employer_code=employer,
            person_id=person,
            month=month,
            gross_fen=gross_fen,
            net_fen=net_fen,
            paid_on=paid_on or date(month // 100, month % 100, 10),
        )

    def fee(self, person: str, unit: str, insurance: str, month: int, **cells: Any) -> None:
        """Add a contribution as it stands, by default an ordinary one."""
        row = {"unit_fen": 700, "person_fen": 300, "entry": "正常", "state": "已到账"} | cells
        if row["state"] == "已到账":
            row.setdefault("paid_on", date(month // 100, month % 100, 1))
        self.add(
            "contributions",
            person_id=person,
            unit_no=unit,
            insurance=insurance,
            month=month,
            **row,
        )

    def agreements(self, employer: str) -> None:
        """Perhaps add an employer's housing fund and its stay in an incubator."""
        pick, month = self.random.choice, plus(self.last_month, -1)
        latest = plus(month, -pick((0, 1, 2, 3, 3, 4)))
        for back in pick(((), (), (0,), (0, 0), (0, 1), (0, -1))):
            self.add(
                "housing_fund",
                employer_code=employer,
                month=plus(latest, -back),
                unit_rate_bp=pick((499, 500, 500, 500, 501, 1200)),
                person_rate_bp=pick((500, 500, 500, 501)),
            )
        for _ in range(pick((0, 0, 1, 1, 2))):
            until = pick((date(2020, 1, 23), date(2020, 1, 24), date(2020, 3, 31), None))
            since = pick((date(2019, 1, 1), date(2020, 1, 24), date(2020, 6, 30), date(2020, 7, 1)))
            until = until or self.day(date(2020, 6, 30), date(2020, 11, 30))
            self.add(
                "tenancies",
                employer_code=employer,
                incubator=pick(("甲", "乙")),
                from_date=pick((since, self.day(date(2020, 1, 24), self.as_of))),
                to_date=until,
            )

    def within(self, month: int) -> date:
        last = plus(month, self.random.choice((0, 0, 0, 1)))
        return date(last // 100, last % 100, self.random.choice((1, 10, 15, 28)))

    def own_insurance(self, person: str) -> None:
        first = self.random.choice((201912, 202001, 202003, 202007))
        for month in months(first, self.last_month):
            for insurance in ("养老", "医疗"):
                if self.chance(0.9):
                    self.contribution(person, None, insurance, month)

    def contribution(
        self, person: str, unit: str | None, insurance: str, month: int, plain: bool = False
    ) -> None:
        pick = self.random.choice
        unit_fen = pick((0, 1, 4567, 50_001)) if unit else 0
        person_fen = pick((0, 1, 2, 3, 2283, 20_000))
        state = "已到账" if plain else pick(("已到账",) * 12 + ("未到账", "缓缴"))
        entry = "正常" if plain else pick(("正常",) * 12 + ("补缴",))
        cells = {"person_id": person, "unit_no": unit, "insurance": insurance, "month": month}

        def paid(state: str) -> date | None:
            return self.within(month) if state == "已到账" else None

        self.add(
            "contributions",
            **cells,
            base_fen=pick((None, 0, 100_000, 652_357, 652_358)),
            unit_fen=unit_fen,
            person_fen=person_fen,
            entry=entry,
            state=state,
            paid_on=paid(state),
        )
        if plain or not self.chance(0.05):
            return
        if self.chance(0.5):
            short = pick((0, 0, 1))
            self.add(
                "contributions",
                **cells,
                unit_fen=-unit_fen,
                person_fen=min(0, short - person_fen),
                entry="退费",
                state="已到账",
                paid_on=self.within(month),
            )
        else:
            state = pick(("已到账", "未到账", "缓缴"))
            self.add(
                "contributions",
                **cells,
                unit_fen=unit_fen,
                person_fen=person_fen,
                entry="补缴",
                state=state,
                paid_on=paid(state),
            )
