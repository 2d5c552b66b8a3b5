"""The review pack: what is signed says line by line what is paid, the same bytes every time."""

from decimal import Decimal
from io import BytesIO
from pathlib import Path

from python_calamine import CalamineWorkbook

from tests.money.money_town import ANN, BOB, ONE, Town, determined_of, draw_up, month, new_home
from transforms.payments.workbook import review_workbook


def test_lines_and_instructions_sum_to_the_batch(tmp_path: Path) -> None:
    rows = [month("internship_subsidy", one, 1146_07, payee=ONE) for one in (ANN, BOB)]
    home = new_home(tmp_path / "home")
    determined = determined_of(tmp_path / "extracts", rows, Town())
    (batch,) = draw_up(home, "R1", determined)[1].batches
    parts = (batch.manifest, batch.instructions, batch.lines, batch.unpaid_lines)
    content = review_workbook(*parts)
    assert content == review_workbook(*parts)
    book = CalamineWorkbook.from_filelike(BytesIO(content))
    sums = []
    for name in book.sheet_names:
        headings, *lines = book.get_sheet_by_name(name).to_python()
        for amount in {"本次金额(元)", "金额(元)"} & set(headings):
            place = headings.index(amount)
            sums.append(sum(Decimal(str(line[place])) for line in lines))
            assert any(ONE in line for line in lines), "ids are texts, whole"
    assert sums == [Decimal("2292.14")] * 2
