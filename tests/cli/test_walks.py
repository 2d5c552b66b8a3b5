"""The pages for the finance bureau and the auditor are gone through, command by command."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.cli.console import app, run_command
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.ceremony import PASSPHRASE
from tests.install.test_operations import BLOCK, ROOT
from tests.money.test_review import filled

POLICY, EMPLOYERS = "graduate_flexible_insurance", "new_hire_subsidy"
OWN = re.compile(r"\b[A-Z]{2,}(?:\.\w+)?\b|\bP\b")


def commands_of(page: str) -> list[str]:
    blocks = BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


class Walker:
    """Somebody with a home, keys and files of his own, who goes through a page."""

    def __init__(self, home: Home, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys
        self.own = {"PAGES": "pages", "DIR": "sampled", "NAME": "周会计", "DAY": "2020-04-01"}
        self.own |= {"YUAN": "1.00", "NUMBER": "凭-1", "LIST.json": "list.json", "P": "", "NO": ""}
        self.folder = folder

    def does(self, line: str, **own: str) -> str:
        """Do what a line of the page says, with his own words for its capitals."""
        words = shlex.split(
            OWN.sub(lambda found: {**self.own, **own}.get(found[0], found[0]), line)
        )
        assert words[0] == "wuxing"
        if words[1] == "sign":
            control = self.manifest(self.own["REVIEWED"])["control"]
            words += ["--count", str(control["instruction_count"])]
            words += ["--amount", f"{control['amount_fen'] / 100:.2f}"]
        code = run_command(app, words[1:])
        said = self.capsys.readouterr()
        assert code == 0, (line, said.out, said.err)
        return str(said.out)

    def manifest(self, batch: str) -> dict[str, Any]:
        text = (self.home.batches / batch / "manifest.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def hears_from_the_bank(self) -> None:
        """Let the bank send one payment back; its statement says the same."""
        table = pl.read_parquet(self.home.batches / self.own["REVIEWED"] / "instructions.parquet")
        answers, moves = [], ["日期|借贷|金额|对方账号|余额|摘要"]
        for number, row in enumerate(table.iter_rows(named=True)):
            payment, yuan = row["payment_id"], f"{row['amount_fen'] / 100:.2f}"
            said = "失败|账户已销户" if number == 0 else "成功|"
            answers.append(f"{payment}|{said}|20200413")
            moves.append(f"20200413|借|{yuan}|{row['account_no']}|0|{payment}")
            if number == 0:
                moves.append(f"20200413|贷|{yuan}|{row['account_no']}|0|{payment}")
        for name, lines in (("ANSWER.txt", answers), ("STATEMENT.txt", moves)):
            path = self.folder / name
            path.write_text("\n".join(lines) + "\n", encoding="gb18030")
            self.own[name] = str(path)

    def learns_of_a_death(self, drop: Path) -> None:
        """Let the next night learn that somebody who was paid had died before."""
        told = self.home.batches / self.own["REVIEWED"] / "instructions.parquet"
        paid = pl.read_parquet(told).filter(
            pl.col("policy_id") == POLICY,
            pl.col("payment_id") != self.returned,
            pl.col("line_count") == 1,
        )
        person, name = paid["beneficiary_id"][0], paid["holder"][0]
        later = shutil.copytree(drop, self.folder / "later")
        deaths = next(later.glob("死亡信息*"))
        text = deaths.read_bytes().decode("gb18030").rstrip()
        deaths.write_bytes(f'{text}\r\n{name},{person},2019-12-20,""\r\n'.encode("gb18030"))
        (later / "交接单.csv").unlink()
        night = run_night(NightRequest(self.home, date(2020, 4, 30), drop=later), Progress())
        self.own |= {"OTHER": self.own["RUN"], "RUN": night["run_id"], "ID": person}

    @property
    def returned(self) -> str:
        return Path(self.own["ANSWER.txt"]).read_bytes()[:33].decode().partition("|")[0]


@pytest.fixture()
def walker(
    home_after_run: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Walker]:
    monkeypatch.setenv("WUXING_HOME", str(home_after_run.root))
    monkeypatch.setenv("WUXING_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    walker = Walker(home_after_run, tmp_path, capsys)
    manifests = [walker.manifest(path.name) for path in home_after_run.batches.iterdir()]
    (walker.own["BATCH"],) = [one["batch_id"] for one in manifests if one["fund"][:2] == "就业"]
    (walker.own["RUN"],) = [path.name for path in home_after_run.runs.iterdir()]
    yield walker


def before_a_line(walker: Walker, line: str, town: Path) -> None:
    """Let come what a line of the finance bureau's page waits for."""
    if "batch import" in line:
        verdicts = {1: ("暂缓", "核对账号"), 2: ("剔除", "已另行发放")}
        walker.own["FILE.xlsx"] = str(filled(walker.home, walker.own["BATCH"], verdicts))
    if "settle" in line:
        walker.hears_from_the_bank()
    if "recovery list" in line and "--out" in line:
        walker.learns_of_a_death(town)
        walker.own["FILE.xlsx"] = "claims.xlsx"


def after_a_line(walker: Walker, line: str, said: str) -> None:
    """Note down what a line has given a name to."""
    if "batch import" in line:
        (walker.own["REVIEWED"],) = re.findall(r"to be signed: (B\w+)", said)
    if "--signed" in line:
        walker.own["LIST"] = re.findall(r"L[0-9A-F]{20}", said)[0]
        walker.own["PAYMENT"] = re.findall(r"paid as (P\w+)", walker.does("wuxing recovery show"))[
            0
        ]


def test_the_pages_are_gone_through(walker: Walker, town: Path) -> None:
    keys = [str(walker.home.root / f"{role}.key") for role in ("reviewer", "approver")]
    for line in commands_of("finance.md"):
        before_a_line(walker, line, town)
        both = "key countersign" in line
        for key in keys if both else [keys["--role approver" in line]]:
            after_a_line(walker, line, walker.does(line, **{"FILE.key": key}))
    rows = pl.read_parquet(
        walker.home.runs / walker.own["RUN"] / "policies" / f"{EMPLOYERS}.parquet"
    )
    walker.own |= {"BATCH": walker.own["REVIEWED"], "P": POLICY, "CODE": rows["beneficiary_id"][0]}
    lines = commands_of("audit.md")
    for line in lines:
        # A line that says no more than another one is gone through with it.
        if any(other.startswith(f"{line} ") for other in lines):
            continue
        said = walker.does(line)
        assert "replay" not in line or "verdict: identical" in said


def test_a_planted_line_is_noticed(walker: Walker) -> None:
    with pytest.raises(AssertionError, match="signed BATCH"):
        walker.does("wuxing batch signed BATCH")
