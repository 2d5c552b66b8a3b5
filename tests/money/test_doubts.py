"""Doubts: what is planted is found, and what only looks like it is left alone."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.money.doubts import find_doubts
from sql import connect, register_tables
from sql.texts import doubt_names
from transforms.answers.traces import TRACE_SCHEMA
from transforms.extracts.kinds import KINDS, table_schema
from transforms.money.batches import INSTRUCTION_SCHEMA, LINE_SCHEMA
from transforms.money.entitlements import ENTITLEMENT_SCHEMA, FINDING_COLUMNS
from transforms.money.ledger import ENTRY_FIELDS
from transforms.review.doubts import AUDIT_FINDINGS, DOUBTS, doubt_counts, doubts_table
from transforms.words import word

AS_OF = date(2020, 3, 31)
PLANTED, HONEST = 20, 300
FUND = "失业保险基金"
BENEFIT, REFUND, HIRE = "benefit_to_retirement", "stability_refund", "new_hire_subsidy"
POST, FLEXIBLE = "public_post_extension", "flexible_insurance_extension"
PARTY_SCHEMA = dict.fromkeys(("subject_kind", "subject_id", "subject_name"), pl.String)


class Planter:
    """A town in rows, with what was planted in it: (doubt, subject) of each."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.lines: list[dict[str, Any]] = []
        self.names: list[dict[str, Any]] = []
        self.accounts: dict[str, str] = {}
        self.entries: list[dict[str, Any]] = []
        self.traces: list[dict[str, Any]] = []
        self.findings: list[dict[str, Any]] = []
        self.lapsed: list[dict[str, Any]] = []
        self.set_aside: list[dict[str, Any]] = []
        self.units_then: list[dict[str, str]] = []
        self.planted: set[tuple[str, str]] = set()
        self.count = 0

    def add(self, kind: str, **row: Any) -> None:
        self.rows.setdefault(kind, []).append(row)

    def person(self) -> str:
        self.count += 1
        identifier = f"370302{19700000 + self.count:08d}0010"[:17] + "X"
        self.names.append(
            {"subject_kind": "person", "subject_id": identifier, "subject_name": f"人{self.count}"}
        )
        return identifier

    def employer(self) -> tuple[str, str, int]:
        self.count += 1
        code, unit = f"91370302MA{self.count:08d}", f"U{self.count}"
        self.names.append(
            {"subject_kind": "employer", "subject_id": code, "subject_name": f"厂{self.count}"}
        )
        self.add("insured_units", unit_no=unit, employer_code=code, employer_key=self.count)
        return code, unit, self.count

    def line(self, policy: str, subject: str, fen: int, payee: str = "") -> None:
        payee = payee or subject
        kinds = ["employer" if one.startswith("9") else "person" for one in (subject, payee)]
        account = self.accounts.setdefault(payee, f"6222{len(self.accounts):015d}")
        self.lines.append(
            {
                "payment_id": f"P{policy}{payee}",
                "policy_id": policy,
                "period": "2020-03" if kinds[0] == "person" else "2020",
                "subject_kind": kinds[0],
                "subject_id": subject,
                "beneficiary_kind": kinds[1],
                "beneficiary_id": payee,
                "amount_fen": fen,
                "determined_fen": fen,
                "account_no": account,
            }
        )

    def lapse(self, subject: str, payee: str, fen: int) -> None:
        """Let something that was paid be without support: as the newest line otherwise."""
        row = {**self.lines[-1], "subject_id": subject, "beneficiary_id": payee}
        row |= {"determined_fen": 0, "paid_before_fen": fen, "status": "unsupported"}
        self.lapsed.append(row)

    def find(self, finding: str, subject: str, detail: str) -> None:
        told = {"finding": finding, "severity": "warning", "policy_id": "", "detail": detail}
        self.findings.append({**told, "subject_kind": "", "subject_id": subject})

    def pay(self, entry: dict[str, Any], *, comes_back: bool, stays: bool) -> None:
        """Post a payment that comes back, or that came back and was held after all."""
        self.entries.append({**entry, "kind": "payment"})
        kinds = ["return"] * (comes_back or stays) + ["restored"] * stays
        for kind in kinds:
            last = self.entries[-1]["idempotency_key"]
            told = {"kind": kind, "idempotency_key": f"{kind}|{last}", "reverses": last}
            self.entries.append({**entry, **told})

    def book(self, person: str, unit: str | None, month: int, *fens: int, **other: Any) -> None:
        """Let contributions of a month be booked once for each sum."""
        for fen in fens:
            told = {"person_id": person, "unit_no": unit, "month": month, "insurance": "养老"}
            told |= {"unit_fen": fen if unit else 0, "person_fen": fen, "entry": "正常"}
            told |= {"state": "已到账", "paid_on": date(2020, 3, 20)}
            self.add("contributions", **told | other)

    def claim(self, person: str, unit: str, from_month: int, to_month: int = 202012) -> None:
        self.add(
            "unemployment_benefits",
            **{"person_id": person, "person_key": int(person[:17]), "last_unit_no": unit},
            **{"from_month": from_month, "to_month": to_month, "benefit_type": "失业保险金"},
        )


