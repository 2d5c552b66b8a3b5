"""The planted cast: scenes of cast/*.yaml as rows of extracts, and the truth they must become.

The truth is what the scenes say by hand; nothing here runs a rule. A file of scenes is dated for
one as-of date and holds until another (`until`); for other dates its scenes are left out, whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from data_samples.town.background import complete
from data_samples.town.naming import GIVEN, SURNAMES
from data_samples.town.scene_rows import tables_of
from data_samples.town.scenes import DEFAULTS, Case, fen, is_employer, keys_in, read_scenes
from transforms.digest import text_digest

CAST = Path(__file__).parent / "cast"
# Case numbers whose divisions, 420000 to 659999, nobody of the background bears.
FIRST_NUMBER, NUMBERS = 50_000, 240_000
SAME_HOLDER = "户名相同"
TRADES = ("精密机械", "建材", "纺织", "食品", "物流", "餐饮管理", "商贸", "陶瓷")
EXPECTED = (
    "policy_id",
    "period",
    "subject_kind",
    "subject_id",
    "beneficiary_kind",
    "beneficiary_id",
    "outcome",
    "amount_fen",
    "reason_codes",
    "case",
)
ENTITLED = (
    "policy_id",
    "period",
    "subject_id",
    "beneficiary_id",
    "status",
    "reason",
    "due_fen",
    "case",
)
NOT_REACHABLE = ("policy_id", "provision", "side", "why")
Row = dict[str, Any]
ADDED_BY_INGEST = ("source_file", "source_line", "name_raw", "person_key", "employer_key")


@dataclass(frozen=True)
class Planted:
    """The cast of a sample.

    Rows:    tables        kind → rows with the kind's canonical columns
             expected      one per determination that a scene states
             entitlements  one per entitlement that a scene states (first run, empty ledger)
             not_reachable one per side of a provision that no row can take, and why
    """

    tables: dict[str, pl.DataFrame]
    expected: pl.DataFrame
    entitlements: pl.DataFrame
    not_reachable: pl.DataFrame


def planted_cast(as_of: date) -> Planted:
    """Return the cast for an as-of date: rows, and what they must become."""
    cases = [
        case
        for case in _all_cases()
        if case.as_of <= as_of and case.until is not None and as_of <= case.until
    ]
    typed = tables_of(cases, ())
    tables = {
        kind: _with_names(table.drop(ADDED_BY_INGEST, strict=False), cases)
        for kind, table in typed.items()
    }
    stated = [row for case in cases for row in _expected_rows(case)]
    tables["accounts"] = _with_holders(tables["accounts"], cases)
    _with_usual_rows(tables, cases)
    entitled = [row for case in cases for row in _entitled_rows(case)]
    never = yaml.load((CAST / "not_reachable.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return Planted(
        tables={kind: table for kind, table in tables.items() if table.height},
        expected=pl.DataFrame(stated, schema=dict.fromkeys(EXPECTED, pl.String()), orient="row"),
        entitlements=pl.DataFrame(
            entitled, schema=dict.fromkeys(ENTITLED, pl.String()), orient="row"
        ),
        not_reachable=pl.DataFrame(
            never, schema=dict.fromkeys(NOT_REACHABLE, pl.String()), orient="row"
        ),
    )


def _all_cases() -> list[Case]:
    files = sorted(path for path in CAST.glob("*.yaml") if path.stem != "not_reachable")
    cases: list[Case] = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        policy = yaml.load(text, yaml.CSafeLoader).get("policy", path.stem)
        cases += read_scenes(text, policy, _first_number(path.stem))
    assert len({case.number for case in cases}) == len(cases), "two casts share ids: rename one"
    return cases


def _first_number(name: str) -> int:
    """Number the scenes of a file by its own name: another file changes no id of them.

    >>> _first_number("new_hire_subsidy") - FIRST_NUMBER < NUMBERS
    True
    """
    return FIRST_NUMBER + int(text_digest(name)[:12], 16) % NUMBERS


def _expected_rows(case: Case) -> Iterable[tuple[str, ...]]:
    expect = case.expect if isinstance(case.expect, dict) else {}
    assert expect, f"{case.sentence}: the cast states whom and which period it is about"
    for key, sentence in expect.items():
        for period, subject, beneficiary in keys_in(key):
            assert period and subject, f"{case.sentence}: {key}"
            paid = beneficiary or subject
            outcome, *words = sentence.split()
            amount = fen(words[0]) if outcome == "eligible" else 0
            reasons = "" if outcome == "eligible" else "|".join(sorted(words))
            about = (_kind(subject), _id(case, subject), _kind(paid), _id(case, paid))
            row = (case.policy, period, *about, outcome, str(amount), reasons)
            yield (*row, f"{case.sentence}")


def _entitled_rows(case: Case) -> Iterable[tuple[str, ...]]:
    if not case.entitled:
        return
    ((key, _),) = case.expect.items()
    ((period, subject, beneficiary),) = keys_in(key)
    status, *reason, due = case.entitled.split()
    subject_id = _id(case, str(subject))
    paid_id = _id(case, str(beneficiary or subject))
    about = (case.policy, str(period), subject_id, paid_id)
    yield (*about, status, " ".join(reason), str(fen(due)), case.sentence)


def _kind(symbol: str) -> str:
    if symbol.startswith("户"):
        return "household"
    return "employer" if is_employer(symbol) else "person"


def _id(case: Case, symbol: str) -> str:
    return f"{case.number:04d}-{symbol}" if _kind(symbol) == "household" else case.id_of(symbol)


def _names(cases: Iterable[Case]) -> dict[str, str]:
    """Give every id of the cast a name, the same wherever it occurs."""
    names: dict[str, str] = {}
    for case in cases:
        for place, (symbol, identifier) in enumerate(case.ids.items()):
            turn = case.number * 37 + place * 11
            if is_employer(symbol):
                brand = GIVEN[turn % len(GIVEN)] + GIVEN[(turn * 7 + 3) % len(GIVEN)]
                trade = TRADES[turn % len(TRADES)]
                names[identifier] = f"淄川{brand}{trade}有限公司"
            else:
                given = GIVEN[(turn * 5 + 1) % len(GIVEN)] + GIVEN[(turn * 3 + 2) % len(GIVEN)]
                names[identifier] = SURNAMES[turn % len(SURNAMES)] + given
    return names


def _with_names(table: pl.DataFrame, cases: Iterable[Case]) -> pl.DataFrame:
    names = _names(cases)
    for column, key in (
        ("name", "person_id"),
        ("employer_name", "employer_code"),
        ("subject_name", "subject_id"),
    ):
        if column in table.columns:
            named = pl.col(key).replace_strict(names, default=None, return_dtype=pl.String)
            literal = pl.col(column).str.starts_with("=")
            given = pl.col(column).str.strip_chars_start("=")
            table = table.with_columns(pl.when(literal).then(given).otherwise(named).alias(column))
    return table


def _with_usual_rows(tables: dict[str, pl.DataFrame], cases: Iterable[Case]) -> None:
    """Give the cast what a healthy district has of everybody, but where a scene says otherwise.

    Rows:    a registration for each insured employer, a register row for each payer, an account
             for each; none where a scene states or drops such a row
    """
    names = _names(cases)
    insured = set(tables["insured_units"]["employer_code"])
    payers = set(tables["contributions"]["person_id"])
    usual = [(case, *one) for case in cases for one in enumerate(case.ids.items())]
    for kind, column, everybody, row_of in (
        ("registrations", "employer_code", insured, _usual_registration),
        ("insured_persons", "person_id", payers, _usual_person),
        ("accounts", "subject_id", set(names), _usual_account),
    ):
        stated = tables[kind]
        wanted = everybody - set(stated[column])
        added = [
            {column: identifier, **row_of(case, place, symbol, identifier, names[identifier])}
            for case, place, (symbol, identifier) in usual
            if identifier in wanted and kind not in case.dropped
        ]
        if added:
            rows = complete(kind, pl.DataFrame(added))
            tables[kind] = pl.concat([complete(kind, stated), rows])


def _usual_registration(_case: Case, _place: int, _symbol: str, _id: str, name: str) -> Row:
    return {"employer_name": name, **DEFAULTS["registrations"]}


def _usual_person(_case: Case, _place: int, _symbol: str, person: str, name: str) -> Row:
    sex = "男" if int(person[16]) % 2 else "女"
    return {"name": name, "sex": sex, "staff_category": "工人"}


def _usual_account(case: Case, place: int, symbol: str, _id: str, name: str) -> Row:
    return {
        "subject_kind": "单位" if is_employer(symbol) else "个人",
        "holder": name,
        "account_no": f"6228{case.number:06d}{place:09d}",
        "bank_name": "淄川农村商业银行",
        "bank_code": "402453100018",
        "account_state": "正常",
    }


def _with_holders(accounts: pl.DataFrame, cases: Iterable[Case]) -> pl.DataFrame:
    """Put the subject's name where a scene says that the holder is the same."""
    names = _names(cases)
    same = pl.col("subject_id").replace_strict(names, default=None, return_dtype=pl.String)
    holder = pl.when(pl.col("holder") == SAME_HOLDER).then(same).otherwise("holder")
    return accounts.with_columns(holder.alias("holder"))
