"""The judge of `make amend` refuses what goes over a limit, is code, or was made again."""

from pathlib import Path

import pytest

from tests.amend.__main__ import LEFT_OUT, TASKS, changes, faults, run, write


@pytest.mark.parametrize(
    ("touched", "changed", "said"),
    [
        (["a.yaml"], ["a.yaml", "docs/policies.md"], []),
        (["a.yaml", "b.yaml"], [], ["2 files by hand, more than 1"]),
        (["a.py"], ["a.py"], ["a.py is code, not rule or word"]),
        (["a.yaml"], ["a.yaml", "data_samples/truth/x.csv"], ["data_samples/truth/x.csv was made"]),
    ],
)
def test_what_a_task_may_not_take(touched: list[str], changed: list[str], said: list[str]) -> None:
    wrong = faults(touched, 1, changed)
    assert len(wrong) == len(said)
    assert all(part in told for part, told in zip(said, wrong, strict=True))


def test_a_file_added_lost_or_changed_is_a_change() -> None:
    assert changes({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}) == [
        "b",
        "c",
        "d",
    ]


def test_an_edit_lands_where_it_says_or_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    write(path, {"new": "one\ntwo\n"})
    write(path, {"after": "one\n", "add": "more\n", "end": "last\n"})
    assert path.read_text(encoding="utf-8") == "one\nmore\ntwo\nlast\n"
    with pytest.raises(AssertionError, match="there already"):
        write(path, {"new": ""})
    with pytest.raises(AssertionError, match="not once"):
        write(path, {"after": "e\n", "add": ""})


def test_what_is_not_green_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_red.py").write_text("def test_red():\n    assert 1 == 2\n", encoding="utf-8")
    assert "assert 1 == 2" in run(tmp_path, ["pytest", "-p", "no:cacheprovider", "test_red.py"])
    assert "test_gone.py" in run(tmp_path, ["pytest", "-p", "no:cacheprovider", "test_gone.py"])


def test_there_are_six_tasks_and_a_scratch_copy_leaves_out_no_source() -> None:
    assert [path.stem for path in TASKS] == [
        *("amount", "household", "kind", "list", "policy", "profile")
    ]
    assert not {"*.py", "*.sql", "*.yaml", ".ci", ".sqlfluff"} & set(LEFT_OUT)