def plant_findings(town: Planter) -> None:
    """The run found it of subject or payee; honest: found of others, or something else found."""
    for finding in AUDIT_FINDINGS:
        for place in range(PLANTED):
            subject, (payee, _, _) = town.person(), town.employer()
            town.line(HIRE, subject, 1_000_00, payee)
            town.find(finding, (subject, payee)[place % 2], "persons, other: 3, 9137")
            town.find(finding, town.person(), "persons, other: 4, 9138")
            town.planted.add((finding, subject))
            honest = town.person()
            town.line(BENEFIT, honest, 171_900)
            town.find("two_ids_one_name", honest, "same name and birth date as 3703")


def plant_accounts(town: Planter) -> None:
    """Two payees on one account, an account that is another line's wage card; honest: one's own."""
    for _ in range(PLANTED):
        one, other = town.person(), town.person()
        town.accounts[other] = town.accounts.setdefault(one, f"6228{town.count:015d}")
        for person in (one, other):
            town.line(BENEFIT, person, 171_900)
            town.planted.add(("shared_account", person))
        owner, taker, alone = town.person(), town.person(), town.person()
        for person in (owner, taker, alone):
            town.line(BENEFIT, person, 171_900)
        card, own = town.accounts[taker], town.accounts[alone]
        # Somebody of no line may have had the account before.
        for person, paid_to in ((owner, card), (alone, own), (town.person(), own)):
            wage = {"month": 202001, "paid_on": date(2020, 1, 15)}
            town.add("payroll", person_id=person, account_no=paid_to, **wage)
        town.planted.add(("account_of_other", taker))


def plant_sums(town: Planter) -> None:
    """Whole thousands where sums are seldom so; honest: a rate that is the same for everybody."""
    for place in range(HONEST):
        code, _, _ = town.employer()
        town.line(REFUND, code, 1_000_37 * (place + 1))
        town.line(HIRE, code, 1_000_00)
    for place in range(PLANTED):
        code, _, _ = town.employer()
        town.line(REFUND, code, 1_000_00 * (place + 1))
        town.planted.add(("round_sum", code))


def plant_ends(town: Planter) -> None:
    """Paid for months after death or in custody, by us or by others; honest: before and after,
    and what came back from the bank.
    """
    for place in range(PLANTED):
        person, alive = town.person(), town.person()
        if place % 2:
            town.add("deaths", person_id=person, died_on=date(2019, 6, 10))
            town.add("deaths", person_id=alive, died_on=date(2019, 6, 10))
        else:
            for one in (person, alive):
                town.add(
                    "custody",
                    **{"person_id": one, "from_date": date(2019, 6, 10)},
                    **{"to_date": date(2019, 9, 20)},
                )
        for one, period in ((person, "2019-07"), (alive, "2019-06"), (alive, "2019-07")):
            if place % 4 < 2:
                entry = {name: "" for name in ENTRY_FIELDS}
                entry |= {"policy_id": BENEFIT, "period": period, "subject_kind": "person"}
                entry |= {"subject_id": one, "beneficiary_kind": "person", "beneficiary_id": one}
                entry |= {"payment_id": f"P{one}", "fund": FUND, "budget_year": 2019}
                entry |= {"amount_fen": 5, "idempotency_key": f"payment|{period}|{one}"}
                town.pay(entry, comes_back=(one, period) == (alive, "2019-07"), stays=one == person)
            elif (one, period) != (alive, "2019-07"):
                town.claim(one, "U0", 201901, int(period[:4] + period[5:]))
        town.planted.add(("paid_after_end", person))


