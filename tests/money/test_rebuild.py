"""A lost ledger comes back to the byte of every posting, or it is said what is missing."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from flows.cli.console import app, run_command
from flows.money.export import export_batch
from flows.money.heads import initialise_home
from flows.money.rebuild import rebuild_ledger
from flows.money.release import release_batch
from flows.money.settle import settle_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.money.money_town import ANN, TWO, month, new_home, night, pay, refund, sign_both
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError

ROWS = [refund(1000), refund(7, TWO)]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which two batches were paid, one payment came back, and a third is signed."""
    tmp_path = tmp_path_factory.mktemp("once")
    made = new_home(tmp_path / "home")
    folder = tmp_path / "anchor"
    folder.mkdir()
    text = made.funds_path.read_text(encoding="utf-8")
    made.funds_path.write_text(text.replace("folders = []", f'folders = ["{folder}"]'), "utf-8")
    (batch,) = pay(made, "R1", ROWS)
    answer = tmp_path / "answer"
    answer.write_text(f"{payment_of(made)}|失败|销户|20200401", "gb18030")
    settle_batch(made, batch, answer)
    pay(made, "R2", ROWS)
    more = [*ROWS, month("benefit_to_retirement", ANN, 5)]
    sign_both(made, night(made, "R3", more)[1].batches[0].batch_id)
    return tmp_path


@pytest.fixture
def home(once: Path, tmp_path: Path) -> Home:
    for name in ("home", "anchor"):
        shutil.copytree(once / name, tmp_path / name)
    made = Home(tmp_path / "home")
    text = made.funds_path.read_text(encoding="utf-8")
    made.funds_path.write_text(text.replace(str(once), str(tmp_path)), "utf-8")
    return made


def payment_of(home: Home) -> str:
    with sqlite3.connect(home.ledger_path) as connection:
        return str(connection.execute("select min(payment_id) from entries").fetchone()[0])


def rows_of(home: Home) -> list[object]:
    with sqlite3.connect(home.ledger_path) as connection:
        return [
            connection.execute(f"select * from {table} order by 1").fetchall()
            for table in ("postings", "entries")
        ]


def lose(home: Home) -> None:
    for path in home.root.glob("ledger.sqlite*"):
        path.unlink()


def lose_all_but_its_log(home: Home) -> None:
    log = home.root / "ledger.sqlite-wal"
    with closing(sqlite3.connect(home.ledger_path)) as connection:
        connection.execute("pragma user_version = 99")
        left = log.read_bytes()
    lose(home)
    log.write_bytes(left)


def damage(home: Home) -> None:
    home.ledger_path.write_bytes(b"no database" * 1000)


def put_back(home: Home) -> None:
    with sqlite3.connect(home.ledger_path) as connection:
        for table in ("entries", "postings"):
            connection.execute(f"drop trigger {table}_refuse_delete")
        connection.execute("delete from entries where sequence > 9")
        connection.execute("delete from postings where sequence > 9")


@pytest.mark.parametrize("spoil", [lose, lose_all_but_its_log, damage, put_back])
@pytest.mark.parametrize("source", ["journal", "anchor", "export"])
def test_the_ledger_comes_back_as_it_was(
    home: Home, tmp_path: Path, spoil: Callable[[Home], None], source: str
) -> None:
    before, given = rows_of(home), []
    if source == "export":
        batch = max(path.name for path in home.batches.iterdir() if not list(path.glob("*.xml")))
        export_batch(home, batch, tmp_path / "b.zip")
        given = [tmp_path / "b.zip"]
    spoil(home)
    if source != "journal":
        home.journal_path.unlink()
    if source == "export":
        shutil.rmtree(tmp_path / "anchor")
        (tmp_path / "anchor").mkdir()
    made = rebuild_ledger(home, given)
    assert rows_of(home) == before and made["entries"] == 4
    assert made["not_released_by_it"] == []
    verify_home(home)
    set_aside = list(home.root.glob("ledger.sqlite.before-rebuild-1*"))
    assert bool(set_aside) is (spoil is not lose), "what was there is kept"


