"""Letters: each status and reason in words a person understands, and no more of others."""

import re
from pathlib import Path

import polars as pl
import pytest

from flows.answers.notice_reasons import with_reasons
from flows.money import recovery_letters
from sql.texts import policy_cards
from tests.answers.notice_lines import DAYS, TOLD, line, worded
from tests.money.money_town import (
    ANN,
)
from transforms.answers.asked_back import told_of_claims
from transforms.answers.letter_sentences import letter_texts
from transforms.answers.not_known import with_not_known
from transforms.answers.notices import (
    LINE_SCHEMA,
    MESSAGE_LENGTH,
    notices,
)
from transforms.errors import ContractError
from transforms.money.books import Books
from transforms.money.entitlements import KEY, STATUSES
from transforms.money.exclusions import PAID_UNDER_OTHER
from transforms.money.objections import OBJECTION
from transforms.money.payees import STRUCK_OUT

ROOT = Path(__file__).parent.parent.parent
HOLDS = set(
    re.findall(r'pl\.lit\("([a-z_]+)"\)', (ROOT / "transforms/money/payees.py").read_text())
)
HOLDS |= {STRUCK_OUT, OBJECTION, PAID_UNDER_OTHER}


def test_what_is_not_known_is_not_told_as_unmet() -> None:
    codes = ["s11_age", "s11_willing"]
    row = line("youth_training", "ineligible", reason_codes=codes)
    own = {name: row[name] for name in KEY[1:]}
    for answer, not_known in (("", ["s11_willing"]), ("s11_willing=否 裁1号", [])):
        rule = pl.LazyFrame([{**own, "s11_age": False, "s11_willing": None}]).with_columns(
            pl.lit([answer] if answer else [], pl.List(pl.String())).alias("clerk_answers")
        )
        lines = pl.DataFrame([row], schema=LINE_SCHEMA).drop("not_known")
        split = with_not_known(lines, {"youth_training": rule}.__getitem__)
        assert split["not_known"].to_list() == [not_known]
        letter = worded(split.to_dicts())["letter"][0]
        said = "没有满足的条件是：20岁以下。另有条件尚不能确定：有就业意愿。"
        assert (said in letter) == bool(not_known)
        assert ("条件是：20岁以下；有就业意愿。" in letter) != bool(not_known)


@pytest.mark.parametrize(
    ("cause", "rest"), [("paid_in_part", "正在核实"), ("rest_kept", "已经核实")]
)
def test_of_what_is_asked_back_in_part_the_letter_names_that_part(cause: str, rest: str) -> None:
    amounts = {"paid_before_fen": 12000, "determined_fen": 2000, "due_fen": -6000, "cause": cause}
    (row,) = worded([line("new_hire_subsidy", "recovery", **amounts)]).to_dicts()
    assert "其中 60.00 元是多付的" in row["letter"] and "100.00" not in row["letter"]
    assert rest in row["letter"] and "多发60.00元" in row["message"]


@pytest.mark.parametrize(
    "cause", ["rows_gone", "nothing_found", "term_over", "clerk_kept", "unheard_of"]
)
def test_what_is_not_supported_is_told_by_its_cause(cause: str) -> None:
    """Only whose rows are gone is told so and asked for proof; what is still determined is said."""
    amounts = {"paid_before_fen": 100000, "determined_fen": 80000, "cause": cause}
    (row,) = worded([line("new_hire_subsidy", "unsupported", **amounts)]).to_dicts()
    letter = row["letter"]
    assert "此前发给您 1,000.00 元，而现在认定的是 800.00 元" in letter and "不需要退款" in letter
    assert ("看不到原来" in letter) == ("能证明的材料" in letter) == (cause == "rows_gone")
    assert ("没有看到变化" in letter) == (cause == "nothing_found")
    assert ("正在核实" in letter) == ("正在核实" in row["message"]) == (cause != "clerk_kept")