def plant_traces(town: Planter) -> None:
    """No trace in the months asked for; honest: a weak one within them."""
    for place in range(PLANTED):
        unseen, seen = town.person(), town.person()
        for person, backing in ((unseen, "none"), (seen, "weak")):
            town.line(BENEFIT, person, 171_900)
            trace = {name: town.lines[-1].get(name) for name in TRACE_SCHEMA}
            on = date(2018, 5, 31) if place % 2 or backing == "weak" else None
            town.traces.append({**trace, "trace_on": on, "backing": backing})
        town.planted.add(("paid_without_trace", unseen))


def plant_other_ids(town: Planter) -> None:
    """Paid under an id that stands no more; honest: another day of birth, amount, or employer."""
    for place in range(PLANTED):
        (payee, _, _), (other, _, _) = town.employer(), town.employer()
        one, same = town.person(), town.person()
        lapsed = same if place % 2 else f"{one[:14]}0030"[:17] + "X"
        policy, fen = (HIRE, 1_234_00) if place % 2 else (BENEFIT, 171_900)
        town.line(policy, one, fen, payee if place % 2 else one)
        town.lapse(lapsed, payee if place % 2 else lapsed, fen)
        town.planted.add(("paid_under_other_id", one))
        honest = town.person()
        town.line(policy, honest, fen, other if place % 2 else honest)
        if place % 4 == 0:
            # An id whose birth date was corrected: the name says it.
            name = town.names[-3]["subject_name"]
            lapsed = lapsed[:6] + f"1951{place:04d}" + lapsed[14:]
            town.lapsed[-1] |= {"subject_id": lapsed, "beneficiary_id": lapsed}
            town.names.append(
                {"subject_kind": "person", "subject_id": lapsed, "subject_name": name}
            )
        if place % 4 == 2:
            # An id of which no extract has a name any more: the account, or its holder, says it.
            lapsed = lapsed[:6] + f"1952{place:04d}" + lapsed[14:]
            town.lapsed[-1] |= {"subject_id": lapsed, "beneficiary_id": lapsed}
            kept = {"account_no": town.accounts[one]} if place % 8 == 2 else {"holder": f"持{one}"}
            town.entries.append(
                {**dict.fromkeys(ENTRY_FIELDS, ""), **town.lapsed[-1], **kept}
                | {
                    "kind": "payment",
                    "fund": FUND,
                    "idempotency_key": f"O{one}",
                    "budget_year": 2020,
                }
            )
        born_else = lapsed[:6] + "19600101" + lapsed[14:]
        town.lapse(born_else, payee if place % 2 else born_else, fen)


def plant_other_codes(town: Planter) -> None:
    """Paid to an employer of another code; honest: of another amount."""
    for place in range(PLANTED):
        (payee, _, _), (other, _, _), (gone, _, _) = (town.employer() for _ in range(3))
        person, fen = town.person(), 2_345_67 + place
        told, honest = (payee, other) if place % 2 else (person, town.person())
        policy = REFUND if place % 2 else POST
        for subject in (told, honest):
            due = fen if subject == told else fen + 5_000_00
            town.line(policy, subject, due, payee if subject == told else other)
            if place % 4 == 1 and subject == told:
                # An employer that took another in: its share comes on top of what was paid.
                town.lines[-1] |= {"determined_fen": 3 * due, "amount_fen": due + 1}
            lapsed = gone if place % 2 else subject
            town.lapse(lapsed, gone, fen if subject == told else due + 100)
        if place % 4 == 3:
            # Its insured units are the payee's now: whatever was paid it, by the other of a pair.
            town.lapsed[-2] |= {"policy_id": f"{REFUND}_difficult", "paid_before_fen": 7}
            town.units_then.append({"employer_code": gone, "unit_no": f"U{told[-8:].lstrip('0')}"})
            town.units_then.append({"employer_code": told, "unit_no": f"U{told[-8:].lstrip('0')}"})
        town.planted.add(("paid_under_other_id", told))


