"""`wuxing explain --person`: every policy of a party on one page, and what changed for it."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.explain import changes_since, explain_line, explain_party
from flows.answers.nights import find_run
from flows.cli.console import app, run_command
from flows.money.batch_folder import read_batch
from flows.money.settle import settle_batch
from flows.store import Home, write_manifest
from sql.texts import policy_cards, policy_path, sql_text
from tests.money.money_town import ANN, BOB
from tests.night.test_end_to_end import release_everything
from transforms.amounts import yuan_text
from transforms.answers.amount import amount_text, amount_with_numbers, in_facts, numbers_taken
from transforms.answers.dossier import dossier_lines, dossier_page
from transforms.answers.party_changes import change_lines, changes_between
from transforms.answers.source_rows import AT
from transforms.errors import DigestDiffersError, UsageError
from transforms.extracts.kinds import KINDS

LISTED_ROW = ("period", "subject_id", "beneficiary_id", "outcome", "amount_fen")
TAGS = re.compile(r"<style>.*?</style>|<[^>]*>", re.DOTALL)


@pytest.fixture(scope="module")
def paid_home(
    run_home: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, str, pl.DataFrame]]:
    """A home in which everything was released and the first payment of each batch came back."""
    root = tmp_path_factory.mktemp("paid") / "home"
    shutil.copytree(run_home[0], root)
    home, summary = Home(root), run_home[1]
    release_everything(home, summary["batches"])
    for batch_id in summary["batches"]:
        first, *rest = read_batch(home, batch_id).frame("instructions")["payment_id"].sort()
        lines = [f"{first}|失败|账号户名不符|20200401", *(f"{one}|成功||20200401" for one in rest)]
        path = root / "answer.txt"
        path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("gb18030"))
        settle_batch(home, batch_id, path)
    run_id = summary["run_id"]
    yield home, run_id, pl.read_parquet(home.runs / run_id / "determinations.parquet")


def persons_of(determinations: pl.DataFrame) -> list[str]:
    """One person for each policy and outcome that there is."""
    about = determinations.filter(pl.col("subject_kind") == "person")
    firsts = about.group_by("policy_id", "outcome", maintain_order=True).first()
    return firsts["subject_id"].unique().sort().to_list()


def test_a_withdrawn_policy_stops_the_answer_only_where_it_determined_something(
    paid_home: tuple[Home, str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, run_id, determinations = paid_home
    policy = "graduate_flexible_insurance"
    cards = {name: card for name, card in policy_cards().items() if name != policy}
    monkeypatch.setattr("flows.answers.law.policy_cards", lambda: cards)
    people = pl.col("subject_kind") == "person"
    theirs = determinations.filter(people, policy_id=policy)["subject_id"]
    others = determinations.filter(people, ~pl.col("subject_id").is_in(theirs.to_list()))
    told = explain_party(home, "person", others["subject_id"][0], run_id)
    assert [entry["policy_id"] for entry in told["policies"]] == list(cards)
    with pytest.raises(DigestDiffersError, match=f"other provisions of {policy}"):
        explain_party(home, "person", theirs[0], run_id)


def test_every_policy_answers_for_every_person(
    paid_home: tuple[Home, str, pl.DataFrame],
) -> None:
    home, run_id, determinations = paid_home
    persons = persons_of(determinations)
    assert len(persons) > 10
    for person in persons:
        told = explain_party(home, "person", person.lower(), run_id)
        assert [entry["policy_id"] for entry in told["policies"]] == list(policy_cards())
        homes = told["party"]["households"]
        expected = determinations.filter(
            (pl.col("subject_id") == person)
            | (pl.col("beneficiary_id") == person)
            | pl.col("subject_id").is_in(homes)
        )
        rows = [(entry["policy_id"], row) for entry in told["policies"] for row in entry["rows"]]
        assert sorted(
            (name, row["period"], row["outcome"], row["amount_fen"]) for name, row in rows
        ) == sorted(expected.select("policy_id", "period", "outcome", "amount_fen").rows())
        page, lines = dossier_page(told), dossier_lines(told)
        assert page == dossier_page(told), "the same content, the same bytes"
        assert "://" not in page and "src=" not in page
        for entry in told["policies"]:
            card = policy_cards()[entry["policy_id"]]
            assert card.title in page
            if not entry["rows"]:
                assert card.universe in page
                assert any(entry["universe"] in line for line in lines)
            for row in entry["rows"]:
                amount = "—" if card.kind == "referral" else yuan_text(row["amount_fen"], ",")
                assert amount in page
                assert all(told["clause"] in page for told in row["provisions"])


def test_money_on_the_page_is_what_the_ledger_knows(
    paid_home: tuple[Home, str, pl.DataFrame],
) -> None:
    home, run_id, _ = paid_home
    batches = [path.name for path in sorted(home.batches.iterdir())]
    for batch_id in batches:
        first = (
            read_batch(home, batch_id).frame("instructions").sort("payment_id").row(0, named=True)
        )
        told = explain_party(home, first["beneficiary_kind"], first["beneficiary_id"], run_id)
        kinds = {entry["kind"] for entry in told["ledger"]}
        assert {"payment", "return"} <= kinds
        (batch,) = [one for one in told["batches"] if one["batch_id"] == batch_id]
        assert [one["name"] for one in batch["signatures"]] == ["孙三立", "李四光"]
        page = TAGS.sub(" ", dossier_page(told))
        for words in (
            first["payment_id"],
            "账号户名不符",
            "2020-04-01",
            "孙三立",
            "李四光",
            "退回",
        ):
            assert words in page


def test_a_payment_of_many_persons_is_one_line(
    paid_home: tuple[Home, str, pl.DataFrame],
) -> None:
    home, run_id, determinations = paid_home
    told = explain_party(home, "person", persons_of(determinations)[0], run_id)
    paid = {"kind": "payment", "payment_id": "P1", "policy_id": "hire_subsidy", "period": "2020"}
    paid |= {"bank_said": "", "bank_day": "", "amount_fen": 100_000}
    told["ledger"] = [paid | {"subject_id": subject} for subject in (ANN, BOB)]
    told["ledger"] += [paid | {"subject_id": ANN, "period": "2021"}]
    lines = [line for line in dossier_lines(told) if line.startswith("ledger ")]
    assert lines == [
        "ledger payment 2000.00 元 hire_subsidy 2020 P1 ×2",
        f"ledger payment 1000.00 元 hire_subsidy 2021 P1 {ANN}",
    ]
    page = TAGS.sub(" ", dossier_page(told))
    assert "2,000.00" in page and "×2" in page and page.count("P1") == 2


def test_no_code_stands_on_the_page(paid_home: tuple[Home, str, pl.DataFrame]) -> None:
    home, run_id, determinations = paid_home
    code = re.compile(r"(?<![A-Za-z0-9_./-])[A-Za-z_]{3,}(?![A-Za-z0-9_.-])")
    for person in persons_of(determinations):
        page = dossier_page(explain_party(home, "person", person, run_id))
        shown = re.sub(r"<style>.*?</style>|<code>.*?</code>|<[^>]*>", " ", page, flags=re.DOTALL)
        assert not code.findall(shown)


def test_a_stranger_is_in_no_universe(paid_home: tuple[Home, str, pl.DataFrame]) -> None:
    home, run_id, _ = paid_home
    told = explain_party(home, "person", ANN, run_id)
    assert not any(entry["rows"] for entry in told["policies"])
    assert told["ledger"] == [] and told["source_row_counts"] == {}
    assert "没有任何政策的认定涉及此个人" in dossier_page(told)
    with pytest.raises(UsageError, match="another form"):
        explain_party(home, "employer", "张三", run_id)


def test_every_amount_comes_with_its_formula_and_numbers() -> None:
    for name in policy_cards():
        words, formula = amount_text(sql_text(policy_path(name)))
        assert formula and "as amount_fen" not in formula
        assert "--" not in formula and (words or formula == "0"), name
        assert formula in " ".join(sql_text(policy_path(name)).split())
    for name, reckoned in (
        ("disability_levy_relief", "full_levy_fen - payable_levy_fen"),
        ("graduate_hire_insurance", "unit_paid_fen"),
        ("public_post_extension", "$minimum_wage_fen + unit_paid_fen"),
    ):
        sql = sql_text(policy_path(name))
        assert in_facts(amount_text(sql)[1], sql) == reckoned
    card = policy_cards()["benefit_to_retirement"]
    parameter = card.parameters["unemployment_benefit_fen"]
    used = [
        {"name": parameter.name, "value": str(value.value), "unit": parameter.unit}
        | {"from": str(value.since), "source": value.source, "confirmed": value.confirmed}
        for value in parameter.values
    ]
    row = {"period": "2020-02", "amount_fen": 1}
    told = amount_with_numbers(
        sql_text(policy_path("benefit_to_retirement")),
        row,
        used,
        card.parameters,
        date(2020, 3, 31),
    )
    (number,) = told["numbers"]
    parameters = {parameter.name: parameter}
    (taken,) = numbers_taken([row], used, parameters, date(2020, 3, 31))
    assert {name: taken[name] for name in number} == number and len(used) > 1
    assert numbers_taken([], used, parameters, date(2020, 3, 31)) == used
    in_force = [entry for entry in used if str(entry["from"]) <= "2020-02-01"][-1]
    assert (number["value"], number["from"]) == (in_force["value"], in_force["from"])


def test_every_name_in_a_formula_has_its_figure(paid_home: tuple[Home, str, pl.DataFrame]) -> None:
    home, run_id, determinations = paid_home
    firsts = determinations.group_by("policy_id", maintain_order=True).first()
    for row in firsts.to_dicts():
        named = [row[name] for name in ("policy_id", "beneficiary_id", "subject_id", "period")]
        ((entry,),) = [p["rows"] for p in explain_line(home, *named, run_id)["policies"]]
        formula = entry["formula"]
        names = {number["name"] for number in formula["numbers"]}
        asked = set(re.findall(r"[a-z_]*[a-z]_(?:fen|numerator|denominator)\b", formula["formula"]))
        whole = {name.rpartition("_")[0] for name in asked if name not in names}
        assert whole <= names, (row["policy_id"], asked - names)


def test_what_changed_for_a_person_is_said_and_nothing_else(
    paid_home: tuple[Home, str, pl.DataFrame],
) -> None:
    home, run_id, determinations = paid_home
    eligible = determinations.filter(
        (pl.col("policy_id") == "graduate_flexible_insurance") & (pl.col("outcome") == "eligible")
    )
    person = eligible["subject_id"][0]
    was = explain_party(home, "person", person, run_id)
    assert changes_between(was, was) == []
    assert change_lines([]) == ["", "nothing changed"]
    now = json.loads(json.dumps(was))
    (policy,) = [p for p in now["policies"] if p["policy_id"] == "graduate_flexible_insurance"]
    row, gone = policy["rows"][0], policy["rows"].pop()
    row["outcome"], row["amount_fen"] = "ineligible", 0
    row["provisions"][0]["value"] = "false"
    moved = row["provisions"][0]["sources"][0]["rows"][0]
    moved[AT] = "另一文件.csv:9"
    row["provisions"][1]["sources"][0]["rows"].pop()
    first, last = changes_between(was, now)
    provision = row["provisions"][0]["provision"]
    assert first["is"] == {"outcome": "ineligible", "determined_fen": 0, provision: "false"}
    assert len(first["rows"]["went"]) == 1 and first["rows"]["came"] == []
    assert last["key"]["period"] == gone["period"] and last["is"]["outcome"] is None
    now |= {"changes": [first, last], "against": was}
    assert "不成立" in dossier_page(now)
    assert f"    {provision}: true → false" in dossier_lines(now)


@pytest.mark.usefixtures("as_it_lies")
def test_a_row_that_is_still_delivered_is_not_told_as_gone(
    paid_home: tuple[Home, str, pl.DataFrame], tmp_path: Path
) -> None:
    home, run_id, determinations = paid_home
    shutil.copytree(home.root, tmp_path / "home")
    copy = Home(tmp_path / "home")
    shutil.copytree(copy.runs / run_id, copy.runs / "R-other")
    manifest = json.loads((copy.runs / "R-other" / "manifest.json").read_text(encoding="utf-8"))
    write_manifest(copy.runs / "R-other", manifest | {"run_id": "R-other"})
    policy, person = "graduate_flexible_insurance", pl.col("subject_id")
    eligible = determinations.filter(pl.col("policy_id") == policy, outcome="eligible")
    gone = eligible["subject_id"][0]
    left = determinations.filter((person != gone) | (pl.col("policy_id") != policy))
    left.write_parquet(copy.runs / "R-other" / "determinations.parquet")
    was, now = (explain_party(copy, "person", gone, name) for name in (run_id, "R-other"))
    without_looking = changes_between(was, now)
    assert any(change.get("rows", {}).get("went") for change in without_looking)
    for side, runs in (("is", (was, now)), ("was", (now, was))):
        changes = changes_since(copy, *runs)
        determined = [change for change in changes if change["key"]]
        assert determined and len(changes) == len(without_looking)
        for change in determined:
            assert change[side]["outcome"] is None and change["rows"] == {"went": [], "came": []}
    # More determinations than are explained: what only moved down the list has not gone.
    many = json.loads(json.dumps(was))
    (entry,) = [p for p in many["policies"] if p["policy_id"] == policy]
    entry["more_rows"] = [{name: row[name] for name in LISTED_ROW} for row in entry["rows"]]
    entry["rows"] = []
    assert [one for one in changes_between(was, many) if one["key"]] == []
    # More rows than are listed, and a clerk's name beside a row: only the number is another.
    cut = json.loads(json.dumps(was))
    (entry,) = [p for p in cut["policies"] if p["policy_id"] == policy]
    sources = [s for r in entry["rows"][:1] for one in r["provisions"] for s in one["sources"]]
    kind = next(source["kind"] for source in sources if source["rows"])
    for source in sources:
        for found in source["rows"]:
            found["linked_by"] = "甲"
    assert changes_between(was, cut) == []
    for source in (source for source in sources if source["kind"] == kind):
        source["row_count"], source["rows"] = 12_000, []
    (change,) = changes_between(was, cut)
    assert change["rows"]["came"] == [f"{kind} ×12,000"]
    assert all(row.startswith(f"{kind} ×") for row in change["rows"]["went"])


def test_the_command_takes_a_part_of_an_id_and_writes_the_page(
    paid_home: tuple[Home, str, pl.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, run_id, determinations = paid_home
    assert find_run(home, "latest") == find_run(home, run_id[:6]) == run_id
    with pytest.raises(UsageError, match="none"):
        find_run(home, "R-none")
    person = persons_of(determinations)[0]
    page = tmp_path / "page.html"
    words = ["explain", "latest", "--home", str(home.root), "--person", person]
    assert run_command(app, [*words, "--against", run_id, "--html", str(page)]) == 0
    assert "没有变化" in page.read_text(encoding="utf-8")
    assert "nothing changed" in capsys.readouterr().out
    assert run_command(app, [*words, "--policy", "youth_training"]) == 2
    assert run_command(app, words[:4]) == 2


@pytest.mark.usefixtures("as_it_lies")
def test_a_cell_that_ingest_mended_is_marked(
    paid_home: tuple[Home, str, pl.DataFrame], tmp_path: Path
) -> None:
    home, run_id, determinations = paid_home
    shutil.copytree(home.root, tmp_path / "home")
    copy, person = Home(tmp_path / "home"), persons_of(determinations)[0]
    told = explain_party(copy, "person", person, run_id)
    assert told["repairs"] == {}
    rows = [
        found
        for policy in told["policies"]
        for row in policy["rows"]
        for provision in row["provisions"]
        for source in provision["sources"]
        if "person_id" in KINDS[source["kind"]].column_named
        for found in source["rows"]
    ]
    file, _, line = rows[0][AT].rpartition(":")
    planted = pl.DataFrame(
        [("x", name, int(line), "person_id", "spaces+15_digits") for name in (file, "other.csv")],
        schema=pl.read_parquet_schema(next(copy.snapshots.iterdir()) / "repairs.parquet"),
        orient="row",
    )
    planted.write_parquet(next(copy.snapshots.iterdir()) / "repairs.parquet")
    told = explain_party(copy, "person", person, run_id)
    assert told["repairs"] == {rows[0][AT]: {"person_id": "spaces+15_digits"}}
    assert "去空格、15位升18位" in dossier_page(told)


@pytest.mark.usefixtures("as_it_lies")
def test_a_row_set_aside_of_whoever_is_asked_about_is_named(
    paid_home: tuple[Home, str, pl.DataFrame], tmp_path: Path
) -> None:
    home, run_id, determinations = paid_home
    shutil.copytree(home.root, tmp_path / "home")
    copy, person = Home(tmp_path / "home"), persons_of(determinations)[0]
    path = next(copy.snapshots.iterdir()) / "quarantine.parquet"
    faults = [
        ("deaths", 2, "unreadable_value", person),
        ("deaths", 3, "duplicate_row", person),
        ("payroll", 4, "unreadable_value", person),
        ("custody", 5, "unreadable_value", ANN),
    ]
    rows = [
        (kind, "a.csv", line, rule, "name", "name is faulty", of) for kind, line, rule, of in faults
    ]
    pl.DataFrame(rows, pl.read_parquet_schema(path), orient="row").write_parquet(path)
    told = explain_party(copy, "person", person, run_id)
    assert [one["source"] for one in told["set_aside"]] == ["a.csv:2", "a.csv:4"]
    assert "a.csv:2" in dossier_page(told) and "a.csv:2" in "\n".join(dossier_lines(told))
    assert [one for one in dossier_lines(told, "zh") if "a.csv:2" in one] != []