def test_an_older_home_gets_its_files_back_and_nobody_is_told_to_pay(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    put_back(home)
    lost = next(path for path in home.batches.glob("*/approval.txt"))
    batch, there = lost.parent.name, {p.name: p.read_bytes() for p in lost.parent.glob("*.*")}
    for path in (*lost.parent.glob("payments*.xml"), *lost.parent.glob("bank*.txt"), lost):
        path.unlink()
    words = ["--home", str(home.root)]
    assert run_command(app, ["--lang", "zh", "ledger", "rebuild", *words]) == 0
    assert f"! {batch}：已发放，文件不全：`wuxing release {batch}`" in capsys.readouterr().out
    # Somebody puts the payment files back, not the sheet.
    for name in ("payments.xml", "bank.txt"):
        (lost.parent / name).write_bytes(there[name])
    with pytest.raises(DigestDiffersError, match=r"approval\.txt is missing"):
        verify_home(home)
    assert run_command(app, ["--lang", "zh", "release", batch, *words]) == 0
    said = capsys.readouterr().out
    assert "以前已发放" in said and "不要再次送交银行" in said
    assert {p.name: p.read_bytes() for p in lost.parent.glob("*.*")} == there
    verify_home(home)


def test_nobody_has_kept_anything(home: Home, tmp_path: Path) -> None:
    lose(home)
    home.journal_path.unlink()
    shutil.rmtree(tmp_path / "anchor")
    (tmp_path / "anchor").mkdir()
    with pytest.raises(DropRefusedError, match="nobody has kept"):
        rebuild_ledger(home, [])


def test_a_whole_ledger_is_not_rebuilt(home: Home) -> None:
    with pytest.raises(LedgerForbidsError, match="nothing to rebuild"):
        rebuild_ledger(home, [])


def test_a_batch_that_is_not_as_it_was_released(home: Home) -> None:
    lose(home)
    # of a batch that was paid: what one that is only signed posts needs no lines
    path = next(home.batches.glob("*/payments*.xml")).with_name("lines.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DigestDiffersError, match=r"lines\.parquet"):
        rebuild_ledger(home, [])
    assert not home.ledger_path.exists()


def test_witnesses_of_two_ledgers(home: Home, tmp_path: Path) -> None:
    lose(home)
    other = new_home(tmp_path / "other")
    night(other, "R1", ROWS)
    with pytest.raises(DigestDiffersError, match="two ledgers"):
        rebuild_ledger(home, [other.journal_path])


def test_payment_files_beyond_what_anybody_kept_are_named(home: Home, tmp_path: Path) -> None:
    lines = home.journal_path.read_text(encoding="utf-8").splitlines(keepends=True)
    home.journal_path.write_text("".join(lines[:9]), encoding="utf-8")
    shutil.rmtree(tmp_path / "anchor")
    (tmp_path / "anchor").mkdir()
    lose(home)
    made = rebuild_ledger(home, [])
    assert len(made["not_released_by_it"]) == 2, "of the second batch"
    batch = Path(made["not_released_by_it"][0]).parent.name
    for act in (lambda: verify_home(home), lambda: release_batch(home, batch)):
        with pytest.raises(DigestDiffersError):
            act()


def test_a_batch_that_was_released_after_the_last_backup_comes_back_from_its_export(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the signers took with them holds the lines; the postings are anybody's."""
    shutil.copytree(home.root, tmp_path / "backup")
    rows = [*ROWS, month("benefit_to_retirement", ANN, 8)]
    batch = night(home, "R4", rows)[1].batches[0].batch_id
    sign_both(home, batch)
    export_batch(home, batch, tmp_path / "b.zip")
    release_batch(home, batch)
    before, folder = rows_of(home), home.batches / batch
    there = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.copy(home.journal_path, tmp_path / "kept.journal")
    shutil.rmtree(home.root)
    shutil.copytree(tmp_path / "backup", home.root)
    with pytest.raises(DigestDiffersError, match=f"{batch}: its folder is not there"):
        rebuild_ledger(home, [tmp_path / "kept.journal"])
    given = [str(tmp_path / name) for name in ("kept.journal", "b.zip")]
    words = ["--home", str(home.root)]
    assert run_command(app, ["--lang", "zh", "ledger", "rebuild", *given, *words]) == 0
    assert f"{batch}：文件夹已由其导出文件恢复" in capsys.readouterr().out
    assert rows_of(home) == before
    assert run_command(app, ["release", batch, *words]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == there
    with pytest.raises(DigestDiffersError, match=r"runs/R.* is missing") as lost:
        verify_home(home)
    assert "batches/" not in str(lost.value), "the run is lost; the batch is whole"
    assert night(home, "R5", rows)[1].batches == [], "nothing is paid twice"


def test_a_batch_folder_that_is_gone_comes_back_though_the_ledger_is_whole(
    home: Home, tmp_path: Path
) -> None:
    batch = max(path.name for path in home.batches.iterdir() if not list(path.glob("*.xml")))
    export_batch(home, batch, tmp_path / "b.zip")
    there = {path.name: path.read_bytes() for path in (home.batches / batch).iterdir()}
    shutil.rmtree(home.batches / batch)
    with pytest.raises(DigestDiffersError, match=r"its folder is not there.*batch withdraw"):
        export_batch(home, batch, tmp_path / "again.zip")
    before = rows_of(home)
    made = rebuild_ledger(home, [tmp_path / "b.zip"])
    assert (made["batches_put_back"], made["postings"]) == ([batch], 0)
    assert rows_of(home) == before and not list(home.root.glob("*.before-rebuild-*"))
    assert {path.name: path.read_bytes() for path in (home.batches / batch).iterdir()} == there
    with pytest.raises(LedgerForbidsError, match="nothing to rebuild"):
        rebuild_ledger(home, [tmp_path / "b.zip"])


def test_a_ledger_is_not_made_anew_beside_the_log_of_a_lost_one(home: Home, tmp_path: Path) -> None:
    lose_all_but_its_log(home)
    new = Home(tmp_path / "new")
    new.root.mkdir()
    shutil.copy(home.root / "ledger.sqlite-wal", new.root)
    with pytest.raises(DigestDiffersError, match=r"ledger\.sqlite-wal is there"):
        initialise_home(new)
