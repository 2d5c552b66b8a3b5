"""The clerk's blind workbook of damaged ids, from the night that asks to the one that knows."""

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.answers.clerical import (
    import_decisions,
    register_answers,
)
from flows.answers.identity import NAME
from flows.cli import app
from flows.cli.console import run_command
from flows.store import Home, file_digest, write_manifest
from sql.texts import policy_cards
from tests.answers import clerical_lines
from tests.answers.identity_rows import candidate, damaged_row, frames_of
from transforms.answers.identity import CHOICES, _in_words, identity_sheet
from transforms.answers.identity_opened import _waterfall, agreement
from transforms.answers.stakes import STAKES_SCHEMA
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.extracts.registers import LINKS
from transforms.identifiers import with_check_character
from transforms.sheets.workbook import workbook_bytes

RUN_ID = "R00000000000000000009"
LOW, MIDDLE, HIGH = (
    with_check_character(body)
    for body in ("37030219771212001", "37030219880506234", "37030219900101123")
)
FIRST_ROW = 5
EMPLOYERS = pl.DataFrame(
    {"employer_code": ["91370302MA3C00001A"], "employer_name": ["淄川甲厂有限公司"]}
)
SAID = {"decided_by": "王核", "why": "看错了", "document_no": ""}


def planted() -> dict[str, pl.DataFrame]:
    """Two rows: the likeliest of three has the highest id; of the other row nobody is proposed."""
    one, other = damaged_row(12), damaged_row(13, name="李四")
    people = [
        candidate(one, 1, HIGH, (-12000, 9000, 6500)),
        candidate(one, 2, MIDDLE, (-12000, 9000, -1500), employer_code=None),
        candidate(one, 3, LOW, (-12000, -2000, 6500)),
    ]
    return frames_of([one, other], people)


@pytest.fixture
def home(tmp_path: Path, as_it_lies: None) -> Home:
    """A home with a run's folder as the night leaves it: frames, manifest, blind workbook."""
    home, frames = Home(tmp_path / "home"), planted()
    folder = home.runs / RUN_ID
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    people, row = frames["identity_candidates"], damaged_row(12)
    at_stake = [("wage_arrears", 1, 0), ("stability_refund", 2, 1020)]
    stakes = pl.DataFrame(
        [(row["kind"], row["file_digest"], row["line"], *one) for one in at_stake],
        schema=STAKES_SCHEMA,
        orient="row",
    )
    cards = policy_cards()
    sheet = identity_sheet(frames["damaged_rows"], people, stakes, cards, EMPLOYERS, RUN_ID)
    (folder / NAME).write_bytes(workbook_bytes([sheet]))
    write_manifest(folder, {"files": {path.name: file_digest(path) for path in folder.iterdir()}})
    return home


def fill(path: Path, cells: dict[int, Any], target: Path | None = None) -> Path:
    """Fill in cells as a clerk does, by row and heading; None deletes the row."""
    target = target or path.with_name("filled.xlsx")
    shutil.copyfile(path, target)
    clerical_lines.fill(target, cells, heading=FIRST_ROW - 1)
    return target


def sheet_of(path: Path, number: int) -> pl.DataFrame:
    """Read a sheet of two lines, a heading and rows."""
    page = openpyxl.load_workbook(path).worksheets[number]
    header, *rows = page.iter_rows(min_row=3, values_only=True)
    return pl.DataFrame(rows, schema=[str(cell) for cell in header], orient="row")


def said(answer: str, by: str = "王核", **changes: Any) -> dict[str, Any]:
    return {"认定": answer, "裁定人": by, "裁定日期": "2020-03-31", "文号": "核1号"} | changes


def test_the_workbook_is_blind(home: Home) -> None:
    path = home.runs / RUN_ID / NAME
    page = openpyxl.load_workbook(path).active
    assert page is not None
    header, first, second = page.iter_rows(min_row=FIRST_ROW - 1, values_only=True)
    row = dict(zip(header, first, strict=True))
    ids = [re.findall(r"\d{17}[\dX]", row[slot]) for slot in CHOICES[:3]]
    assert ids == [[LOW], [MIDDLE], [HIGH]], "by id, though the last is the likeliest"
    assert row["第一人"].startswith(
        f"张三\n{LOW}\n男 1977-12-12\n淄川甲厂有限公司\n91370302MA3C00001A\n"
    )
    assert "女 1988-05-06" in row["第二人"] and row["第二人"].endswith(
        "姓名：一致\n在该单位参保或领薪：不一致"
    )
    stood = row["文件中的行"]
    assert all(
        text in stood for text in ("工资发放明细.csv", "12", "3.70302E+17", "张三", "202001")
    )
    titles = (policy_cards()[name].title for name in ("wage_arrears", "stability_refund"))
    assert (row["涉及政策"], row["涉及金额(元)"]) == ("、".join(sorted(titles)), 10.2)
    assert second[1] == "（没有可能的人）" and second[4:6] == ("（未测算）", None)
    assert "哪位最相符，表中不写明" in str(page.cell(3, 1).value)
    (allowed,) = page.data_validations.dataValidation
    assert allowed.formula1 == '"' + ",".join(CHOICES) + '"'
    # Nowhere in the file, hidden or not, stands what the matching thinks.
    with zipfile.ZipFile(path) as parts:
        texts = b"".join(parts.read(name) for name in parts.namelist()).decode("utf-8", "ignore")
    people = planted()["identity_candidates"]
    scores = [
        *people["probability_ppm"],
        *(abs(one["weight_milli"]) for of in people["evidence"] for one in of),
    ]
    words = ("prior", "probability", "weight", "rank", "概率", "权重")
    assert [
        one for one in (*map(str, scores), *words) if re.search(rf"(?<!\d){one}(?!\d)", texts)
    ] == []


