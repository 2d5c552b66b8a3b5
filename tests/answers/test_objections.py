"""Objections: taken in, held, answered; a batch does not pass over them."""

import csv
import io
import json
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.objected import LETTERS, PAGE, REGISTER
from flows.answers.objections import register_objection
from flows.audit.carry import carried as night_carried
from flows.audit.carry import export_night
from flows.audit.diff import diff
from flows.audit.replay import replay
from flows.cli import app
from flows.cli.console import run_command
from flows.ingest.drop import ingest_drop, name_snapshot
from flows.ingest.files import digest_file, list_drop
from flows.ingest.registers import with_registers
from flows.money.objections import register_problems, registered
from flows.money.release import release_batch
from flows.money.sign import sign_batch
from flows.money.verify import verify_home
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from sql import policy_cards
from tests.answers.objection_rows import ANN, line, raised, weigh
from tests.ceremony import key_of
from tests.conftest import AS_OF
from transforms.answers.clerical import objection_questions
from transforms.answers.objections import (
    answer_clock,
    determined_text,
    objection_register,
    objections_pages,
)
from transforms.answers.open_questions import unfitting_objections
from transforms.errors import (
    DigestDiffersError,
    DropRefusedError,
    LedgerForbidsError,
    UsageError,
)
from transforms.extracts.registers import OBJECTIONS
from transforms.money.entitlements import FINDING_COLUMNS, KEY
from transforms.money.objections import (
    name_objections,
)
from transforms.sheets.csv_file import csv_bytes

HOSTILE = ("说“不”，一二；\t".replace("\t", " "), "<script>alert(1)</script>&amp;", "甲'乙\"丙|丁")


def objection(row: dict[str, Any], place: int) -> dict[str, str]:
    return {
        "policy_id": row["policy_id"],
        "subject_id": row["subject_id"],
        "period": row["period"] if place % 4 else "",
        "raised_by": f"申请人{place}",
        "raised_on": "2020-03-31",
        "reason": f"{HOSTILE[place % 3]} {place}",
        "document_no": "",
    }


def night_of(home: Home, drop: Path, as_of: date = AS_OF) -> dict[str, Any]:
    return run_night(NightRequest(home, as_of, drop=drop), Progress())


@pytest.fixture(scope="module")
def objected(
    run_home: tuple[Path, dict[str, Any]], town: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Home, dict[str, Any], dict[str, Any], list[dict[str, str]]]:
    """A home after its night, objections to a line of every policy, outcome and fate; a second."""
    root = tmp_path_factory.mktemp("objected") / "home"
    shutil.copytree(run_home[0], root)
    home = Home(root)
    folder = home.runs / run_home[1]["run_id"]
    determined, entitled = (
        pl.read_parquet(folder / f"{name}.parquet") for name in ("determinations", "entitlements")
    )
    fates = determined.join(entitled.select(*KEY, "status"), on=KEY, how="left", validate="1:1")
    lines = fates.unique(["policy_id", "period", "subject_id"]).sort(KEY)
    lines = lines.sample(fraction=1, shuffle=True, seed=3)
    rows = lines.unique(["policy_id", "outcome", "status"], keep="first", maintain_order=True)
    planted = [objection(row, place) for place, row in enumerate(rows.sort(KEY).to_dicts())]
    for one in planted:
        assert register_objection(home, one)["is_new"]
    return home, run_home[1], night_of(home, town), planted


def test_whoever_objects_is_answered(
    objected: tuple[Home, dict[str, Any], dict[str, Any], list[dict[str, str]]],
) -> None:
    home, before, after, planted = objected
    folder = home.runs / after["run_id"]
    weighed = pl.read_parquet(folder / "objections.parquet")
    register = registered(home)
    assert register.height == len(planted) > 50
    assert set(weighed["objection_id"]) == set(register["objection_id"])
    assert set(weighed["objection_state"]) == {"answered"}
    assert set(weighed["run_before"]) == {before["run_id"]}
    letters = (folder / LETTERS).read_text(encoding="utf-8")
    assert letters.count('<section class="letter">') == len(planted)
    assert all(name in letters for name in register["objection_id"])
    assert "<script" not in letters and "&lt;script&gt;" in letters
    assert "裁定之前，尚未付款的部分不发放" in letters
    assert "理由是：“说“不”，一二；" in letters, "quoted as it was written"
    listed = pl.read_csv(folder / "objections.csv", infer_schema=False)
    assert listed.height == len(planted) and set(listed["是否超期"]) == {"否"}
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert {REGISTER, PAGE, LETTERS} <= files.keys()


