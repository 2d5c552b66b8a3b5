"""应享已享 against a recount in plain Python, after each step of random lives of a home."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from chinese_calendar import is_workday

from flows.answers.takeup import NAME, take_up_today, taken_up, takeup_lines
from flows.money import acts
from flows.money import batch as batch_module
from flows.money import release as release_module
from flows.money.batch import record_drafts
from flows.money.ledger_store import open_ledger
from flows.money.recover import record_recovered, recovered_act
from flows.money.release import release_batch
from flows.money.settle import late_return_act, settle_batch
from flows.money.sign import sign_batch, withdraw_batch
from flows.money.standing import read_standing
from flows.store import Home
from tests.ceremony import key_of
from tests.money.lives import answer_text
from tests.money.money_town import (
    ANN,
    AS_OF,
    BOB,
    ONE,
    TWO,
    Town,
    claim_none,
    determined_of,
    draw_up,
    leave_run,
    month,
    new_home,
    night,
    refund,
    run_name,
    sign_both,
)
from transforms.answers.takeup import GROUP, set_aside_rows
from transforms.errors import DropRefusedError, LedgerForbidsError
from transforms.money.batch_states import LEFT_BEHIND
from transforms.money.claims import CAUSE_SCHEMA
from transforms.money.entitlements import KEY
from transforms.money.exclusions import ROW

PLACES = ("paid", "signed", "drafted", "returned", "conflict", "held")
PAIR = {"stability_refund", "stability_refund_difficult"}
DUE = ("payable", "held", "conflict", "nothing_due", "recovery")
BOTH = ("reviewer", "approver")
SCHEMA = {"kind": pl.String, "rule": pl.String, "subject_id": pl.String}
Key = tuple[str, ...]
Row = dict[str, Any]


def key_in(row: Row) -> Key:
    return tuple(row[name] for name in KEY)


# --- the second reading: from the ledger's entries, the batches' lines and the entitlements -------


def working_day(day: date) -> date:
    while not is_workday(day):
        day += timedelta(days=1)
    return day


def entries_in(home: Home) -> list[Row]:
    with open_ledger(home) as ledger:
        of = {posting.sequence: posting.entry_count for posting in ledger.postings()}
        rows = ledger.entries_before(max(of) + 1).to_dicts()
    numbers = [number for number, count in of.items() for _ in range(count)]
    return [{**row, "sequence": number} for row, number in zip(rows, numbers, strict=True)]


def standing_payments(entries: list[Row]) -> Iterator[tuple[Row, int]]:
    """Each payment that was not taken back, and what is left of it."""
    reversed_ = {entry["reverses"] for entry in entries}
    for entry in entries:
        if entry["kind"] in ("payment", "restored") and entry["idempotency_key"] not in reversed_:
            line = (entry["payment_id"], key_in(entry))
            back = [e for e in entries if e["kind"] == "recovered"]
            given = sum(e["amount_fen"] for e in back if (e["payment_id"], key_in(e)) == line)
            if entry["amount_fen"] > given:
                yield entry, entry["amount_fen"] - given


def lines_in(home: Home, batch_id: str) -> list[Row]:
    return pl.read_parquet(home.batches / batch_id / "lines.parquet").to_dicts()


def found_on(home: Home, key: Key) -> date | None:
    with open_ledger(home) as ledger:
        runs = ledger.books().runs
    for run_id, run in runs.items():
        rows = pl.read_parquet(home.runs / run_id / "entitlements.parquet").to_dicts()
        if any(key_in(r) == key and r["status"] in DUE and r["determined_fen"] > 0 for r in rows):
            return date.fromisoformat(run["as_of"])
    return None


class Sums:
    """What each key has in each place; `since`: what came back after it, None: it is tonight."""

    def __init__(self, home: Home, entitled: list[Row], since: int | None) -> None:
        self.of: dict[str, Counter[Key]] = {place: Counter() for place in (*PLACES, "ever")}
        self.days: dict[Key, list[date]] = defaultdict(list)
        self.loses = {
            key_in(r): (r["reason"], *key_in(r)[1:])
            for r in entitled
            if r["status"] == "superseded" and {r["policy_id"], r["reason"]} == PAIR
        }
        with open_ledger(home) as ledger:
            self.states, newest = ledger.batch_states(), ledger.books().newest_run
        self.post(entries_in(home), since)
        for name, state in self.states.items():
            if state.state == "signed" and not state.mark:
                self.add("signed", lines_in(home, name), "amount_fen")
            elif since is not None and (state.run_id, state.state) == (newest, "draft"):
                self.add("drafted", lines_in(home, name), "amount_fen")
        if since is None:
            self.add("drafted", [r for r in entitled if r["status"] == "payable"], "due_fen")

    def key(self, row: Row) -> Key:
        """The key a row counts under: that of the refund that stands for it."""
        return self.loses.get(key_in(row), key_in(row))

    def add(self, place: str, lines: list[Row], name: str) -> None:
        for line in lines:
            self.of[place][self.key(line)] += line[name]

    def post(self, entries: list[Row], since: int | None) -> None:
        for entry, fen in standing_payments(entries):
            self.of["paid"][self.key(entry)] += fen
            as_of = date.fromisoformat(self.states[entry["batch_id"]].as_of)
            self.days[self.key(entry)].append(working_day(as_of))
        for entry in entries:
            self.of["ever"][self.key(entry)] += entry["kind"] == "return"
            if since is not None and entry["sequence"] > since:
                sign = {"return": 1, "recovered": 1, "restored": -1}.get(entry["kind"], 0)
                self.of["returned"][self.key(entry)] += sign * entry["amount_fen"]

    def places(self, row: Row) -> dict[str, int]:
        left, at = row["determined_fen"], dict.fromkeys(PLACES, 0)
        for place in PLACES[:4]:
            at[place] = min(left, max(0, self.of[place][key_in(row)]))
            left -= at[place]
        at["conflict" if row["status"] == "conflict" else "held"] = left
        return at


def fact_day(home: Home, key: Key, tonight: date) -> date:
    year, _, number = key[1].partition("-")
    if not number:
        return found_on(home, key) or tonight
    following = (int(year) + int(number) // 12, int(number) % 12 + 1)
    return date(*following, 1) - timedelta(days=1)


def recount(home: Home, entitled: list[Row], since: int | None, tonight: date) -> dict[Any, Row]:
    """Count anew, row by row, by policy and period."""
    sums = Sums(home, entitled, since)
    told: dict[Any, Row] = {}
    for row in (row for row in entitled if row["status"] in DUE):
        key, at = key_in(row), sums.places(row)
        more = max(0, sums.of["paid"][key] - row["determined_fen"])
        is_row = row["status"] != "recovery" or row["determined_fen"] > 0
        if not is_row and not more:
            continue
        one = told.setdefault(key[:2], {"days": [], "counts": Counter()})
        one["counts"].update({f"{place}_fen": fen for place, fen in at.items()})
        one["counts"].update(entitled_fen=row["determined_fen"], to_recover_fen=more, rows=is_row)
        if is_row:
            order = ("conflict", "held", "returned", "drafted", "signed")
            one["counts"][f"{next((p for p in order if at[p]), 'paid')}_rows"] += 1
            one["counts"]["came_back_rows"] += sums.of["ever"][key] > 0
        if at["paid"]:
            one["days"].append((max(sums.days[key]) - fact_day(home, key, tonight)).days)
    return told


def nearest_rank(days: list[int], percent: int) -> int | None:
    """The smallest of the days that at least so many in a hundred do not exceed."""
    fits = [d for d in days if sum(other <= d for other in days) * 100 >= percent * len(days)]
    return min(fits, default=None)


def expect_same(found: list[Row], counted: dict[Any, Row], seen: Counter[str]) -> None:
    assert {(row["policy_id"], row["period"]) for row in found} == set(counted)
    for row in found:
        wanted = counted[row["policy_id"], row["period"]]
        named = ("rows", "entitled_fen", "to_recover_fen", "came_back_rows")
        names = [*named, *(f"{place}_{unit}" for place in PLACES for unit in ("fen", "rows"))]
        assert {n: row[n] for n in names} == {n: wanted["counts"][n] for n in names}, row
        ranks = {"median_days": 50, "p95_days": 95}
        assert {n: row[n] for n in ranks} == {
            n: nearest_rank(wanted["days"], percent) for n, percent in ranks.items()
        }
        assert row["arrived_rows"] == len(wanted["days"])
        assert row["entitled_fen"] == sum(row[f"{place}_fen"] for place in PLACES)
        assert row["rows"] == sum(row[f"{place}_rows"] for place in PLACES)
        seen.update({name: 1 for name in names if row[name]})
        seen["split"] += sum(bool(row[f"{place}_fen"]) for place in PLACES) > row["rows"]


# --- the lives ------------------------------------------------------------------------------------


def some_rows(chance: random.Random) -> list[Row]:
    """Determine something: two refunds of one employer, months that may be in conflict."""
    makers = [
        *(lambda fen, p=p, e=e: refund(fen, e, p) for p in sorted(PAIR) for e in (ONE, TWO)),
        *(
            lambda fen, who=who, of=of: month("benefit_to_retirement", who, fen, of)
            for who in (ANN, BOB)
            for of in ("2020-01", "2020-02")
        ),
        lambda fen: month("internship_subsidy", BOB, fen, "2020-02", payee=ONE),
        lambda fen: month("public_post_extension", ANN, fen, "2020-02", payee=TWO),
    ]
    return [make(100 * chance.randint(1, 4)) for make in makers if chance.random() < 0.6]


def causes(claims: pl.DataFrame) -> pl.DataFrame:
    """Of the first month nothing is asked back: what is paid too much of it is unsupported."""
    return claims.select(
        ROW,
        is_claim=pl.col("period") != "2020-01",
        cause=pl.lit("row_found"),
        cause_rows=pl.lit(""),
        sure_fen=0,
    ).cast(CAUSE_SCHEMA)


class Life:
    """One home; each act is the program's own."""

    def __init__(self, home: Home, number: int) -> None:
        self.home, self.chance, self.nights = home, random.Random(number), 0
        self.seen: Counter[str] = Counter()
        self.recorded = 0
        (home.snapshots / "S").mkdir(parents=True, exist_ok=True)

    def step(self) -> None:
        acts_ = (self.night, self.sign, self.pay, self.pay, self.leave, self.answer, self.recover)
        act = self.night if not self.nights else self.chance.choice(acts_)
        self.seen[act.__name__] += 1
        with suppress(LedgerForbidsError, DropRefusedError):
            act()
        told = take_up_today(self.home)
        entitled = self.entitled(told["run_id"])
        expect_same(told["periods"], recount(self.home, entitled, self.recorded, AS_OF), self.seen)
        assert told["total"]["entitled_fen"] == sum(one["entitled_fen"] for one in told["periods"])
        self.seen.update({row["status"]: 1 for row in entitled})

    def entitled(self, run_id: str) -> list[Row]:
        return pl.read_parquet(self.home.runs / run_id / "entitlements.parquet").to_dicts()

    def night(self) -> None:
        home, as_of = self.home, AS_OF + timedelta(days=self.nights)
        self.nights += 1
        label, rows, town = f"N{self.nights}+", some_rows(self.chance), Town()
        town.accounts = [a for a in town.accounts or [] if self.chance.random() < 0.8]
        determined = determined_of(home.root / "extracts", rows, town)
        run_id = run_name(label, as_of)
        entitled, drafted = draw_up(home, run_id, determined, as_of, causes)
        folder = home.runs / run_id
        folder.mkdir(parents=True)
        snapshot = home.snapshots / "S"
        pl.DataFrame(schema=SCHEMA).write_parquet(snapshot / "quarantine.parquet")
        known = pl.DataFrame(rows).lazy()
        standing = read_standing(home, as_of.year)
        taken = taken_up(home, as_of, entitled.entitlements, known, snapshot, standing)
        counted = recount(home, entitled.entitlements.to_dicts(), None, as_of)
        expect_same(taken.by(*GROUP).to_dicts(), counted, self.seen)
        taken.by(*GROUP).write_parquet(folder / f"{NAME}.parquet")
        leave_run(home, label, as_of, entitled, rows)
        with open_ledger(home) as ledger:
            self.recorded = ledger.position() + 1
            record_drafts(home, drafted, ledger)
        again = taken_up(home, as_of, entitled.entitlements, known, snapshot, standing)
        assert again.by(*GROUP).equals(taken.by(*GROUP)), "the same night again is the same"

    def batches(self, *states: str) -> list[str]:
        with open_ledger(self.home) as ledger:
            return [n for n, s in ledger.batch_states().items() if s.state in states]

    def sign_as(self, batch: str, role: str) -> None:
        # Who signs knows that nothing was paid of what was left.
        sign_batch(
            self.home, batch, role, key_of(self.home, role), unpaid=self.batches(*LEFT_BEHIND)
        )

    def sign(self) -> None:
        for batch in self.batches("draft", "signed")[-1:]:
            self.sign_as(batch, self.chance.choice(BOTH))

    def pay(self) -> None:
        for batch in self.batches("draft", "signed")[-1:]:
            for role in BOTH:
                with suppress(LedgerForbidsError):
                    self.sign_as(batch, role)
            release_batch(self.home, batch)

    def leave(self) -> None:
        for batch in self.batches("draft", "signed")[:1]:
            if self.chance.random() < 0.5:
                withdraw_batch(self.home, batch, "因", "甲")
            else:
                sign_batch(self.home, batch, BOTH[0], key_of(self.home, BOTH[0]), reason="因")

    def answer(self) -> None:
        """Some payments of a batch arrive or come back; what had arrived comes back late."""
        for batch in self.batches("released", "settled")[-1:]:
            payments = sorted({line["payment_id"] for line in lines_in(self.home, batch)})
            said = {p: self.chance.random() < 0.5 for p in payments if self.chance.random() < 0.7}
            path = self.home.root.parent / "answer.txt"
            if not said:
                return
            # A later day may say otherwise than an earlier one did.
            day = str(20200410 + min(self.seen["answer"], 20))
            text = "".join(f"{line[:-8]}{day}\r\n" for line in answer_text(said).splitlines())
            path.write_bytes(text.encode("gb18030"))
            try:
                settle_batch(self.home, batch, path)
            except LedgerForbidsError:
                act = late_return_act(self.home, batch, path)
                act = acts.countersign(act, [key_of(self.home, role) for role in BOTH])
                settle_batch(self.home, batch, path, act)

    def recover(self) -> None:
        with open_ledger(self.home) as ledger:
            rows = ledger.paid_lines().to_dicts()
        if rows:
            row = self.chance.choice(rows)
            named = {name: row[name] for name in ("period", "subject_id")}
            fen = self.chance.choice([row["amount_fen"], 100, 50])
            number = f"收据{self.chance.random()}"
            act = recovered_act(self.home, row["payment_id"], fen, number, named)
            act = acts.countersign(act, [key_of(self.home, role) for role in BOTH])
            record_recovered(self.home, act)


