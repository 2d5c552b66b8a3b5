"""Over nights two ids of one household are held and a damaged id is set aside; both are asked,
answered and used; withdrawn, held and set aside again."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.clerical import list_answers, register_answers, withdraw_answer
from flows.answers.explain import explain_party
from flows.answers.identity import NAME
from flows.audit.replay import replay
from flows.cli import app
from flows.cli.console import run_command
from flows.ingest.drop import SnapshotRef, ingest_drop, load_snapshot
from flows.store import Home, read_manifest
from sql.texts import policy_cards
from tests.answers import clerical_lines
from tests.audit.conftest import eligible, run, told_anew
from tests.conftest import AS_OF
from transforms.answers.dossier import dossier_lines, dossier_page
from transforms.answers.identity import CHOICES, STAKES
from transforms.answers.source_rows import AT
from transforms.answers.stakes import changed_lines
from transforms.errors import DropRefusedError
from transforms.identifiers import with_check_character

POLICY = "graduate_flexible_insurance"
INSURED, RESIDENTS, NOTE = "个人参保信息.parquet", "户籍人口.parquet", "交接单.csv"
FIRST_ROW, HEADING = 4, 3
# Of the workbook of damaged ids.
FIRST_DAMAGED = 5
HIRED, FILE, LOST = "370301198407290023", "就业登记.csv", b"3.70301E+17"
STRANGER = with_check_character("37030219880506234")
SAID = {"decided_by": "李审", "why": "看错了", "document_no": ""}


def with_a_second_id(town: Path, into: Path, person: str) -> tuple[Path, str]:
    """Give a person a second id: insured, employed once, in the household of the first."""
    other = with_check_character(str(int(person[:17]) + (400 if person[14] < "5" else -400)))

    def add_jobs(rows: list[dict[str, str]]) -> None:
        job = rows[0] | {"合同类别": "以完成一定工作任务为期限", "合同开始日期": "2018-01-01"}
        job |= {"合同结束日期": "2018-02-01", "合同解除日期": "", "解除原因": ""}
        (name,) = names
        rows += [job | {"社会保障号码": one, "姓名": name} for one in (person, other)]

    insured = pl.read_parquet(town / INSURED)
    label, name_label = "社会保障号码", "姓名"
    names = insured.filter(pl.col(label) == person)[name_label].to_list()
    told_anew(town, into, add_jobs)
    one = insured.filter(pl.col(label) == person)
    pl.concat([insured, one.with_columns(pl.lit(other).alias(label))]).write_parquet(into / INSURED)
    homes = pl.read_parquet(town / RESIDENTS)
    homes = homes.filter(pl.col("社会保障号码") != person)
    rows = [homes.head(1).with_columns(pl.lit(i).alias("社会保障号码")) for i in (person, other)]
    same = pl.concat(rows).with_columns(
        pl.lit("户同").alias("户号"), pl.lit(names[0]).alias("姓名")
    )
    pl.concat([homes, same]).write_parquet(into / RESIDENTS)
    lines = (into / NOTE).read_text("utf-8-sig").splitlines()
    kept = [line for line in lines if INSURED not in line and RESIDENTS not in line]
    (into / NOTE).write_text("\n".join([*kept, ""]), encoding="utf-8-sig")
    return into, other


def status_of(home: Home, run_id: str, person: str) -> set[tuple[str, str]]:
    rows = pl.read_parquet(home.runs / run_id / "entitlements.parquet")
    mine = rows.filter((pl.col("subject_id") == person) & (pl.col("policy_id") == POLICY))
    return set(mine.select("status", "reason").iter_rows())


def asked_about(home: Home, run_id: str) -> list[dict[str, Any]]:
    book = openpyxl.load_workbook(home.runs / run_id / "clerical_decisions.xlsx")
    header, *rows = book.worksheets[0].iter_rows(min_row=HEADING, values_only=True)
    found = [dict(zip(header, cells, strict=True)) for cells in rows]
    return [one for one in found if "证件号属于同一个人" in str(one["问题"])]


def answered(home: Home, run_id: str, path: Path, decision: str) -> Path:
    """Fill in the question about the two ids and leave the others out, as a clerk may."""
    book = openpyxl.load_workbook(home.runs / run_id / "clerical_decisions.xlsx")
    page = book.worksheets[0]
    places = {cell.value: cell.column for cell in page[HEADING]}
    for row in range(page.max_row, FIRST_ROW - 1, -1):
        if "证件号属于同一个人" not in str(page.cell(row, places["问题"]).value):
            page.delete_rows(row)
    cells = {"裁定": decision, "裁定人": "王核", "裁定日期": "2020-03-31", "文号": "核1号"}
    for label, value in cells.items():
        page.cell(FIRST_ROW, places[label]).value = value
    book.save(path)
    return path


def with_a_damaged_id(drop: Path) -> Path:
    """One hire's id lost its last digits, as in a spreadsheet."""
    path = drop / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    (hire,) = [number for number, line in enumerate(lines) if HIRED.encode() in line]
    lines[hire] = lines[hire].replace(HIRED.encode(), LOST)
    path.write_bytes(b"".join(lines))
    return drop