def test_what_is_objected_to_is_held_and_nothing_else_changes(
    objected: tuple[Home, dict[str, Any], dict[str, Any], list[dict[str, str]]],
) -> None:
    home, before, after, planted = objected
    was, now = (
        pl.read_parquet(home.runs / run["run_id"] / "entitlements.parquet")
        for run in (before, after)
    )
    meant = {(one["policy_id"], one["subject_id"], one["period"]) for one in planted}
    held = 0
    for old, new in zip(was.to_dicts(), now.to_dicts(), strict=True):
        party = (old["policy_id"], old["subject_id"])
        is_meant = bool({(*party, old["period"]), (*party, "")} & meant)
        if is_meant and old["status"] == "payable":
            assert new == old | {"status": "held", "reason": "objection"}
            held += 1
        else:
            assert new == old
    assert held > 10
    sheet = home.runs / after["run_id"] / "clerical_decisions.xlsx"
    assert sheet.stat().st_size > 0
    verify_home(home)


def test_a_night_with_objections_is_the_same_again_and_replayed(
    objected: tuple[Home, dict[str, Any], dict[str, Any], list[dict[str, str]]], town: Path
) -> None:
    home, before, after, planted = objected
    assert night_of(home, town)["run_id"] == after["run_id"]
    told = diff(home, after["run_id"], before["run_id"])
    assert told.changes.height and set(told.changes["cause"]) <= {"decisions", "ledger"}
    assert register_objection(home, planted[0])["is_new"] is False
    told = replay(home, after["run_id"], from_raw=True)
    assert (told["verdict"], told["files"]) == ("identical", told["files_same_to_the_byte"])


def test_a_batch_does_not_pass_over_an_objection(home_after_run: Home) -> None:
    batch = next(path.name for path in sorted(home_after_run.batches.iterdir()))
    for role in ("reviewer", "approver"):
        sign_batch(home_after_run, batch, role, key_of(home_after_run, role))
    line = pl.read_parquet(home_after_run.batches / batch / "lines.parquet").row(2, named=True)
    register_objection(home_after_run, objection(line, 1))
    with pytest.raises(LedgerForbidsError, match=r"somebody objects to line 3 \("):
        release_batch(home_after_run, batch)


def test_an_empty_register_changes_nothing_and_its_name_is_taken(
    town: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path)

    def named(drop: Path, registers: Sequence[Path]) -> str:
        raw = tmp_path / "raw"
        raw.mkdir(exist_ok=True)
        listed = with_registers(list_drop(drop, raw), registers, raw)
        return name_snapshot([digest_file(file, raw) for file in listed.files])

    register = tmp_path / "objections.csv"
    assert home.registers == []
    one = {"policy_id": "youth_training", "subject_id": ANN}
    register_objection(home, objection({**one, "period": "2020-03"}, 1))
    assert named(town, home.registers) != named(town, [])
    copied = tmp_path / "drop"
    shutil.copytree(town, copied)
    (copied / OBJECTIONS.named).write_bytes(register.read_bytes())
    with pytest.raises(DropRefusedError, match="rename it"):
        ingest_drop(copied, tmp_path / "snapshots", registers=[register])
    assert named(copied, []) == named(town, [register]), "a drop may hold the extract itself"


def test_the_register_only_grows(tmp_path: Path) -> None:
    home, one = Home(tmp_path), {"policy_id": "youth_training", "subject_id": ANN}
    register_objection(home, objection({**one, "period": "2020-03"}, 1))
    first = home.objections_path.read_bytes()
    register_objection(home, objection({**one, "period": "2020-02"}, 2))
    assert home.objections_path.read_bytes().startswith(first)
    for wrong in (
        {"raised_by": ""},
        *({"reason": text} for text in ("", "=1+1", "@x", "a\nb", "a\u202eb", "长" * 501)),
        {"raised_on": "2020-13-01"},
        # A day that has not come, and a month that none is.
        {"raised_on": "2999-01-01"},
        {"period": "2020-13"},
        {"period": "2020-3"},
        {"period": "2020"},
        {"subject_id": "12"},
        {"policy_id": "none"},
    ):
        with pytest.raises(UsageError):
            register_objection(home, objection({**one, "period": "2020-03"}, 1) | wrong)
    assert registered(home).height == 2


