"""Every sentence that a person may read is said in Chinese; nothing else is in the catalogue."""

import errno
import os
import re
from pathlib import Path

import pytest

from flows.cli.console import app, run_command
from flows.language import VARIABLES, language, said, speaking
from flows.machine import IN_WORDS
from tests.messages import AROUND, OTHERS, ROOT, known, messages, missing
from transforms.answers.messages import MESSAGES, in_chinese, parse_messages, values_of
from transforms.errors import ContractError, DropRefusedError
from transforms.extracts.headers import find_header
from transforms.extracts.kinds import KINDS
from transforms.words import catalogue

SENTENCES = parse_messages(MESSAGES.read_text(encoding="utf-8"))
# What typer says itself: the sentences of its help and of commands that it does not understand.
OF_TYPER = re.compile(
    r"Show |Install |\[OPTIONS\]|COMMAND|required$|default: |env var: |<|Missing |Got unexpected|"
    r"No such (option|comm)|Did you|\(Possible|Invalid value|\{value\} is not (a valid|in the)|"
    r"Option \{option\}|Input should be|path \{value\}"
)
HAN = re.compile(r"[一-鿿]")


def test_every_sentence_of_the_code_is_said_in_chinese() -> None:
    assert not missing(), "python -m tests.messages prints them, ready for transforms/messages.yaml"


def test_nothing_stands_in_the_catalogue_that_nobody_says() -> None:
    there = {known(text) for text, _ in messages()}
    there |= {known(os.strerror(number)) for number in errno.errorcode}
    left = [en for en in SENTENCES if known(en) not in there and not OF_TYPER.match(en)]
    assert [en for en in left if not IN_WORDS.fullmatch(en)] == []


def test_modules_left_out_are_there() -> None:
    assert [name for name in OTHERS if not (ROOT / name).is_file()] == []


def test_chinese_is_chinese_and_stands_as_a_sentence_alone() -> None:
    assert [zh for zh in SENTENCES.values() if not HAN.search(zh) and "{" not in zh] == []
    assert [en for en in SENTENCES if en != en.strip(AROUND) or "\n" in en] == []


def test_a_code_that_is_worded_has_words() -> None:
    """`{state:batch_}` is the word batch_<state>: there must be such words."""
    prefixes = {form for zh in SENTENCES.values() for form in re.findall(r"\{\w+:(\w+_)\}", zh)}
    assert [one for one in prefixes if not any(code.startswith(one) for code in catalogue())] == []


def test_a_catalogue_says_each_sentence_once_and_whole() -> None:
    assert parse_messages('a:\n  - en: "no {x}"\n    zh: "没有 {x}"\n') == {"no {x}": "没有 {x}"}
    for wrong in ('{en: "no {x}", zh: 没有}', "{en: no}", "{en: no, zh: 没有}, {en: no, zh: 没有}"):
        with pytest.raises(ContractError):
            parse_messages(f"a: [{wrong}]")


def test_every_sentence_with_values_is_found_again() -> None:
    """Filled in with something, each English sentence finds a Chinese one that holds the values."""
    for en in SENTENCES:
        values = {name: f"«{name}»" for name in values_of(en)}
        filled = en.format(**values)
        told = in_chinese(filled)
        assert told != filled
        assert all(value in told for value in values.values()), (en, told)


def test_short_sentences_are_said_whatever_they_hold() -> None:
    assert in_chinese("  to be asked at 社保中心: 王工 0533-1") == "  请询问 社保中心：王工 0533-1"
    asked = "No such command 'nope'. Did you mean 'notice'?"
    assert in_chinese(asked) == "没有命令 'nope'；是否指 'notice'？"
    assert in_chinese("there is no backup yet in /b") == "/b 中还没有备份"
    assert in_chinese("webhook: the test was sent") == "webhook：试发成功"
    took = "looking for duplicates in insured_units: took 0.5 s"
    assert in_chinese(took) == "查找单位参保信息中的重复行：用时 0.5 秒"


def test_many_rows_in_a_short_sentence_are_said() -> None:
    told = in_chinese("a.xlsx: nothing was imported; in row 4, 5: 裁定人 is empty")
    assert "第 4, 5 行：" in told


