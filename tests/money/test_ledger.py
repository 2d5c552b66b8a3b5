"""The ledger: append only, chained, each payment once for ever."""

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.cli.console import app, run_command
from flows.money import ledger_store
from flows.money.batch import list_batches, show_batch
from flows.money.batch_folder import signed_lines
from flows.money.ledger_store import Ledger, ledger_view, open_ledger
from flows.money.notice import write_notice
from flows.money.release import release_batch
from flows.money.verify import verify_home
from flows.money.whole import expect_whole
from flows.night.diary import district_now
from flows.night.settings import read_settings
from flows.night.status import look_at
from flows.store import Home
from tests.money.money_town import ANN, ONE, TWO, month, night, pay, refund, run_name, sign_both
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.ledger import ENTRY_FIELDS, payment_entries
from transforms.money.ledger_schema import SCHEMA

ROWS = [refund(1000), refund(500, TWO), month("benefit_to_retirement", ANN, 7)]


def entries_of(home: Home, batch_id: str) -> pl.DataFrame:
    folder = home.batches / batch_id
    frames = [pl.read_parquet(folder / f"{name}.parquet") for name in ("lines", "instructions")]
    return payment_entries(frames[0], frames[1], 2020)


def post(ledger: Ledger, batch: str, entries: pl.DataFrame) -> None:
    """Post entries beside a bank's answer that returned nothing."""
    with ledger.transaction():
        said = {"file_digest": entries["kind"][0], "late": [], "new_count": 0, "returned": []}
        said["restored"] = []
        ledger.post("settled", said, batch, said["file_digest"], entries)


def rows_in(home: Home) -> int:
    with open_ledger(home) as ledger:
        (count,) = ledger.connection.execute("select count(*) from entries").fetchone()
    return int(count)


def test_the_same_entries_again_are_refused(home: Home) -> None:
    (batch,) = pay(home, "R1", ROWS)
    with (
        open_ledger(home) as ledger,
        pytest.raises(LedgerForbidsError, match="already posted"),
    ):
        post(ledger, batch, entries_of(home, batch))
    with open_ledger(home) as ledger:
        assert not list(ledger.entry_problems())
    assert rows_in(home) == 3


@pytest.mark.parametrize(
    ("column", "value"),
    [("amount_fen", 1001), ("account_no", "1"), ("holder", "别人"), ("payment_id", "P0")],
)
def test_the_same_key_with_another_content_is_refused_whole(
    home: Home, column: str, value: Any
) -> None:
    (batch,) = pay(home, "R1", ROWS)
    changed = entries_of(home, batch).with_columns(pl.lit(value).alias(column))
    new_key = changed.head(1).with_columns(pl.lit("payment|new").alias("idempotency_key"))
    with (
        open_ledger(home) as ledger,
        pytest.raises(LedgerForbidsError, match=f"already paid.*{column}"),
    ):
        post(ledger, batch, pl.concat([new_key, changed]))
    assert rows_in(home) == 3, "nothing of a refused posting stays"


@pytest.mark.parametrize("table", ["entries", "postings"])
@pytest.mark.parametrize("statement", ["update {} set batch_id = 'X'", "delete from {}"])
def test_update_and_delete_are_refused(home: Home, table: str, statement: str) -> None:
    pay(home, "R1", ROWS)
    connection = sqlite3.connect(home.ledger_path)
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        connection.execute(statement.format(table))
    connection.close()


def tampered(home: Home, statement: str) -> None:
    connection = sqlite3.connect(home.ledger_path)
    for table in ("entries", "postings"):
        for verb in ("update", "delete"):
            connection.execute(f"drop trigger {table}_refuse_{verb}")
    connection.execute(statement)
    for trigger in SCHEMA:
        if "refuse" in trigger:
            connection.execute(trigger)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update entries set amount_fen = amount_fen + 1 where entry_id = 2",
        "update entries set account_no = '1' where entry_id = 1",
        "update entries set sequence = 1 where entry_id = 3",
        "delete from entries where entry_id = 2",
        "delete from entries where entry_id = 3",
        "update postings set content = '{}' where sequence = 1",
        "delete from postings where kind = 'enrolled'",
    ],
)
def test_the_chain_shows_whatever_was_changed(home: Home, statement: str) -> None:
    pay(home, "R1", ROWS)
    tampered(home, statement)
    with pytest.raises(DigestDiffersError, match="ledger"), open_ledger(home) as ledger:
        expect_whole(home, ledger)


