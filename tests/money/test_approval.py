"""The approval sheet on paper: one A4 page, the same bytes again, filed when it is released."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows import typeset
from flows.money.approval import APPROVAL_PAPER, FORM, batch_paper
from flows.money.batch import show_batch
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.verify import verify_home
from flows.store import Home
from flows.typeset import pdf_of
from tests.money.money_town import sign_both
from transforms.errors import DigestDiffersError, MachineDeniedError
from transforms.money.capitals import amount_in_capitals
from transforms.review.approval import in_groups
from transforms.words import word

CONTENT: dict[str, Any] = {
    "title": "审批表",
    "warning": "",
    "facts": [["批次", "B1"], ["笔数", "1", "金额", "2"]],
    "headings": ["政策", "依据", "条款", "行", "笔", "金额"],
    "rows": [["甲", "乙", "丙", "1", "1", "2.00"]],
    "signed": [["复核人", "张三", "2020-04-01", "ab12"]],
    "boxes": ["制表：", "复核：", "审批：", "公章："],
    "footer": "B1",
}
HOSTILE = ["#panic()", "*b* _i_ $x$ \\u{41} `c` //", '"); #import "x"', "𠮷 @ref <label> ~"]


def tool(name: str, *arguments: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"no {name} on this machine: install poppler-utils")
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=True).stdout


def text_of(content: bytes, folder: Path) -> str:
    path = folder / "page.pdf"
    path.write_bytes(content)
    assert "Pages:           1\n" in tool("pdfinfo", str(path))
    return tool("pdftotext", "-layout", str(path), "-")


def biggest(home: Home) -> dict[str, Any]:
    batches = [show_batch(home, path.name) for path in home.batches.iterdir()]
    return max(batches, key=lambda batch: int(batch["line_count"]))


def test_a_batch_is_one_page_before_and_after_its_release(
    home_after_run: Home, tmp_path: Path
) -> None:
    home = home_after_run
    batch = biggest(home)
    batch_id = batch["batch_id"]
    unsigned = text_of(batch_paper(home, batch_id), tmp_path)
    assert batch_paper(home, batch_id) == batch_paper(home, batch_id)
    assert batch_id in unsigned and f"{batch['amount_fen'] / 100:,.2f}" in unsigned
    assert amount_in_capitals(batch["amount_fen"]) in unsigned
    for box in ("制表", "复核", "审批", "公章"):
        assert box in unsigned
    # What the workbook's sheet of that name says of doubts and of the batch before is here, too.
    book = openpyxl.load_workbook(home.batches / batch_id / "review.xlsx")
    for row in book[word("sheet_approval")].iter_rows(values_only=True):
        if row[0] in (word("sheet_doubts"), word("sheet_before")):
            assert re.sub(r"\s", "", row[1]) in re.sub(r"\s", "", unsigned)
    assert word("sheet_doubts") in unsigned and word("sheet_before") in unsigned
    digest = batch["batch_digest"]
    assert digest[:4] + " " + digest[4:8] in unsigned
    sign_both(home, batch_id)
    release_batch(home, batch_id)
    filed = (home.batches / batch_id / APPROVAL_PAPER).read_bytes()
    assert filed == batch_paper(home, batch_id)
    signed = text_of(filed, tmp_path)
    with open_ledger(home) as ledger:
        books = ledger.books()
    before = in_groups(books.hashes[-2])
    assert re.search(rf"发放前账首 +{before[:4]}", signed) and f"{batch_id} · 已发放" in signed
    for said in show_batch(home, batch_id)["signatures"].values():
        assert said["name"] in signed and said["signed_on"] in signed
        assert said["fingerprint"][:4] in signed
    verify_home(home)
    (home.batches / batch_id / APPROVAL_PAPER).write_bytes(filed + b"\n")
    with pytest.raises(DigestDiffersError, match=APPROVAL_PAPER):
        verify_home(home)


def test_every_text_is_a_text_on_the_page(tmp_path: Path) -> None:
    cells = [HOSTILE[n % len(HOSTILE)] for n in range(6)]
    content = {**CONTENT, "rows": [cells], "title": HOSTILE[0], "warning": HOSTILE[2]}
    text = "".join(text_of(pdf_of(FORM, content), tmp_path).split())
    for part in ("#panic()", "#import", "_i_", "$x$", "@ref", "<label>", "\\u{41}"):
        assert part in text


def test_many_policies_still_are_one_page(tmp_path: Path) -> None:
    long = ["政策" * 12, "川政发〔2020〕3号 附件第9项", "条款" * 90, "1,000", "900", "1,000,000.00"]
    text = text_of(pdf_of(FORM, {**CONTENT, "rows": [long] * 14}), tmp_path)
    assert text.count("1,000,000.00") == 14 and "公章" in text


def test_a_machine_without_a_font_says_so_and_releases(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typeset, "FONTS", ("No Such Face",))
    home = home_after_run
    batch_id = biggest(home)["batch_id"]
    with pytest.raises(MachineDeniedError, match="font"):
        batch_paper(home, batch_id)
    sign_both(home, batch_id)
    assert any("font" in said for said in release_batch(home, batch_id)["warnings"])
    assert not (home.batches / batch_id / APPROVAL_PAPER).exists()
    verify_home(home)


def test_the_same_content_gives_the_same_bytes() -> None:
    digests = {hashlib.sha256(pdf_of(FORM, CONTENT)).hexdigest() for _ in range(3)}
    assert len(digests) == 1