def test_sentences_in_sentences_are_said() -> None:
    assert in_chinese("a.csv: required column missing: x; have it exported again") == (
        "a.csv：缺少必需的列：x；请重新导出"
    )
    for kind in KINDS.values():
        with pytest.raises(DropRefusedError) as refused:
            find_header(kind, [["甲"]], "a.csv")
        told, labels = in_chinese(str(refused.value)), re.findall("`[^`]+`", str(refused.value))
        assert re.findall("`[^`]+`", told) == labels, "a label is not said in other words"
        assert not re.search("columns|would", told)
    assert in_chinese("  warning: batch B1 is not released") == "  提醒：批次 B1 没有发放"
    assert in_chinese("张三: 李四; 王五") == "张三: 李四; 王五", "what people wrote stays"


@pytest.mark.parametrize(
    ("given", "spoken"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "WUXING_LANG": "zh"}, "zh"),
        ({}, "en"),
    ],
)
def test_the_environment_says_the_language(
    given: dict[str, str], spoken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert language() == spoken


def test_a_stream_that_holds_no_chinese_is_told_english(tmp_path: Path) -> None:
    with (
        (tmp_path / "out").open("w", encoding="ascii") as stream,
        speaking(["--lang", "zh"], stream),
    ):
        assert said("the ledger has no money") == "the ledger has no money"
    with (tmp_path / "out").open("w", encoding="gb18030") as out, speaking(["--lang", "zh"], out):
        assert said("the ledger has no money") == "账本中没有资金记录"


def test_a_command_speaks_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(tmp_path / "out")
    assert run_command(app, ["--lang", "zh", "runs", "--home", home]) == 10
    assert capsys.readouterr().err == f"wuxing: 没有主目录 {home}：请核对 --home\n"
    assert run_command(app, ["--lang", "zh", "runs", "--home", home, "--json"]) == 10
    told = capsys.readouterr()
    assert "there is no home" in told.out, "scripts read English"
    assert run_command(app, ["--lang", "fr", "runs"]) == 2
    assert "--lang takes zh or en; found 'fr'" in capsys.readouterr().err


def _commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = getattr(group, "commands", {})
    return [path, *(one for name, of in inner.items() for one in _commands(of, (*path, name)))]


def test_help_is_chinese_and_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from typer.main import get_command

    from transforms.visible import display_width

    for words in _commands(get_command(app)):
        assert run_command(app, ["--lang", "en", *words, "--help"]) == 0
        told = capsys.readouterr().out
        assert told.startswith("Usage: ")
        assert [line for line in told.splitlines() if display_width(line) > 80] == []
        assert run_command(app, ["--lang", "zh", *words, "--help"]) == 0
        told = capsys.readouterr().out
        assert "Usage" not in told and "用法：" in told
        assert [line for line in told.splitlines() if display_width(line) > 80] == []
        told = told.partition("\n")[2]
        sentences = re.sub(
            r"`[^`]*`|--[\w-]+|<[^>]*>|\[[^\]]*\]|[\w.-]+\.(csv|xlsx|html|pdf|zip)", "", told
        )
        assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", sentences), told


def test_codes_of_places_periods_and_sides_are_said() -> None:
    gate = "evidence_kept 没有少掉一截 (1 of 56 fail, ≤ 0; deaths: 16 / 18, custody: 1 / 2)"
    assert in_chinese(gate) == (
        "没有少掉一截（56 项中 1 项不合，允许 ≤ 0；死亡信息: 16 / 18，服刑信息: 1 / 2；"
        "检查项 evidence_kept）"
    )
    assert "按上月" in in_chinese("  grain        person → person, by last month")
    assert in_chinese("  referral     nothing is paid: a list for 区民政局") == (
        "  转介      不发放资金：名单送区民政局"
    )
    assert in_chinese("deaths of both, rows: 1") == "死亡信息（主体和收款主体）：1 行"


def test_lines_that_are_refused_together_keep_their_causes_in_place() -> None:
    """A sentence that ends in a value may take the next one in: no cause may move behind it."""
    lines = [
        "line 1 (wage_subsidy, 2020-02, P1): deaths of snapshot S1",
        "line 2 (wage_subsidy, 2020-03, P2): custody of snapshot S1",
        "line 3 (wage_subsidy, 2020-03, P3): unemployment_benefits of snapshot S2",
        "line 4 (wage_subsidy, 2020-03, P4): support of snapshot S2 and 5 more",
    ]
    told = in_chinese(
        f"batch B1: delivered since it was drawn up: {'; '.join(lines)}; these lines come out: "
        "withdraw it, make a new run and sign that batch"
    )
    said = [line.partition("，快照")[0].rpartition("：")[2] for line in told.split("；第")]
    assert said == ["死亡信息", "服刑信息", "失业保险金待遇", "政策享受台账"], told
    assert "快照 S2 另有 5 项" in told
