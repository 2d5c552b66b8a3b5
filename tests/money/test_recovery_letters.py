"""Letters of a signed list: one a claim, as data, whatever stands in a name."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.money.acts import countersign
from flows.money.ledger_store import open_ledger
from flows.money.recover import list_act, record_list, record_recovered, recovered_act
from flows.money.recovery_letters import letters_of, write_letters
from flows.money.verify import verify_home
from flows.store import Home
from flows.typeset import pdf_of
from tests.ceremony import PASSPHRASE, key_of
from tests.money.money_town import (
    ANN,
    BOB,
    ONE,
    Town,
    account,
    claim_all,
    month,
    new_home,
    night,
    pay,
    refund,
    run_name,
)
from transforms.errors import LedgerForbidsError

NAME = '安<script>alert("1")</script>娜#panic()*粗*$x$'
ROWS = [refund(1000), month("benefit_to_retirement", ANN, 171900)]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home, town = new_home(tmp_path_factory.mktemp("once") / "home"), Town()
    assert town.accounts is not None
    town.insured_persons[0]["name"] = NAME
    town.accounts[2] = account(ANN, NAME)
    pay(home, "R1", ROWS, town=town)
    night(home, "R2", [refund(600)], town)
    act = list_act(home, run_name("R2"))
    keys = [key_of(home, role) for role in ("reviewer", "approver")]
    record_list(home, countersign(act, keys))
    return home.root


@pytest.fixture
def home(once: Path, tmp_path: Path) -> Home:
    return Home(shutil.copytree(once, tmp_path / "home"))


def list_of(home: Home) -> str:
    with open_ledger(home) as ledger:
        return next(iter(ledger.books().lists))


def test_each_claim_has_its_letter_with_amount_cause_and_where_it_goes(home: Home) -> None:
    content = letters_of(home, list_of(home))
    to_ann, to_one = content["letters"]
    assert (to_ann["to"], to_one["to"]) == (NAME, "淄川一厂")
    facts = dict(to_ann["facts"])
    assert facts["追回金额"] == "1,719.00 元（人民币壹仟柒佰壹拾玖元整）"
    assert "涉及人员" not in facts, "it is the one who is written to"
    assert facts["追回原因"] == "核对时发现有记录与原发放依据不符"
    assert ANN not in json.dumps(content, ensure_ascii=False), "the id is masked"
    assert dict(to_one["facts"])["追回金额"].startswith("4.00 元")
    assert "复核人" in facts["追回名单签字"] and "批准人" in facts["追回名单签字"]
    assert len({letter["number"] for letter in content["letters"]}) == 2


def test_an_employer_is_told_of_whom(tmp_path: Path) -> None:
    """Two letters to one employer, of one month and one amount, could not be told apart."""
    home = new_home(tmp_path / "home")
    hires = [month("graduate_hire_insurance", one, 61750, payee=ONE) for one in (ANN, BOB)]
    pay(home, "R1", hires)
    night(home, "R2", [])
    keys = [key_of(home, role) for role in ("reviewer", "approver")]
    record_list(home, countersign(list_act(home, run_name("R2")), keys))
    letters = [dict(letter["facts"]) for letter in letters_of(home, list_of(home))["letters"]]
    assert {facts["涉及人员"][-4:] for facts in letters} == {ANN[-4:], BOB[-4:]}
    assert {facts["涉及人员"].count("*") for facts in letters} == {8}


def test_an_employer_is_told_nothing_of_the_persons_own_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, policy = new_home(tmp_path / "home"), "public_post_extension"
    pay(home, "R1", [month(policy, ANN, 191000, payee=ONE)])
    night(home, "R2", [])
    keys = [key_of(home, role) for role in ("reviewer", "approver")]
    record_list(home, countersign(list_act(home, run_name("R2")), keys))
    letters = []
    for unmet in (["g_alive"], ["g_free"], ["g_alive", "g_free"], ["s9_not_owner"]):
        key = (policy, "2020-02", "person", ANN, "employer", ONE)
        reasons = {key: unmet}
        monkeypatch.setattr("flows.money.recovery_letters._reasons", lambda *_, r=reasons: r)
        letters += letters_of(home, list_of(home))["letters"]
    assert letters == letters[:1] * 4
    assert letters[0]["to"] == "淄川一厂", "an employer has no family"
    assert "本人情况（由本人查询）" in dict(letters[0]["facts"])["追回原因"]


def test_only_what_is_left_is_asked_for_and_closed_claims_get_no_letter(home: Home) -> None:
    keys = [key_of(home, role) for role in ("reviewer", "approver")]
    with open_ledger(home) as ledger:
        paid = dict(ledger.paid_lines().select("beneficiary_id", "payment_id").iter_rows())
    for payee, fen in ((ANN, 171900), (ONE, 150)):
        act = recovered_act(home, paid[payee], fen, "缴款书", {})
        record_recovered(home, countersign(act, keys))
    content = letters_of(home, list_of(home))
    (to_one,) = content["letters"]
    assert (content["closed"], to_one["number"][-4:]) == (1, "0002")
    assert dict(to_one["facts"])["追回金额"].startswith("2.50 元")
    assert "1.50 元已经退回" in to_one["paragraphs"][1]


def test_a_letter_says_when_the_newest_run_asks_nothing_any_more(home: Home) -> None:
    night(home, "R3", [refund(600), month("benefit_to_retirement", ANN, 171900)])
    path = home.root / "letters.html"
    assert write_letters(home, list_of(home), path)["doubted"] == 1
    to_ann, to_one = letters_of(home, list_of(home))["letters"]
    assert to_ann["paragraphs"][0].startswith("按最近一次核对的数据，这一项不再要求退回")
    assert "退回下表所列账户" not in "".join(to_ann["paragraphs"])
    assert "不再要求退回" not in "".join(to_one["paragraphs"])


def test_what_a_clerk_decided_names_no_rows_that_are_gone(home: Home) -> None:
    night(home, "R3", [refund(500)], causes=claim_by_clerk)
    act = list_act(home, run_name("R3"))
    keys = [key_of(home, role) for role in ("reviewer", "approver")]
    record_list(home, countersign(act, keys))
    (letter,) = letters_of(home, act["statement"]["list_id"])["letters"]
    assert dict(letter["facts"])["依据的数据行"] == "人工裁定，无数据行"
    assert "旧文件.csv" not in json.dumps(letter, ensure_ascii=False)


def claim_by_clerk(claims: pl.DataFrame) -> pl.DataFrame:
    said = {"cause": pl.lit("clerk_decided"), "cause_rows": pl.lit("旧文件.csv:7")}
    return claim_all(claims).with_columns(**said)


def test_of_a_death_the_family_is_told_and_the_condition(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ("benefit_to_retirement", "2020-02", "person", ANN, "person", ANN)
    monkeypatch.setattr("flows.money.recovery_letters._reasons", lambda *_: {key: ["g_alive"]})
    to_ann, to_one = letters_of(home, list_of(home))["letters"]
    assert to_ann["to"] == f"{NAME}的家属（继承人）" and "您" not in to_ann["paragraphs"][0]
    assert (
        "没有满足的条件是“登记中没有死亡记录" in dict(to_ann["facts"])["追回原因"]
        and "您" in to_one["paragraphs"][0]
    )


def test_a_name_is_never_markup(home: Home) -> None:
    path = home.root / "letters.html"
    assert write_letters(home, list_of(home), path)["letters"] == 2
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert len(re.findall(r'<section class="letter">', page)) == 2
    assert not re.search(r"(?:src|href)=", page), "nothing is loaded from anywhere"
    first = path.read_bytes()
    write_letters(home, list_of(home), path)
    assert path.read_bytes() == first


def test_the_pdf_holds_what_the_page_does_a_page_each(home: Home) -> None:
    path = home.root / "letters.pdf"
    write_letters(home, list_of(home), path, as_pdf=True)
    made = path.read_bytes()
    assert made.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", made)) == 2
    assert pdf_of("recovery.typ", letters_of(home, list_of(home))) == made


def test_only_a_signed_list_has_letters(home: Home) -> None:
    with pytest.raises(LedgerForbidsError, match="no signed list"):
        letters_of(home, "L0")
    path = home.root / "x.html"
    command = ["recovery", "letters", list_of(home), "--out", str(path)]
    assert run_command(app, [*command, "--pdf", "--home", str(home.root)]) == 2
    assert run_command(app, [*command, "--home", str(home.root)]) == 0 and path.is_file()
    assert run_command(app, ["recovery", "show", "--home", str(home.root)]) == 0
    assert run_command(app, ["recovery", "list", "latest", "--home", str(home.root)]) == 13


def test_a_list_goes_from_hand_to_hand_as_a_file(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WUXING_PASSPHRASE", PASSPHRASE)
    night(home, "R3", [])
    act, table, where = home.root / "l.json", home.root / "l.xlsx", ["--home", str(home.root)]
    out = ["--out", str(act), "--workbook", str(table)]
    assert run_command(app, ["recovery", "list", run_name("R3"), *where, *out]) == 0
    assert table.is_file()
    signed = ["recovery", "list", run_name("R3"), *where, "--signed", str(act)]
    assert run_command(app, signed) == 13, "nobody has signed it"
    for role in ("reviewer", "approver"):
        key = ["--key", str(home.root / f"{role}.key")]
        assert run_command(app, ["--lang", "zh", "key", "countersign", str(act), *key]) == 0
    told, amounts = capsys.readouterr().out.replace("：", ": "), ("金额(元): 6.00", "追回笔数: 1")
    assert "事项: 追回名单" in told and all(amount in told for amount in amounts)
    assert re.search(r"P[0-9A-F]{31} +10\.00\n", told) and "领取" not in told and "[" not in told
    assert run_command(app, signed) == 0
    assert run_command(app, signed) == 13, "a list is posted once"
    verify_home(home)