def damaged_line(drop: Path) -> int:
    lines = (drop / FILE).read_bytes().splitlines()
    return 1 + next(number for number, line in enumerate(lines) if LOST in line)


def recognised(asked: Path, place: Path, answer: str, by: str = "王核") -> Path:
    """Fill in the workbook of damaged ids as a clerk does."""
    shutil.copyfile(asked, place)
    cells = {"认定": answer, "裁定人": by, "裁定日期": "2020-03-31", "文号": "核1号"}
    clerical_lines.fill(place, {FIRST_DAMAGED: cells}, heading=FIRST_DAMAGED - 1)
    return place


def damaged_asked(folder: Path) -> dict[str, Any]:
    """Read what is asked about the one damaged id."""
    page = openpyxl.load_workbook(folder / NAME).active
    assert page is not None
    return dict(zip(*page.iter_rows(min_row=FIRST_DAMAGED - 1, values_only=True), strict=True))


def slot_of(asked: Mapping[str, Any]) -> str:
    (slot,) = [one for one in CHOICES[:3] if HIRED in (asked[one] or "")]
    return slot


def quarantined(snapshot: SnapshotRef) -> int:
    fallen = pl.read_parquet(snapshot.folder / "quarantine.parquet")
    return fallen.filter(pl.col("rule") == "invalid_person_id").height


@dataclass
class Story:
    """Three nights of one drop: both asked; both answered; all withdrawn, the damaged id nobody's.

    `answered`: a copy of the home as it stood before anything was withdrawn.
    """

    home: Home
    answered: Home
    drop: Path
    person: str
    other: str
    asked: str
    known: str
    again: str

    def snapshot_of(self, run_id: str) -> SnapshotRef:
        said = read_manifest(self.home.runs / run_id, "run")
        return load_snapshot(self.home.snapshots, said["snapshot_id"])