def test_who_is_asked_to_pay_back_is_told_why_as_the_signed_list_says_it() -> None:
    """And of somebody else's own matter no more than the recovery letter says."""
    policy, amounts = "public_post_extension", {"paid_before_fen": 100, "determined_fen": 0}
    dead = line(policy, "recovery", cause="row_found", reason_codes=["g_alive"], **amounts)
    own = {name: ANN for name in ("subject_id", "beneficiary_id")} | dict.fromkeys(
        ("subject_kind", "beneficiary_kind"), "person"
    )
    said = "原因：核对时发现有记录与原发放依据不符：没有满足的条件是“登记中没有死亡记录”。"
    assert said in worded([dead | own])["letter"].item()
    free = next(p.title for p in policy_cards()[policy].provisions if p.name == "g_free")
    for status, cause in (("recovery", "row_found"), ("unsupported", "rows_gone")):
        for who, is_told in ((own, True), ({"subject_kind": "person", "subject_id": ANN}, False)):
            row = line(policy, status, cause=cause, reason_codes=["g_free"], **amounts) | who
            letter = worded([row])["letter"].item()
            assert f"没有满足的条件是“{free if is_told else '本人情况（由本人查询）'}”" in letter
            assert (free in letter) == is_told
    to_employer = {
        worded([line(policy, "recovery", cause="row_found", reason_codes=[one], **amounts) | of])[
            "letter"
        ].item()
        for one in ("g_alive", "g_free", "s9_not_owner", "s9_not_insured_elsewhere")
        for of in [{"subject_kind": "person", "subject_id": ANN}]
    }
    assert len(to_employer) == 1, "one phrase for all: alone behind it, each would be told by it"
    plain = worded([line(policy, "recovery", cause="paid_twice", reason_codes=[], **amounts)])
    assert "原因：银行付了两次。请" in plain["letter"].item().replace("\n", "")


def test_a_letter_to_another_tells_nothing_of_the_person_by_what_it_names_or_by_its_order() -> None:
    """A register that only the person's own matters rest on is not named among those looked at."""
    policy, of = "public_post_extension", {"subject_kind": "person", "subject_id": ANN}
    letters = {
        tuple(codes): worded([line(policy, "ineligible", reason_codes=codes) | of])["letter"].item()
        for codes in (["g_free"], ["g_alive", "g_free"], ["g_alive", "s9_not_owner"])
    }
    assert len(set(letters.values())) == 1
    letter = letters["g_free",]
    assert "服刑" not in letter and "死亡" not in letter and "认定名单" in letter
    aged = [
        worded([line(policy, "undetermined", reason_codes=[one, "s9_before_retirement"]) | of])
        for one in ("g_free", "s9_not_owner")
    ]
    assert aged[0].equals(aged[1])
    own = worded([line("benefit_to_retirement", "ineligible", reason_codes=["g_free"])])
    assert "死亡信息、服刑信息" in own["letter"].item() and "未在服刑" in own["letter"].item()


def test_of_what_is_not_supported_the_letter_says_what_is_not_met_or_not_known(
    tmp_path: Path,
) -> None:
    lines = [
        line("youth_training", status, cause="rows_gone", paid_before_fen=100, determined_fen=0)
        | {"period": period}
        for status, period in (("unsupported", "2020-11"), ("recovery", "2020-12"))
    ]
    found = pl.DataFrame([{name: one[name] for name in KEY} for one in lines]).with_columns(
        outcome=pl.Series(["ineligible", "undetermined"]),
        amount_fen=pl.lit(0),
        reason_codes=pl.Series([["s11_age", "s11_willing"], ["s11_willing"]]),
    )
    found.write_parquet(tmp_path / "determinations.parquet")
    (tmp_path / "policies").mkdir()
    rule = found.select(*KEY[1:], s11_age=pl.lit(False), s11_willing=pl.lit(None, pl.Boolean))
    rule = rule.with_columns(clerk_answers=pl.lit([], pl.List(pl.String())))
    rule.write_parquet(tmp_path / "policies" / "youth_training.parquet")
    bare = pl.DataFrame(lines, schema=LINE_SCHEMA).drop("reason_codes", "not_known")
    told = worded(with_reasons(tmp_path, bare).to_dicts()).sort("period")["letter"]
    assert "没有满足的条件是“20岁以下”。另有条件尚不能确定：有就业意愿。现在的数据" in told[0]
    assert "没有满足" not in told[1], "what is not known is not told as not met"


@pytest.mark.parametrize(
    ("policy", "question", "office"),
    [
        ("new_hire_subsidy", "能不能发", "区人社局"),
        ("disability_levy_relief", "能不能减免", "区税务局"),
        ("housing_fund_relief", "是否符合条件", "区公积金"),
    ],
)
def test_what_is_not_known_is_asked_by_what_the_policy_is(
    policy: str, question: str, office: str
) -> None:
    (row,) = worded([line(policy, "undetermined")]).to_dicts()
    assert f"{question}，现在还不能确定" in row["letter"]
    for status in ("undetermined", "ineligible"):
        (row,) = worded([line(policy, status)]).to_dicts()
        assert office in row["message"] and office in row["letter"]


