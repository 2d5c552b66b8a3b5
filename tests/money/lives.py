"""Random lives of many batches against a model: never paid twice, never lost, never too much.

Every step is the program's own act on a home on disk: nights, also with inputs of before, reviews,
refusals, signatures, notices, releases, the bank's answers, late ones too, statements, recoveries,
objections; each may be cut short at any write to the disk and is then done again. Played are only
the rules' outcome (a few lines whose amounts change), the reviewer's pages and the paper, which
have their own tests.

    python -m tests.money.lives [STEPS] [SEED]
"""

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flows.answers.objections import register_objection
from flows.money import acts
from flows.money import batch as batch_module
from flows.money import entitle as entitle_module
from flows.money import release as release_module
from flows.money.batch import draft_batches, record_drafts
from flows.money.batch_folder import read_batch
from flows.money.entitle import build_entitlements
from flows.money.funds import read_funds
from flows.money.ledger_store import open_ledger
from flows.money.notice import write_notice
from flows.money.objections import FILE as OBJECTIONS
from flows.money.reconcile import reconcile_batch
from flows.money.recover import record_recovered, recovered_act
from flows.money.release import release_batch
from flows.money.review import post_review
from flows.money.settle import late_return_act, settle_batch
from flows.money.sign import sign_batch, withdraw_batch
from flows.money.standing import read_standing
from flows.money.verify import verify_home
from flows.money.whole import expect_whole
from flows.store import Home
from sql import register_frame, show_frame
from sql.texts import fact_path, policy_cards, sql_text
from tests.ceremony import key_of, one_place
from tests.money.money_town import (
    ANN,
    AS_OF,
    BOB,
    ONE,
    TWO,
    Town,
    claim_all,
    determined_of,
    leave_run,
    month,
    new_home,
    refund,
    run_name,
)
from transforms.amounts import yuan_text
from transforms.errors import LedgerForbidsError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.money.batch_states import LEFT_BEHIND
from transforms.money.entitlements import KEY
from transforms.money.reviews import VERDICTS, sort_lines
from transforms.policies.cards import PolicyStatus

Key = tuple[str, ...]
# What names a night: its day, what is due, a payee's bank, and all else that goes into it.
Named = tuple[date, tuple[tuple[Key, int], ...], int, *tuple[Any, ...]]
LINES: Mapping[Key, Callable[[int], dict[str, Any]]] = {
    tuple(make(1)[name] for name in KEY): make
    for make in (
        lambda fen: refund(fen, ONE),
        lambda fen: refund(fen, TWO),
        lambda fen: month("benefit_to_retirement", ANN, fen),
        lambda fen: month("benefit_to_retirement", ANN, fen, "2020-03"),
        lambda fen: month("benefit_to_retirement", BOB, fen),
        lambda fen: month("internship_subsidy", BOB, fen, "2020-03", payee=ONE),
        lambda fen: month("internship_subsidy", ANN, fen, "2020-01", payee=ONE),
    )
}
KEYS = sorted(LINES)
# This policy ends in the midst of a life. Then another one pays for a month that it may have paid.
ENDS, RIVAL = "internship_subsidy", "flexible_insurance_extension"
(BEFORE,) = (key for key in KEYS if key[0] == ENDS and key[1] == "2020-03")
AFTER = (RIVAL, *BEFORE[1:4], "person", BOB)
BOTH = ("reviewer", "approver")
STEPS, SEED, STEPS_A_LIFE = 500, 2, 50
# Things happen between two nights: else nothing but nights would.
ACTS_A_NIGHT = 3
FIRST_DAY = date(2020, 1, 1)
DAYS = (AS_OF, AS_OF + timedelta(days=1))
FALLEN = ("recovery", "unsupported", "superseded", "held")


# --- the model: where each 分 is, and nothing of how it gets there -------------------------------


@dataclass
class Drawn:
    """A batch: its run's number, its lines' fen, and what was determined of each."""

    run: int
    lines: dict[Key, int]
    determined: dict[Key, int]
    bank: int
    state: str = "draft"
    roles: set[str] = field(default_factory=set)
    answered: dict[str, bool] = field(default_factory=dict)
    is_announced: bool = False