def test_a_file_that_is_no_ledger_is_refused(home: Home) -> None:
    for path in home.root.glob("ledger.sqlite*"):
        path.unlink()
    home.ledger_path.write_bytes(b"this is no database at all, but a text" * 30)
    with pytest.raises(DigestDiffersError, match="no ledger"), open_ledger(home):
        pass


def test_a_ledger_that_may_not_be_written_is_named(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite says what it may not do, and of which file it does not."""
    with open_ledger(home):
        pass
    # As in a home that is mounted to be read: its log can't be made.
    home.ledger_path.with_name(f"{home.ledger_path.name}-wal").mkdir()
    words = ["batch", "withdraw", "B1", "--reason", "x", "--home", str(home.root)]
    assert run_command(app, words) == 10
    assert f"{home.ledger_path}: " in capsys.readouterr().err


def test_a_ledger_is_copied_as_one_that_others_post_to(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for a file that stands still, it was copied in two states at once."""
    connect, told = ledger_store._connect, list[bool]()

    def connected(path: Path, is_kept: bool, only_look: bool) -> sqlite3.Connection:
        told.append(only_look)
        return connect(path, is_kept, only_look)

    monkeypatch.setattr(ledger_store, "_connect", connected)
    ledger_store.copy_ledger(home, tmp_path / "copy.sqlite")
    monkeypatch.setattr("os.access", lambda *_: False)
    ledger_store.copy_ledger(home, tmp_path / "copy.sqlite")
    assert told == [False, True], "only looked at where nobody can post"


def test_looking_at_a_home_that_is_not_there_makes_none(tmp_path: Path) -> None:
    absent = Home(tmp_path / "absent")
    assert list_batches(absent) == [] and ledger_view(absent, None)["entries"] == []
    assert not absent.root.exists()


def test_debits_and_credits_add_up_to_zero(home: Home) -> None:
    pay(home, "R1", ROWS)
    view = ledger_view(home, None)
    assert view["balances"] == [
        {"account": "fund:失业保险基金", "balance_fen": -1507, "balance_yuan": "-15.07"}
    ]
    one = ledger_view(home, ONE)
    assert [entry["amount_yuan"] for entry in one["entries"]] == ["10.00"]
    assert sum(balance["balance_fen"] for balance in one["balances"]) == 0


def test_drafts_are_no_part_of_the_state_signatures_and_releases_are(home: Home) -> None:
    def digest() -> str:
        with open_ledger(home) as ledger:
            return ledger.state_digest()

    empty = digest()
    _, drafted = night(home, "R1", ROWS)
    assert digest() == empty
    sign_both(home, drafted.batches[0].batch_id)
    signed = digest()
    assert signed != empty
    night(home, "R2", ROWS)
    assert digest() == signed


def batch_states(home: Home) -> list[str]:
    return [batch["state"] for batch in list_batches(home)]


def test_a_new_run_withdraws_older_drafts_the_same_run_or_an_older_day_again_does_not(
    home: Home,
) -> None:
    night(home, "R1", ROWS)
    night(home, "R1", ROWS)
    assert batch_states(home) == ["draft"]
    _, drafted = night(home, "R2", ROWS, as_of=date(2020, 4, 30))
    assert batch_states(home) == ["withdrawn", "draft"]
    night(home, "R1", ROWS)
    assert batch_states(home) == ["withdrawn", "draft"]
    folders = sorted(path.name for path in home.batches.iterdir())
    assert folders == sorted(batch["batch_id"] for batch in list_batches(home))
    with open_ledger(home) as ledger:
        assert ledger.books().newest_run == drafted.run_id
        again = ledger.books().runs[run_name("R1")]
        with pytest.raises(LedgerForbidsError, match="is recorded so already"):
            ledger.books_after("run_recorded", again, "", run_name("R1"))


@pytest.mark.parametrize("between", [date(2020, 3, 31), date(2020, 2, 29)])
def test_the_newest_day_done_again_as_before_has_drafts_that_are_paid(
    home: Home, between: date
) -> None:
    """As after a budget that was mistyped and mended, or a night of an earlier day done again."""
    _, drafted = night(home, "R1", ROWS)
    first = drafted.batches[0].batch_id
    write_notice(home, first, "2020-04-01")
    notice = (home.batches / first / "notice.csv").read_bytes()
    night(home, "R2", ROWS[:1], as_of=between)
    assert batch_states(home) == ["withdrawn", "draft"]
    for _ in range(2):
        night(home, "R1", ROWS)
        assert batch_states(home) == ["draft", "withdrawn"]
    assert show_batch(home, first)["announced"] == "2020-04-01"
    assert (home.batches / first / "notice.csv").read_bytes() == notice
    sign_both(home, first)
    release_batch(home, first)
    verify_home(home)
    assert pay(home, "R3", ROWS) == []


def test_past_another_delivery_of_the_day_nobodys_drafts_stand(home: Home) -> None:
    """The other one's paid somebody whom the last that was read calls dead, and could be signed."""
    night(home, "A+", ROWS)
    night(home, "B+", ROWS[:1])
    night(home, "A+", ROWS)
    assert batch_states(home) == ["withdrawn", "withdrawn"]
    _, drafted = night(home, "B+", ROWS[:1])
    assert batch_states(home) == ["withdrawn", "draft"]
    with open_ledger(home) as ledger:
        assert ledger.books().newest_run == drafted.run_id
    sign_both(home, drafted.batches[0].batch_id)
    release_batch(home, drafted.batches[0].batch_id)
    verify_home(home)


def test_status_names_the_marks_of_the_newest_run_alone(home: Home) -> None:
    """One signed over budget is never released: its lines were drawn up anew since."""

    def marked() -> list[str]:
        now = district_now()
        return [one["batch_id"] for one in look_at(home, read_settings(home), now)["budget"]]

    text = home.funds_path.read_text("utf-8")
    home.funds_path.write_text(text.replace("2020 = 1000000", "2020 = 1"), "utf-8")
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    sign_both(home, batch)
    assert marked() == [batch]
    home.funds_path.write_text(text, "utf-8")
    pay(home, "R2", ROWS)
    assert marked() == [] and batch_states(home) == ["signed", "released"]


def test_signed_lines_come_from_the_signed_batch(home: Home) -> None:
    _, drafted = night(home, "R1", ROWS)
    sign_both(home, drafted.batches[0].batch_id)
    with open_ledger(home) as ledger:
        signed = signed_lines(home, ledger.batch_states().values())
        paid = ledger.paid_lines()
        assert ledger.spent_fen("失业保险基金", 2020) == 1507
        assert ledger.spent_fen("失业保险基金", 2021) == 0
    assert signed["amount_fen"].sum() == 1507
    assert paid.height == 0 and paid.schema == signed.schema


def test_a_returned_line_is_not_paid_and_may_be_paid_again(home: Home) -> None:
    (batch,) = pay(home, "R1", [refund(1000)])
    with open_ledger(home) as ledger:
        paid = entries_of(home, batch)
        returned = paid.with_columns(
            pl.concat_str(pl.lit("return|"), "idempotency_key").alias("idempotency_key"),
            pl.lit("return").alias("kind"),
            pl.col("idempotency_key").alias("reverses"),
            pl.col("credit_account").alias("debit_account"),
            pl.col("debit_account").alias("credit_account"),
        )
        post(ledger, batch, returned.select(ENTRY_FIELDS))
        assert ledger.paid_lines().height == 0
        assert ledger.spent_fen("失业保险基金", 2020) == 0
        assert len(ledger.batches_of_payments()) == 1
    pay(home, "R2", [refund(1000)])
    with open_ledger(home) as ledger:
        assert ledger.paid_lines()["amount_fen"].to_list() == [1000]
        assert not list(ledger.entry_problems())