@pytest.mark.parametrize("status", [*STATUSES, "undetermined", "ineligible", "eligible"])
def test_every_status_of_every_policy_has_words(status: str) -> None:
    reason = {"superseded": "stability_refund", "conflict": "internship_subsidy,stability_refund"}
    rows = [line(policy, status, reason.get(status, "")) for policy in TOLD]
    for row in worded(rows).to_dicts():
        assert "{" not in row["letter"] + row["message"] and "None" not in row["letter"]
        assert len(row["message"]) <= MESSAGE_LENGTH and row["message"].startswith("【人社】")
        assert not re.search(r"[a-z]{3,}_[a-z]", row["letter"] + row["message"]), "no code is shown"
        assert "区" in row["letter"].splitlines()[-1] and "2020年3月31日" in row["letter"]
        assert status in ("payable", "held") or "您无需申请。按照" not in row["letter"]


def test_no_letter_says_paid_of_what_is_not_and_the_bank_is_believed() -> None:
    policy = "benefit_to_retirement"
    (instead,) = worded([line(policy, "superseded", "stability_refund")]).to_dicts()
    assert "发给您" not in instead["letter"] and "改按“" in instead["letter"]
    (paid,) = worded([line(policy, "payable")]).to_dicts()
    assert "2020年12月的款项 " in paid["letter"] and "银行退回" not in paid["letter"]
    for said, shown in (("账户已销户", "账户已销户"), ("", "未说明原因")):
        (back,) = worded([line(policy, "payable", bank_said=said)]).to_dicts()
        assert f"银行退回，银行说明：{shown}。" in back["letter"] and "将转入" not in back["letter"]
        assert "银行退回" in back["message"] and back["status"] == "payable"
    assert not re.search("[一-龥] (区|2020)|局 [一-龥]", paid["letter"] + back["letter"])


@pytest.mark.parametrize("reason", sorted(HOLDS))
def test_every_reason_to_hold_says_what_is_missing_and_how_to_give_it(reason: str) -> None:
    assert reason in letter_texts()["held"], f"say in letters.yaml what {reason} means to a person"
    (row,) = worded([line("benefit_to_retirement", "held", reason)]).to_dicts()
    texts = letter_texts()["held"][reason]
    assert texts["why"].format(own="您本人") in row["letter"] and "怎么办：" in row["letter"]
    assert texts["brief"] in row["message"]
    # What was paid as another row may stay with its payee: then nothing more is due.
    promises = ("应发给您", "金额不会因此减少", "列入以后的批次")
    is_promised = any(said in row["letter"] for said in promises)
    assert is_promised == (reason not in (STRUCK_OUT, PAID_UNDER_OTHER))


def test_of_an_employee_the_employer_is_not_spoken_to_as_the_one() -> None:
    """And what is found first is not said to be all that is missing."""
    who = {"subject_kind": "person", "subject_id": ANN}
    (row,) = worded([line("new_hire_subsidy", "held", "identity_conflict") | who]).to_dicts()
    assert "安娜的身份信息有一处对不上" in row["letter"] and "请转告安娜" in row["letter"]
    assert "您的身份" not in row["letter"] and "也是您的" not in row["letter"]
    (own,) = worded([line("benefit_to_retirement", "held", "identity_conflict")]).to_dicts()
    assert "您的身份信息" in own["letter"] and "请带身份证" in own["letter"]
    assert not [one for one in (row, own) if "一件事" in one["title"] + one["letter"]]
    gone = {"cause": "nothing_found", "paid_before_fen": 100, "determined_fen": 0}
    (row,) = worded([line("new_hire_subsidy", "unsupported", **gone) | who]).to_dicts()
    assert "在贵单位和安娜的数据里" in row["letter"]
    (row,) = worded([line("new_hire_subsidy", "unsupported", **gone) | who], None).to_dicts()
    assert "在贵单位和有关人员的数据里" in row["letter"]


@pytest.mark.parametrize("is_dead", [True, False])
def test_the_family_of_who_died_is_asked_for_no_account_of_the_dead(*, is_dead: bool) -> None:
    accounts = [reason for reason in HOLDS if reason.startswith("account_")]
    assert len(accounts) == 4
    rows = [
        line("benefit_to_retirement", "held", reason, period=f"2020-{month:02d}")
        for month, reason in enumerate(accounts, 1)
    ]
    rows.append(line("benefit_to_retirement", "payable", bank_said="账户已销户"))
    for row in worded(rows, is_dead=is_dead).to_dicts():
        how = next(said for said in row["letter"].split("\n") if said.startswith("怎么办"))
        assert ("继承人" in how and "死亡证明" in how) == is_dead
        assert ("由家属（继承人）办理" in row["letter"]) == is_dead