@dataclass
class Model:
    """What is due, and where each 分 of it is."""

    due: dict[Key, int] = field(default_factory=dict)
    paid: Counter[Key] = field(default_factory=Counter)
    struck: dict[Key, tuple[int, int, int]] = field(default_factory=dict)
    held: set[Key] = field(default_factory=set)
    objected: dict[Key, int] = field(default_factory=dict)
    batches: dict[str, Drawn] = field(default_factory=dict)
    runs: int = 0
    nights: list[Named] = field(default_factory=list)
    fallen: set[Key] = field(default_factory=set)
    known: dict[Key, int] = field(default_factory=dict)
    bank: int = 0
    known_bank: int = 0
    is_over: bool = False
    # What a clerk said: to ask back what the policy that is over paid; to let the other row stand.
    said: set[str] = field(default_factory=set)

    def reserved(self) -> Counter[Key]:
        total: Counter[Key] = Counter()
        for batch in self.batches.values():
            if batch.state == "signed":
                total.update(batch.lines)
        return total

    def night(self) -> dict[Key, tuple[str, int]]:
        """Say what tonight makes of each line: its status and what is due."""
        reserved, said = self.reserved(), {}
        # Who lets a row stand asks back what was paid for the other, while there is such a row.
        is_asked = "recovery" in self.said or ("conflict" in self.said and AFTER in self.due)
        for key in (*KEYS, AFTER):
            due, before = self.due.get(key, 0), self.paid[key] + reserved[key]
            # What was paid under a policy that is over stays, and nothing is said of it.
            is_over = self.is_over and key[0] == ENDS and not (is_asked and key == BEFORE)
            if is_over or (not due and not before):
                continue
            is_out = key in self.objected or self.struck.get(key) == (
                due,
                before,
                bank_of(key, self.bank),
            )
            status = "held" if is_out else "payable"
            if due <= before:
                status = "recovery" if due < before else "nothing_due"
            elif key == AFTER and self.paid[BEFORE] + reserved[BEFORE]:
                status = "held" if is_asked else "superseded"
            said[key] = (status, due - before)
        return said

    def stands(self, named: Named, said: Mapping[Key, tuple[str, int]]) -> bool:
        """Say whether a night is the newest from now on; then all other drafts are withdrawn.

        The newest again is nothing new, nor is one that was done before one of a later day, or of
        its own day and other extracts: nobody's drafts stand then, unless the newest is later.
        """
        since = self.nights[self.nights.index(named) :] if named in self.nights else [named]
        passed_over = any(
            night[0] > named[0] or (night[0] == named[0] and night[2] != named[2])
            for night in since
        )
        if named in self.nights[-1:]:
            return False
        if passed_over:
            if self.nights[-1][0] <= named[0]:
                self.withdraw_drafts()
            return False
        self.nights = [*(night for night in self.nights if night != named), named]
        self.runs, self.known, self.known_bank = self.runs + 1, dict(self.due), self.bank
        self.fallen = {key for key, (status, _) in said.items() if status in FALLEN}
        self.fallen |= self.objected.keys()
        self.withdraw_drafts()
        return True

    def withdraw_drafts(self) -> None:
        for batch in self.batches.values():
            batch.state = "withdrawn" if batch.state == "draft" else batch.state

    def may_release(self, batch: Drawn) -> bool:
        is_new = any(self.objected.get(key) == self.runs for key in batch.lines)
        has_fallen = batch.run != self.runs and bool(self.fallen & batch.lines.keys())
        has_moved = any(
            bank_of(key, batch.bank) != bank_of(key, self.known_bank) for key in batch.lines
        )
        is_signed = batch.state == "signed" and batch.roles == set(BOTH)
        # Past a later day's night, what one of an earlier day says pays nothing.
        is_stale = any(night[0] > self.nights[-1][0] for night in self.nights)
        return is_signed and not (is_new or has_fallen or has_moved or is_stale)


def bank_of(key: Key, bank: int) -> int:
    """Return at which bank a line is paid: one payee's account goes to and fro."""
    return bank if key[-1] == ONE else 0


# --- the machine ----------------------------------------------------------------------------------


class Killed(BaseException):
    """The machine is cut off in the middle of a write."""


@contextmanager
def cut_off_after(writes: int | None) -> Iterator[None]:
    """Kill whatever runs inside at its n-th write to the disk."""
    left = [writes or 0]
    really = {name: getattr(os, name) for name in ("replace", "fsync", "rename")}

    def counted(name: str) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return really[name](*words, **named)

        return call

    for name, call in really.items():
        setattr(os, name, counted(name) if writes else call)
    try:
        yield
    finally:
        for name, call in really.items():
            setattr(os, name, call)


@cache
def template() -> Home:
    """Make one home with its keys, to be copied for each life."""
    one_place()
    root = Path(
        tempfile.mkdtemp(prefix="lives-", dir="/dev/shm" if os.access("/dev/shm", 2) else None)
    )
    return new_home(root / "home")


@cache
def town() -> Any:
    return determined_of(template().root.parent / "extracts", [], Town())