def test_what_is_no_field_of_the_row_is_no_evidence_for_the_clerk() -> None:
    fields = {"prior": "prior", "name": "equal", "others": "others"}
    evidence = [{"field": f, "level": x, "weight_milli": 0} for f, x in fields.items()]
    assert _in_words(pl.Series([evidence])).to_list() == ["姓名：一致"]
    steps = _waterfall(evidence, 500_000)
    assert [(one["field"], one["level"]) for one in steps] == [
        *(("先验", ""), ("姓名", "一致"), ("其他候选人", ""))
    ]


def test_an_answer_is_registered_by_line_and_by_content_and_then_opened(home: Home) -> None:
    path = fill(home.runs / RUN_ID / NAME, {5: said("第三人"), 6: said("说不准")})
    made = register_answers(home, path, {})
    assert (made["answers"], made["new_answers"], made["new_lines"]) == (1, 1, 2)
    assert (made["unsure"], made["agreement"]) == (1, [])
    register = pl.read_csv(home.root / LINKS.file, infer_schema=False)
    assert register.select("文件摘要", "行号", "认定的身份证号", "文号").rows() == [
        ("a" * 64, "12", HIGH, "核1号"),
        (f"{12:064}", "0", HIGH, "核1号"),
    ]
    assert register["编号"].n_unique() == 1
    likely, evidence = (sheet_of(Path(made["opened"]), number) for number in (0, 1))
    assert likely["候选人"].to_list() == ["第三人", "第二人", "第一人"]
    assert likely["可能性"].to_list()[0] == "很可能" and likely["概率"][0] == pytest.approx(
        0.9188, abs=1e-4
    )
    assert set(likely["认定"]) == {"第三人"} and not likely["文件和行号"].str.contains("13").any()
    steps = evidence.filter(pl.col("候选人") == "第三人")
    assert steps["项目"][0] == "先验" and steps["权重"].to_list() == ["-12.00", "+9.00", "+6.50"]
    assert steps["累计概率"][-1] == pytest.approx(likely["概率"][0], abs=2e-4)
    again = register_answers(home, path, {})
    assert again["new_answers"] == 0


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({5: {}}, "row 5: unchanged"),
        ({5: said("第三人", 题号="0")}, "row 5: altered"),
        ({5: said("第三人", 第三人="张三")}, "row 5: altered"),
        ({5: said("第三人", 涉及政策="没有")}, "row 5: altered"),
        ({5: said("是")}, "row 5: 认定 is none of"),
        ({6: said("第一人"), 5: said("都不是")}, "row 6: 认定 names a person who was not proposed"),
        ({5: said("第一人", by=" ")}, "row 5: 裁定人 is empty"),
        ({5: said("第一人", 裁定日期="2020-02-30")}, "row 5: 裁定日期 is no date"),
        ({5: None, 6: None}, "no line is left"),
        ({5: said("第一人", 运行="R1")}, "one run of this home"),
        ({5: said("第一人", 运行="../x"), 6: None}, "one run of this home"),
    ],
)
def test_altered_or_incomplete_lines_are_refused_by_row(
    home: Home, cells: dict[int, Any], told: str
) -> None:
    path = fill(home.runs / RUN_ID / NAME, {6: said("都不是")} | cells)
    with pytest.raises(DropRefusedError, match=told) as refused:
        register_answers(home, path, {})
    assert HIGH not in str(refused.value) and home.registers == []
    assert list(path.parent.glob("*_opened.xlsx")) == []


def test_a_line_of_another_run_is_refused_though_it_says_this_one(home: Home) -> None:
    other, frames = "R0000000000000000000A", planted()
    shutil.copytree(home.runs / RUN_ID, home.runs / other)
    path = fill(home.runs / RUN_ID / NAME, {5: said("第三人", 运行=other), 6: None})
    with pytest.raises(DropRefusedError, match="row 5: not among the damaged rows of its run"):
        register_answers(home, path, {})
    damaged = frames["damaged_rows"].with_columns(line=pl.col("line") + 1)
    damaged.write_parquet(home.runs / RUN_ID / "damaged_rows.parquet")
    path = fill(home.runs / RUN_ID / NAME, {5: said("第三人"), 6: None})
    with pytest.raises(DigestDiffersError):
        register_answers(home, path, {})
    with pytest.raises(DropRefusedError, match="leave out --out"):
        import_decisions(path, path.with_name("x.csv"), {})