@pytest.fixture(scope="module")
def story(
    town: Path, run_home: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Story:
    root = tmp_path_factory.mktemp("identity")
    shutil.copytree(run_home[0], root / "home")
    home, first = Home(root / "home"), run_home[1]["run_id"]
    lines = pl.read_parquet(home.runs / first / "entitlements.parquet")
    lines = lines.filter((pl.col("policy_id") == POLICY) & (pl.col("status") == "payable"))
    person = lines["subject_id"][0]
    assert person in eligible(home, POLICY, first)["subject_id"]
    drop, other = with_a_second_id(town, root / "drop", person)
    with_a_damaged_id(drop)

    def night() -> str:
        return str(run(home, drop, AS_OF)["run_id"])

    asked = night()
    folder = home.runs / asked
    answer = answered(home, asked, root / "answered.xlsx", "否")
    assert register_answers(home, answer, {})["new_answers"] == 1
    slot = slot_of(damaged_asked(folder))
    register_answers(home, recognised(folder / NAME, root / "one.xlsx", slot), {})
    known = night()
    before = Home(root / "before")
    shutil.copytree(home.root, before.root)
    for one in list_answers(home):
        withdraw_answer(home, one["answer_id"], SAID)
    register_answers(home, recognised(folder / NAME, root / "no.xlsx", "都不是"), {})
    return Story(home, before, drop, person, other, asked, known, night())


def test_two_ids_are_held_and_whoever_asks_is_told_why(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, held, person, other = story.home, story.asked, story.person, story.other
    assert status_of(home, held, person) == {("held", "identity_conflict")}
    (question,) = asked_about(home, held)
    assert question["问题"] == "「这两个证件号属于同一个人」是否成立？"
    assert {question["主体代码"], question["收款主体代码"]} == {person, other}
    assert "同一户" in question["缺什么"] and question["涉及金额(元)"] > 0
    omitted = pl.read_parquet(home.runs / held / "omitted.parquet")
    (told,) = set(omitted.filter(pl.col("subject_id") == person)["detail"])
    assert told.startswith("身份信息有冲突，须核对：与 ") and "同一户" in told
    words = ["explain", held, "--person", person, "--home", str(home.root)]
    assert run_command(app, words) == 0
    assert f"in doubt     has name, birth date and sex of {other}" in capsys.readouterr().out
    assert run_command(app, ["--lang", "zh", *words]) == 0
    assert "可能是同一个人：证件号一位不同或相邻两位对调、同一户" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert run_command(app, [*words, "--json", "--html", str(page)]) == 0
    assert "in one household" in json.dumps(json.loads(capsys.readouterr().out))
    assert "<th>身份存疑</th>" in page.read_text("utf-8")
    assert "可能是同一个人：证件号一位不同或相邻两位对调、同一户" in page.read_text("utf-8")


def test_two_persons_are_paid_once_a_clerk_says_so_and_held_again_once_it_is_withdrawn(
    story: Story,
) -> None:
    home, person = story.home, story.person
    assert status_of(home, story.known, person) == {("payable", "")}
    assert asked_about(home, story.known) == []
    assert status_of(home, story.again, person) == {("held", "identity_conflict")}
    assert len(asked_about(home, story.again)) == 1


def test_what_is_damaged_is_asked_and_the_next_night_uses_the_answer(story: Story) -> None:
    folder, after = (story.home.runs / run_id for run_id in (story.asked, story.known))
    hire = (pl.col("subject_id") == HIRED) & (pl.col("policy_id") == "new_hire_subsidy")
    eligible = hire & (pl.col("outcome") == "eligible")
    assert quarantined(story.snapshot_of(story.asked)) == 1
    assert pl.read_parquet(folder / "determinations.parquet").filter(eligible).height == 0
    assert quarantined(story.snapshot_of(story.known)) == 0 and not (after / NAME).exists()
    assert pl.read_parquet(after / "determinations.parquet").filter(eligible).height == 1
    # What the first said would depend on the damaged row is what came of it once it was known.
    nights = (pl.read_parquet(run / "determinations.parquet") for run in (folder, after))
    came = changed_lines(*nights).group_by("policy_id")
    lines = came.agg(pl.len(), pl.col("stake_fen").sum()).sort("policy_id")
    told = pl.read_parquet(folder / f"{STAKES}.parquet")
    assert told.select("policy_id", "changed_count", "stake_fen").rows() == lines.rows() != []
    titles = sorted(policy_cards()[name].title for name in lines["policy_id"])
    asked, money = damaged_asked(folder), lines["stake_fen"].sum() / 100
    assert (asked["涉及政策"], asked["涉及金额(元)"]) == ("、".join(titles), money)


def test_explain_names_the_clerk_and_a_replay_sees_the_same(story: Story) -> None:
    told = explain_party(story.home, "person", HIRED, story.known)
    line = damaged_line(story.drop)
    assert f"{FILE}:{line}" in json.dumps(told, ensure_ascii=False)
    rows = [
        row
        for policy in told["policies"]
        for explained in policy["rows"]
        for entry in explained["provisions"]
        for source in entry["sources"]
        for row in source["rows"]
        if "linked_by" in row
    ]
    assert {(row[AT], row["linked_by"]) for row in rows} == {
        (f"{FILE}:{line}", "王核 2020-03-31 核1号")
    }
    assert "linked_by=王核 2020-03-31 核1号" in "\n".join(dossier_lines(told, "en"))
    assert "王核 2020-03-31 核1号" in dossier_page(told)
    # Of the night that rests on both answers.
    assert replay(story.home, story.known)["verdict"] == "identical"


def test_a_damaged_row_that_is_nobodys_stays_set_aside_and_is_not_asked_again(story: Story) -> None:
    assert quarantined(story.snapshot_of(story.again)) == 1
    assert not (story.home.runs / story.again / NAME).exists()


def test_next_month_it_is_decided_by_content_until_clerks_differ(
    story: Story, tmp_path: Path
) -> None:
    """The row stands in another file, on another line."""
    home, folder, drop = story.answered, story.answered.runs / story.asked, tmp_path / "drop"
    drop.mkdir()
    lines = (story.drop / FILE).read_bytes().splitlines(keepends=True)
    (drop / FILE).write_bytes(b"".join([lines[0], *lines[2:], lines[1]]))
    line, slot = damaged_line(story.drop), slot_of(damaged_asked(folder))

    def taken() -> SnapshotRef:
        return ingest_drop(drop, home.snapshots, registers=home.registers)

    now = taken()
    assert quarantined(now) == 0 and damaged_line(drop) == line - 1
    links = pl.read_parquet(now.folder / "links.parquet")
    assert links.select("source_line", "decided_by", "link_line").rows() == [(line - 1, "王核", 0)]

    take_only_known_persons(home, tmp_path / "身份核对结论.csv")

    # A second clerk differs, a third decides.
    for by, answer, waiting in (("李审", "都不是", 1), ("赵复", slot, 0)):
        path = recognised(folder / NAME, tmp_path / f"{by}.xlsx", answer, by)
        register_answers(home, path, {})
        now = taken()
        assert quarantined(now) == waiting
        named = pl.read_parquet(now.folder / "findings.parquet")["finding"]
        assert ("clerical_links_differ" in named.to_list()) == bool(waiting)

    # Withdrawn, it waits again.
    for one in list_answers(home):
        withdraw_answer(home, one["answer_id"], SAID)
    assert quarantined(taken()) == 1


def take_only_known_persons(home: Home, extract: Path) -> None:
    """In an extract only persons are taken whom the night knows, or who were proposed."""
    for person, refusal in (
        (STRANGER, "row 2: the person stands nowhere"),
        (HIRED[:-1] + "9", "身份核对结论.csv: nothing was imported; line 2: person_id"),
    ):
        extract.write_text(
            "kind,file_digest,line,person_id,decided_by,decided_on\n"
            f"employment,{'0' * 64},9,{person},李审,2020-03-31\n"
        )
        with pytest.raises(DropRefusedError, match=refusal):
            register_answers(home, extract, {})
    extract.write_text(extract.read_text().replace(person, HIRED))
    assert register_answers(home, extract, {})["new_answers"] == 1