def policies_of(*, is_over: bool) -> dict[str, PolicyStatus]:
    """Return what became of each policy: one that is over did not run."""
    stopped = PolicyStatus("not_run", None, None, None, [])
    over = {ENDS: stopped} if is_over else {}
    return {**town().policies, **over}


@contextmanager
def ended(*, is_over: bool) -> Iterator[None]:
    """Let a policy's time have passed on any night, though its months are inside its span."""
    cards = policy_cards()
    card = replace(cards[ENDS], force_to=date(2020, 3, 31), tail_months=-1)
    kept = entitle_module.policy_cards
    if is_over:
        entitle_module.policy_cards = lambda: {**cards, ENDS: card}
    try:
        yield
    finally:
        entitle_module.policy_cards = kept


class Lives(RuleBasedStateMachine):
    """One home and its batches; every rule is one act, done whole or cut off and done again."""

    steps: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="life-", dir=template().root.parent))
        self.home = Home(Path(shutil.copytree(template().root, self.root / "home")))
        self.model, self.day, self.acts = Model(), 0, 0
        self.objections: list[dict[str, Any]] = []
        self.decisions: list[dict[str, Any]] = []
        self.last_run: Path | None = None
        self.nights: dict[Named, str] = {}

    def teardown(self) -> None:
        self.money_is_where_the_model_says()
        with open_ledger(self.home) as ledger:
            expect_whole(self.home, ledger)
        verify_home(self.home)
        shutil.rmtree(self.root)

    def act(
        self, name: str, do: Callable[[], Any], writes: int | None, done: Callable[[], bool]
    ) -> Any:
        """Do one act; cut off, it is done again unless it turns out to be done."""
        Lives.steps[name] += 1
        self.acts += 1
        try:
            with cut_off_after(writes):
                return do()
        except Killed:
            Lives.steps["cut off"] += 1
            return None if done() else do()

    def state_of(self, batch_id: str) -> str:
        with open_ledger(self.home) as ledger:
            return ledger.batch_states()[batch_id].state

    def has(self, *states: str) -> bool:
        return any(batch.state in states for batch in self.model.batches.values())

    def chosen(self, place: int, *states: str) -> tuple[str, Drawn] | None:
        found = [(name, b) for name, b in self.model.batches.items() if b.state in states]
        return found[place % len(found)] if found else None

    # --- what happens ---

    @initialize(fens=st.lists(st.integers(0, 4), min_size=7, max_size=7), is_paid=st.booleans())
    def it_begins(self, fens: list[int], *, is_paid: bool) -> None:
        self.model.due = {key: 100 * fen for key, fen in zip(KEYS, fens, strict=True) if fen}
        self.a_night(None, AS_OF)
        while is_paid and self.has("draft"):
            self.a_batch_is_paid(0, None)

    @rule(place=st.integers(0, 6), fen=st.integers(0, 4))
    def the_town_changes(self, place: int, fen: int) -> None:
        Lives.steps["town"] += 1
        key = KEYS[place]
        if self.model.is_over and key[0] == ENDS:
            key = AFTER
        if key in self.model.objected:
            return
        self.model.due.pop(key, None)
        if fen:
            self.model.due[key] = 100 * fen

    @precondition(lambda self: self.acts >= ACTS_A_NIGHT and self.has("signed"))
    @rule(place=st.integers(0, 9), as_of=st.sampled_from(DAYS))
    def a_bank_changes(self, place: int, as_of: date) -> None:
        """By its number the account is the same: what is signed goes to the old one."""
        Lives.steps["bank"] += 1
        self.model.bank = 1 - self.model.bank
        self.a_night(None, as_of)
        found = self.chosen(place, "signed")
        assert found is not None, "a night leaves what is signed"
        self.release(*found, None)

    @precondition(lambda self: not self.model.is_over and self.model.paid[BEFORE])
    @rule(fen=st.integers(1, 4))
    def a_policy_ends(self, fen: int) -> None:
        if self.model.objected:
            return
        Lives.steps["policy ends"] += 1
        self.model.is_over = True
        self.model.due = {key: of for key, of in self.model.due.items() if key[0] != ENDS}
        self.model.due[AFTER] = 100 * fen

    @precondition(lambda self: self.model.is_over and self.model.paid[BEFORE])
    @rule(provision=st.sampled_from(["recovery", "conflict"]))
    def a_clerk_asks_it_back(self, provision: str) -> None:
        if provision in self.model.said:
            return
        Lives.steps["ask back" if provision == "recovery" else "let the other stand"] += 1
        self.model.said.add(provision)
        self.decide(BEFORE if provision == "recovery" else AFTER, provision, "是")

    @precondition(lambda self: self.acts >= ACTS_A_NIGHT)
    @rule(writes=st.none() | st.integers(1, 40), as_of=st.sampled_from(DAYS))
    def a_night(self, writes: int | None, as_of: date) -> None:
        self.acts, expected, named = 0, self.model.night(), self.named(as_of)
        is_again = named in self.nights
        of_bank = f"+{self.model.bank}" * bool(self.model.bank)
        label = self.nights.setdefault(named, f"N{len(self.nights)}{of_bank}")
        rows = [
            LINES[key](fen) if key in LINES else month(RIVAL, BOB, fen, AFTER[1])
            for key, fen in sorted(self.model.due.items())
        ]
        policies = policies_of(is_over=self.model.is_over)
        determined, home = town(), self.home
        extracts = template().root.parent / "extracts"
        shutil.copytree(extracts, home.root / "extracts", dirs_exist_ok=True)
        accounts = pl.read_parquet(extracts / "accounts.parquet")
        if self.model.bank:
            moved = pl.when(pl.col("subject_id") == ONE).then(pl.lit("102453000012"))
            accounts = accounts.with_columns(moved.otherwise("bank_code").alias("bank_code"))
            accounts.write_parquet(home.root / "extracts" / "accounts.parquet")
        show_frame(determined.connection, "accounts", accounts)
        self._show(rows)

        def do() -> Any:
            funds, standing = read_funds(home), read_standing(home, as_of.year)
            before = (self.last_run, as_of.isoformat())
            with ended(is_over=self.model.is_over):
                entitled = build_entitlements(
                    determined.connection, policies, standing, funds, claim_all, before
                )
            run_id = run_name(label, as_of)
            drafted = draft_batches(run_id, as_of, entitled, policies, funds, standing)
            folder = home.runs / run_id
            folder.mkdir(parents=True, exist_ok=True)
            if entitled.objections.height:
                entitled.objections.write_parquet(folder / OBJECTIONS)
            leave_run(home, label, as_of, entitled, rows)
            with open_ledger(home) as ledger:
                record_drafts(home, drafted, ledger)
            return entitled, drafted

        is_new = self.model.stands(named, expected)
        how = (
            "night" if not is_again else "night stands again" if is_new else "night changes nothing"
        )
        entitled, drafted = self.act(how, do, writes, lambda: False)
        self.last_run = self.home.runs / run_name(label, as_of) if is_new else self.last_run
        found = {
            tuple(row[name] for name in KEY): (
                row["status"],
                row["determined_fen"] - row["paid_before_fen"],
            )
            for row in entitled.entitlements.iter_rows(named=True)
        }
        assert found == expected, (found, expected)
        batched: Counter[Key] = Counter()
        for batch in drafted.batches:
            lines = amounts_of(batch.lines)
            batched.update(lines)
            before = self.model.batches.get(batch.batch_id)
            if is_new:
                drawn = Drawn(self.model.runs, lines, dict(self.model.due), self.model.bank)
                drawn.is_announced = before is not None and before.is_announced
                self.model.batches[batch.batch_id] = drawn
        payable = {key: fen for key, (status, fen) in expected.items() if status == "payable"}
        assert dict(batched) == payable, "every line that is payable is in one batch"
        held = self.model.held - {k for k, (status, _) in expected.items() if status != "payable"}
        assert all(key in batched for key in held if key in expected), "held lines come back"
        self.model.held &= set(batched)
        self.money_is_where_the_model_says()

    def named(self, as_of: date) -> Named:
        """Return all that names a night: with objections, the one they are held against too."""
        with open_ledger(self.home) as ledger:
            standing = ledger.state_digest()
        since = (self.last_run, len(self.objections)) if self.objections else ()
        due = tuple(sorted(self.model.due.items()))
        others = (standing, len(self.decisions), self.model.is_over, *since)
        return (as_of, due, self.model.bank, *others)

    @precondition(lambda self: self.acts >= ACTS_A_NIGHT)
    @rule(
        place=st.integers(0, 6),
        fen=st.integers(0, 4),
        days=st.tuples(*[st.sampled_from(DAYS)] * 2),
        writes=st.none() | st.integers(1, 40),
    )
    def a_night_again(
        self, place: int, fen: int, days: tuple[date, date], writes: int | None
    ) -> None:
        """One night, another, and then what went into the first is there once more."""
        self.a_night(None, days[0])
        due = dict(self.model.due)
        self.the_town_changes(place, fen)
        self.a_night(None, days[1])
        self.model.due = due
        self.a_night(writes, days[0])

    def _show(self, rows: Sequence[dict[str, Any]]) -> None:
        connection = town().connection
        frame = pl.DataFrame(list(rows), schema=DETERMINATIONS)
        register_frame(connection, "determinations", frame)
        for policy_id in sorted({key[0] for key in (*KEYS, AFTER)}):
            asked = frame.filter(pl.col("policy_id") == policy_id).select(*KEY[1:], "amount_fen")
            register_frame(connection, f"policy_{policy_id}", asked)
            given = asked.select(*KEY[1:], pl.lit("").alias("clerk_answers"))
            register_frame(connection, f"determination_{policy_id}", given)
        for kind, said in (("objections", self.objections), ("clerical_decisions", self.decisions)):
            show_frame(connection, kind, pl.DataFrame(said, schema=table_schema(KINDS[kind])))
        in_force = sql_text(fact_path("decisions_in_force"))
        connection.execute(f"create or replace table decisions_in_force as {in_force}")
        said = [{**one, "is_yes": one["decision"] == "是"} for one in self.decisions]
        texts = ("policy_id", "period", "subject_id", "beneficiary_id", "provision")
        schema = {**dict.fromkeys(texts, pl.String()), "is_yes": pl.Boolean()}
        answers = pl.DataFrame(
            [[one[name] for name in schema] for one in said], schema, orient="row"
        )
        register_frame(connection, "clerical_answers", answers)

    @precondition(lambda self: self.has("draft"))
    @rule(
        place=st.integers(0, 9),
        verdicts=st.lists(st.sampled_from(VERDICTS), min_size=7, max_size=7),
        writes=st.none() | st.integers(1, 25),
    )
    def a_review(self, place: int, verdicts: list[str], writes: int | None) -> None:
        found = self.chosen(place, "draft")
        if found is None:
            return
        name, batch = found
        stored = read_batch(self.home, name)
        lines = stored.frame("lines")
        said = pl.DataFrame({"verdict": verdicts[: lines.height], "remark": "因" * lines.height})
        said = said.with_columns(pl.lit("因").alias("remark"))
        workbook = f"{name}{self.day}"
        self.day += 1

        def do() -> Any:
            with open_ledger(self.home) as ledger:
                state = ledger.batch_states()[name]
                read = (workbook, "复核", {})
                return post_review(self.home, ledger, state, stored, sort_lines(lines, said), read)

        def done() -> bool:
            with open_ledger(self.home) as ledger:
                return bool(ledger.batch_states()[name].reviewed[-1:]) and (
                    ledger.batch_states()[name].reviewed[-1]["workbook"] == workbook
                )

        self.act("review", do, writes, done)
        with open_ledger(self.home) as ledger:
            successor = ledger.batch_states()[name].reviewed[-1]["successor"]
        by_key = dict(zip(lines.select(KEY).iter_rows(), verdicts, strict=False))
        before = dict(zip(by_key, lines["paid_before_fen"], strict=True))
        if set(by_key.values()) == {VERDICTS[0]}:
            assert not successor
            return
        batch.state = "superseded"
        for key, verdict in by_key.items():
            if verdict == VERDICTS[1]:
                self.model.held.add(key)
            elif verdict == VERDICTS[2]:
                bank = bank_of(key, batch.bank)
                self.model.struck[key] = (batch.determined[key], before[key], bank)
        agreed = {key: batch.lines[key] for key, v in by_key.items() if v == VERDICTS[0]}
        assert bool(agreed) is bool(successor)
        if successor:
            assert amounts_of(read_batch(self.home, successor).frame("lines")) == agreed
            self.model.batches[successor] = Drawn(batch.run, agreed, batch.determined, batch.bank)

    @precondition(lambda self: self.has("draft", "signed"))
    @rule(
        place=st.integers(0, 9),
        how=st.sampled_from(["reject", "withdraw"]),
        writes=st.none() | st.integers(1, 8),
    )
    def a_batch_is_left(self, place: int, how: str, writes: int | None) -> None:
        found = self.chosen(place, "draft", "signed")
        if found is None or place % 3:
            return
        name, batch = found
        to = "rejected" if how == "reject" else "withdrawn"

        def do() -> Any:
            if how == "withdraw":
                return withdraw_batch(self.home, name, "因", "甲")
            return sign_batch(
                self.home, name, "reviewer", key_of(self.home, "reviewer"), reason="因"
            )

        self.act(how, do, writes, lambda: self.state_of(name) == to)
        batch.state = to

    @precondition(lambda self: self.has("draft", "signed"))
    @rule(
        place=st.integers(0, 9),
        roles=st.sampled_from([BOTH, BOTH, BOTH, BOTH[:1], BOTH[1:]]),
        writes=st.none() | st.integers(1, 8),
    )
    def a_signature(self, place: int, roles: tuple[str, ...], writes: int | None) -> None:
        found = self.chosen(place, "draft", "signed")
        assert found is not None
        name, batch = found
        for role in sorted(set(roles) - batch.roles):
            self.sign(name, batch, role, writes)

    def sign(self, name: str, batch: Drawn, role: str, writes: int | None) -> None:
        def done() -> bool:
            with open_ledger(self.home) as ledger:
                return role in ledger.batch_states()[name].signatures

        # Who signs knows what he signed before, and that nothing was paid of what was left.
        left = [one for one, drawn in self.model.batches.items() if drawn.state in LEFT_BEHIND]
        do = partial(sign_batch, self.home, name, role, key_of(self.home, role), unpaid=left)
        self.act("sign", do, writes, done)
        batch.state, batch.roles = "signed", batch.roles | {role}

    @precondition(lambda self: self.has("draft", "signed"))
    @rule(place=st.integers(0, 9), writes=st.none() | st.integers(1, 8))
    def a_batch_is_paid(self, place: int, writes: int | None) -> None:
        found = self.chosen(place, "draft", "signed")
        assert found is not None
        name, batch = found
        self.a_notice(0, writes)
        for role in sorted(set(BOTH) - batch.roles):
            self.sign(name, batch, role, writes)
        self.release(name, batch, writes)

    @precondition(lambda self: self.has("draft", "signed"))
    @rule(place=st.integers(0, 9), writes=st.none() | st.integers(1, 8))
    def a_notice(self, place: int, writes: int | None) -> None:
        found = self.chosen(place, "draft", "signed")
        if found is None or place:
            return
        name, batch = found
        do = lambda: write_notice(self.home, name, "2020-04-01")  # noqa: E731
        if batch.roles and not batch.is_announced:
            # Who signed has seen that no notice was put up: none of an earlier day comes after it.
            with pytest.raises(LedgerForbidsError):
                do()
            Lives.steps["notice refused"] += 1
            return
        self.act("notice", do, writes, lambda: False)
        batch.is_announced = True

    @precondition(lambda self: self.model.batches)
    @rule(place=st.integers(0, 9), writes=st.none() | st.integers(1, 25))
    def a_release(self, place: int, writes: int | None) -> None:
        states = ("draft", "signed", "superseded", "withdrawn", "rejected", "released")
        found = self.chosen(place, *(["signed"] if place % 2 else states))
        if found is not None:
            self.release(*found, writes)

    def release(self, name: str, batch: Drawn, writes: int | None) -> None:
        do = lambda: release_batch(self.home, name)  # noqa: E731
        if not self.model.may_release(batch):
            try:
                do()
            except LedgerForbidsError:
                Lives.steps["release refused"] += 1
                return
            raise AssertionError(f"{name} is {batch.state} and was released")
        self.act("release", do, writes, lambda: self.completed(name))
        batch.state = "released"
        for key, fen in batch.lines.items():
            self.model.paid[key] += fen
            most = max(batch.determined[key], self.model.known.get(key, 0))
            assert self.model.paid[key] <= most, "never above what is determined"
        assert not (self.model.paid[BEFORE] and self.model.paid[AFTER]), "one month is paid once"

    def completed(self, name: str) -> bool:
        """Complete a release that was cut off after it was posted."""
        if self.state_of(name) != "released":
            return False
        try:
            release_batch(self.home, name)
        except LedgerForbidsError as already:
            assert "already released" in str(already), already
        return True

    @precondition(lambda self: self.has("released"))
    @rule(
        place=st.integers(0, 9),
        arrived=st.lists(st.none() | st.booleans(), min_size=7, max_size=7),
        writes=st.none() | st.integers(1, 8),
    )
    def an_answer(self, place: int, arrived: list[bool | None], writes: int | None) -> None:
        found = self.chosen(place, "released")
        if found is None:
            return
        name, batch = found
        payments = payments_of(self.home, name)
        fresh = {p: a for p, a in zip(payments, arrived, strict=False) if a is not None}
        fresh = {p: a for p, a in fresh.items() if p not in batch.answered}
        path = self.root / "answer.txt"
        path.write_bytes(answer_text(fresh).encode("gb18030"))
        if not fresh:
            return
        do = lambda: settle_batch(self.home, name, path)  # noqa: E731
        if not all(self.stands(p) for p, is_there in fresh.items() if not is_there):
            with pytest.raises(LedgerForbidsError, match="was given back"):
                do()
            return
        self.act("settle", do, writes, lambda: False)
        settle_batch(self.home, name, path)
        batch.answered |= fresh
        self.give_back(payments, [p for p, is_there in fresh.items() if not is_there])
        is_settled = len(batch.answered) == len(payments)
        batch.state = "settled" if is_settled else "released"
        assert self.state_of(name) == batch.state

    @precondition(lambda self: self.has("released", "settled"))
    @rule(place=st.integers(0, 9), writes=st.none() | st.integers(1, 8))
    def a_late_return(self, place: int, writes: int | None) -> None:
        found = self.chosen(place, "released", "settled")
        if found is None or place % 2:
            return
        name, batch = found
        payments = payments_of(self.home, name)
        there = [p for p, is_there in batch.answered.items() if is_there and self.stands(p)]
        if not there:
            return
        path = self.root / "late.txt"
        path.write_bytes(answer_text({there[0]: False}).encode("gb18030"))
        act = late_return_act(self.home, name, path)
        act = acts.countersign(act, [key_of(self.home, role) for role in BOTH])
        do = lambda: settle_batch(self.home, name, path, act)  # noqa: E731
        self.act("late return", do, writes, lambda: False)
        batch.answered[there[0]] = False
        self.give_back(payments, there[:1])

    def stands(self, payment: str) -> bool:
        """Say whether all that was paid by a payment still is: nothing of it was given back."""
        with open_ledger(self.home) as ledger:
            held = ledger.paid_lines().filter(pl.col("payment_id") == payment)["amount_fen"].sum()
            paid = ledger.entries_of(ledger.batches_of_payments()[payment], "payment")
        return bool(held == paid.filter(pl.col("payment_id") == payment)["amount_fen"].sum())

    def give_back(self, payments: Mapping[str, Mapping[Key, int]], returned: Sequence[str]) -> None:
        for payment in returned:
            for key, fen in payments[payment].items():
                self.model.paid[key] -= fen

    @precondition(lambda self: self.has("released", "settled"))
    @rule(place=st.integers(0, 9), writes=st.none() | st.integers(1, 8))
    def a_statement(self, place: int, writes: int | None) -> None:
        found = self.chosen(place, "released", "settled")
        if found is None:
            return
        name, batch = found
        path = self.root / "statement.txt"
        path.write_bytes(
            statement_text(payments_of(self.home, name), batch.answered).encode("gb18030")
        )
        do = lambda: reconcile_batch(self.home, name, path)  # noqa: E731
        self.act("reconcile", do, writes, lambda: False)

    @precondition(lambda self: self.has("released", "settled"))
    @rule(place=st.integers(0, 30), share=st.integers(1, 3), writes=st.none() | st.integers(1, 8))
    def a_recovery(self, place: int, share: int, writes: int | None) -> None:
        with open_ledger(self.home) as ledger:
            lines = ledger.paid_lines()
        if not lines.height or place % 3:
            return
        row = lines.row(place % lines.height, named=True)
        fen = max(row["amount_fen"] // share, 1)
        self.day += 1
        named = {"period": row["period"], "subject_id": row["subject_id"]}
        act = recovered_act(self.home, row["payment_id"], fen, f"收据{self.day}", named)
        act = acts.countersign(act, [key_of(self.home, role) for role in BOTH])

        def held() -> int:
            with open_ledger(self.home) as ledger:
                return int(ledger.paid_lines()["amount_fen"].sum())

        before = held()
        do = lambda: record_recovered(self.home, act)  # noqa: E731
        self.act("recover", do, writes, lambda: held() < before)
        self.model.paid[tuple(row[name] for name in KEY)] -= fen

    @precondition(lambda self: self.model.runs > 0)
    @rule(place=st.integers(0, 6), writes=st.none() | st.integers(1, 3))
    def an_objection(self, place: int, writes: int | None) -> None:
        key = KEYS[place]
        line = dict(zip(KEY, key, strict=True))
        is_as_determined = self.model.due.get(key) == self.determined_last(key)
        if key in self.model.objected or not is_as_determined or len(self.model.objected) > 1:
            return
        if self.model.is_over and key[0] == ENDS:
            return
        self.day += 1
        given = {
            **{name: line[name] for name in ("policy_id", "period", "subject_id")},
            **{"raised_by": "某人", "reason": f"第{self.day}次", "document_no": ""},
            "raised_on": str(FIRST_DAY + timedelta(days=self.day)),
        }
        do = lambda: register_objection(self.home, given)  # noqa: E731
        self.act("object", do, writes, lambda: False)
        raised_on = date.fromisoformat(given["raised_on"])
        self.objections.append({**given, "raised_on": raised_on, "document_no": None})
        self.model.objected[key] = self.model.runs

    def determined_last(self, key: Key) -> int | None:
        """Return what the last night determined of a line; None if it did nothing."""
        assert self.last_run is not None
        known = amounts_of(pl.read_parquet(self.last_run / "determinations.parquet"))
        return known.get(key)

    @precondition(lambda self: self.model.objected)
    @rule(place=st.integers(0, 6))
    def a_clerk_decides(self, place: int) -> None:
        weighed = [k for k, raised in self.model.objected.items() if raised < self.model.runs]
        if not weighed:
            return
        Lives.steps["decide"] += 1
        key = sorted(weighed)[place % len(weighed)]
        self.decide(key, "objection", "否")
        del self.model.objected[key]

    def decide(self, key: Key, provision: str, decision: str) -> None:
        line = dict(zip(KEY, key, strict=True))
        names = ("policy_id", "period", "subject_id", "beneficiary_id")
        said = {"provision": provision, "decision": decision, "decided_by": "某人"}
        self.decisions.append(
            {
                **{name: line[name] for name in names},
                **said,
                "decided_on": FIRST_DAY + timedelta(days=self.day),
            }
        )

    # --- what must hold ---

    def money_is_where_the_model_says(self) -> None:
        with open_ledger(self.home) as ledger:
            paid = amounts_of(ledger.paid_lines())
            states = {name: state.state for name, state in ledger.batch_states().items()}
            balances = ledger.connection.execute(
                "select sum(case when credit_account like 'fund:%' then -amount_fen "
                "when debit_account like 'fund:%' then amount_fen else 0 end) from entries"
            ).fetchone()
        wanted = {key: fen for key, fen in self.model.paid.items() if fen}
        assert paid == wanted, (paid, wanted)
        assert states == {name: batch.state for name, batch in self.model.batches.items()}
        assert (balances[0] or 0) == sum(paid.values()), "what left the funds is what is held"


DETERMINATIONS = determined_of.__globals__["DETERMINATION_SCHEMA"]


def amounts_of(lines: pl.DataFrame) -> dict[Key, int]:
    sums = lines.group_by(KEY).agg(pl.col("amount_fen").sum())
    return {tuple(row[:-1]): row[-1] for row in sums.iter_rows()}


def payments_of(home: Home, batch_id: str) -> dict[str, dict[Key, int]]:
    """Return each payment of a batch with its lines' fen."""
    lines = read_batch(home, batch_id).frame("lines").sort("payment_id")
    return {
        str(payment): amounts_of(rows)
        for (payment,), rows in lines.group_by("payment_id", maintain_order=True)
    }


def answer_text(answers: Mapping[str, bool]) -> str:
    lines = [
        f"{payment}|{'成功' if arrived else '失败'}|{'' if arrived else '销户'}|20200410"
        for payment, arrived in answers.items()
    ]
    return "\r\n".join([*lines, ""])


def statement_text(payments: Mapping[str, Mapping[Key, int]], answered: Mapping[str, bool]) -> str:
    lines = ["日期|借贷|金额|对方账号|对方户名|摘要"]
    for payment, of in payments.items():
        yuan = yuan_text(sum(of.values()))
        lines.append(f"20200401|借|{yuan}||某|代发 {payment}")
        if answered.get(payment) is False:
            lines.append(f"20200410|贷|{yuan}||某|退回 {payment}")
    return "\r\n".join([*lines, ""])


@contextmanager
def played() -> Iterator[None]:
    """Play what has tests of its own and takes long: the reviewer's pages, the paper."""
    kept = batch_module.review_files, release_module.papers_of
    batch_module.review_files = lambda *_: ({"review.xlsx": b"played"}, {})
    release_module.papers_of = lambda *_: {}
    try:
        yield
    finally:
        batch_module.review_files, release_module.papers_of = kept


def live(steps: int, number: int) -> Counter[str]:
    """Let so many steps happen, life after life; return how often what happened."""
    Lives.steps.clear()
    with played():
        while Lives.steps.total() - Lives.steps["cut off"] < steps:
            number += 1
            lives = settings(
                max_examples=10,
                stateful_step_count=STEPS_A_LIFE,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            run_state_machine_as_test(seed(number)(type("Life", (Lives,), {})), settings=lives)
    return Lives.steps


def main() -> int:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    number = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    try:
        told = live(steps, number)
    finally:
        shutil.rmtree(template().root.parent, ignore_errors=True)
    for name, count in sorted(told.items()):
        print(f"  {count:7,}  {name}")
    print(f"{told.total() - told['cut off']:,} steps, {told['cut off']:,} cut off; nothing amiss")
    return 0


if __name__ == "__main__":
    sys.exit(main())