def plant_limited(town: Planter) -> None:
    """Paid for the same person elsewhere, which stands no more; honest: nothing limits it."""
    for place in range(PLANTED):
        (payee, _, _), (other, _, _) = town.employer(), town.employer()
        person, honest = town.person(), town.person()
        town.line(HIRE, person, 1_000_00, payee)
        town.lapse(person, other, 1_234_56)
        town.lapsed[-1]["status"] = ("recovery", "unsupported")[place % 2]
        town.planted.add(("paid_beyond_limit", person))
        town.line(BENEFIT, honest, 171_900)
        town.lapse(honest, honest, 1_234_56)
        town.lapsed[-1]["period"] = "2020-02"


def plant_asked_back(town: Planter) -> None:
    """Other money of the payee is asked back; honest: none is, or somebody else's."""
    for place in range(PLANTED):
        (payee, _, _), (honest, _, _), (other, _, _) = (town.employer() for _ in range(3))
        for code in (payee, honest):
            town.line(REFUND, code, 1_800_00)
        for code, status in ((payee, "recovery"), (honest, "superseded"), (other, "recovery")):
            town.lapse(code, code, 27_504_00)
            told = {"status": status, "due_fen": -27_504_00 if status == "recovery" else 0}
            town.lapsed[-1] |= {"policy_id": f"{REFUND}_difficult", "period": "2019", **told}
            town.lapsed[-1]["determined_fen"] = place % 2
        town.planted.add(("asked_back_beside", payee))


def plant_rows_set_aside(town: Planter) -> None:
    """A faulty row about a payee; honest: a row of another kind, or one that repeats another."""
    for place in range(PLANTED):
        told, honest = town.person(), town.person()
        for person in (told, honest):
            town.line(BENEFIT, person, 171_900)
        kind = ("deaths", "custody", "designations")[place % 3]
        row = {"kind": kind, "source_file": "a.csv", "source_line": place + 2}
        town.set_aside.append({**row, "rule": "unreadable_value", "subject_id": told})
        other = {"kind": "payroll"} if place % 2 else {"rule": "duplicate_row"}
        town.set_aside.append({**town.set_aside[-1], "subject_id": honest, **other})
        town.planted.add(("faulty_row", told))


def plant_grants_without_id(town: Planter) -> None:
    """It came back, and a row without our number covers it; honest: it did not, or a number is."""
    type_of, from_month = ("续发", "unemployment_benefits"), 202003
    for place in range(PLANTED):
        told, stood, named, earlier = (town.person() for _ in range(4))
        for person in (told, stood, named, earlier):
            town.line(BENEFIT, person, 171_900)
            entry = {"policy_id": BENEFIT, "subject_kind": "person", "beneficiary_kind": "person"}
            entry |= {"subject_id": person, "beneficiary_id": person, "period": "2020-03"}
            entry |= {"idempotency_key": f"G{person}", "payment_id": f"G{person}", "fund": FUND}
            town.pay(entry | {"amount_fen": 171_900}, comes_back=person != stood, stays=False)
            month = from_month - (person == earlier)
            town.add(
                type_of[1],
                **{"person_id": person, "person_key": int(person[:17]), "source_file": "b.csv"},
                **{"from_month": month, "to_month": month, "benefit_type": type_of[0]},
                **{"payment_id": "PX" if person == named else None, "source_line": place + 2},
            )
        town.planted.add(("granted_without_id", told))


