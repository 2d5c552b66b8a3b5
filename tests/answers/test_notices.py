"""Notices: exactly one a line, in words a person understands, nothing in them read as code."""

import json
import re
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.accounts import write_wanted
from flows.answers.notice_reasons import refused_lines
from flows.answers.notices import Asked, letters_pdf, write_notices
from flows.answers.run_money import money_of_rows
from flows.answers.snapshot_rows import table_files
from flows.cli import app
from flows.cli.console import run_command
from flows.money.acts import countersign
from flows.money.ledger_store import open_ledger
from flows.money.recover import list_act, record_list, record_recovered, recovered_act
from flows.money.release import release_batch
from flows.money.review import import_review
from flows.money.settle import settle_batch
from flows.money.verify import verify_home
from flows.store import Home
from sql.texts import policy_cards, sql_text
from tests.answers.notice_lines import HOSTILE, WATCHING, line, worded
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    BOB,
    ONE,
    claim_none,
    ids_of,
    month,
    new_home,
    night,
    pay,
    refund,
    run_name,
    sign_both,
)
from tests.money.test_review import filled
from transforms.amounts import yuan_text
from transforms.answers.letter_pages import letter_pages
from transforms.answers.notices import (
    MESSAGE_LENGTH,
    messages,
)
from transforms.errors import UsageError
from transforms.money.entitlements import KEY
from transforms.sheets.csv_file import csv_bytes

ROOT = Path(__file__).parent.parent.parent
EVERYTHING = Asked()
LISTS = [name for name, card in policy_cards().items() if card.kind in ("relief", "referral")]


@pytest.fixture(scope="module")
def told(
    run_home: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, Path]:
    """All notices of the town's night: home, run, folder."""
    root, summary = run_home
    out = tmp_path_factory.mktemp("notices") / "all"
    write_notices(Home(root), summary["run_id"], Asked(pdf=True), out)
    return root, summary["run_id"], out


def test_exactly_one_notice_per_line_of_every_status(told: tuple[Path, str, Path]) -> None:
    root, run_id, out = told
    found = pl.read_parquet(out / "notices.parquet")
    entitled = pl.read_parquet(root / "runs" / run_id / "entitlements.parquet")
    determined = pl.read_parquet(root / "runs" / run_id / "determinations.parquet")
    open_rows = determined.filter(
        (pl.col("outcome") == "undetermined") & ~pl.col("policy_id").is_in(WATCHING)
    )
    wanted = pl.concat([entitled.select(KEY), open_rows.select(KEY)])
    assert found.height == wanted.height == found.join(wanted, on=KEY, how="semi").height
    assert found["notice_no"].is_unique().all()
    letters = "".join(p.read_text(encoding="utf-8") for p in sorted((out / "letters").iterdir()))
    assert letters.count('<section class="letter">') == found.height
    assert all(letters.count(f"<code>{number}</code>") == 1 for number in found["notice_no"])
    listed = pl.read_csv(out / "messages.csv", infer_schema=False)
    assert listed.height == found.height
    assert listed["短信"].str.len_chars().max() <= MESSAGE_LENGTH  # type: ignore[operator]


def test_the_gateway_gets_no_id_no_account_and_no_name(told: tuple[Path, str, Path]) -> None:
    root, run_id, out = told
    text = (out / "messages.csv").read_text(encoding="utf-8-sig")
    assert not re.search(r"[1-9][0-9]{16}[0-9X]", text)
    manifest = json.loads((root / "runs" / run_id / "manifest.json").read_text())
    for batch in manifest["batches"]:
        for row in pl.read_parquet(root / "batches" / batch / "instructions.parquet").to_dicts():
            assert row["account_no"] not in text
            assert row["beneficiary_kind"] == "employer" or row["holder"] not in text


def test_who_is_paid_is_told_where_and_how_much(told: tuple[Path, str, Path]) -> None:
    root, _, out = told
    found = pl.read_parquet(out / "notices.parquet").filter(pl.col("status") == "payable")
    lines = pl.concat(
        [
            pl.read_parquet(path.parent / "lines.parquet").join(
                pl.read_parquet(path), on="payment_id"
            )
            for path in sorted((root / "batches").glob("*/instructions.parquet"))
        ]
    )
    both = found.join(lines, on=KEY, how="inner", validate="1:1")
    assert both.height == found.height > 20
    for row in both.to_dicts():
        assert f"账号最后四位是 {row['account_no'][-4:]}。" in row["letter"]
        yuan = yuan_text(row["amount_fen"], ",")
        assert f"款项 {yuan} 元应发给您" in row["letter"] and row["bank_name"] in row["letter"]
        assert "您无需申请" in row["letter"] and row["account_no"] not in row["letter"]


