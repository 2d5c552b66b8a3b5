"""Many nights as life is: late, missing, doubled, corrected deliveries, kills, a full disk.

Every night the suppliers put into the inbox what they know by that day, or something goes wrong;
the night runs by the simulated clock, a timer looks at the status, and every tenth night what is
due is signed and paid. In the end each line is paid what one run over the final facts determines.

    python -m tests.night.year [NIGHTS] [PERSONS] [SEED]
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_samples.town import write
from data_samples.town.labels import file_title, text_table
from flows.inbox.tonight import Waiting
from flows.money.clock import CHINA
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.sign import sign_batch
from flows.money.standing import read_standing
from flows.money.verify import verify_home
from flows.night.alerts import tell, told_night
from flows.night.diary import read_nights
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home, read_lines, read_manifest
from sql.texts import exclusions
from tests.ceremony import key_of, one_place
from tests.faults.full_disk import filling
from tests.ingest.ingest_drops import JIA, ZHANG
from tests.money.money_town import new_home
from transforms.errors import GateStoppedError, MachineDeniedError, WuxingError
from transforms.extracts.kinds import KINDS, Kind, Moment
from transforms.money.entitlements import KEY
from transforms.policies.cards import month_of

FIRST = date(2020, 3, 27)
FIRST_NIGHT = datetime.combine(FIRST, datetime.min.time(), CHINA) + timedelta(hours=2)
PAID_EVERY = 10
BUDGET = 10**12
# Kinds that come month by month, the column of the month, and who delivers what.
PARTS = {"contributions": "month", "payroll": "month"}
POLICE = ("deaths", "custody", "residents")
INSURANCE = ("insured_units", "insured_persons", "contributions", "unemployment_benefits")
SUPPLIERS = {"社保中心": INSURANCE, "公安分局": POLICE, "人社局": ()}
DUE_DAY = 5
# What befalls a night, by its number; after the first sixteen they come again at random.
MISHAPS = {
    2: "late",
    4: "missing",
    5: "in time",
    6: "doubled",
    7: "renamed",
    8: "killed",
    10: "lacking",
    11: "out of order",
    12: "disk full",
    13: "clock back",
    14: "never ran",
    15: "wrong",
    16: "rubbish",
}
OFTEN = ("late", "missing", "in time", "doubled", "renamed", "lacking", "clock back", "never ran")
EVERY_SO_MANY = 7
# Registers that never are empty.
STRANGER = {"name": "张三", "person_id": ZHANG}
LONG_AGO: dict[str, dict[str, Any]] = {
    "deaths": STRANGER | {"died_on": date(2015, 1, 1)},
    "custody": STRANGER | {"from_date": date(2015, 1, 1), "to_date": date(2015, 2, 1)},
    "unemployment": STRANGER | {"registered_on": date(2015, 1, 1), "closed_on": date(2015, 2, 1)},
    "unemployment_benefits": STRANGER | {"from_month": 201501, "to_month": 201503},
    "graduates": {"person_id": ZHANG, "name": "张三", "graduated_on": date(2015, 7, 1)},
    "support": {
        **{"support_type": "稳岗返还", "subject_kind": "单位", "subject_id": JIA},
        **{"subject_name": "甲公司", "from_month": 201501, "to_month": 201512},
        **{"months_used": 12, "amount_fen": 100},
    },
}
Rows = dict[str, pl.DataFrame]


def final_facts(folder: Path, persons: int, seed: int, last: date) -> Rows:
    """Make a town's whole history, as it is known on the last day; canonical columns by kind."""
    found: dict[str, list[pl.DataFrame]] = {}

    def keep(_drop: write.Drop, kind: str, table: pl.DataFrame, numbered: bool = False) -> None:
        found.setdefault(kind, []).append(table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write.Drop, "write", keep)
        write.write_sample(folder / "town", persons, seed, last, employers=max(8, persons // 12))
    facts = {kind: pl.concat(tables) for kind, tables in sorted(found.items())}
    for kind, row in LONG_AGO.items():
        old = pl.DataFrame([row], schema_overrides=facts[kind].schema)
        facts[kind] = pl.concat([old, facts[kind]], how="diagonal")
    return facts


def known_on(kind: Kind, rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Leave what has come by a day, as the rules see it."""
    for moment in kind.visible_from:
        rows = rows.filter(_has_come(kind, moment, day))
    return rows


def _has_come(kind: Kind, moment: Moment, day: date) -> pl.Expr:
    until: Any = month_of(day) if kind.is_month(moment.column) else day
    come = (pl.col(moment.column) <= until).fill_null(False)
    for column, word in moment.where:
        come = come | (pl.col(column) != word).fill_null(True)
    return come


@dataclass
class Inbox:
    """The suppliers' side: what they know, what they sent, and what they do wrong."""

    folder: Path
    facts: Rows
    chance: random.Random
    sent: dict[str, bytes] = field(default_factory=dict)

    def texts(self, supplier: str, day: date, every_month: bool) -> dict[str, bytes]:
        """Write a supplier's files of a day: whole kinds, and of parts the months that changed."""
        own = SUPPLIERS[supplier] or tuple(
            kind for kind in self.facts if kind not in (*INSURANCE, *POLICE)
        )
        files: dict[str, bytes] = {}
        for kind in own:
            rows = known_on(KINDS[kind], self.facts[kind], day)
            if kind not in PARTS:
                files[f"{file_title(kind)}.csv"] = _csv(kind, rows)
            elif every_month or day.day == DUE_DAY:
                files |= self._months(kind, rows, day)
        return files

    def _months(self, kind: str, rows: pl.DataFrame, day: date) -> dict[str, bytes]:
        ended = rows.filter(pl.col("month") < month_of(day)).partition_by("month", as_dict=True)
        named = {
            f"{month // 100}年{month % 100}月{file_title(kind)}.csv": _csv(kind, of_month)
            for (month,), of_month in sorted(ended.items())
        }
        return {name: text for name, text in named.items() if self.sent.get(name) != text}

    def put(self, supplier: str, files: dict[str, bytes], by_note: bool = True) -> None:
        """Put files into a supplier's folder, whole: with a note that lists them, or a mark."""
        place = self.folder / supplier
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_bytes(text)
            self.sent[name] = text
        if by_note:
            # What still lies there from before is listed, too.
            lying = sorted(path for path in place.iterdir() if path.suffix == ".csv")
            counts = {path.name: path.read_bytes().count(b"\n") - 1 for path in lying}
            counts.pop("交接单.csv", None)
            rows = [f"{name},{count}\r\n" for name, count in counts.items() if count >= 0]
            (place / "交接单.csv").write_text(
                "文件名,行数\r\n" + "".join(rows), encoding="utf-8-sig"
            )
        else:
            (place / "_READY").touch()

    def put_all(self, day: date, every_month: bool = False, but: Iterable[str] = ()) -> None:
        """Let all suppliers deliver what they know by a day."""
        for supplier in SUPPLIERS:
            if supplier not in but:
                files = self.texts(supplier, day, every_month)
                self.put(supplier, files, by_note=supplier != "公安分局")


def _csv(kind: str, rows: pl.DataFrame) -> bytes:
    return text_table(kind, rows).write_csv(line_terminator="\r\n").encode()


def suppliers_toml() -> str:
    """Say who delivers what, as the file in the home says it."""
    known = {kind for kinds in SUPPLIERS.values() for kind in kinds}
    lines = []
    for supplier, own in SUPPLIERS.items():
        lines += [f'["{supplier}"]', 'contact = "张工 000"', f'["{supplier}".kinds]']
        for kind in own or [kind for kind in KINDS if kind not in known and not _ours(kind)]:
            mode, cadence = ("part", "monthly") if kind in PARTS else ("full", "nightly")
            due = f"due_day = {DUE_DAY}, " if cadence == "monthly" else ""
            lines.append(
                f'"{file_title(kind)}" = {{ mode = "{mode}", cadence = "{cadence}", {due}'
                f'deadline = "03:00", max_age_days = 60 }}'
            )
    return "\n".join(lines) + "\n"


def _ours(kind: str) -> bool:
    return kind in ("clerical_decisions", "clerical_links", "objections")


@dataclass
class Year:
    """A home, its clock, its inbox; what befell it, and what was expected to be told."""

    home: Home
    inbox: Inbox
    chance: random.Random
    now: datetime = FIRST_NIGHT
    told: Counter[str] = field(default_factory=Counter)
    unrun: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        """Return the simulated moment."""
        return self.now

    def night(self, day: date, arrive: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Run one night by the simulated clock; `arrive`: what comes while it waits."""

        def pause(seconds: float) -> None:
            self.now += timedelta(seconds=seconds)
            if self.now.minute >= 40:
                arrive()

        began = time.monotonic()
        waiting = Waiting(self.clock, pause, every_seconds=600)
        request = NightRequest(self.home, day, inbox=True, waiting=waiting)
        summary = told_night(
            self.home,
            day.isoformat(),
            lambda: run_night(request, Progress()),
            "nightly",
            clock=self.clock,
        )
        self.seconds.append(time.monotonic() - began)
        return summary

    def live(self, number: int, day: date) -> None:
        """Let one day pass, with what befalls it."""
        mishap = MISHAPS.get(number, "")
        if number > max(MISHAPS) and self.chance.randrange(EVERY_SO_MANY) == 0:
            mishap = self.chance.choice(OFTEN)
        self.told[mishap or "nothing"] += 1
        self.now = datetime.combine(day, datetime.min.time(), CHINA) + timedelta(hours=2)
        befall = {"never ran": self._never_ran, "killed": self._killed, "disk full": self._full}
        if mishap in befall:
            self.inbox.put_all(day)
            befall[mishap](day)
        elif mishap:
            self._delivered_badly(mishap, day)
        else:
            self.inbox.put_all(day)
            self.night(day)
        self._timer(day)

    def _delivered_badly(self, mishap: str, day: date) -> None:
        inbox, whose = self.inbox, "社保中心"
        inbox.put_all(day, but=[whose])
        files = inbox.texts(whose, day, every_month=mishap in ("lacking", "wrong", "out of order"))
        if mishap == "in time":
            self.night(day, lambda: inbox.put(whose, inbox.texts(whose, day, every_month=False)))
            return
        if mishap == "late":
            self.night(day)
            inbox.put(whose, files)
            return
        if mishap == "doubled":
            inbox.put(whose, files)
            inbox.put(
                "公安分局", {f"又一份{name}": text for name, text in files.items()}, by_note=False
            )
        elif mishap == "renamed":
            name = f"{file_title('insured_persons')}.csv"
            inbox.put(whose, files | {name: files[name].replace("姓名".encode(), "称呼".encode())})
        elif mishap == "lacking":
            inbox.put(whose, files | self._spoilt(mishap, day))
            with pytest.raises(GateStoppedError, match="evidence_kept"):
                self.night(day)
            # The supplier is asked, and delivers anew.
            inbox.put(whose, inbox.texts(whose, day, every_month=True))
        elif mishap == "wrong":
            inbox.put(whose, files | self._spoilt(mishap, day))
        elif mishap == "rubbish":
            inbox.put(whose, files | {"~$个人参保信息.csv": b"x", "会议通知.docx": b"x"})
        elif mishap != "missing":
            inbox.put(whose, files)
        if mishap == "clock back":
            self.night(day)
            self.now = datetime.combine(day, datetime.min.time(), CHINA) + timedelta(hours=1)
        self.night(day)

    def _spoilt(self, mishap: str, day: date) -> dict[str, bytes]:
        """Spoil a late month of contributions: rows that are missing, or are another's sums."""
        kind = "contributions"
        rows = known_on(KINDS[kind], self.inbox.facts[kind], day)
        # Of the month before the last nearly all came on earlier nights: what lacks stood there.
        before = (day.replace(day=1) - timedelta(days=1)) if mishap == "lacking" else day
        month = rows.filter(pl.col("month") < month_of(before))["month"].max()
        rows = rows.filter(pl.col("month") == month)
        if mishap == "lacking":
            rows = rows.head(rows.height * 9 // 10)
        else:
            rows = rows.with_columns(pl.col("unit_fen") * 2, pl.col("base_fen") * 2)
        assert isinstance(month, int)
        return {f"{month // 100}年{month % 100}月{file_title(kind)}.csv": _csv(kind, rows)}

    def _never_ran(self, day: date) -> None:
        self.unrun.append(day.isoformat())

    def _killed(self, day: date) -> None:
        """Kill a night somewhere; whoever looks is told, and the same night runs again."""
        words = [sys.executable, "-m", "tests.night.year", "--night", str(self.home.root), str(day)]
        night = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        lines = len(read_lines(self.home.nights_path))
        while len(read_lines(self.home.nights_path)) == lines and night.poll() is None:
            time.sleep(0.05)
        time.sleep(self.chance.uniform(0.0, 2.5))
        night.send_signal(signal.SIGKILL)
        is_killed = night.wait() == -signal.SIGKILL
        assert (read_nights(self.home)[-1].state == "killed") == is_killed
        self.told["killed in the middle"] += is_killed
        self.now += timedelta(minutes=5)
        tell(self.home, self.now)
        self.night(day)

    def _full(self, day: date) -> None:
        with filling(self.chance.randrange(20, 200)):
            try:
                self.night(day)
            except (MachineDeniedError, WuxingError, OSError):
                self.told["refused by a full disk"] += 1
        self.now += timedelta(hours=1)
        self.night(day)

    def _timer(self, day: date) -> None:
        """Look at the status as the timer does, twice within the quarter of an hour after two."""
        for minutes in (135, 135, 600):
            self.now = datetime.combine(day, datetime.min.time(), CHINA)
            self.now += timedelta(minutes=minutes)
            tell(self.home, self.now)

    def pay(self) -> None:
        """Sign and release every draft."""
        with open_ledger(self.home) as ledger:
            states = ledger.batch_states()
        for batch, state in states.items():
            if state.state == "draft":
                for role in ("reviewer", "approver"):
                    sign_batch(self.home, batch, role, key_of(self.home, role))
                release_batch(self.home, batch)
                self.told["batches paid"] += 1


def live_a_year(root: Path, nights: int, persons: int, seed: int) -> dict[str, Any]:
    """Live so many nights and hold what came out against one run over the final facts.

    Raises:  AssertionError saying what is amiss
    """
    one_place()
    chance, last = random.Random(seed), FIRST + timedelta(days=nights - 1)
    facts = final_facts(root, persons, seed, last)
    year = _founded(root, facts, chance)
    days = [FIRST + timedelta(days=number) for number in range(nights)]
    year.inbox.put_all(FIRST, every_month=True)
    for number, day in enumerate(days):
        # On the last day everybody has delivered all.
        if day == last:
            year.inbox.put_all(day, every_month=True)
            year.now = datetime.combine(day, datetime.min.time(), CHINA) + timedelta(hours=2)
            year.night(day)
            year.pay()
            year.night(day)
            break
        year.live(number, day)
        if number % PAID_EVERY == PAID_EVERY - 1:
            year.pay()
    _expect_nothing_amiss(year, days)
    verify_home(year.home)
    return {**_expect_the_right_money(root, year, last), **_counted(year)}


def _founded(root: Path, facts: Rows, chance: random.Random) -> Year:
    home = new_home(root / "home", BUDGET)
    text = home.funds_path.read_text(encoding="utf-8")
    text = text.replace(f"2020 = {BUDGET}", f"2020 = {BUDGET}\n2021 = {BUDGET}")
    home.funds_path.write_text(text, encoding="utf-8")
    home.suppliers_path.write_text(suppliers_toml(), encoding="utf-8")
    sink = root / "alerts.txt"
    # A line for each: `cat` is the way out.
    home.settings_path.write_text(
        '[night]\ntime = "02:00"\n[alerts]\nwarned_above = 1000\n[alerts.command]\n'
        f'run = ["/bin/sh", "-c", "tr -d \'\\\\n\' >> {sink}; echo >> {sink}"]\n',
        encoding="utf-8",
    )
    return Year(home, Inbox(home.root / "inbox", facts, chance), chance)


def _expect_nothing_amiss(year: Year, days: list[date]) -> None:
    """No night is silently missing, and everything that was to be told was told once."""
    good = {night.as_of for night in read_nights(year.home) if night.is_good}
    absent = [day.isoformat() for day in days if day.isoformat() not in good]
    assert absent == year.unrun, f"no good night for {absent}"
    text = (year.home.root.parent / "alerts.txt").read_text(encoding="utf-8")
    sent = [json.loads(line) for line in text.splitlines()]
    keys = Counter(alert["key"] for alert in sent)
    twice = [key for key, count in keys.items() if count > 1]
    assert not twice, f"told twice: {twice}"
    events = Counter(alert["event"] for alert in sent)
    missed = {key.removeprefix("missed:") for key in keys if key.startswith("missed:")}
    assert missed == set(year.unrun), (missed, year.unrun)
    failed = year.told["killed in the middle"] + year.told["refused by a full disk"]
    assert events["failed"] == failed, (events, year.told)
    assert events["stopped"] == year.told["lacking"], (events, year.told)
    assert not year.told["missing"] or events["late"], events
    year.told.update({f"told: {event}": count for event, count in events.items()})


def _expect_the_right_money(root: Path, year: Year, last: date) -> dict[str, Any]:
    """Every line is paid what one run over the final facts determines, or is asked back."""
    whole = Inbox(root / "final", year.inbox.facts, year.chance)
    for supplier in SUPPLIERS:
        for name, text in whole.texts(supplier, last, every_month=True).items():
            whole.folder.mkdir(exist_ok=True)
            (whole.folder / name).write_bytes(text)
    other = new_home(root / "other", BUDGET)
    request = NightRequest(other, last, drop=whole.folder)
    fresh_run = run_night(request, Progress())["run_id"]
    fresh = _entitlements(other, fresh_run)
    newest = [night.run_id for night in read_nights(year.home) if night.is_good][-1]
    lived = _entitlements(year.home, newest)
    status = [_statuses(home, run) for home, run in ((other, fresh_run), (year.home, newest))]
    assert status[0] == status[1], status
    paid = read_standing(year.home, last.year).paid.group_by(KEY).agg(pl.col("amount_fen").sum())
    lines = fresh.join(paid, on=KEY, how="full", coalesce=True).join(
        lived.select(*KEY, now=pl.col("status"), now_due=pl.col("due_fen")),
        on=KEY,
        how="left",
    )
    amiss = amiss_in(lines).to_dicts()
    assert not amiss, (Counter(line["policy_id"] for line in amiss), amiss[:5])
    return {
        "lines": lines.height,
        "paid_fen": int(paid["amount_fen"].sum()),
        "statuses": dict(sorted(lived["status"].value_counts().iter_rows())),
    }


def amiss_in(lines: pl.DataFrame) -> pl.DataFrame:
    """Find the lines that were not paid what one run over the final facts determines."""
    return lines.with_columns(paid_fen=_paid_for_the_same()).filter(~_is_right())


def _paid_for_the_same() -> pl.Expr:
    """Add up what a line was paid, under the other policy too where one of two stands."""
    once = [one for one in exclusions() if one.form == "larger_stands"]
    stands_for = {name: one.exclusion for one in once for name in one.policies}
    return (
        pl.col("amount_fen")
        .fill_null(0)
        .sum()
        .over(pl.col("policy_id").replace(stands_for), *KEY[1:])
    )


def _is_right() -> pl.Expr:
    """Say of each line that it is paid what is due, or not payable and not paid, or came down."""
    determined = pl.col("determined_fen").fill_null(0)
    amount, together = pl.col("amount_fen").fill_null(0), pl.col("paid_fen")
    is_payable = pl.col("status").is_in(["payable"])
    came_down = pl.col("now").is_in(["recovery", "unsupported"])
    return (
        pl.when(is_payable)
        .then((together == determined) | ((together > determined) & came_down))
        .otherwise((amount == 0) | came_down | (amount == determined))
    )


def _entitlements(home: Home, run_id: str) -> pl.DataFrame:
    return pl.read_parquet(home.runs / run_id / "entitlements.parquet")


def _statuses(home: Home, run_id: str) -> dict[str, Any]:
    policies = read_manifest(home.runs / run_id, "run")["policies"].items()
    return {name: (entry["status"], entry["reason"]) for name, entry in policies}


def _counted(year: Year) -> dict[str, Any]:
    told = {name: count for name, count in sorted(year.told.items()) if count}
    return {"befell": told, "seconds_a_night": round(sum(year.seconds) / len(year.seconds), 1)}


def _one_night(home: Home, day: date) -> None:
    """Run one night in a process of its own, to be killed."""
    one_place()
    moment = datetime.combine(day, datetime.min.time(), CHINA) + timedelta(hours=2)
    waiting = Waiting(lambda: moment, lambda _seconds: None)
    request = NightRequest(home, day, inbox=True, waiting=waiting)
    told_night(
        home,
        day.isoformat(),
        lambda: run_night(request, Progress()),
        "nightly",
        clock=lambda: moment,
    )


def main() -> None:
    if "--night" in sys.argv:
        _one_night(Home(Path(sys.argv[2])), date.fromisoformat(sys.argv[3]))
        return
    nights, persons, seed = (
        int(word) for word in [*sys.argv[1:], *("366", "5000", "11")[len(sys.argv) - 1 :]]
    )
    with tempfile.TemporaryDirectory(prefix="year-", ignore_cleanup_errors=True) as folder:
        told = live_a_year(Path(folder), nights, persons, seed)
    print(json.dumps(told, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    os.environ.setdefault("DO_NOT_TRACK", "1")
    main()