@pytest.fixture
def lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    monkeypatch.setattr(batch_module, "review_files", lambda *_: ({"review.xlsx": b"played"}, {}))
    monkeypatch.setattr(release_module, "papers_of", lambda *_: {})
    yield Life(new_home(tmp_path / "home"), 20201127)


def test_a_second_reading_counts_the_same_after_each_step(lives: Life) -> None:
    for _ in range(60):
        lives.step()
    happened = (*DUE, "superseded", "unsupported", *(f"{place}_fen" for place in PLACES))
    happened += ("came_back_rows", "to_recover_fen", "returned_rows", "split", "recover", "leave")
    assert [name for name in happened if lives.seen[name] < 3] == [], lives.seen
    told = take_up_today(lives.home)
    assert [one["as_of"] for one in told["nights"]] == [
        (AS_OF + timedelta(days=number)).isoformat() for number in range(lives.nights)
    ]
    assert len(takeup_lines(told)) == len(told["policies"]) + lives.nights + 7


@pytest.mark.parametrize("causes", [None, claim_none])
def test_what_is_signed_and_not_released_is_nowhere_to_be_recovered(
    tmp_path: Path, causes: Any
) -> None:
    home, rows = new_home(tmp_path / "home"), [month("benefit_to_retirement", BOB, 1719_00)]
    (batch,) = night(home, "R1+", rows)[1].batches
    sign_both(home, batch.batch_id)
    night(home, "R2+", [month("benefit_to_retirement", ANN, 700)], causes=causes)
    told = take_up_today(home)
    assert (told["total"]["paid_fen"], told["total"]["to_recover_fen"]) == (0, 0)
    assert told["unsupported_fen"] == 0


def test_rows_set_aside_are_counted_where_they_would_be_read() -> None:
    rows = [
        ("deaths", "bad_date", ANN),
        ("deaths", "bad_date", BOB),
        ("payroll", "bad_amount", ANN),
        ("payroll", "bad_person_id", None),
        ("deaths", "duplicate_row", ANN),
    ]
    quarantine = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    reads = [("a", "deaths"), ("a", "payroll"), ("b", "deaths"), ("c", "custody")]
    assert list(set_aside_rows(quarantine, reads).iter_rows()) == [("a", 3), ("b", 2)]
