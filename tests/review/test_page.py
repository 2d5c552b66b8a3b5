"""The reviewer's page in a real browser: read, searched and opened by keyboard, and never cut."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.explain import explain_line
from flows.store import Home
from tests.review.browser import Page, browser
from tests.review.reviewed_batch import HOSTILE, after_others, grown, hostile, reviewed_of
from transforms.answers.dossier import dossier_page
from transforms.answers.page import TEMPLATES
from transforms.review.page import MOST_BYTES, Reviewed, review_page

UNUSUAL = HOSTILE[-1]
FOCUSED = "document.activeElement"
FOUND = "document.querySelector('#found').textContent"
OPEN_DETAIL = "document.querySelector('tr.detail')"


@pytest.fixture(scope="module")
def told(run_home: tuple[Path, dict[str, Any]]) -> Reviewed:
    return reviewed_of(run_home[0])


@pytest.fixture(scope="module")
def folder(told: Reviewed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "review.html").write_text(review_page(told), encoding="utf-8")
    (folder / "hostile.html").write_text(review_page(hostile(told)), encoding="utf-8")
    return folder


@pytest.fixture()
def page(folder: Path, tmp_path: Path) -> Iterator[Page]:
    with browser(tmp_path / "profile") as shown:
        shown.open(folder / "review.html")
        yield shown


def tab_to(page: Page, script: str) -> None:
    """Press Tab until what has the focus is what is meant."""
    for _ in range(400):
        page.press("Tab")
        if page.look(f"{FOCUSED}.matches({script!r})"):
            return
    pytest.fail(f"Tab never reaches {script}")


def found_rows(page: Page) -> int:
    return int(page.look(FOUND).split(" ")[0].replace(",", ""))


def sums_of_lines(told: Reviewed) -> tuple[int, int]:
    unpaid = told.review.unpaid_lines.filter(pl.col("status") == "held")
    return told.review.lines["amount_fen"].sum(), unpaid["due_fen"].sum()


def test_it_loads_nothing_and_says_nothing_on_the_console(
    page: Page, folder: Path, told: Reviewed
) -> None:
    assert page.asked_for == [(folder / "review.html").as_uri()]
    assert page.said == []
    paid, held = (f"{fen / 100:,.2f}" for fen in sums_of_lines(told))
    assert f"可付 {paid} 元" in page.look(FOUND) and f"暂扣 {held} 元" in page.look(FOUND)
    text = (folder / "review.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text and "script-src 'sha256-" in text
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)|@import|url\((?!#)|https?:", text)
    script = (TEMPLATES / "review.js").read_text(encoding="utf-8")
    for number in told.review.manifest["unconfirmed"]:
        assert f"<code>{number['name']}</code> ＝ {number['value']}" in text
    assert "innerHTML" not in script and "eval" not in script


def test_another_script_does_not_run(page: Page, folder: Path) -> None:
    changed = folder / "changed.html"
    text = (folder / "review.html").read_text(encoding="utf-8")
    changed.write_text(text.replace('"use strict"', '"use strict" '), encoding="utf-8")
    page.open(changed)
    page.wait(f"document.title !== '' && {len(text)} > 0")
    assert page.look("document.querySelectorAll('#lines tbody tr').length") == 0
    assert any("Content Security Policy" in said for said in page.said)


def test_a_line_is_found_and_opened_by_keyboard_alone(page: Page, told: Reviewed) -> None:
    instruction = told.review.instructions.row(0, named=True)
    lines = found_rows(page)
    assert lines == told.review.lines.height + told.review.unpaid_lines.height
    tab_to(page, "a.skip")
    page.press("Enter")
    tab_to(page, "#search")
    page.write(instruction["account_no"])
    assert found_rows(page) == instruction["line_count"] < lines
    tab_to(page, "#lines .open")
    page.press("Enter")
    assert page.look(f"{FOCUSED}.getAttribute('aria-expanded')") == "true"
    assert instruction["payment_id"] in page.look(f"{OPEN_DETAIL}.innerText")
    page.press(" ")
    assert page.look(OPEN_DETAIL) is None
    tab_to(page, "button[data-sort=beneficiary_id]")
    page.press("Enter")
    assert page.look(f"{FOCUSED}.parentElement.getAttribute('aria-sort')") == "ascending"


def test_every_control_is_reached_by_tab_and_seen(page: Page) -> None:
    controls = "a[href], button:not(:disabled), select, input"
    count = page.look(f"[...document.querySelectorAll('{controls}')].length")
    reached = set()
    for _ in range(count + 5):
        page.press("Tab")
        place = page.look(f"[...document.querySelectorAll('{controls}')].indexOf({FOCUSED})")
        reached.add(place)
        assert place < 0 or page.look(f"getComputedStyle({FOCUSED}).outlineStyle") == "solid"
    assert reached >= set(range(count))
    assert page.look("[...document.querySelectorAll('#lines th button')].every(b => b.innerText)")


def test_a_line_opens_to_the_words_of_its_dossier(
    page: Page, told: Reviewed, run_home: tuple[Path, dict[str, Any]], folder: Path
) -> None:
    read = (
        "[...{0}.querySelectorAll('section.provision > p:first-child, th')]"
        ".filter(e => e.tagName === 'P' || e.innerText === '金额如何得出')"
        ".map(e => (e.tagName === 'P' ? e : e.nextElementSibling).innerText.trim())"
    )
    for line in told.review.lines.unique("policy_id", maintain_order=True).iter_rows(named=True):
        page.open(folder / "review.html")
        words = f"{line['beneficiary_id']} {line['subject_id']}"
        page.look("document.querySelector('#search').focus()")
        page.write(words)
        title = told.review.titles[line["policy_id"]]
        page.look(
            "[...document.querySelectorAll('#policy option')]"
            f".find(option => option.textContent === '{title}').selected = true"
        )
        page.look("document.querySelector('#tools').dispatchEvent(new Event('input'))")
        page.look(
            "[...document.querySelectorAll('#lines tbody tr')]"
            f".find(row => row.cells[2].textContent === '{line['period']}')"
            ".querySelector('.open').click()"
        )
        shown = page.look(read.format(OPEN_DETAIL))
        keys = (line["policy_id"], line["beneficiary_id"], line["subject_id"], line["period"])
        said = explain_line(Home(run_home[0]), *keys, told.review.manifest["run_id"])
        (folder / "dossier.html").write_text(dossier_page(said), encoding="utf-8")
        page.open(folder / "dossier.html")
        assert shown == page.look(read.format("document")), line["policy_id"]
        assert len(shown) > 1


def test_a_name_is_never_more_than_a_text(page: Page, folder: Path, told: Reviewed) -> None:
    page.open(folder / "hostile.html")
    assert page.said == [] and "cut" not in page.look("document.title")
    assert page.look("document.querySelectorAll('script').length") == 2
    assert page.look("document.querySelectorAll('img').length") == 0
    cells = "[...document.querySelectorAll('#lines tbody tr')].map(row => row.cells[5].textContent)"
    names = page.look(cells)
    assert {*HOSTILE} <= {*names}
    page.look("document.querySelector('#lines .open').click()")
    assert page.look(f"{OPEN_DETAIL}.textContent").count(names[0]) == 2
    page.look("document.querySelector('#search').focus()")
    page.write("𠮷野家 👩‍👧")
    counts = told.review.instructions["line_count"].to_list()
    assert found_rows(page) == sum(counts[HOSTILE.index(UNUSUAL) :: len(HOSTILE)])


def test_it_prints(page: Page, tmp_path: Path) -> None:
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.look("getComputedStyle(document.querySelector('#tools')).display") == "none"
    path = tmp_path / "review.pdf"
    path.write_bytes(page.pdf())
    pages = subprocess.check_output(["pdftotext", "-layout", path, "-"], text=True).split("\f")
    assert len(pages) > 3 and re.search("政策 +期间", pages[-2]), "the head stands on every page"
    assert "841.92 x 594.96" in subprocess.check_output(["pdfinfo", path], text=True)


def test_a_batch_of_100_000_lines_takes_seconds_and_5_mb(told: Reviewed) -> None:
    count = 100_000 // told.review.lines.height + 1
    large = grown(told, count)
    start = time.process_time()
    text = review_page(large)
    assert time.process_time() - start < 60
    assert 4_000_000 < len(text.encode()) <= MOST_BYTES
    every = large.review.lines.height + large.review.unpaid_lines.height
    shown, left = re.findall(r"本页只有 ([\d,]+) 行.*其余 ([\d,]+) 行", text)[0]
    assert int(shown.replace(",", "")) + int(left.replace(",", "")) == every


@pytest.mark.parametrize("most_bytes", [100_000, 150_000, 300_000])
def test_however_small_it_must_be_it_says_what_is_left_out(told: Reviewed, most_bytes: int) -> None:
    text = review_page(grown(told, 30), most_bytes)
    assert "本页只有" in text
    assert len(text.encode()) <= max(most_bytes, len(review_page(grown(told, 30), 1).encode()))


def test_the_same_batch_gives_the_same_page(told: Reviewed) -> None:
    assert review_page(told) == review_page(told)
    assert "此前 12 个批次" in review_page(after_others(told, 14))


def test_a_machine_without_a_browser_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.review.browser.NAMES", ())
    with pytest.raises(pytest.fail.Exception, match="install it"), browser(tmp_path):
        pass