def test_who_is_in_no_line_is_registered_and_the_code_is_doubted(
    home_after_run: Home, run_home: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = home_after_run.runs / run_home[1]["run_id"] / "determinations.parquet"
    row = pl.read_parquet(path).filter(pl.col("subject_kind") == "person").row(0, named=True)
    assert register_objection(home_after_run, objection(row, 1))["warnings"] == []
    words = ["--lang", "zh", "object", "--policy", row["policy_id"], "--subject", ANN]
    words += ["--by", "安娜", "--on", "2020-03-31", "--reason", "漏了"]
    assert run_command(app, [*words, "--home", str(home_after_run.root)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("已登记：") and "尚未付款的暂扣" in told and "请核对代码" in told
    assert registered(home_after_run).height == 2


def test_the_command(empty_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    words = ["object", "--policy", "youth_training", "--subject", ANN, "--by", "安娜"]
    words += ["--on", "2020-03-31", "--reason", "本人有意愿", "--home", str(home), "--json"]
    assert run_command(app, words) == 10 and not home.exists(), "a slip of the pen makes no home"
    capsys.readouterr()
    shutil.copytree(empty_home, home)
    assert run_command(app, words) == 0
    assert json.loads(capsys.readouterr().out)["is_new"] is True
    assert run_command(app, words) == 0
    assert json.loads(capsys.readouterr().out)["is_new"] is False


def test_a_decision_or_a_vanished_file_changes_what_it_should(
    objected: tuple[Home, dict[str, Any], dict[str, Any], list[dict[str, str]]],
    town: Path,
    tmp_path: Path,
) -> None:
    home, _, after, planted = objected
    weighed = pl.read_parquet(home.runs / after["run_id"] / "objections.parquet")
    entitled = pl.read_parquet(home.runs / after["run_id"] / "entitlements.parquet")
    held = entitled.filter(pl.col("reason") == "objection").head(2)
    drop, moved = tmp_path / "drop", tmp_path / "register.csv"
    shutil.copytree(town, drop)
    decided = held.select(
        "policy_id",
        "period",
        "subject_id",
        "beneficiary_id",
        pl.lit("objection").alias("provision"),
        pl.Series("decision", ["否", "是"]),
        pl.lit("王核").alias("decided_by"),
        pl.lit("2020-04-01").alias("decided_on"),
    )
    decided.write_csv(drop / "clerical_decisions.csv")
    # The register is lost, and the line says nothing of it: an objection stays one.
    home.objections_path.rename(moved)
    third = night_of(home, drop, date(2020, 4, 1))
    moved.rename(home.objections_path)
    then = pl.read_parquet(home.runs / third["run_id"] / "objections.parquet")
    assert set(then["objection_id"]) == set(weighed["objection_id"])
    no, yes = held.select(KEY).with_row_index("n").partition_by("n", include_key=False)
    now = pl.read_parquet(home.runs / third["run_id"] / "entitlements.parquet")
    assert now.join(no, on=KEY, how="semi")["status"].to_list() == ["payable"]
    assert now.join(yes, on=KEY, how="semi")["reason"].to_list() == ["objection"]
    states = [then.join(one, on=KEY, how="semi")["objection_state"].to_list() for one in (no, yes)]
    assert set(states[0]) <= {"not_upheld", "answered"} and set(states[1]) == {"upheld"}
    letters = (home.runs / third["run_id"] / LETTERS).read_text(encoding="utf-8")
    news = then.filter("is_news")["objection_id"].unique()
    assert letters.count('<section class="letter">') == len(news) < len(planted)
    carried = tmp_path / "night.zip"
    export_night(home, third["run_id"], carried)
    with night_carried(carried) as (elsewhere, run_id):
        told = replay(elsewhere, run_id, stored_rules=True, from_raw=True)
    assert (told["verdict"], told["files"]) == ("identical", told["files_same_to_the_byte"])


# --- the weighing, without a home ------------------------------------------------------------


@pytest.mark.parametrize(("name", "is_shown"), [("安娜", True), ("安 娜", True), ("邻居", False)])
def test_only_whom_it_is_about_reads_facts_and_rows(name: str, is_shown: bool) -> None:
    card = dict.fromkeys(("authority", "clause", "bureau", "universe"), "区人社局")
    told = {"run_id": "R1", "as_of": "2020-03-06", "answer_days": 15, "titles": {}, "instead": {}}
    told |= {"provisions": {}, "cards": {"p": card}, "asked_back": [], "names": {ANN: "安娜"}}
    row = line("eligible", 500)
    weighed = weigh([row], [row]).with_columns(raised_by=pl.lit(name))
    place = {"kind": "deaths", "row_count": 1, "rows": [{"file:line": "a.csv:7"}]}
    entry = {"provision": "g_alive", "title": "在世", "clause": "规则读法", "value": "false"}
    entry |= {"facts": {"died_on": "2020-01-05"}, "sources": [place], "clerk_answer": None}
    explained: Any = {("R1", *(row[one] for one in KEY)): {"provisions": [entry]}}
    register = objection_register(weighed, {}, {}, 15)
    letters = objections_pages(register, weighed, explained, told)[1]
    for said in ("在世", "2020-01-05", "a.csv:7", "5.00 元", "<h3>2020-02"):
        assert (said in letters) == is_shown, said
    assert ("不列金额、期间、条件和数据" in letters) != is_shown


def test_a_register_that_was_changed_is_noticed(
    objected: tuple[Home, dict[str, Any], dict[str, Any], list[dict[str, str]]],
) -> None:
    home = objected[0]
    whole = home.objections_path.read_bytes()
    assert list(register_problems(home)) == []
    lines = whole.splitlines(keepends=True)
    for changed in (b"", b"".join(lines[:-1]), whole.replace(b"2020-03-31", b"2020-03-30", 1)):
        home.objections_path.write_bytes(changed)
        assert list(register_problems(home))
    for broken in (b"\x00\xff\xfe", b"a,b\r\n1,2\r\n", b'"'):
        home.objections_path.write_bytes(broken)
        with pytest.raises(DigestDiffersError, match="can't be read as the register"):
            registered(home)
    home.objections_path.write_bytes(whole)


def test_who_objects_to_what_is_asked_back_reads_of_it() -> None:
    card = dict.fromkeys(("authority", "clause", "bureau", "universe"), "区人社局")
    asked = [("p", ANN, "2020-02", 171900)]
    told = {"run_id": "R1", "as_of": "2020-03-06", "answer_days": 15, "titles": {}, "instead": {}}
    told |= {"provisions": {}, "cards": {"p": card}, "asked_back": asked}
    told["names"] = {ANN: raised()["raised_by"].item()}
    for rows, period in (([line("eligible", 500)], None), ([], None), ([], "2020-02")):
        weighed = weigh(rows, rows, objections=raised(period, date(2020, 3, 5)))
        letters = objections_pages(objection_register(weighed, {}, {}, 15), weighed, {}, told)[1]
        assert "已经付款的 1,719.00 元，按现在的数据应当退回" in letters
        assert "不受影响" not in letters and ("没有关于此主体的认定。" in letters) is False
    other = weigh([], [], objections=raised("2020-05", date(2020, 3, 5)))
    letters = objections_pages(objection_register(other, {}, {}, 15), other, {}, told)[1]
    assert "没有关于此主体的认定。" in letters and "1,719.00" not in letters
    # A stranger's letter is the same whether anything is determined, paid, asked back, or not.
    told["names"] = {ANN: "安娜的真名"}
    told_others = []
    for rows, back in (([line("eligible", 500)], []), ([line("eligible", 500)], asked), ([], [])):
        weighed = weigh(rows, rows, objections=raised("2020-02", date(2020, 3, 5)))
        register = objection_register(weighed, {}, {}, 15)
        told_others.append(objections_pages(register, weighed, {}, told | {"asked_back": back})[1])
    assert len(set(told_others)) == 1 and "您的异议已经核对" in told_others[0]
    told["names"] = {ANN: ""}
    nameless = weigh([line("eligible", 500)], []).with_columns(raised_by=pl.lit("?"))
    register = objection_register(nameless, {}, {}, 15)
    assert "5.00 元" not in objections_pages(register, nameless, {}, told)[1]


def test_nobody_else_reads_what_is_the_persons_own_matter() -> None:
    card: dict[str, Any] = dict.fromkeys(("authority", "clause", "universe"), "区人社局")
    card |= {"bureau": "区人社局、区财政局", "own_matters": ["g_free"]}
    rows = [line("ineligible", 0)]
    weighed = weigh(rows, rows, objections=raised(None, date(2020, 3, 5)))
    weighed = weighed.with_columns(beneficiary_id=pl.lit("U1"))
    key = tuple(weighed.select(KEY).row(0))
    entry = {"provision": "g_free", "title": "未在服刑", "clause": "〔〕", "value": "false"}
    entry |= {"clerk_answer": None, "facts": {}, "sources": []}
    told: dict[str, Any] = {"run_id": "R1", "as_of": "2020-03-06", "answer_days": 15, "titles": {}}
    told |= {"provisions": {"p": {"g_free": "未在服刑"}}, "cards": {"p": card}, "asked_back": []}
    told["instead"] = {key: "与它重复的是：甲。"}
    register = objection_register(weighed, {}, {}, 15)
    by = register["raised_by"].item()
    for names, is_own, is_party in (
        ({ANN: by, "U1": "淄川一厂"}, True, True),
        ({ANN: "某甲", "U1": by}, False, True),
        ({ANN: "某甲", "U1": "淄川一厂"}, False, False),
    ):
        told["names"] = names
        letters = objections_pages(
            register, weighed, {("R1", *key): {"provisions": [entry]}}, told
        )[1]
        assert ("未在服刑" in letters, "与它重复的是" in letters) == (is_own, is_party)
        assert ("只涉及本人的情况" in letters) == (is_party and not is_own)
        assert ("不列金额、期间、条件和数据" in letters) != is_party
        assert "再到区人社局提出" in letters


@pytest.mark.parametrize("hostile", ["=1+1", "@a", "+1", "-1", "<b>x</b>", 'a","b', "a\u202eb"])
def test_what_a_drop_says_is_no_formula_and_no_markup(hostile: str) -> None:
    row = {"policy_id": hostile, "period": None, "subject_id": ANN, "raised_by": hostile}
    row |= {"raised_on": date(2020, 3, 5), "reason": hostile, "document_no": hostile}
    types = dict.fromkeys(row, pl.String) | {"raised_on": pl.Date}
    weighed = weigh([], [], objections=name_objections(pl.DataFrame([row], schema=types)))
    register = objection_register(weighed, {}, {}, 15)
    cells = next(
        csv.reader(io.StringIO(csv_bytes(register).decode("utf-8-sig").split("\r\n", 1)[1]))
    )
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    card = dict.fromkeys(("authority", "clause", "bureau", "universe"), "")
    told = {"run_id": "R1", "as_of": "2020-03-06", "answer_days": 15, "titles": {}, "instead": {}}
    told |= {"provisions": {}, "cards": {hostile: card}, "asked_back": [], "names": {}}
    for page in objections_pages(register, weighed, {}, told):
        assert "<b>x" not in page
    assert "没有这项政策" in page, "whoever names no policy is answered too"
    nobody = objections_pages(register.clear(), weighed.clear(), {}, told)[1]
    assert "没有新的异议答复书" in nobody and "<section" not in nobody


def test_a_reason_is_the_same_whatever_the_width_of_its_signs() -> None:
    narrow = raised().rename({"objected_period": "period", "objection_reason": "reason"})
    rows = [
        narrow.with_columns(reason=pl.lit(said))
        for said in ("您好,少了(一笔)", "您好，少了（一笔）")
    ]
    named = name_objections(pl.concat(rows))
    assert named.height == 1
    assert [name_objections(row)["objection_id"].item() for row in rows] == [
        named["objection_id"].item()
    ] * 2
    assert name_objections(rows[1])["objection_reason"].item() == "您好，少了（一笔）"


def test_a_condition_is_called_as_its_own_policy_calls_it() -> None:
    """One id has another title in another policy, and was named by that one's."""
    weighed = weigh([line("ineligible", 0)], [line("ineligible", 0)])
    codes = pl.lit(["g_x"], pl.List(pl.String))
    weighed = weighed.with_columns(reasons_before=codes, reason_codes=codes)
    provisions = {"other": {"g_x": "别的政策的条件"}, "p": {"g_x": "本政策的条件"}}
    register = objection_register(weighed, {}, provisions, 15)
    assert register["objected_provisions"].to_list() == ["本政策的条件"]
    card = dict.fromkeys(("authority", "clause", "bureau", "universe"), "区人社局")
    told = {"run_id": "R1", "as_of": "2020-03-06", "answer_days": 15, "titles": {}, "instead": {}}
    told |= {"provisions": provisions, "cards": {"p": card}, "asked_back": []}
    told["names"] = {ANN: register["raised_by"].item()}
    for page in objections_pages(register, weighed, {}, told):
        assert "本政策的条件" in page and "别的政策的条件" not in page


def test_anyone_of_a_household_reads_of_it() -> None:
    card = dict.fromkeys(("authority", "clause", "bureau", "universe"), "区人社局")
    told = {"run_id": "R1", "as_of": "2020-03-06", "answer_days": 15, "titles": {}, "instead": {}}
    told |= {"provisions": {}, "cards": {"p": card}, "asked_back": [], "names": {ANN: "安娜、鲍勃"}}
    for kind, is_shown in (("household", True), ("employer", False)):
        weighed = weigh([line("eligible", 500)], [line("eligible", 500)])
        weighed = weighed.with_columns(subject_kind=pl.lit(kind), raised_by=pl.lit("鲍勃"))
        register = objection_register(weighed, {}, {}, 15)
        assert ("5.00 元" in objections_pages(register, weighed, {}, told)[1]) == is_shown


def test_the_clock_and_the_words() -> None:
    assert answer_clock(date(2010, 1, 1), date(2020, 1, 1), 15) == ("", "", "是")
    assert answer_clock(date(2020, 3, 31), date(2020, 3, 31), 15)[1:] == ("0", "否")
    told = {"provisions": {"s5_x": "参保企业"}}
    assert determined_text(None, None, [], told) == "未认定"
    assert determined_text("ineligible", 0, ["s5_x"], told) == "不符合，0.00 元（参保企业）"


def test_all_periods_are_all_and_a_period_of_another_sort_holds_what_it_touches() -> None:
    """A right is not lost by how its period is written: rather too much is held than too little."""
    assert raised("全部").equals(raised(None))
    months = [line("eligible", 500, f"2020-0{month}") for month in (1, 2)]
    for said, meant in (("全部", 2), ("2020", 2), ("2020-02", 1), ("2019", 0)):
        weighed = weigh(months, months, objections=raised(said))
        assert weighed["is_holding"].to_list() == ([True] * meant or [False]), said
        assert objection_questions(weighed).height == meant
    year = [line("eligible", 500, "2020")]
    weighed = weigh(year, year, objections=raised("2020-03"))
    assert weighed.select("is_holding", "period").rows() == [(True, "2020")]
    # As of all months: what comes later is no correction.
    later = weigh(months[:1], months, objections=raised("2020", date(2020, 1, 20)))
    assert later["is_corrected"].to_list() == [False, False] and all(later["is_holding"])


def test_an_objection_that_fits_nothing_is_told() -> None:
    def found(period: str | None, policy: str, *rows: str) -> list[str]:
        lines = [line("eligible", 500, one) for one in rows]
        weighed = weigh(lines, lines, objections=raised(period))
        named = weighed.with_columns(policy_id=pl.lit(policy))
        told = unfitting_objections(named, policy_cards())
        assert (
            set(told["finding"]) <= {"objection_fits_nothing"} and told.columns == FINDING_COLUMNS
        )
        if period != "2020-02":
            assert told.equals(
                unfitting_objections(named.with_columns(is_news=False), policy_cards())
            )
        return [detail.partition(": ")[2].partition(":")[0] for detail in told["detail"]]

    monthly, yearly = "benefit_to_retirement", "stability_refund"
    assert found(None, "稳岗补贴") == ["no policy is called so"]
    assert found("2020", monthly, "2020-01", "2020-02") == [
        "its policy goes by month and it names a year"
    ]
    assert found("2020-03", yearly, "2020") == ["its policy goes by year and it names a month"]
    assert found("2020-02", monthly) == ["nothing is determined of what it names"]
    assert found("2020-02", monthly, "2020-02") == found("全部", yearly, "2020") == []