def test_rows_that_are_alike_to_the_letter_are_named_by_line_only(home: Home) -> None:
    folder, one = home.runs / RUN_ID, damaged_row(12)
    other = damaged_row(13, content_digest=one["content_digest"])
    people = [candidate(row, 1, HIGH, (-9000, 9000, 500)) for row in (one, other)]
    lay_out(folder, frames_of([one, other], people))
    made = register_answers(home, fill(folder / NAME, {5: said("第一人"), 6: None}), {})
    assert (made["new_answers"], made["new_lines"]) == (1, 1), (
        "of one too: the other may be another"
    )
    # The next night only the other is damaged; it had its like in this file.
    lay_out(folder, frames_of([other], people[1:]))
    made = register_answers(home, fill(folder / NAME, {5: said("都不是")}), {})
    assert (made["new_answers"], made["new_lines"]) == (1, 1)
    assert set(pl.read_csv(home.root / LINKS.file, infer_schema=False)["行号"]) == {"12", "13"}


def lay_out(folder: Path, frames: dict[str, pl.DataFrame]) -> None:
    """Write a run's folder anew with other damaged rows."""
    for path in folder.iterdir():
        path.unlink()
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    waiting, proposed = frames["damaged_rows"], frames["identity_candidates"]
    sheet = identity_sheet(waiting, proposed, None, {}, EMPLOYERS, RUN_ID)
    (folder / NAME).write_bytes(workbook_bytes([sheet]))
    write_manifest(folder, {"files": {path.name: file_digest(path) for path in folder.iterdir()}})


def test_the_command_prints_agreement_with_other_clerks(
    empty_home: Path, home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "whole"
    shutil.copytree(empty_home, place)
    shutil.copytree(home.runs, place / "runs", dirs_exist_ok=True)
    asked, words = place / "runs" / RUN_ID / NAME, ["--home", str(place)]
    one = fill(asked, {5: said("第三人"), 6: said("都不是")}, tmp_path / "one.xlsx")
    two = fill(asked, {5: said("第三人", "李审"), 6: said("都不是", "李审")}, tmp_path / "two.xlsx")
    three = fill(
        asked, {5: said("第二人", "赵复"), 6: said("都不是", "赵复")}, tmp_path / "three.xlsx"
    )
    assert run_command(app, ["clerical", "import", str(one), *words]) == 0
    assert "alike" not in capsys.readouterr().out
    opened = tmp_path / "scores.xlsx"
    assert run_command(app, ["clerical", "import", str(two), "--opened", str(opened), *words]) == 0
    told = capsys.readouterr().out
    assert "李审 and 王核 both answered 2 rows, 2 alike (100.0 %, Cohen's kappa 1.00)" in told
    assert opened.is_file() and str(opened) in told
    words_again = ["clerical", "import", str(three), "--opened", str(opened), *words]
    assert run_command(app, words_again) == 10
    assert "nothing is overwritten" in capsys.readouterr().err
    assert run_command(app, ["--lang", "zh", "clerical", "import", str(three), *words]) == 0
    told = capsys.readouterr().out
    assert "赵复" in told and "50.0 %" in told and "alike" not in told
    assert run_command(app, ["clerical", "show", *words, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["answers"]
    assert [one["decided_by"] for one in listed] == ["王核", "王核", "李审", "李审", "赵复", "赵复"]
    assert {one["kind"] for one in listed} == {"clerical_links"}


@given(st.lists(st.tuples(*[st.sampled_from([LOW, HIGH, ""])] * 2), min_size=1, max_size=9))
def test_agreement_is_counted_and_held_against_chance(said: list[tuple[str, str]]) -> None:
    rows = [damaged_row(number) for number in range(len(said))]
    answers = pl.DataFrame(
        [
            {name: row[name] for name in ("kind", "file_digest", "line", "content_digest")}
            | {
                "answer": "第一人",
                "person_id": own or None,
                "decided_by": "甲",
                "persons": [LOW, HIGH],
            }
            for row, (own, _) in zip(rows, said, strict=True)
        ],
        schema_overrides={"person_id": pl.String},
    )
    head = LINKS.headings
    known = pl.DataFrame(
        [
            {
                head["kind"]: "payroll",
                head["file_digest"]: row["file_digest"]
                if row["line"] % 2
                else row["content_digest"],
                head["line"]: str(row["line"] if row["line"] % 2 else 0),
                head["person_id"]: other,
                head["decided_by"]: "乙",
                head["decided_on"]: "2020-03-01",
            }
            for row, (_, other) in zip(rows, said, strict=True)
        ]
    )
    (told,) = agreement(answers, known)
    alike = sum(own == other for own, other in said)
    assert (told["rows"], told["alike"]) == (len(said), alike)
    share = alike / len(said)
    ours, theirs = zip(*said, strict=True)
    chance = sum(ours.count(one) * theirs.count(one) for one in set(ours)) / len(said) ** 2
    kappa = None if told["kappa"] is None else float(told["kappa"])
    assert kappa == (
        None if chance == 1 else pytest.approx((share - chance) / (1 - chance), abs=0.0051)
    )