def test_a_reason_that_nobody_worded_is_told_in_general() -> None:
    (row,) = worded([line("benefit_to_retirement", "held", "unheard_of")]).to_dicts()
    assert letter_texts()["held"]["other"]["why"] in row["letter"]
    with pytest.raises(ContractError, match="no words for status unheard_of"):
        worded([line("benefit_to_retirement", "unheard_of")])


def test_the_same_policy_at_two_employers_names_the_other_line_and_not_itself() -> None:
    """And not the other firm: a letter goes to one of the two."""
    policy, title = "internship_subsidy", policy_cards()["internship_subsidy"].title
    other = policy_cards()["public_post_extension"].title
    for reason, said in (
        (policy, "同一项的另一笔"),
        (f"{policy},public_post_extension", f"同一项的另一笔、{other}"),
    ):
        (row,) = worded([line(policy, "conflict", reason)]).to_dicts()
        assert f"与它重复的是：{said}。" in row["letter"] and "其他项目" not in row["message"]
        assert row["letter"].split("\n")[0].count(title) == 1, "what it is about, once"
    (row,) = worded([line(policy, "superseded", policy)]).to_dicts()
    assert "改按“同一项的另一笔”办理" in row["letter"]


def test_nobody_else_is_told_who_is_in_prison() -> None:
    """An employer of its worker: the condition stays the worker's own matter."""
    whose = {"subject_kind": "person", "subject_id": ANN}
    flexible = "graduate_flexible_insurance"
    title = next(p.title for p in policy_cards()[flexible].provisions if p.name == "g_free")
    own = line(flexible, "ineligible", reason_codes=["g_free"])
    other = line("public_post_extension", "ineligible", reason_codes=["g_free"], **whose)
    for row, is_told in ((own, True), (other, False)):
        letter = worded([row])["letter"].item()
        assert (title in letter) == is_told and ("由本人查询" in letter) != is_told
    unmet = [p for p in policy_cards()["public_post_extension"].provisions if p.name == "g_free"]
    assert title in recovery_letters._unmet_words(unmet, set())[0]
    assert title not in recovery_letters._unmet_words(unmet, {"g_free"})[0]


def test_only_what_a_list_asks_for_is_told_of_it() -> None:
    plain = [line("benefit_to_retirement", status) for status in ("payable", "recovery")]
    rows = pl.DataFrame([plain[0], {**plain[1], "period": "2020-11"}], schema=LINE_SCHEMA)
    sent = rows.select(*KEY, sent_fen=pl.lit(900_000_000_000), now_fen=pl.lit(900_000_000_000))
    assert told_of_claims(rows, Books(), sent)["told_as"].to_list() == [None, None]
    back = told_of_claims(rows, Books(), sent.with_columns(now_fen=pl.lit(0)))
    assert back["told_as"].to_list() == [None, "recovery_closed"], "nothing of it is paid any more"
    doubted = rows.with_columns(pl.col("status").replace("recovery", "unsupported"))
    back = told_of_claims(doubted, Books(), sent.with_columns(now_fen=pl.lit(0)))
    assert back["told_as"].to_list() == [None, "recovery_closed"], "nobody reads of 0.00 sent"
    never = told_of_claims(rows, Books(), sent.clear())
    assert never["told_as"].to_list() == [None, "not_sent"], "nothing of it ever was"


def test_a_firm_is_spoken_to_as_one_and_no_clerk_s_label_is_asked() -> None:
    asked = line("stability_refund", "undetermined", reason_codes=["s5_not_dispatcher"])
    missing = line("stability_refund", "held", "account_missing")
    firm = {"beneficiary_kind": "employer", "subject_kind": "employer"}
    told = worded([{**asked, **firm}])["letter"][0]
    assert "条件是：不是劳务派遣单位。" in told and "人工核对" not in told
    told = worded([{**missing, **firm}])["letter"][0]
    assert "没有贵单位的收款账户" in told and "本人" not in told and "请把贵单位的银行" in told
    assert "审核、公示并有预算后发放" in told


def test_a_status_without_an_account_or_a_name_is_told() -> None:
    rows = [line("benefit_to_retirement", "payable", bank_name=None, account_no=None)]
    texts = dict.fromkeys(("party_kind", "party_id", "name", "town"), pl.String)
    parties = pl.DataFrame(schema={**texts, "is_dead": pl.Boolean})
    lines = pl.DataFrame(rows, schema=LINE_SCHEMA)
    (row,) = notices(lines, parties, policy_cards(), DAYS, "R0").to_dicts()
    assert (row["name"], row["town"]) == ("您好", "") and "未登记" in row["letter"]
