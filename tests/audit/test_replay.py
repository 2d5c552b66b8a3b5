"""A night computed again is the same night; what is not the same is named."""

import hashlib
import json
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from flows.audit.again import call_program, read_night, stage_code
from flows.audit.carry import carried, export_night
from flows.audit.replay import (
    difference_lines,
    replay,
    replay_lines,
    snapshot_difference,
    table_difference,
)
from flows.cli import main
from flows.cli.console import app, run_command
from flows.ingest import read_before, tables
from flows.ingest.drop import ingest_drop
from flows.money.ledger_store import open_ledger
from flows.money.review_pack import review_files
from flows.money.sign import signable_batch
from flows.money.verify import verify_home
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.program import PACKAGES, deciding_texts, program, version_line
from flows.store import (
    MANIFEST,
    Home,
    file_digest,
    inputs_path,
    read_inputs,
    read_manifest,
    write_manifest,
)
from sql.texts import policy_cards
from tests.audit.conftest import told_anew
from tests.conftest import AS_OF
from transforms.answers.messages import in_chinese
from transforms.errors import DigestDiffersError, DropRefusedError, GateStoppedError, UsageError
from transforms.visible import display_width

assert main, "importing it names every command"


def contents(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_in_chinese_stages_have_titles_and_stand_in_their_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WUXING_LANG", "zh")
    names = ("policies/assistance_referral", "checks/rows_grown", "takeup", "trend", "batch B1")
    stage = {"then": "0" * 64, "now": "0" * 64, "then_rows": 1, "now_rows": 1}
    first = {"stage": "takeup"}
    told = {"stages": [{"stage": name, **stage} for name in names], "first_difference": first}
    told |= {"run_id": "R1", "rules": "stored", "verdict": "differs", "other_inputs": []}
    told |= {"files_same_to_the_byte": 1, "files": 1, "taken_as_it_is": False}
    told |= {"pages_compared": True}
    told |= {"changed_since": ["commit", "code_digest"]}
    lines = [in_chinese(line) for line in replay_lines(told)]
    titled = (
        f"政策 {policy_cards()['assistance_referral'].title}",
        "检查 没有一类数据一夜之间多出一半",
        "应享已享",
        "趋势",
        "批次 B1",
    )
    for name, line in zip(titled, lines[2:7], strict=True):
        assert line.strip().startswith(f"{name} "), line
    assert len({display_width(line) for line in lines[2:7]}) == 1
    assert "程序提交、程序摘要" in lines[8] and lines[9].endswith("应享已享")


def test_a_night_replayed_after_the_last_is_identical(nights: tuple[Home, list[str]]) -> None:
    """The first, from its raw files; a later one is carried elsewhere, below."""
    home, runs = nights
    before = contents(home.root)
    told = replay(home, runs[0], from_raw=True, threads=2, executor="dask")
    assert told["verdict"] == "identical", replay_lines(told)
    assert told["files_same_to_the_byte"] == told["files"] > 0
    assert told["stages"][0]["stage"] == "snapshot"
    pages = [stage["stage"] for stage in told["stages"] if stage["stage"].endswith("review.html")]
    assert told["pages_compared"] and pages
    assert contents(home.root) == before, "nothing live is touched"


def forge(manifest: Path) -> bool:
    """Double what employers paid in a file as it was read before, and put its digests right."""
    said = json.loads(manifest.read_text("utf-8"))
    parts = [name for name in said["files"] if name.startswith("bucket-")]
    for path in (manifest.parent / name for name in parts):
        rows = pl.read_parquet(path)
        if "unit_fen" not in rows.columns:
            return False
        path.unlink()
        rows.with_columns(pl.col("unit_fen") * 2).write_parquet(path)
        said["files"][path.name] = file_digest(path)
    manifest.write_text(json.dumps(said), "utf-8")
    return bool(parts)


def test_the_monthly_audit_finds_tables_that_say_another_thing_than_the_raw_files(
    nights: tuple[Home, list[str]], town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can write in the home forges what was read before, and all its digests with it."""
    from flows.audit.scheduled import replay_night

    monkeypatch.setattr(read_before, "BIG_BYTES", 1)
    monkeypatch.setattr(tables, "ROWS_BEFORE_BUCKETS", 5)
    home = Home(tmp_path / "home")
    shutil.copytree(nights[0].root, home.root)
    drop = told_anew(town, tmp_path / "drop", lambda rows: rows.pop())
    ingest_drop(drop, tmp_path / "snapshots", cache=home.cache)
    forged = [forge(path) for path in home.cache.glob("*/manifest.json")]
    assert any(forged)
    summary = run_night(NightRequest(home, date(2020, 4, 20), drop=drop), Progress())
    assert replay_night.fn(str(home.root), summary["run_id"], True)["verdict"] != "identical"


def test_a_snapshot_that_no_run_used_is_read_again(
    nights: tuple[Home, list[str]], town: Path, tmp_path: Path
) -> None:
    """Who can write in the home puts one there before the night, with its digests in order."""
    home = Home(tmp_path / "home")
    shutil.copytree(nights[0].root, home.root)
    drop = told_anew(town, tmp_path / "drop", lambda rows: rows.pop())
    made = ingest_drop(drop, home.snapshots, registers=home.registers)
    honest = (made.folder / MANIFEST).read_bytes()
    (table,) = made.tables()["accounts"]
    schema = pq.read_schema(table)
    rows = pl.read_parquet(table).with_columns(account_no=pl.lit("6228999912340000000"))
    pq.write_table(rows.to_arrow().cast(schema), table)
    said = json.loads(honest)
    name = table.relative_to(made.folder).as_posix()
    said["tables"]["accounts"]["files"][name] = file_digest(table)
    (made.folder / MANIFEST).write_text(json.dumps(said), "utf-8")
    summary = run_night(NightRequest(home, date(2020, 4, 20), drop=drop), Progress())
    assert summary["snapshot_id"] == made.snapshot_id
    assert (made.folder / MANIFEST).read_bytes() == honest
    assert verify_home(home).problems == []


def test_a_run_says_what_made_it(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    made_by = read_manifest(home.runs / runs[0], "run")["made_by"]
    assert made_by["code_digest"] == program()["code_digest"]
    assert {"duckdb", "polars"} <= made_by["libraries"].keys() and made_by["lock_digest"]
    inputs = read_inputs(home, made_by["inputs"])
    assert inputs["texts"] == deciding_texts()
    assert "sql/policies/new_hire_subsidy.sql" in inputs["texts"]
    assert "funds.toml" in inputs["funds"] and "[anchors]" not in inputs["funds"]["funds.toml"]
    assert version_line().startswith("wuxing ") and made_by["code_digest"][:12] in version_line()


def test_a_page_that_shows_another_payee_is_found(
    nights: tuple[Home, list[str]], town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who runs the night lets the page name another one, and posts its digest like any other."""
    home = Home(tmp_path / "home")
    shutil.copytree(nights[0].root, home.root)

    def forged(*given: Any) -> tuple[dict[str, bytes], dict[str, Any]]:
        files, counts = review_files(*given)
        page = files["review.html"].replace("公司".encode(), "医院".encode())
        return {**files, "review.html": page}, counts

    monkeypatch.setattr("flows.money.batch.review_files", forged)
    summary = run_night(NightRequest(home, date(2020, 5, 2), drop=town), Progress())
    said, (first, *_) = "review.html is not what this batch's tables give", summary["batches"]
    with pytest.raises(DigestDiffersError, match=said):
        verify_home(home)
    with open_ledger(home) as ledger, pytest.raises(DigestDiffersError, match=said):
        signable_batch(home, ledger, first)
    told = replay(home, summary["run_id"])
    assert told["verdict"] == "differs"
    assert told["first_difference"]["stage"].endswith(" review.html")
    made_by = {"code_digest": "another"}
    monkeypatch.setattr("flows.program.program", lambda: {**program(), **made_by})
    told = replay(home, summary["run_id"])
    assert (told["verdict"], told["pages_compared"]) == ("identical", False)
    assert verify_home(home).problems == []
    assert any("pages that signers read were not compared" in line for line in replay_lines(told))


def test_a_raw_file_that_was_changed_or_is_gone_is_no_refusal_of_a_drop(
    run_home: tuple[Path, dict[str, Any]], home_after_run: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules and supplier were blamed, with the exit code of a drop that is refused."""
    path = next(home_after_run.snapshots.glob("*/raw/死亡信息.*"))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"9")
    words = ["replay", run_home[1]["run_id"], "--from-raw", "--home", str(home_after_run.root)]
    assert run_command(app, words) == DigestDiffersError.exit_code
    assert f"{path} was changed after it was written: expected" in capsys.readouterr().err
    assert run_command(app, [*words, "--executor", "spark"]) == UsageError.exit_code
    assert "--executor takes" in capsys.readouterr().err
    path.unlink()
    assert run_command(app, words) == DigestDiffersError.exit_code
    assert f"{path} is missing" in capsys.readouterr().err


def test_tables_that_the_raw_files_do_not_give_are_named_with_their_lines(
    nights: tuple[Home, list[str]], tmp_path: Path
) -> None:
    home = nights[0]
    stored, forged = read_night(home, nights[1][0]).snapshot, tmp_path / "snapshot"
    shutil.copytree(stored, forged)
    said = read_manifest(forged, "snapshot")
    for kind, column in (("accounts", "account_no"), ("employment", "contract_type")):
        (name,) = said["tables"][kind]["files"]
        rows = pl.read_parquet(forged / name).with_row_index("n")
        other = pl.when(pl.col("n") == 1).then(pl.lit("6222")).otherwise(column).alias(column)
        rows.with_columns(other).drop("n").write_parquet(forged / name)
        said["tables"][kind]["files"][name] = file_digest(forged / name)
    row = pl.read_parquet(forged / "tables" / "accounts.parquet").row(1, named=True)
    write_manifest(forged, said)
    first = {"stage": "snapshot", **snapshot_difference(forged, stored)}
    assert first["kinds"] == ["accounts", "employment"] and first["columns"] == ["account_no"]
    assert first["rows_gone_or_changed"] == first["rows_come_or_changed"] == 1
    lines = list(difference_lines(first, "snapshot"))
    assert lines[1] == "    kinds: accounts, employment"
    assert lines[-1] == f"    {row['source_file']}:{row['source_line']}"
    assert "6222" not in "".join(lines) and row["holder"] not in "".join(lines)
    (forged / "tables" / "accounts.parquet").unlink()
    write_manifest(forged, {**said, "tables": {**said["tables"], "accounts": {"files": {}}}})
    gone = snapshot_difference(forged, stored)
    assert gone["rows_gone_or_changed"] == 0 < gone["rows_come_or_changed"]


def test_every_file_of_the_program_is_in_a_digest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who words a letter otherwise, or a rule, has another program; git says so, too."""

    def told() -> str:
        deciding_texts.cache_clear()
        program.cache_clear()
        return version_line()

    for name in (*PACKAGES, "unchanged"):
        (tmp_path / name).mkdir()
    names = ("sql/a.sql", "flows/a.py", "transforms/letters.yaml", "expectations/a.j2")
    monkeypatch.setattr("flows.program.ROOT", tmp_path)
    for name in names:
        (tmp_path / name).write_text("a", "utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *words], check=True)
    clean = told()
    seen = {clean}
    assert "commit " in clean and "changed" not in clean
    (tmp_path / "sql" / "__pycache__").mkdir()
    (tmp_path / "sql" / "__pycache__" / "a.pyc").write_text("")
    (tmp_path / ".gitignore").write_text("__pycache__")
    assert told() == clean
    for name in (*names, "sql/b.sql", "flows/b.so"):
        (tmp_path / name).write_text("b", "utf-8")
        line = told()
        assert line not in seen and "changed since, code" in line
        seen.add(line)
    shutil.rmtree(tmp_path / ".git")
    assert "commit" not in told() and "changed" not in told()
    monkeypatch.undo()
    told()


def test_inputs_that_were_changed_are_refused(
    nights: tuple[Home, list[str]], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(nights[0].root, home.root)
    digest = read_manifest(home.runs / nights[1][0], "run")["made_by"]["inputs"]
    path = inputs_path(home, digest)
    changed = json.loads(path.read_text("utf-8"))
    changed["texts"]["sql/policies/new_hire_subsidy.sql"] += "-- "
    path.write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(DigestDiffersError, match="was changed"):
        replay(home, nights[1][0])
    with pytest.raises(DigestDiffersError, match=rf"{path.name} was changed"):
        verify_home(home)
    path.unlink()
    with pytest.raises(DigestDiffersError, match=rf"{path.name} is missing"):
        verify_home(home)


def test_a_snapshot_of_other_rules_of_ingest_is_taken_as_it_is(
    nights: tuple[Home, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an update the raw files would make another snapshot, and batches of other names."""
    home, runs = nights
    monkeypatch.setattr("flows.audit.replay.INGEST_RULES_VERSION", 10**6)
    told = replay(home, runs[0], stored_rules=True, from_raw=True)
    assert told["verdict"] == "identical" and told["taken_as_it_is"]
    assert any("its raw files were not read again" in line for line in replay_lines(told))


def test_a_night_of_other_rules_differs_and_by_its_stored_ones_it_is_the_same(
    run_home: tuple[Path, dict[str, Any]], home_after_run: Home, tmp_path: Path
) -> None:
    """A rule was changed for one night and put back: what the night made is told apart by it."""
    texts, card = dict(deciding_texts()), "sql/policies/new_hire_subsidy.yaml"
    texts[card] = texts[card].replace('value: "1000.00"', 'value: "900.00"')
    what = ["--snapshot", run_home[1]["snapshot_id"], "--as-of", str(AS_OF)]
    words = ["flows", "run", *what, "--home", str(home_after_run.root), "--json"]
    code = stage_code(texts, tmp_path)
    made = json.loads(call_program(code, words, within=[home_after_run.root]))["run_id"]
    told = replay(home_after_run, made)
    assert told["verdict"] == "differs" and card in told["changed_since"]
    first = told["first_difference"]
    assert first["stage"] == "policies/new_hire_subsidy" and "amount_fen" in first["columns"]
    assert first["fen_then"]["amount_fen"] < first["fen_now"]["amount_fen"]
    assert all("*" in key["subject_id"] for key in first["keys"] if key["subject_kind"] == "person")
    assert any("--rules stored" in line for line in replay_lines(told))
    # The monthly audit goes by the rules of then, and says that they are others.
    from flows.audit.scheduled import replay_night

    said = replay_night.fn(str(home_after_run.root), made, True)
    assert said["verdict"] == "identical" and card in said["changed_since"]


def test_a_carried_night_is_replayed_in_an_empty_place(
    nights: tuple[Home, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, runs = nights
    file = tmp_path / "night.zip"
    told = export_night(home, runs[3], file)
    assert told["files"] > 20
    with carried(file) as (place, run_id):
        assert place.root != home.root and run_id == runs[3]
        assert not list(place.batches.glob("*/bank*.txt")), "payment files are not carried"
    assert run_command(app, ["replay", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["pages_compared"]) == ("identical", True), replay_lines(told)
    with pytest.raises(DropRefusedError, match="nothing is overwritten"):
        export_night(home, runs[3], file)
    file.write_bytes(b"no zip")
    assert run_command(app, ["replay", str(file)]) == DropRefusedError.exit_code


def test_what_differs_is_counted_without_naming_anybody() -> None:
    a = pl.DataFrame(
        {
            "policy_id": ["p", "p"],
            "subject_kind": ["person", "person"],
            "subject_id": ["370302198503151234", "370302198503151242"],
            "amount_fen": [100, 200],
        }
    )
    b = a.with_columns(pl.col("amount_fen") + pl.Series([0, 5]))
    found = table_difference(a, b)
    assert found["columns"] == ["amount_fen"] and found["rows_gone_or_changed"] == 1
    assert (found["fen_then"], found["fen_now"]) == ({"amount_fen": 300}, {"amount_fen": 305})
    assert found["keys"][0]["subject_id"] == "370302********1242"
    assert table_difference(a, a)["rows_come_or_changed"] == 0


def test_a_night_that_a_gate_stopped_is_replayed_like_any_other(
    town: Path, empty_home: Path, tmp_path: Path
) -> None:
    drop, home = tmp_path / "drop", Home(shutil.copytree(empty_home, tmp_path / "home"))
    shutil.copytree(town, drop)
    for note in drop.glob("交接单*"):
        note.unlink()
    (deaths,) = drop.glob("死亡信息*.csv")
    deaths.write_bytes(deaths.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(GateStoppedError):
        run_night(NightRequest(home, date(2020, 3, 31), drop=drop), Progress())
    (run_id,) = (path.name for path in home.runs.iterdir())
    told = replay(home, run_id)
    assert told["verdict"] == "identical", replay_lines(told)
    assert told["files_same_to_the_byte"] == told["files"] > 0
