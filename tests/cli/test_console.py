"""The way out of every command: a mistake of the typist is told as one, with exit code 2."""

import json

import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.cli.signing import _lines
from flows.cli.stopped import KEYBOARD as INTERRUPTED
from flows.store import Home
from transforms.errors import UsageError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ingest"], "drop"),
        (["ingest", "drop", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["run", "drop", "--as-of", "yesterday"], "YYYY-MM-DD"),
        (["run", "drop"], "--as-of"),
        (["sample", "folder", "--persons", "many"], "--persons"),
        (["run", "--as-of", "2020-03-31"], "--snapshot"),
        (["batch"], "list"),
        ([], "nightly"),
    ],
)
def test_a_mistyped_command_is_no_bug(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, words) == UsageError.exit_code
    out, err = capsys.readouterr()
    assert told in out + err and "bug of wuxing" not in err


def test_the_keyboard_stops_a_command_without_a_word_of_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_home: Home) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.money.batch.list_batches", stop)
    assert run_command(app, ["batch", "list", "--json"]) == INTERRUPTED
    out, err = capsys.readouterr()
    assert "keyboard" in err and json.loads(out)["error"]["exit_code"] == INTERRUPTED


def test_a_bug_is_told_by_its_place_and_not_by_its_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_off(_home: Home) -> None:
        raise ValueError("370302199001011234")

    monkeypatch.setattr("flows.money.batch.list_batches", break_off)
    assert run_command(app, ["batch", "list"]) == 1
    err = capsys.readouterr().err
    assert "ValueError" in err and "370302199001011234" not in err


@pytest.mark.parametrize("span", [["--from", "2020-13"], ["--from", "2020-05", "--to", "2020-02"]])
def test_a_span_of_months_that_is_none_is_no_answer(
    span: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, ["takeup", *span]) == UsageError.exit_code
    assert "--to" in capsys.readouterr().err


def test_a_signer_reads_in_both_languages_why_a_batch_waits_and_what_was_posted() -> None:
    names = ("batch_id", "as_of", "fund", "instruction_count", "amount_fen", "amount_in_capitals")
    more = ("batch_digest", "roster_digest", "announced", "came_from", "last_signed_position")
    mark = "over budget: the batch needs 1234.00 元, 3.00 元 are left of 5.00 元"
    shown = {
        **dict.fromkeys((*names, *more), ""),
        "mark": mark,
        "changed": {"drafted": 2},
        "pages": {},
    }
    text = "\n".join(_lines(shown | {"anchors": [], "unconfirmed": []}))
    assert "超出预算：本批需要 1234.00 元" in text and mark in text
    assert "拟定批次 drafted 2" in text