def test_the_same_again_and_the_home_is_as_recorded(
    told: tuple[Path, str, Path], home_after_run: Home
) -> None:
    _, run_id, out = told
    made = write_notices(home_after_run, run_id, Asked(pdf=True), None)
    folder = Path(made["path"])
    assert folder == home_after_run.runs / run_id / "notices"
    files = sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    assert [f for f in files if (out / f).read_bytes() != (folder / f).read_bytes()] == []
    batch = next(path.name for path in sorted(home_after_run.batches.iterdir()))
    of_batch = write_notices(home_after_run, batch, EVERYTHING, None)
    stored = home_after_run.batches / batch
    lines, unpaid = (pl.read_parquet(stored / f"{n}.parquet") for n in ("lines", "unpaid_lines"))
    assert of_batch["notices"] == lines.height + unpaid.height
    verify_home(home_after_run)
    (home_after_run.runs / run_id / "beside.txt").write_text("x")
    with pytest.raises(Exception, match="does not belong there"):
        verify_home(home_after_run)


def test_whose_card_was_withdrawn_since_is_told_as_then(
    told: tuple[Path, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, run_id, folder = told
    kept = {name: card for name, card in policy_cards().items() if name != "new_hire_subsidy"}

    def text(path: str) -> str:
        if "new_hire_subsidy" in path:
            raise FileNotFoundError(path)
        return sql_text(path)

    monkeypatch.setattr("flows.answers.law.policy_cards", lambda: kept)
    monkeypatch.setattr("flows.answers.law.sql_text", text)
    write_notices(Home(home), run_id, Asked(), tmp_path / "again")
    assert (tmp_path / "again" / "messages.csv").read_bytes() == (
        folder / "messages.csv"
    ).read_bytes()


def test_one_person_hears_of_refusals_too(
    told: tuple[Path, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, run_id, out = told
    determined = pl.read_parquet(root / "runs" / run_id / "determinations.parquet")
    refused = determined.filter(
        (pl.col("outcome") == "ineligible") & (pl.col("subject_kind") == "person")
    ).sort(KEY)
    person = refused["subject_id"][0]
    assert "ineligible" not in set(pl.read_parquet(out / "notices.parquet")["status"])
    made = write_notices(Home(root), run_id, Asked(person, pdf=True), tmp_path / "one")
    assert made["counts"]["ineligible"] >= 1
    found = pl.read_parquet(tmp_path / "one" / "notices.parquet")
    persons = found.filter(pl.col("subject_kind") != "household")
    assert ((persons["subject_id"] == person) | (persons["beneficiary_id"] == person)).all()
    assert (tmp_path / "one" / "letters.pdf").read_bytes().startswith(b"%PDF")
    monkeypatch.setattr("flows.answers.notices.LETTERS_A_PAGE", 1)
    write_notices(Home(root), run_id, Asked(person, pdf=True), tmp_path / "each")
    printed = sorted(path.name for path in (tmp_path / "each").glob("*.pdf"))
    assert printed == [f"letters-{n:03}.pdf" for n in range(1, made["notices"] + 1)] != []
    for asked in (Asked(person), Asked(town="none")):
        with pytest.raises(UsageError):
            write_notices(Home(root), run_id, asked, None)


def test_a_town_gets_its_letters_as_they_are_among_all(
    told: tuple[Path, str, Path], tmp_path: Path
) -> None:
    root, run_id, out = told
    pages = {path.name: path.read_bytes() for path in (out / "letters").iterdir()}
    towns = sorted({name.partition("-")[0] for name in pages})
    # Of nobody's town, and one of the others: together all pages are everybody's (see above).
    assert towns[0] == "0" and len(towns) > 1
    for town in (towns[0], towns[-1]):
        made = write_notices(Home(root), run_id, Asked(town=town), tmp_path / town)
        own = {name: page for name, page in pages.items() if name.startswith(f"{town}-")}
        there = {p.name: p.read_bytes() for p in (tmp_path / town / "letters").iterdir()}
        assert there == own
        count = sum(page.count(b'<section class="letter">') for page in own.values())
        assert 0 < made["notices"] == count < made["of"]


def test_who_asks_is_told_of_lists_too_and_no_number_is_another_s(
    told: tuple[Path, str, Path], tmp_path: Path
) -> None:
    root, run_id, out = told
    determined = pl.read_parquet(root / "runs" / run_id / "determinations.parquet")
    listed = determined.filter(pl.col("outcome") == "eligible", pl.col("policy_id").is_in(LISTS))
    person = listed.filter(pl.col("beneficiary_kind") == "person")["beneficiary_id"].sort()[0]
    made = write_notices(Home(root), run_id, Asked(person), tmp_path / "one")
    assert made["counts"]["eligible"] >= 1
    one, whole = (pl.read_parquet(path / "notices.parquet") for path in (tmp_path / "one", out))
    letters = one.filter(pl.col("status") == "eligible")["letter"]
    assert all("符合条件" in letter and "不发钱" in letter for letter in letters)
    of_all = dict(whole.select("notice_no", "letter").iter_rows())
    asked_only = one.filter(pl.col("status").is_in(["eligible", "ineligible"]))
    assert not of_all.keys() & set(asked_only["notice_no"])
    both = one.filter(~pl.col("status").is_in(["eligible", "ineligible"]))
    assert all(of_all[no] == letter for no, letter in both.select("notice_no", "letter").rows())


def test_a_member_hears_of_the_own_household_and_of_no_other(
    told: tuple[Path, str, Path], tmp_path: Path
) -> None:
    root, run_id, _ = told
    folder = root / "runs" / run_id
    manifest = json.loads((folder / "manifest.json").read_text())
    snapshot = root / "snapshots" / manifest["snapshot_id"]
    determined = pl.read_parquet(folder / "determinations.parquet")
    asked = determined.filter(pl.col("subject_kind") == "household")["subject_id"].sort()
    found = pl.scan_parquet(table_files(snapshot, "residents")).filter(
        pl.col("household_no").is_in(asked.to_list())
    )
    members = found.select("person_id", "household_no").drop_nulls().collect()
    person, household = members.sort("person_id").row(0)
    write_notices(Home(root), run_id, Asked(person), tmp_path / "one")
    heard = pl.read_parquet(tmp_path / "one" / "notices.parquet")
    households = heard.filter(pl.col("subject_kind") == "household")
    assert set(households["subject_id"]) == {household}
    others = heard.filter(pl.col("subject_kind") != "household")
    assert ((others["subject_id"] == person) | (others["beneficiary_id"] == person)).all()


def test_of_who_died_the_family_is_written_to(told: tuple[Path, str, Path], tmp_path: Path) -> None:
    root, run_id, _ = told
    manifest = json.loads((root / "runs" / run_id / "manifest.json").read_text())
    tables = root / "snapshots" / manifest["snapshot_id"] / "tables"
    dead = pl.concat([pl.read_parquet(path) for path in sorted(tables.glob("deaths*.parquet"))])
    visible = dead.filter(pl.col("died_on") <= date.fromisoformat(manifest["as_of"]))
    determined = pl.read_parquet(root / "runs" / run_id / "determinations.parquet")
    heard = determined.filter(
        ~pl.col("policy_id").is_in(WATCHING) & (pl.col("outcome") == "ineligible")
    )
    person = visible.filter(pl.col("person_id").is_in(heard["beneficiary_id"].to_list()))[
        "person_id"
    ].sort()[0]
    write_notices(Home(root), run_id, Asked(person), tmp_path / "dead")
    found = pl.read_parquet(tmp_path / "dead" / "notices.parquet")
    own = found.filter(pl.col("beneficiary_id") == person)
    assert own.height and own["name"].str.ends_with("的家属（继承人）").all()
    assert own["letter"].str.starts_with("请节哀。以下“您”指").all()
    whole = pl.read_parquet(told[2] / "notices.parquet")
    others = whole.filter(~pl.col("beneficiary_id").is_in(dead["person_id"].to_list()))
    assert not (others["name"] + others["letter"]).str.contains("家属|节哀").any()


WHO = [month("benefit_to_retirement", person, 1719_00) for person in (ANN, BOB)]
WHO += [month("benefit_to_retirement", ANN, 1719_00, "2020-03")]


def told_of_run(home: Home, label: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Write the notices of a run as the ledger stands, by subject and period."""
    out = home.root.parent / f"told-{len(list(home.root.parent.glob('told-*')))}"
    write_notices(home, run_name(label), EVERYTHING, out)
    rows = pl.read_parquet(out / "notices.parquet").to_dicts()
    return {(row["subject_id"], row["period"]): row for row in rows}


def test_what_is_signed_and_not_released_is_not_told_as_paid(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    (batch,) = night(home, "R1", WHO)[1].batches
    sign_both(home, batch.batch_id)
    night(home, "R2", WHO)
    for row in told_of_run(home, "R2").values():
        assert row["status"] == "nothing_due" and row["title"] == "正在发放"
        assert not re.search("已经发给您|此前已发", row["letter"] + row["message"])
    release_batch(home, batch.batch_id)
    for row in told_of_run(home, "R2").values():
        assert "此前已经发给您" in row["letter"] and "此前已发" in row["message"]


@pytest.mark.parametrize("causes", [None, claim_none])
def test_what_is_signed_and_fell_is_neither_asked_back_nor_settled(
    tmp_path: Path, causes: Any
) -> None:
    """Nobody got it: neither that it was given back nor that more was paid is true."""
    home, fewer = new_home(tmp_path / "home"), [row for row in WHO if row["subject_id"] != BOB]
    (batch,) = night(home, "R1", WHO)[1].batches
    sign_both(home, batch.batch_id)
    less = [*fewer, month("benefit_to_retirement", ANN, 7, "2020-01")]
    (later,) = night(home, "R2", less, causes=causes)[1].batches
    write_notices(home, later.batch_id, EVERYTHING, tmp_path / "of_batch")
    of_batch = pl.read_parquet(tmp_path / "of_batch" / "notices.parquet").filter(subject_id=BOB)
    for row in (told_of_run(home, "R2")[BOB, "2020-02"], *of_batch.to_dicts()):
        said = row["letter"] + row["message"]
        assert row["title"] == "没有发放，正在核实" and "您不需要退款" in said
        assert not re.search("已经退回|已经了结|发给您|多发", said)
    assert of_batch.height == 1


def test_who_is_asked_to_pay_back_is_told_so_until_it_is_closed(tmp_path: Path) -> None:
    home, keys = new_home(tmp_path / "home"), ("reviewer", "approver")
    pay(home, "R1", WHO)
    key, fen, fewer = (BOB, "2020-02"), 1719_00, [row for row in WHO if row["subject_id"] != BOB]
    night(home, "R2", fewer)

    def letter(label: str) -> str:
        return str(told_of_run(home, label)[key]["letter"])

    def sign(act: dict[str, Any]) -> dict[str, Any]:
        return countersign(act, [key_of(home, role) for role in keys])

    amount, rest = yuan_text(fen, ","), yuan_text(fen - 100, ",")
    assert "请先不要自行转账" in letter("R2")
    record_list(home, sign(list_act(home, run_name("R2"))))
    asked = letter("R2")
    assert f"还须退回 {amount} 元" in asked and "请先不要自行转账" not in asked
    with open_ledger(home) as ledger:
        paid = ledger.paid_lines().filter(subject_id=BOB)["payment_id"][0]
    record_recovered(home, sign(recovered_act(home, paid, 100, "缴款书1", {})))
    batch = night(home, "R3", [*fewer, month("benefit_to_retirement", BOB, 7, "2020-03")])[
        1
    ].batches[0]
    for said in (letter("R2"), letter("R3")):
        assert f"此前发给您 {amount} 元（已登记退回 1.00 元）" in said
        assert f"还须退回 {rest} 元" in said
    write_notices(home, batch.batch_id, EVERYTHING, tmp_path / "of_batch")
    of_batch = pl.read_parquet(tmp_path / "of_batch" / "notices.parquet")["letter"].to_list()
    assert [f"还须退回 {rest} 元" in said for said in of_batch].count(True) == 1
    night(home, "R4", WHO)
    night(home, "R5", WHO[:0], causes=claim_none)
    assert "请先不要转账" in letter("R5") and "您不需要退款" not in letter("R5")
    night(home, "R6", fewer)
    record_recovered(home, sign(recovered_act(home, paid, fen - 100, "缴款书2", {})))
    assert "已经了结" in letter("R6") and "请先不要" not in letter("R6")


def test_a_run_s_letters_say_what_was_held_struck_paid_and_sent_back_since(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    (batch,) = night(home, "R1", WHO)[1].batches
    lines = pl.read_parquet(home.batches / batch.batch_id / "lines.parquet")
    struck, held, paid = (tuple(row) for row in lines.select("subject_id", "period").iter_rows())
    path = filled(home, batch.batch_id, {1: ("剔除", "本人放弃"), 2: ("暂缓", "查账号")})
    after = import_review(home, batch.batch_id, path, by="周审核")["to_be_signed"]
    entitled = pl.read_parquet(home.runs / run_name("R1") / "entitlements.parquet")
    with open_ledger(home, only_look=True) as ledger:
        said = {"run_id": run_name("R1"), "batches": [batch.batch_id]}
        folder = home.runs / run_name("R1")
        money = money_of_rows(home, folder, said, entitled, ledger.books())
    found = {(key[3], key[1]): one for key, one in money.items()}
    shown = [
        (found[one]["entitlement"]["reason"], [p["batch_id"] for p in found[one]["payments"]])
        for one in (struck, held, paid)
    ]
    assert shown == [("struck_out", []), ("review_hold", []), ("", [after])], "explain says so too"
    reviewed = [tuple(found[one]["reviewed"].values()) for one in (struck, held, paid)]
    on = reviewed[0][1]
    assert reviewed == [("周审核", on, "本人放弃"), ("周审核", on, "查账号"), ()]
    told = told_of_run(home, "R1")
    assert [told[one]["title"] for one in (struck, held, paid)] == [
        *("审核后暂不发放", "暂时发不出", "发放通知")
    ]
    assert "办好以后" not in told[struck]["letter"] and "剔除" in told[struck]["message"]
    sign_both(home, after)
    release_batch(home, after)
    assert told_of_run(home, "R1")[paid]["title"] == "已经发放"
    (payment,) = ids_of(home, after)
    answer = tmp_path / "answer.txt"
    answer.write_bytes(f"{payment}|失败|余额不足|20200402\r\n".encode("gb18030"))
    settle_batch(home, after, answer)
    row = told_of_run(home, "R1")[paid]
    assert row["title"] == "银行退回，正在处理" and "您不用换账户" in row["letter"]
    assert "账户" not in row["message"].replace("不用换账户", "")
    assert write_wanted(home, tmp_path / "收款账户.xlsx")["payees"] == 0, "no account mends it"
    assert told_of_run(home, "R1")[struck]["title"] == "审核后暂不发放"


def test_a_reason_that_nobody_knows_asks_for_no_other_account(tmp_path: Path) -> None:
    home, row = new_home(tmp_path / "home"), (ONE, "2020")
    (batch,) = pay(home, "R1", [refund(1000)])
    answer = tmp_path / "answer.txt"
    (payment,) = ids_of(home, batch)
    answer.write_bytes(f"{payment}|失败|付款账户余额不足|20200402\r\n".encode("gb18030"))
    settle_batch(home, batch, answer)
    night(home, "R2", [refund(1000)])
    for label in ("R1", "R2"):
        told = told_of_run(home, label)[row]
        assert told["title"] == "银行退回，正在查明" and "由我们向银行查明" in told["letter"]
        assert "请提供" not in told["letter"] + told["message"]
    assert write_wanted(home, tmp_path / "收款账户.xlsx")["payees"] == 0


@pytest.mark.parametrize("came_back_on", ["20210630", "20210701"])
def test_what_no_night_pays_any_more_is_promised_to_nobody(
    tmp_path: Path, came_back_on: str
) -> None:
    """The refund's days are over with 2021-06-30: paid in R1, topped up in R2, back too late."""
    home, row = new_home(tmp_path / "home"), (ONE, "2020")
    (batch,) = pay(home, "R1", [refund(1000)])
    (top_up,) = night(home, "R2", [refund(1200)])[1].batches
    sign_both(home, top_up.batch_id)
    release_batch(home, top_up.batch_id)
    night(home, "R3", [refund(1200)])
    assert {told_of_run(home, label)[row]["title"] for label in ("R1", "R3")} == {"已经发放"}
    answer = tmp_path / "answer.txt"
    answer.write_bytes(f"{ids_of(home, batch)[0]}|失败|余额不足|{came_back_on}".encode("gb18030"))
    settle_batch(home, batch, answer)
    for label, before in (("R1", "银行退回，正在处理"), ("R3", "正在发放")):
        told = told_of_run(home, label)[row]
        if came_back_on == "20210630":
            assert told["title"] == before
            continue
        assert told["title"] == "银行退回，尚待决定" and " 10.00 元" in told["letter"]
        assert "10.00元被银行退回" in told["message"] and "区人社局" in told["message"]
        said = told["letter"] + told["message"]
        assert not re.search("补发|再转入|以后的批次|不会因此减少|{", said)


def test_a_refusal_says_that_an_objection_to_it_is_weighed(tmp_path: Path) -> None:
    rows = [line("youth_training", "ineligible", period=f"2020-{of}") for of in (10, 11, 12)]
    states = [None, "answered", "not_upheld"]
    keys = pl.DataFrame([{name: one[name] for name in KEY} for one in rows])
    made = keys.with_columns(outcome=pl.lit("ineligible"), amount_fen=pl.lit(0))
    made = made.with_columns(reason_codes=pl.lit(["s11_age"]))
    made.write_parquet(tmp_path / "determinations.parquet")
    keys.with_columns(objection_state=pl.Series(states)).write_parquet(
        tmp_path / "objections.parquet"
    )
    (tmp_path / "policies").mkdir()
    rule = keys.select(*KEY[1:], s11_age=pl.lit(value=False))
    rule = rule.with_columns(clerk_answers=pl.lit([], pl.List(pl.String())))
    rule.write_parquet(tmp_path / "policies" / "youth_training.parquet")
    found = refused_lines(tmp_path, ["ineligible"], [], keys.clear())
    told = worded([a | b for a, b in zip(rows, found.sort("period").to_dicts(), strict=True)])
    said = ["正在核实，核实后由区人社局告知结果" in one for one in told.sort("period")["letter"]]
    assert said == [False, True, False]


@pytest.mark.parametrize(("name", "town"), product(HOSTILE, ["../../x", "<b>", "=1"]))
def test_nothing_in_a_name_is_markup_formula_or_path(name: str, town: str) -> None:
    told = worded([line("benefit_to_retirement", "payable", bank_name=name)], name, town)
    ((page, html),) = letter_pages(told, 10)
    assert page == "0-001"
    assert "<script" not in html and html.count("<section") == 1 and "<b>" not in html
    cells = csv_bytes(messages(told)).decode("utf-8-sig").splitlines()[1]
    assert not re.search(r'(^|,)"?[=+@-]', cells), "a cell is a formula"
    assert letters_pdf(told).startswith(b"%PDF")


def test_pages_are_cut_by_town_and_number() -> None:
    rows = [line("benefit_to_retirement", "payable", period=f"2020-{m:02d}") for m in range(1, 6)]
    pages = dict(letter_pages(worded(rows), 2))
    assert list(pages) == ["370302001-001", "370302001-002", "370302001-003"]
    assert sum(page.count("<section") for page in pages.values()) == 5


def test_the_command_says_what_it_wrote(
    home_after_run: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(home_after_run.root)]
    assert run_command(app, ["notices", "latest", "--json", *home]) == 0
    assert json.loads(capsys.readouterr().out)["notices"] > 100
    assert run_command(app, ["notices", "latest", *home]) == 0, "again is the same"
    assert run_command(app, ["notices", "B00000000000000000000", *home]) == 13
    assert run_command(app, ["notices", "latest", "--person", ANN, *home]) == 2


def test_nobody_hears_from_a_letter_whom_a_bureau_looks_into(
    told: tuple[Path, str, Path], tmp_path: Path
) -> None:
    """Who is told that they are on no such list can tell, on another night, that they are."""
    root, run_id, _ = told
    determined = pl.read_parquet(root / "runs" / run_id / "determinations.parquet")
    watched = determined.filter(pl.col("policy_id").is_in(WATCHING))
    others = determined.filter(
        ~pl.col("policy_id").is_in(WATCHING) & (pl.col("outcome") != "eligible")
    )
    heard = pl.concat([others["subject_id"], others["beneficiary_id"]]).unique().to_list()
    asked = watched.filter(pl.col("beneficiary_id").is_in(heard)).sort("outcome", *KEY)
    assert {"eligible", "ineligible"} <= set(asked["outcome"])
    for party in asked.unique("outcome", keep="first", maintain_order=True)["beneficiary_id"]:
        out = tmp_path / party
        write_notices(Home(root), run_id, Asked(party), out)
        found = pl.read_parquet(out / "notices.parquet")
        assert found.height and not set(found["policy_id"]) & set(WATCHING)
    for policy in WATCHING:
        with pytest.raises(KeyError, match="warning"):
            worded([line(policy, "undetermined")])
