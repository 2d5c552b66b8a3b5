"""Accounts wanted: the workbook goes out, comes back as an extract, and everybody is paid once."""

import io
import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from data_samples.town.scenes import person_id
from flows.answers.accounts import write_wanted
from flows.answers.notices import Asked, write_notices
from flows.cli import app
from flows.cli.console import run_command
from flows.ingest.drop import SnapshotRef, ingest_drop
from flows.money.ledger_store import open_ledger
from flows.money.settle import settle_batch
from flows.money.verify import verify_home
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from sql import connect, register_tables, run_sql, show_frame
from tests.conftest import AS_OF
from tests.money.money_town import Town, account, entitle, month, new_home, night, pay
from transforms.answers.accounts import LABELS, count_wanted, wanted_accounts, wanted_sheets
from transforms.errors import DropRefusedError
from transforms.extracts.kinds import KINDS
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.money.payees import PAYEE
from transforms.sheets.workbook import workbook_bytes

PLANTED, MISSING = 1_000, 500
PEOPLE = [person_id(302 + n // 400, "1990-01-01", n % 400 + 1, "女") for n in range(PLANTED)]
NAMES = [f"甲{'乙丙丁戊己'[n % 5]}{chr(0x4E00 + n)}" for n in range(PLANTED)]
ROWS = [month("benefit_to_retirement", person, 1719_00) for person in PEOPLE]
HEADER_ROW = 4


def a_town(accounts: list[dict[str, Any]]) -> Town:
    people = [{"person_id": i, "name": n} for i, n in zip(PEOPLE, NAMES, strict=True)]
    return Town(insured_persons=people, accounts=accounts)


def account_of(place: int, start: str = "6222") -> dict[str, Any]:
    return account(PEOPLE[place], NAMES[place], account_no=f"{start}{place:012d}")


def form_of(path: Path) -> tuple[openpyxl.Workbook, Worksheet, dict[str, int]]:
    book = openpyxl.load_workbook(path)
    sheet = book["收款账户"]
    places = {str(cell.value): cell.column for cell in sheet[HEADER_ROW]}
    return book, sheet, places


def fill_in(path: Path, out: Path, answers: dict[str, dict[str, str]]) -> None:
    """Fill the form in as a clerk would, by the payee's id."""
    book, sheet, places = form_of(path)
    for row in range(HEADER_ROW + 1, sheet.max_row + 1):
        payee = str(sheet.cell(row, places["主体代码"]).value)
        for label, text in answers.get(payee, {}).items():
            sheet.cell(row, places[label]).value = text
    book.save(out)


def answered(place: int, **other: str) -> dict[str, str]:
    given = {"账号": f"6333{place:012d}", "开户行名称": "淄川农商银行", "联行号": "402453000012"}
    return given | {"核实人": "王核", "核实文号": f"川人社核〔2020〕{place}号"} | other


def snapshot_of(folder: Path, *files: Path) -> SnapshotRef:
    drop = folder / "drop"
    drop.mkdir()
    for file in files:
        (drop / file.name).write_bytes(file.read_bytes())
    return ingest_drop(drop, folder / "snapshots")


def supplied(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write accounts as their supplier does: without proof."""
    labels = {c.name: c.labels[1] for c in KINDS["accounts"].columns if c.name in rows[0]}
    pl.DataFrame(rows).rename(labels).write_csv(path)
    return path


def test_of_1000_missing_or_returned_all_are_paid_once(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home", budget_yuan=10_000_000)
    first = [account_of(place) for place in range(MISSING, PLANTED)]
    (batch,) = pay(home, "R1", ROWS, town=a_town(first))
    paid = pl.read_parquet(home.batches / batch / "instructions.parquet")
    answer = tmp_path / "answer.txt"
    lines = [f"{payment}|失败|账户已销户|20200401\r\n" for payment in paid["payment_id"]]
    answer.write_bytes("".join(lines).encode("gb18030"))
    settle_batch(home, batch, answer)
    (again,) = night(home, "R2", ROWS, a_town(first))[1].batches
    for name, count in ((again.batch_id, MISSING), (batch, 0)):
        write_notices(home, name, Asked(), tmp_path / name)
        told = (tmp_path / name / "messages.csv").read_text(encoding="utf-8")
        assert told.count("银行退回") == count, "told once it came back, and not before"

    form = tmp_path / "收款账户_征集.xlsx"
    made = write_wanted(home, form)
    assert made["by_reason"] == {"account_missing": MISSING, "account_returned": MISSING}
    assert made["waiting_fen"] == PLANTED * 1719_00

    filled = tmp_path / "收款账户_已填.xlsx"
    fill_in(form, filled, {PEOPLE[place]: answered(place) for place in range(PLANTED)})
    came = snapshot_of(tmp_path, filled, supplied(tmp_path / "收款账户.csv", first))
    table = pl.read_parquet(came.tables()["accounts"])
    assert came.manifest["files"][0]["accepted"] + came.manifest["files"][1]["accepted"] == 1500
    kept = table.select(list(KINDS["accounts"].column_named)).to_dicts()

    pay(home, "R3+", ROWS, town=a_town(kept))
    with open_ledger(home) as ledger:
        standing = ledger.paid_lines()
    assert standing.height == PLANTED and standing["subject_id"].is_unique().all()
    assert standing["account_no"].str.starts_with("6333").all(), "to the account that was confirmed"
    assert night(home, "R4", ROWS, a_town(kept))[1].batches == [], "nobody is paid twice"
    assert write_wanted(home, tmp_path / "收款账户_再.xlsx")["payees"] == 0
    verify_home(home)


def test_a_night_of_answered_forms_passes_its_gates_and_pays(
    home_after_run: Home, town: Path, tmp_path: Path
) -> None:
    """An account beside it that nobody confirmed, or that the bank refused, stops nothing."""
    form, drop = tmp_path / "form.xlsx", tmp_path / "drop"
    write_wanted(home_after_run, form)
    _, sheet, places = form_of(form)
    rows = range(HEADER_ROW + 1, sheet.max_row + 1)
    asked = {
        str(sheet.cell(row, places["主体代码"]).value): str(sheet.cell(row, places["原因"]).value)
        for row in rows
    }
    assert "有多个正常账户，须确认一个" in asked.values()
    shutil.copytree(town, drop)
    answers = {payee: answered(place) for place, payee in enumerate(asked)}
    fill_in(form, drop / "收款账户_征集.xlsx", answers)
    request = NightRequest(home_after_run, AS_OF + timedelta(days=1), drop=drop)
    run_id = run_night(request, Progress())["run_id"]
    entitled = pl.read_parquet(home_after_run.runs / run_id / "entitlements.parquet")
    mended = [
        payee for payee, reason in asked.items() if "户名" not in reason and "名称" not in reason
    ]
    now = entitled.filter(pl.col("beneficiary_id").is_in(mended) & (pl.col("due_fen") > 0))
    assert now.height and set(now["status"]) == {"payable"}


def test_what_came_back_on_no_day_waits_too(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home", budget_yuan=10_000_000)
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    dated = 'fields = ["payment_id", "state", "reason", "date"]'
    assert dated in text
    profile.write_text(text.replace(dated, dated.replace(', "date"', "")), encoding="utf-8")
    town = a_town([account_of(0)])
    (batch,) = pay(home, "R1", ROWS[:1], town=town)
    paid = pl.read_parquet(home.batches / batch / "instructions.parquet")
    answer = tmp_path / "answer.txt"
    answer.write_bytes(f"{paid['payment_id'].item()}|失败|账户已销户\r\n".encode("gb18030"))
    settle_batch(home, batch, answer)
    night(home, "R2", ROWS[:1], town)
    made = write_wanted(home, tmp_path / "form.xlsx")
    assert made["by_reason"] == {"account_returned": 1}
    _, sheet, places = form_of(tmp_path / "form.xlsx")
    assert sheet.cell(HEADER_ROW + 1, places["自何日起"]).value is None


def test_rows_left_open_are_no_noise_and_rows_without_proof_are_refused(tmp_path: Path) -> None:
    form = tmp_path / "form.xlsx"
    form.write_bytes(workbook_bytes(wanted_sheets(wanted_of(5), "2020-04-30", "R0123456")))
    filled = tmp_path / "收款账户.xlsx"
    answers = {
        PEOPLE[1]: answered(1),
        PEOPLE[2]: answered(2, 核实人=""),
        PEOPLE[3]: answered(3, 核实文号=""),
        PEOPLE[4]: answered(4, 账号=""),
    }
    fill_in(form, filled, answers)
    came = snapshot_of(tmp_path, filled)
    (file,) = came.manifest["files"]
    assert (file["rows"], file["accepted"], file["quarantined"]) == (5, 1, 4)
    told = pl.read_parquet(came.folder / "quarantine.parquet").select("rule", "column").rows()
    assert told == [
        ("not_filled_in", ""),
        ("missing_value", "confirmed_by"),
        ("missing_value", "document_no"),
        ("missing_value", "account_no"),
    ]


def test_a_suppliers_row_needs_no_proof_but_half_a_proof_is_none(tmp_path: Path) -> None:
    plain = account_of(0) | {"confirmed_by": None, "document_no": None}
    half = account_of(1) | {"confirmed_by": "王核", "document_no": None}
    path = tmp_path / "收款账户.csv"
    labels = LABELS | {"bank_name": "开户行名称"}
    rows = pl.DataFrame([plain, half], schema=dict.fromkeys(plain, pl.String))
    rows.rename({name: label for name, label in labels.items() if name in plain}).write_csv(path)
    came = snapshot_of(tmp_path, path)
    assert came.manifest["files"][0]["accepted"] == 1
    told = pl.read_parquet(came.folder / "quarantine.parquet").select("rule", "column").rows()
    assert told == [("missing_value", "document_no")]


def payees_of(rows: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    entitled = entitle(new_home(folder / "home"), [ROWS[0]], a_town(rows))
    ((reason,),) = entitled.entitlements.select("reason").rows()
    ((account_no,),) = entitled.payees.select("account_no").rows()
    return {"reason": reason, "account_no": account_no}


PROVEN = {"confirmed_by": "王核", "document_no": "川人社核1号"}
OLD, NEW = account_of(0), account_of(0, "6333")


@pytest.mark.parametrize(
    ("rows", "reason", "account_no"),
    [
        ([OLD, NEW | PROVEN], "", NEW["account_no"]),
        ([OLD, OLD | PROVEN], "", OLD["account_no"]),
        ([OLD, NEW], "account_ambiguous", None),
        ([OLD | PROVEN, NEW | PROVEN], "account_ambiguous", None),
        ([OLD, NEW | {"confirmed_by": "王核"}], "account_ambiguous", None),
        ([OLD, NEW | PROVEN | {"account_state": "销户"}], "", OLD["account_no"]),
        ([OLD, NEW | PROVEN | {"holder": "别人"}], "account_name_mismatch", NEW["account_no"]),
    ],
)
def test_an_account_confirmed_with_proof_stands_alone(
    rows: list[dict[str, Any]], reason: str, account_no: str | None, tmp_path: Path
) -> None:
    assert payees_of(rows, tmp_path) == {"reason": reason, "account_no": account_no}


def test_a_snapshot_of_before_the_proof_is_read(tmp_path: Path) -> None:
    schema = {name: pl.String() for name in OLD}
    path = tmp_path / "accounts.parquet"
    pl.DataFrame([OLD], schema=schema).write_parquet(path)
    connection = connect(threads=1)
    register_tables(connection, {"accounts": [path]}, date(2020, 3, 31))
    payee = pl.DataFrame({"beneficiary_kind": ["person"], "beneficiary_id": [PEOPLE[0]]})
    show_frame(connection, "beneficiaries", payee)
    assert run_sql(connection, "payees.sql", {})["account_no"].to_list() == [OLD["account_no"]]


def wanted_of(count: int, name: str = "甲", said: str = "") -> pl.DataFrame:
    held = [
        row
        | {"determined_fen": 100, "paid_before_fen": 0, "due_fen": 100, "status": "held"}
        | {"reason": "account_missing", "cause": "", "cause_rows": ""}
        for row in ROWS[:count]
    ]
    payees = [{"beneficiary_kind": "person", "beneficiary_id": person} for person in PEOPLE[:count]]
    since = pl.DataFrame([p | {"found_on": "2020-03-31"} for p in payees])
    names = pl.DataFrame([p | {"reference_name": name} for p in payees])
    back = {**dict.fromkeys([*PAYEE, "found_on", "bank_said"], pl.String), "due_fen": pl.Int64}
    other = {"beneficiary_kind": "person", "beneficiary_id": PEOPLE[0], "due_fen": 100}
    refused = pl.DataFrame([other | {"found_on": "2020-04-01", "bank_said": said}], schema=back)
    entitled = pl.DataFrame(held, schema=ENTITLEMENT_SCHEMA)
    return wanted_accounts(entitled, since, refused, names)


def test_who_is_held_and_returned_is_asked_once() -> None:
    wanted = wanted_of(2)
    assert count_wanted(wanted) == {"account_missing": 2}
    assert wanted["due_fen"].to_list() == [100, 100]
    sums = wanted_sheets(wanted, "2020-05-15", "R0")[1].frame
    assert sums.row(0, named=True) == {
        "why_wanted": "没有收款账户",
        "waiting_band": "31至60天",
        "payee_count": 2,
        "line_count": 2,
        "waiting_fen": 200,
    }


def test_what_came_back_after_the_newest_run_waits_no_day_yet() -> None:
    (form, sums) = wanted_sheets(wanted_of(1), "2020-03-30", "R0")
    assert form.frame["waiting_days"].to_list() == [0]
    assert sums.frame["waiting_band"].to_list() == ["不超过30天"]


@pytest.mark.parametrize("hostile", ["=1+1", "<x>&\"'", "a\x0bb", "@SUM(A1)", "+1|2,3\t4"])
def test_no_cell_is_a_formula_or_breaks_the_workbook(hostile: str) -> None:
    sheets = wanted_sheets(wanted_of(2, hostile, hostile), "2020-04-30", hostile)
    book = openpyxl.load_workbook(io.BytesIO(workbook_bytes(sheets)))
    cells = [cell for row in book["收款账户"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert workbook_bytes(sheets) == workbook_bytes(sheets)


def test_the_command(
    home_after_run: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "收款账户_征集.xlsx"
    words = ["accounts", "wanted", "--out", str(out), "--home", str(home_after_run.root)]
    assert run_command(app, [*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["payees"] > 0
    assert run_command(app, words) == DropRefusedError.exit_code, "nothing is overwritten"
    assert run_command(app, ["accounts", "wanted", "--home", str(tmp_path / "none")]) == 10
