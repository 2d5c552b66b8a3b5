"""No claim by absence: money is asked back only where a row of tonight speaks against it."""

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.clerical import import_decisions
from flows.answers.explain import explain_line, explain_party
from flows.audit.again import call_program, stage_code
from flows.audit.diff import diff
from flows.money.ledger_store import open_ledger
from flows.night import against, causes
from flows.night.part import Means
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.program import deciding_texts
from flows.store import Home
from sql import connect, show_frame
from sql.texts import policy_cards
from tests.answers.clerical_lines import FIRST_ROW, decided, fill
from tests.conftest import AS_OF, make_home
from tests.money.money_town import sign_both
from transforms.answers.dossier import dossier_lines, dossier_page
from transforms.answers.source_rows import months_asked_for
from transforms.extracts.kinds import KINDS
from transforms.money.entitlements import KEY
from transforms.policies.cards import ABSENCE
from transforms.policies.evidence import excluding_rows, rows_against

NUMBERS = "sql/parameters.yaml"
LATER = AS_OF + timedelta(days=1)
Table = list[list[str]]


def change(drop: Path, told: dict[str, Callable[[Table], Table]], note: bool = True) -> None:
    """Change files of a drop of CSV, by title; the note says what was taken out, and why."""
    lines = []
    for path in sorted(drop.glob("*.csv")):
        if path.name == "交接单.csv":
            continue
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
        title = path.stem.split("_")[0]
        # Without their units contributions would be in quarantine, and stop the night.
        names = (title,) if title == "单位参保信息" else (title, "*")
        acts = [act for name, act in told.items() if name in names]
        left = rows[1:]
        for act in acts:
            left = act(left)
        text = io.StringIO()
        csv.writer(text).writerows([rows[0], *left])
        path.write_text(text.getvalue(), "utf-8")
        lines.append([path.name, len(left), "", "", max(0, len(rows) - 1 - len(left)), "更正"])
    text = io.StringIO()
    header = ["文件名", "行数", "金额合计", "SHA256", "核减行数", "说明"]
    csv.writer(text).writerows([header, *lines])
    (drop / "交接单.csv").write_text(text.getvalue(), "utf-8")


def losing(share: float, seed: int) -> Callable[[Table], Table]:
    random = Random(seed)
    return lambda rows: [row for row in rows if random.random() >= share]


def adding(*rows: list[str]) -> Callable[[Table], Table]:
    return lambda table: [*table, *rows]


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path, pl.DataFrame]:
    """A home whose first night was paid whole, its drop, and what was paid."""
    home, drop, lines = paid_town(tmp_path_factory.mktemp("claims"), {})
    assert lines.height > 100
    return home, drop, lines


def paid_town(
    root: Path, told: dict[str, Callable[[Table], Table]]
) -> tuple[Home, Path, pl.DataFrame]:
    from data_samples.town.write import write_sample

    drop = root / "drop"
    write_sample(drop, 300, 7, AS_OF, formats="csv-utf8")
    if told:
        change(drop, told)
    home: Home = make_home(root / "home")
    summary = run_night(NightRequest(home, AS_OF, drop=drop), Progress())
    pay_all(home)
    return home, drop, entitlements(home, summary).filter(pl.col("status") == "payable")


def pay_all(home: Home) -> None:
    from flows.money.batch import list_batches
    from flows.money.release import release_batch

    for batch in list_batches(home):
        if batch["state"] == "draft":
            sign_both(home, batch["batch_id"])
            release_batch(home, batch["batch_id"])


def entitlements(home: Home, summary: dict[str, Any]) -> pl.DataFrame:
    return pl.read_parquet(home.runs / summary["run_id"] / "entitlements.parquet")


def night(
    paid: tuple[Home, Path, pl.DataFrame], work: Path, told: dict[str, Callable[[Table], Table]]
) -> tuple[Home, dict[str, Any], pl.DataFrame]:
    home, drop = Home(work / "home"), work / "drop"
    shutil.copytree(paid[0].root, home.root)
    shutil.copytree(paid[1], drop)
    change(drop, told)
    summary = run_night(NightRequest(home, LATER, drop=drop), Progress())
    return home, summary, entitlements(home, summary)


