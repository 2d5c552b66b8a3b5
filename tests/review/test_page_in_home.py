"""The page as a night writes it: beside the batches before it, the same on any later day."""

from pathlib import Path

import polars as pl

from flows.money.batch import pack_batch
from flows.money.release import release_batch
from flows.money.review import import_review
from tests.money.money_town import ANN, BOB, month, new_home, night, pay, sign_both
from tests.money.test_review import ROWS, filled


def test_a_page_stands_beside_the_batches_before_and_stays_as_it_was(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    first = pay(home, "one", [month("benefit_to_retirement", ANN, 1719_00)])[0]
    rows = [month("benefit_to_retirement", person, 1719_00, "2020-03") for person in (ANN, BOB)]
    _, drafted = night(home, "two", rows)
    (batch,) = drafted.batches
    path = home.batches / batch.batch_id / "review.html"
    content = path.read_bytes()
    page = content.decode()
    assert "此前 1 个批次" in page and first in page and "1,719.00，本批 3,438.00" in page
    section = page[page.index("二、各项政策的金额") : page.index("三、金额分布")]
    whole = section[section.index("<th>合计</th>") :]
    assert "1,719.00</th>" in whole and "3,438.00</th>" in whole
    sign_both(home, batch.batch_id)
    release_batch(home, batch.batch_id)
    pay(home, "three", [month("benefit_to_retirement", BOB, 1_00, "2020-01")])
    path.unlink()
    pack_batch(home, batch.batch_id)
    assert path.read_bytes() == content


def test_what_is_signed_and_not_paid_stands_in_the_budget(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home", budget_yuan=10_000)
    _, drafted = night(home, "one", [month("benefit_to_retirement", ANN, 1719_00)])
    sign_both(home, drafted.batches[0].batch_id)
    _, later = night(home, "two", [month("benefit_to_retirement", BOB, 2000_00)])
    page = (home.batches / later.batches[0].batch_id / "review.html").read_text(encoding="utf-8")
    assert "已签署未发放 1,719.00 元，本批 2,000.00 元，余额 6,281.00 元" in page


def test_the_page_of_what_a_review_left_shows_what_it_took_out(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    verdicts = {1: ("暂缓", "电话核实"), 2: ("剔除", "重复")}
    left = import_review(home, batch, filled(home, batch, verdicts), by="张")["to_be_signed"]
    page = (home.batches / left / "review.html").read_text(encoding="utf-8")
    assert f"由批次 <code>{batch}</code> 审核后重做" in page
    lines = pl.read_parquet(home.batches / left / "lines.parquet")
    assert lines.height == len(ROWS) - 2
    band = page[page.index("四、从认定到可付") : page.index("五、按镇办")]
    taken_out = sum(row["amount_fen"] for row in ROWS) - int(lines["amount_fen"].sum())
    assert f"−{taken_out / 100:,.2f}" in band