def plant_bookings(town: Planter) -> None:
    """The line's own months are booked twice; honest: other sums, or what is no money twice."""
    for place in range(PLANTED):
        (payee, unit, _), (other, elsewhere, _) = town.employer(), town.employer()
        told, honest = town.person(), town.person()
        if place % 3 == 0:
            town.line(REFUND, payee, 5_000_31)
            town.line(REFUND, other, 5_000_31)
            town.book(told, unit, 201902, 32, 32, 32, insurance="失业")
            town.book(honest, elsewhere, 201902, 32, 33, insurance="失业")
            town.book(honest, elsewhere, 202002, 32, 32, insurance="失业")
            town.book(honest, elsewhere, 201902, 34, 34)
            town.planted.add(("booked_twice", payee))
            continue
        is_flexible = place % 3 == 1
        policy, own = (FLEXIBLE, None) if is_flexible else (POST, unit)
        for person in (told, honest):
            town.line(policy, person, 400_11 + place, "" if is_flexible else payee)
            town.book(person, own, 202003, 160)
        town.book(told, own, 202003, 160)
        town.book(honest, own, 202003, 80, 0, 0)
        town.book(honest, own, 202003, 160, entry="补缴")
        town.book(honest, own, 202003, 160, state="未到账")
        town.book(honest, own, 202003, 161, 161)
        town.book(honest, own, 202003, -161, entry="退费")
        town.book(honest, own, 202002, 160, 160)
        town.book(honest, own, 202003, 160, 160, insurance="工伤")
        if not is_flexible:
            town.book(honest, elsewhere, 202003, 7, 7)
        town.planted.add(("booked_twice", told))


def plant_returned_accounts(town: Planter) -> None:
    """The last payment to the account came back; honest: one before it, or of another account."""
    for place in range(PLANTED):
        told, later, other = (town.person() for _ in range(3))
        for person in (told, later, other):
            town.line(BENEFIT, person, 171_900)
            account = town.accounts[person]
            entry = {"policy_id": BENEFIT, "subject_kind": "person", "beneficiary_kind": "person"}
            entry |= {"subject_id": person, "beneficiary_id": person, "period": "2020-01"}
            entry |= {"idempotency_key": f"A{person}", "payment_id": f"A{person}", "fund": FUND}
            entry |= {"amount_fen": 171_900, "account_no": account if person != other else "6"}
            town.pay(entry, comes_back=place % 2 == 0 or person != told, stays=False)
            if person != other:
                again = {"idempotency_key": f"B{person}", "payment_id": f"B{person}"}
                again |= {"bank_says": "销户 20200420" if place else None}
                town.pay(entry | again, comes_back=person == told, stays=False)
        town.planted.add(("returned_account", told))


def found_in(town: Planter, folder: Path) -> pl.DataFrame:
    tables = {}
    for kind, rows in town.rows.items():
        tables[kind] = [folder / f"{kind}.parquet"]
        pl.DataFrame(rows, schema=table_schema(KINDS[kind])).write_parquet(tables[kind][0])
    connection = connect(threads=1)
    register_tables(connection, tables, AS_OF)
    lines = pl.DataFrame(town.lines)
    payees = lines.group_by("payment_id", "policy_id", "beneficiary_kind", "beneficiary_id").agg(
        pl.col("amount_fen").sum(),
        pl.col("account_no").min(),
        pl.len().alias("line_count"),
        pl.concat_str(pl.lit("持"), pl.col("beneficiary_id").first()).alias("holder"),
    )
    frames = {
        "lines": _with_all(lines, LINE_SCHEMA),
        "instructions": _with_all(payees, INSTRUCTION_SCHEMA),
        "unpaid_lines": _with_all(pl.DataFrame(town.lapsed), ENTITLEMENT_SCHEMA),
        "set_aside": pl.DataFrame(town.set_aside),
        "units_then": pl.DataFrame(town.units_then),
    }
    numbers = {"budget_year": pl.Int64, "amount_fen": pl.Int64}
    schema = {name: numbers.get(name, pl.String) for name in (*ENTRY_FIELDS, "bank_says")}
    entries = pl.DataFrame(town.entries, schema=schema)
    parties = pl.DataFrame(town.names, schema=PARTY_SCHEMA)
    manifest = {"fund": FUND, "as_of": AS_OF.isoformat()}
    traces = pl.DataFrame(town.traces, schema=TRACE_SCHEMA)
    findings = pl.DataFrame(town.findings, schema=dict.fromkeys(FINDING_COLUMNS, pl.String))
    return find_doubts(connection, manifest, frames, parties, entries, traces, findings)