@dataclass(frozen=True)
class Month:
    """One night over the paid town, in which what befell each of these is independent."""

    found: pl.DataFrame
    hired: str
    alone: str
    listed: str
    moved: str
    lost: dict[str, Any]
    returned: dict[str, Any]

    def of(self, *subjects: str) -> pl.DataFrame:
        """Leave what became of some of them, where less is determined than was paid."""
        about = self.found.filter(pl.col("subject_id").is_in(subjects))
        return about.filter(pl.col("determined_fen") < pl.col("paid_before_fen"))


@pytest.fixture(scope="module")
def month(paid: tuple[Home, Path, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Month:
    """A month later, as most things happen: rows gone, renewed, late, decided, sent back."""
    work, lines = tmp_path_factory.mktemp("month"), paid[2]
    hired, moved = (somebody_paid(lines, "new_hire_subsidy", place)[0] for place in (0, 1))
    alone, _ = somebody_paid(lines, "graduate_flexible_insurance")
    listed, _ = somebody_paid(lines, "flexible_insurance_extension")
    intern, _ = somebody_paid(lines, "internship_subsidy")
    of_intern = lines.filter(pl.col("subject_id") == intern).sort(KEY)
    town = (Home(work / "paid"), shutil.copytree(paid[1], work / "town"), lines)
    shutil.copytree(paid[0].root, town[0].root)
    returned = send_back(town[0], but=alone)
    header = "政策,期间,主体代码,收款主体代码,条款,裁定,裁定人,裁定日期,文号\n"
    lost = of_intern.row(0, named=True)
    cells = [lost[name] for name in ("policy_id", "period", "subject_id", "beneficiary_id")]
    said = [*cells, "recovery", "是", "王核", date(2020, 4, 1).isoformat(), "裁1"]
    (town[1] / "人工裁定.csv").write_text(header + ",".join(said) + "\n", "utf-8")

    told = {
        "就业登记": lambda rows: [
            [*r[:4], str(LATER), *r[5:]] if moved in r else r for r in rows if hired not in r
        ],
        "个人缴费明细": lambda rows: with_next_month(rows, hired, alone),
        "高校毕业生名册": lambda rows: [
            [*row[:2], "另一所大学", *row[3:]] if alone in row else row
            for row in rows
            if intern not in row
        ],
        "认定名单": lambda rows: [[*r[:4], str(LATER), *r[5:]] if listed in r else r for r in rows],
        "政策享受台账": adding(echo_of(paid[1], returned)),
    }
    _, _, found = night(town, work / "night", told)
    return Month(found, hired, alone, listed, moved, lost, returned)


def somebody_paid(lines: pl.DataFrame, policy: str, place: int = 0) -> tuple[str, str]:
    """Name subject and beneficiary of a paid line of a policy."""
    rows = lines.filter(pl.col("policy_id") == policy).sort(KEY)
    return rows["subject_id"].unique(maintain_order=True)[place], rows["beneficiary_id"][place]


def largest_refunded(paid: tuple[Home, Path, pl.DataFrame]) -> str:
    """Name the employer of most staff that was paid a refund of its contributions."""
    lines = paid[2].filter(policy_id="stability_refund")
    facts = pl.concat(
        pl.read_parquet(path).select("subject_id", "headcount_end")
        for path in paid[0].runs.glob("*/policies/stability_refund.parquet")
    )
    staff = lines.join(facts, on="subject_id").sort("headcount_end", "subject_id")
    return str(staff["subject_id"][-1])


def keys(rows: pl.DataFrame) -> set[tuple[str, ...]]:
    return set(rows.select(KEY).iter_rows())


def test_rows_that_vanish_are_no_claim_and_all_are_listed(
    paid: tuple[Home, Path, pl.DataFrame], tmp_path: Path
) -> None:
    home, summary, found = night(paid, tmp_path, {"*": losing(0.05, 1)})
    assert found.filter(pl.col("status") == "recovery").height == 0
    unsupported = found.filter(pl.col("status") == "unsupported")
    assert unsupported.height >= 10 and unsupported["due_fen"].sum() == 0
    assert set(unsupported["cause"]) == {"rows_gone"}
    assert unsupported["cause_rows"].str.contains(r"\.csv:[0-9]").all()
    # Each line that was paid and is not determined as it was is there, and none besides.
    left = found.filter(pl.col("determined_fen") < pl.col("paid_before_fen"))
    assert keys(unsupported) == keys(left)
    folder = home.runs / summary["run_id"]
    findings = pl.read_parquet(folder / "findings.parquet")
    told = findings.filter(pl.col("finding") == "paid_without_support")
    assert told.height and told["detail"].str.contains("rows_gone").all()
    assert "待核实" in (folder / "report.html").read_text("utf-8")
    sheet = openpyxl.load_workbook(folder / "clerical_decisions.xlsx").worksheets[1]
    asked = [row for row in sheet.iter_rows(values_only=True) if "recovery" in row]
    assert len(asked) == unsupported.height
    line = unsupported.row(0, named=True)
    told = explain_line(
        home,
        line["policy_id"],
        line["beneficiary_id"],
        None,
        line["period"],
        summary["run_id"],
    )
    text = "\n".join(dossier_lines(told))
    assert line["subject_id"] in text and "paid, and not supported now" in text
    about = explain_party(home, line["subject_kind"], line["subject_id"], summary["run_id"])
    assert "待核实：已付而现在不再符合" in dossier_page(about)


def test_each_planted_row_is_exactly_its_claim(
    paid: tuple[Home, Path, pl.DataFrame], tmp_path: Path
) -> None:
    lines = paid[2]
    dead, _ = somebody_paid(lines, "benefit_to_retirement")
    jailed, _ = somebody_paid(lines, "flexible_insurance_extension")
    granted, _ = somebody_paid(lines, "new_hire_subsidy")
    _, listed = somebody_paid(lines, "holiday_production_subsidy")
    lost, _ = somebody_paid(lines, "internship_subsidy")
    decided = lines.filter(pl.col("subject_id") == lost).sort(KEY).row(0, named=True)

    def without(person: str) -> Callable[[Table], Table]:
        return lambda rows: [row for row in rows if person not in row]

    drop, day = paid[1], "2019-12-01"
    told = {
        "死亡信息": adding(row_of(drop, "死亡信息", 社会保障号码=dead, 死亡日期=day)),
        "服刑信息": adding(
            row_of(drop, "服刑信息", 社会保障号码=jailed, 收监日期=day, 释放日期="")
        ),
        "认定名单": adding(
            row_of(drop, "认定名单", 名单类别="严重失信", 主体类型="单位", 代码=listed, 失效日期="")
        ),
        "政策享受台账": adding(
            row_of(drop, "政策享受台账", 补贴类型="一次性吸纳就业补贴", 代码=granted)
        ),
        "高校毕业生名册": without(lost),
    }
    _home, _summary, found = night(paid, tmp_path, told)
    claims = found.filter(pl.col("status") == "recovery")
    is_claim = (
        ((pl.col("policy_id") == "benefit_to_retirement") & (pl.col("subject_id") == dead))
        | (
            (pl.col("policy_id") == "flexible_insurance_extension")
            & (pl.col("subject_id") == jailed)
        )
        | ((pl.col("policy_id") == "new_hire_subsidy") & (pl.col("subject_id") == granted))
        | (pl.col("beneficiary_id") == listed)
    )
    died = {name for name, card in policy_cards().items() if "g_alive" in card.provision_names}
    others = pl.col("subject_id").is_in([dead, jailed]) & pl.col("policy_id").is_in(died)
    expected = lines.filter(is_claim | others)
    assert keys(claims) == keys(expected)
    assert set(claims["cause"]) == {"row_found"}
    assert (claims["due_fen"] + claims["paid_before_fen"] == claims["determined_fen"]).all()
    # Who lost the rows it rested on owes nothing; money is conserved all the same.
    gone = found.filter(pl.col("status") == "unsupported")
    assert keys(gone) == keys(lines.filter(pl.col("subject_id") == lost))
    assert decided["subject_id"] == lost
    assert found["paid_before_fen"].sum() == lines["due_fen"].sum()


def with_next_month(rows: Table, hired: str, alone: str) -> Table:
    """Bring what every month does of one, and a part that comes late of another who lost one."""
    newest = max((row[5] for row in rows if hired in row), default="")
    last = [row for row in rows if hired in row and row[5] == newest]
    come = [[f"N{row[0]}", *row[1:5], "202004", *row[6:11], str(LATER)] for row in last]
    kept = [row for row in rows if not (alone in row and row[4] == "医疗")]
    # A part that comes late adds to what is paid; what vanished is gone all the same.
    late = [[f"L{row[0]}", *row[1:8], "10.00", "补缴", row[10], str(LATER)] for row in kept]
    return [*kept, *come, *(row for row in late if alone in row)]


def test_an_ordinary_row_beside_one_that_vanished_is_no_claim(month: Month) -> None:
    """A contract is gone, or a part of the amount, and the month brings what every month does."""
    left = month.of(month.hired, month.alone)
    assert {*left["policy_id"]} >= {"new_hire_subsidy", "graduate_flexible_insurance"}
    assert left["status"].to_list() == ["unsupported"] * left.height
    assert {*left["cause"]} == {"rows_gone"}


@pytest.mark.parametrize("is_discredited", [False, True])
def test_a_row_speaks_only_where_it_does_so_beside_those_that_vanished(
    paid: tuple[Home, Path, pl.DataFrame], tmp_path: Path, *, is_discredited: bool
) -> None:
    """The year's last contributions are gone, and what came beside is no layoff, or a discredit."""
    drop, code = paid[1], largest_refunded(paid)
    units = csv.reader(io.StringIO((drop / "单位参保信息.csv").read_text("utf-8")))
    (*_, (employer_name, numbers)) = [(row[2], {row[0]}) for row in units if row[1] == code]
    files = [*drop.glob("个人缴费明细*.csv")]
    read = [row for path in files for row in csv.reader(io.StringIO(path.read_text("utf-8")))]
    is_last = [r for r in read if numbers & {*r} and "201912" in r and "失业" in r]
    _, _, name, person, *_ = is_last[0]
    left = [code, name, person, "固定期限", "2018-01-01", "", "2019-11-20", "本人辞职"]
    told = {
        "个人缴费明细": lambda rows: [r for r in rows if r not in is_last[1:]],
        "就业登记": adding(left),
    }
    if is_discredited:
        told["认定名单"] = adding(["严重失信", "单位", code, employer_name, "2020-01-01", "", ""])
    home, summary, found = night(paid, tmp_path / "night", told)
    (line,) = found.filter(policy_id="stability_refund", subject_id=code).to_dicts()
    assert line["status"] == ("recovery" if is_discredited else "unsupported")
    assert line["cause"] == ("row_found" if is_discredited else "rows_gone")
    if is_discredited:
        # Nights are computed again over tables of both: of a claim, too.
        (first,) = {path.name for path in home.runs.iterdir()} - {summary["run_id"]}
        told_apart = diff(home, first, summary["run_id"])
        assert told_apart.totals["residual_fen"] == 0 and told_apart.changes.height


def test_money_paid_under_both_of_a_pair_is_weighed_as_one(
    paid: tuple[Home, Path, pl.DataFrame], tmp_path: Path
) -> None:
    """Topped up under the other policy, which gives less without three of the last month.

    Then the first stands again, of less than both gave; a late contribution takes nothing away.
    """
    code = largest_refunded(paid)
    units = csv.reader(io.StringIO((paid[1] / "单位参保信息.csv").read_text("utf-8")))
    (*_, (name, numbers)) = [(row[2], {row[0]}) for row in units if row[1] == code]
    listed = ["经营困难且恢复有望企业", "单位", code, name, "2020-01-01", "", ""]

    def of_unemployment(rows: Table, month: str) -> Table:
        return [r for r in rows if numbers & {*r} and r[5].startswith(month) and "失业" in r]

    def paid_more(rows: Table) -> Table:
        """Bring the refund near the six months of benefit of each, else never less."""
        dear = of_unemployment(rows, "2019")
        more = [[*r[:7], *(f"{float(fen) * 33:.2f}" for fen in r[7:9]), *r[9:]] for r in dear]
        return [*(row for row in rows if row not in dear), *more]

    town = paid_town(tmp_path / "town", {"个人缴费明细": paid_more})
    home, _, _ = night(town, tmp_path / "night", {"认定名单": adding(listed)})
    pay_all(home)

    drop = tmp_path / "night" / "drop"
    files = [*drop.glob("个人缴费明细*.csv")]
    read = [row for path in files for row in csv.reader(io.StringIO(path.read_text("utf-8")))]
    is_last = of_unemployment(read, "201912")
    late = [f"L{is_last[0][0]}", *is_last[0][1:8], "1.00", "补缴", is_last[0][10], str(LATER)]

    def last_staff_gone(rows: Table) -> Table:
        """Take three out of the year's last month, and top up a fourth in another file."""
        if is_last[0] not in rows:
            return [*rows, late]
        return [row for row in rows if row not in is_last[1:4]]

    change(drop, {"个人缴费明细": last_staff_gone})
    summary = run_night(NightRequest(home, LATER + timedelta(days=1), drop=drop), Progress())
    found = entitlements(home, summary).filter(subject_id=code)
    lines = found.filter(pl.col("policy_id").str.starts_with("stability_refund"))
    (line,) = lines.filter(pl.col("determined_fen") < pl.col("paid_before_fen")).to_dicts()
    assert line["policy_id"] == "stability_refund" and line["due_fen"] == 0
    assert (line["status"], line["cause"]) == ("unsupported", "rows_gone")


def test_a_listing_that_ran_its_term_is_no_claim_whatever_harmless_row_comes(
    tmp_path: Path,
) -> None:
    """It was known when it was paid that it ends that day; an older one is delivered, too."""
    difficult = "经营困难且恢复有望企业"

    def ends(rows: Table) -> Table:
        return [[*r[:5], str(AS_OF), r[6]] if r[0] == difficult else r for r in rows]

    town = paid_town(tmp_path / "town", {"认定名单": ends})
    asked = town[2].filter(policy_id="stability_refund_difficult")["subject_id"].to_list()
    (path,) = town[1].glob("认定名单*.csv")
    rows = csv.reader(io.StringIO(path.read_text("utf-8")))
    older = [[*r[:4], "2018-01-01", "2018-12-31", ""] for r in rows if r[2] in asked]
    home, summary, found = night(town, tmp_path / "night", {"认定名单": adding(*older)})
    mine = found.filter(pl.col("subject_id").is_in(asked))
    mine = mine.filter(policy_id="stability_refund_difficult")
    lines = mine.select("status", "cause").rows()
    # Nothing else is to be looked for: every listing of a year ends with it.
    assert lines == [("unsupported", "term_over")] * len(asked) and asked
    assert all("认定名单" in places for places in mine["cause_rows"])
    # Whoever asks why sees whom the policy covers, and the listing that ended.
    policy, code = "stability_refund_difficult", asked[0]
    told = explain_line(home, policy, code, code, "2020", summary["run_id"])
    (claim,) = told["policies"][0]["claims"]
    listing, paid_in = claim["sources"]
    assert (listing["kind"], paid_in["kind"]) == ("designations", "contributions")
    assert str(AS_OF) in {row.get("valid_to") for row in listing["rows"]}
    assert policy_cards()[policy].universe in dossier_page(told)
    assert f"{difficult} on D" in "\n".join(dossier_lines(told))


def test_a_renewal_delivered_as_the_state_of_today_is_no_claim(month: Month) -> None:
    """Lists and contracts as they are today: the old row is away, the new one begins tonight."""
    left = month.of(month.listed, month.moved)
    assert {*left["policy_id"]} >= {"flexible_insurance_extension", "new_hire_subsidy"}
    assert {*left.select("status", "cause").rows()} == {("unsupported", "rows_gone")}


def test_months_that_a_provision_does_not_look_at_do_not_speak() -> None:
    """A contribution that comes every month can speak only for the months that are asked for."""
    for card in policy_cards().values():
        for provision in card.provisions:
            if card.kind == "payment" and provision.holds == ABSENCE:
                for spec in provision.rows:
                    assert spec["kind"] != "contributions" or "months" in spec, card.policy_id
    hire = {"kind": "contributions", "of": "both", "months": [-5, 1]}
    months = pl.DataFrame({"month": [201907, 201908, 202002, 202003]})
    asked = months_asked_for(hire, "2020", LATER)
    assert asked is not None and months.filter(asked)["month"].to_list() == [201908, 202002]
    ended = {"kind": "employment", "of": "beneficiary", "by": "ended_on", "months": "base_year"}
    days = pl.DataFrame({"ended_on": [date(2018, 11, 30), date(2019, 12, 31), LATER, None]})
    asked = months_asked_for(ended, "2020", LATER)
    assert asked is not None and days.filter(asked)["ended_on"].to_list() == [date(2019, 12, 31)]


@pytest.mark.parametrize(
    ("policy", "provision", "kind"),
    [
        ("new_hire_subsidy", "s1_insured", "employment"),
        ("internship_subsidy", "s7_three_months_first", "employment"),
        ("graduate_hire_insurance", "s7_not_employed_before", "graduates"),
        ("graduate_hire_insurance", "s7_not_employed_before", "employment"),
        ("benefit_to_retirement", "s20_not_reemployed", "unemployment_benefits"),
    ],
)
def test_a_row_that_dates_what_is_asked_speaks_and_pays_nothing_by_its_absence(
    policy: str, provision: str, kind: str
) -> None:
    """A contract's start or a last month corrected: what is looked for lies elsewhere now."""
    card = policy_cards()[policy]
    dating = [spec for spec in rows_against(card, [provision]) if spec["kind"] == kind]
    assert [spec["for"] for spec in dating] == [["dates"]]
    assert kind == "employment" or {} not in excluding_rows([card]).get(kind, ())


def send_back(home: Home, but: str) -> dict[str, Any]:
    """Let the bank send back the payment of a line, of anybody but one; return the line."""
    from flows.money.settle import settle_batch

    with open_ledger(home) as ledger:
        lines = ledger.paid_lines().filter(policy_id="graduate_flexible_insurance").sort(KEY)
        line = lines.filter(pl.col("subject_id") != but).row(0, named=True)
        batch = ledger.batches_of_payments()[line["payment_id"]]
    answer = home.root.parent / "answer.txt"
    answer.write_bytes(f"{line['payment_id']}|失败|销户|20200331\r\n".encode("gb18030"))
    settle_batch(home, batch, answer)
    return line


def echo_of(drop: Path, line: dict[str, Any]) -> list[str]:
    """Make the row in which a payment of ours is delivered to us, without its id."""
    month = line["period"].replace("-", "")
    cells = {"补贴类型": "高校毕业生灵活就业社保补贴", "代码": line["subject_id"], "发放流水号": ""}
    months = {"享受开始年月": month, "享受终止年月": month, "已享受月数": "1"}
    return row_of(drop, "政策享受台账", **cells, **months)


def test_a_payment_that_came_back_is_due_though_it_was_echoed_without_its_id(month: Month) -> None:
    line = month.returned
    (again,) = month.found.filter(
        pl.all_horizontal(pl.col(name) == line[name] for name in KEY)
    ).to_dicts()
    assert (again["status"], again["due_fen"]) == ("payable", line["amount_fen"])


def row_of(drop: Path, title: str, **cells: str) -> list[str]:
    """Make a row of a file like its first one, with other cells by heading, of the right name."""
    (path,) = drop.glob(f"{title}*.csv")
    header, first, *_ = csv.reader(io.StringIO(path.read_text("utf-8")))
    made = dict(zip(header, first, strict=True)) | cells
    assert list(made) == header
    if "社会保障号码" in cells:
        made["姓名"] = name_of(drop, cells["社会保障号码"])
    return list(made.values())


def name_of(drop: Path, person: str) -> str:
    """Return the name under which somebody is insured, or registered."""
    for title in ("个人参保信息", "户籍人口"):
        for path in drop.glob(f"{title}*.csv"):
            rows = [*csv.DictReader(io.StringIO(path.read_text("utf-8")))]
            for row in rows:
                if person in row.values():
                    return row["姓名"]
    raise AssertionError(person)


def test_what_the_rules_alone_explain_is_no_claim_whatever_row_came(
    paid: tuple[Home, Path, pl.DataFrame], tmp_path: Path
) -> None:
    """A share is lowered for months long paid, a part comes late, and one had died."""
    home, drop = Home(tmp_path / "home"), tmp_path / "drop"
    shutil.copytree(paid[0].root, home.root)
    shutil.copytree(paid[1], drop)
    lines = paid[2].filter(pl.col("policy_id") == "graduate_flexible_insurance").sort(KEY)
    persons, dead = set(lines["subject_id"]), lines["subject_id"][0]
    # Of one nothing came at all.
    persons.remove(quiet := lines["subject_id"][-1])
    assert quiet != dead
    row = row_of(drop, "死亡信息", 社会保障号码=dead, 死亡日期="2019-12-01")

    def late(rows: Table) -> Table:
        parts = [row for row in rows if persons & set(row) and "养老" in row]
        return [*rows, *([f"L{r[0]}", *r[1:8], "0.30", "补缴", r[10], str(LATER)] for r in parts)]

    change(drop, {"死亡信息": adding(row), "个人缴费明细": late})
    texts = deciding_texts()
    lowered = texts[NUMBERS].replace('value: "2/3"', 'value: "1/3"')
    assert lowered != texts[NUMBERS]
    code = stage_code({**texts, NUMBERS: lowered}, tmp_path)
    words = ["flows", "run", str(drop), "--as-of", str(LATER), "--home", str(home.root)]
    call_program(code, words, within=[home.root])
    with open_ledger(home) as ledger:
        run_id = list(ledger.books().runs)[-1]
    found = entitlements(home, {"run_id": run_id}).join(lines.select(KEY), on=KEY, how="semi")
    both = pl.col("subject_id") == dead
    by_rule, by_both = found.filter(~both), found.filter(both)
    assert by_rule.height and {*by_rule["cause"]} == {"rules_changed"}
    assert {*by_rule["status"]} == {"unsupported"} and by_rule["due_fen"].sum() == 0
    of_rows = by_rule["cause_rows"].str.contains("个人缴费明细")
    assert (of_rows == (by_rule["subject_id"] != quiet)).all() and not of_rows.all()
    # What the lowered share leaves of the other's is asked back, what it takes away is not.
    assert {*by_both["cause"]} == {"paid_in_part"} and {*by_both["status"]} == {"recovery"}
    paid_fen = lines.filter(both)["due_fen"].to_list()
    assert [-fen for fen in by_both.sort(KEY)["due_fen"]] == [fen // 2 for fen in paid_fen]
    assert found["paid_before_fen"].sum() == lines["due_fen"].sum()


def test_a_clerk_may_make_it_a_claim(paid: tuple[Home, Path, pl.DataFrame], month: Month) -> None:
    line, lines = month.lost, paid[2]
    claims = month.found.filter(pl.col("status") == "recovery")
    assert keys(claims) == {tuple(line[name] for name in KEY)}
    assert claims["cause"].to_list() == ["clerk_decided"]
    rest = month.of(line["subject_id"]).filter(pl.col("status") == "unsupported")
    assert rest.height == lines.filter(subject_id=line["subject_id"]).height - 1


def test_a_line_decided_in_the_clerks_workbook_becomes_a_claim(
    paid: tuple[Home, Path, pl.DataFrame], tmp_path: Path
) -> None:
    lost, _ = somebody_paid(paid[2], "internship_subsidy")
    told = {"高校毕业生名册": lambda rows: [row for row in rows if lost not in row]}
    home, summary, found = night(paid, tmp_path / "first", told)
    waiting = found.filter(pl.col("status") == "unsupported").sort(KEY)
    asked = waiting.row(0, named=True)
    path = home.runs / summary["run_id"] / "clerical_decisions.xlsx"
    # The months that one cause touches are one question; one of them is answered otherwise.
    about = openpyxl.load_workbook(path).worksheets[1].iter_rows(values_only=True)
    rows = [n for n, cells in enumerate(about, start=1) if "recovery" in cells]
    own = rows[0]
    assert len(rows) == waiting.height > 1
    fill(path, {own: {"另行裁定": "是"}}, sheet=1, heading=2)
    questions = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
    lines = list(enumerate(questions, start=1))[FIRST_ROW - 1 :]
    (number,) = [n for n, cells in lines if lost in cells and waiting.height in cells]
    answer = decided(裁定="否", 裁定日期=LATER)
    fill(path, {n: answer if n == number else None for n, _ in lines})
    drop = tmp_path / "first" / "drop"
    assert import_decisions(path, drop / "人工裁定.csv", {})[1] == waiting.height
    change(drop, {})
    (drop / "交接单.csv").unlink()
    again = run_night(NightRequest(home, LATER, drop=drop), Progress())
    after = entitlements(home, again)
    (claim,) = after.filter(pl.col("status") == "recovery").iter_rows(named=True)
    assert [claim[name] for name in KEY] == [asked[name] for name in KEY]
    assert claim["due_fen"] == -asked["paid_before_fen"] and claim["cause"] == "clerk_decided"
    left = after.filter(pl.col("status") == "unsupported")
    assert keys(left) == keys(waiting) - {tuple(asked[name] for name in KEY)}
    assert left["due_fen"].sum() == 0
    # What the clerk let stand is not asked again.
    folder = home.runs / again["run_id"]
    sheet = openpyxl.load_workbook(folder / "clerical_decisions.xlsx").worksheets[1]
    open_lines = [row for row in sheet.iter_rows(values_only=True) if "recovery" in row]
    assert open_lines == []
    assert after["paid_before_fen"].sum() == found["paid_before_fen"].sum()


def test_rows_are_held_against_every_run_that_paid() -> None:
    """A line paid by several runs: the rows of each are taken off one after the other."""
    names = {"source_file": ["a.csv"] * 3, "source_line": [2, 3, 4]}
    tonight = pl.DataFrame({"person_id": ["x", "x", "y"], **names})
    first, second = tonight.head(1), tonight.head(2)
    left = against._without(against._without(tonight, first), second)
    assert left.rows() == [("y", "a.csv", 4)]


@pytest.mark.parametrize(("before", "said"), [(150, "paid_under_both"), (100, "paid_twice")])
def test_the_bank_did_not_pay_twice_what_was_paid_under_the_other_policy(
    before: int, said: str
) -> None:
    employer = ("2020", "employer", "A", "employer", "A")
    line = dict(zip(KEY, ("stability_refund_difficult", *employer), strict=True))
    claim = {**line, "determined_fen": 50, "paid_before_fen": before, "own_fen": 100}
    then: Any = against.RunThen(Any, {tuple(line.values()): 50}, {})  # type: ignore[arg-type]
    found = against.cause_of({**claim, "is_eligible": True, "is_own": True}, Any, [then])  # type: ignore[arg-type]
    assert found == (True, said, "", 0)


@pytest.mark.parametrize(("is_eligible", "determined"), [(True, 20), (False, 0)])
def test_what_no_run_determined_is_a_claim_though_the_rest_lost_its_rows(
    is_eligible: bool, determined: int
) -> None:
    """Paid twice, and then a row vanished: half is asked back, a clerk decides the rest."""

    class Rows:
        folder = Path()

        def __init__(self, count: int) -> None:
            self.count = count

        def rows_of(self, spec: Any, _claim: Any) -> pl.DataFrame:
            keys = {name: ["x"] for name in KINDS[spec["kind"]].stands_by}
            return pl.DataFrame({**keys, "source_file": "a.csv", "source_line": 2}).head(self.count)

    key = ("graduate_flexible_insurance", "2020-03", "person", "A", "person", "A")
    claim = dict(zip(KEY, key, strict=True)) | {"own_fen": 120, "paid_before_fen": 120}
    claim |= {"determined_fen": determined, "is_eligible": is_eligible, "is_own": True}
    then: Any = against.RunThen(Rows(1), {key: 60}, {})  # type: ignore[arg-type]
    found = against.cause_of({**claim, "reason_codes": None}, Rows(0), [then])  # type: ignore[arg-type]
    assert found == (False, "paid_in_part", "a.csv:2", 60)


def test_what_was_paid_under_both_is_a_claim_only_where_a_row_speaks_against_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refund was topped up under the other policy, of which rows vanished since."""
    group = ("2020", "employer", "A", "employer", "A")
    refund, other = ("stability_refund", *group), ("stability_refund_difficult", *group)
    row = [*other, "eligible", 50, []]
    schema = {**dict.fromkeys([*KEY, "outcome"], pl.String), "amount_fen": pl.Int64}
    schema |= {"reason_codes": pl.List(pl.String)}
    connection = connect(threads=1)
    show_frame(connection, "determinations", pl.DataFrame([row], schema=schema, orient="row"))
    paid = pl.DataFrame(
        [[*other, "P2", 20]],
        schema={**dict.fromkeys([*KEY, "payment_id"], pl.String), "amount_fen": pl.Int64},
        orient="row",
    )
    standing = SimpleNamespace(paid=paid, signed=paid.clear(), determined_by={"P2": "R2"})
    asker: Any = causes.Causes(
        *(Home(tmp_path), tmp_path, AS_OF, [], connection, standing, "", Means())  # type: ignore[arg-type]
    )
    claim = dict(zip(KEY, refund, strict=True)) | {"paid_before_fen": 120}
    asked: list[Any] = []
    monkeypatch.setattr(causes.Causes, "_read", lambda *_: (None, {"R2": "then"}))
    for said in ((False, "rows_gone", "a.csv:2", 0), (True, "row_found", "b.csv:9", 0)):
        monkeypatch.setattr(causes, "cause_of", lambda *told, said=said: asked.append(told) or said)
        ((partner, then, cause),) = asker._partners({4: claim}).values()
        assert (cause, then) == (said, ["then"]) and asked[-1] == (partner, None, then)
    assert tuple(partner[name] for name in KEY) == other
    assert (partner["determined_fen"], partner["own_fen"], partner["is_eligible"]) == (50, 20, True)
    # Determined as it was: both were paid in full, and that stays a claim.
    monkeypatch.setattr(causes, "cause_of", lambda *_: (True, "paid_twice", "", 0))
    assert asker._partners({4: claim}) == {} == asker._partners({})