def _with_all(rows: pl.DataFrame, schema: dict[str, Any]) -> pl.DataFrame:
    missing = [pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in rows.columns]
    return rows.with_columns(missing).select(pl.col(n).cast(t) for n, t in schema.items())


@pytest.fixture(scope="module")
def town() -> Planter:
    made = Planter()
    for plant in (
        plant_findings,
        plant_accounts,
        plant_sums,
        plant_ends,
        plant_traces,
        plant_other_ids,
        plant_other_codes,
        plant_limited,
        plant_asked_back,
        plant_rows_set_aside,
        plant_grants_without_id,
        plant_returned_accounts,
        plant_bookings,
    ):
        plant(made)
    return made


@pytest.fixture(scope="module")
def doubts(town: Planter, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return found_in(town, tmp_path_factory.mktemp("doubts"))


def rates(town: Planter, doubts: pl.DataFrame) -> Iterator[tuple[str, int, int, int]]:
    """Give per doubt how many are planted, found, and found where nothing is planted."""
    told = set(doubts.select("doubt", "subject_id").iter_rows())
    for code in DOUBTS:
        mine = {subject for doubt, subject in told if doubt == code}
        planted = {subject for doubt, subject in town.planted if doubt == code}
        yield code, len(planted), len(mine & planted), len(mine - planted)


def test_what_is_planted_is_found_and_the_precision_is_said(
    town: Planter, doubts: pl.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [*rates(town, doubts)]
    with capsys.disabled():
        print("\ndoubt                planted  found  recall  false  precision")
        for code, planted, found, false in told:
            precision = 100 * found // max(found + false, 1)
            recall = 100 * found // planted
            print(f"{code:20} {planted:7} {found:6} {recall:6}% {false:6} {precision:8}%")
    assert all(planted >= PLANTED for _, planted, _, _ in told)
    assert all(100 * found >= 95 * planted for _, planted, found, _ in told), told
    assert all(10 * false <= found for _, _, found, false in told), told


@pytest.mark.parametrize("code", DOUBTS)
def test_a_doubt_that_is_not_looked_for_is_missed(
    code: str, town: Planter, doubts: pl.DataFrame
) -> None:
    (found,) = (
        found
        for name, _, found, _ in rates(town, doubts.filter(pl.col("doubt") != code))
        if name == code
    )
    assert found == 0


def test_each_doubt_says_what_was_found_and_where_such_was_found_before(
    town: Planter, doubts: pl.DataFrame
) -> None:
    titles = {BENEFIT: "续发", REFUND: "稳岗返还"}
    table = doubts_table(doubts, titles, pl.DataFrame(town.names, schema=PARTY_SCHEMA))
    assert table.height == doubts.height == sum(doubt_counts(doubts).values())
    assert table["number"].to_list() == [*range(1, doubts.height + 1)]
    assert not table.select(pl.any_horizontal(pl.col("clue", "pattern") == "")).to_series().any()
    assert set(table["pattern"]) == {word(f"source_{code}") for code in DOUBTS}
    (clue, *_) = table.filter(
        pl.col("doubt") == word("booked_twice"), pl.col("policy_title") == "稳岗返还"
    )["clue"]
    assert clue.endswith("多出 2 笔：失业 201902")
    (given_back, clue, *_) = table.filter(pl.col("doubt") == word("returned_account"))["clue"]
    assert clue.endswith("X 销户 20200420") and given_back.endswith("X")
    (clue, *_) = table.filter(pl.col("doubt") == word("short_insured"))["clue"]
    assert clue == "在最后单位缴失业险月数、单位代码、起领年月：3, 9137"


def test_every_doubt_has_its_file_or_is_a_finding_of_the_run() -> None:
    assert {*doubt_names()} == {*DOUBTS, "audit_findings"} - {*AUDIT_FINDINGS}
