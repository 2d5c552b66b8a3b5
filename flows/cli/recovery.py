"""Commands once a batch is paid: statements, what came back, what is asked back."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.batches import BatchArgument, expect_ending
from flows.cli.console import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    app,
    changing,
    read_day,
    recovery_app,
    show,
)
from flows.cli.money import ApproverKeyOption, OutOption, ReviewerKeyOption, SignedOption, both
from flows.cli.signing import act_given, post_or_write, read_fen, to_be_signed
from flows.language import headings, language, policy_word, warned
from flows.store import Home, replace_file
from transforms.amounts import grouped, yuan_text
from transforms.errors import LedgerForbidsError
from transforms.visible import table
from transforms.words import word

AgeOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="YYYY-MM-DD", help="Day to count ages to (default: today)."),
]


def _day(text: str | None) -> Any:
    from flows.money.clock import today

    return read_day(text or today())


@app.command()
def reconcile(
    batch_id: BatchArgument,
    file: Annotated[Path, typer.Argument(metavar="STATEMENT", help="The account's statement.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Hold a statement of the payer's account (对账单) against a batch, payment by payment.

    Ends with 13 unless every payment is accounted for: paid or returned, and nothing differs.
    """
    from flows.money.reconcile import reconcile_batch

    place = Home(home)
    with changing(place):
        told = reconcile_batch(place, batch_id, file)
    names = ("instructed", "paid", "returned", "open")
    rows = [headings("standing", "instruction_count", "amount_fen")]
    rows += [[*headings(n), str(told[n]["count"]), grouped(told[n]["amount_yuan"])] for n in names]
    lines = table(rows, {1, 2})
    lines += [
        f"! {word(found['difference'], language())}: {found['where']}  {found['amount_yuan']} 元"
        for found in told["differences"]
    ]
    lines += [
        "open: {payment_id}  {amount_yuan} 元".format(**line)
        for line in told["lines"]
        if line["standing"] == "open"
    ]
    show(told, as_json, [*lines, *told["files"]])
    if not told["is_accounted_for"]:
        raise typer.Exit(LedgerForbidsError.exit_code)


@app.command()
def recovered(
    payment_id: Annotated[str, typer.Argument(metavar="PAYMENT", help="Id of the payment.")],
    amount: Annotated[str, typer.Option("--amount", help="What was given back, in 元.")] = "",
    document: Annotated[str, typer.Option("--document", help="Number of its document.")] = "",
    period: Annotated[str | None, typer.Option("--period", help="Of which line.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Of which line.")] = None,
    reviewer_key: ReviewerKeyOption = None,
    approver_key: ApproverKeyOption = None,
    signed: SignedOption = None,
    out: OutOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Record money that a beneficiary gave back; confirmed by reviewer and approver."""
    from flows.money.acts import read_act
    from flows.money.recover import record_recovered, recovered_act, recovered_warnings

    place, line = Home(home), {"period": period, "subject_id": subject}
    named = {name: value for name, value in line.items() if value}
    with changing(place):
        if signed:
            act = read_act(signed, "recovered")
        else:
            act = recovered_act(place, payment_id, read_fen(amount), document, named)
        keys, path = both(reviewer_key, approver_key), out or Path(f"recovered-{payment_id}.json")
        made = post_or_write(act, keys, None if signed else path, partial(record_recovered, place))
    lines = to_be_signed(made) if "to_be_signed" in made else []
    lines = lines or [f"{payment_id}: {made['recovered_yuan']} 元 recovered"]
    warnings = recovered_warnings(act)
    lines += warned(warnings)
    show({**made, "warnings": warnings}, as_json, lines)


@app.command()
def returned(
    as_of: AgeOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """List what came back and is not paid again: whose turn it is, how old, what to do."""
    from flows.money.returned import list_returned, spoken_owner

    told = list_returned(Home(home), _day(as_of))
    names = ("owner", "payment_id", "policy_title", "holder", "line_count", "amount_fen")
    rows = [headings(*names, "age_days", "reason", "action")]
    rows += [
        [
            *(owner, r["payment_id"], policy_word(r["policy_id"]), r["holder"]),
            *(str(r["line_count"]), grouped(r["amount_yuan"])),
            *("?" if r["age_days"] is None else str(r["age_days"]), r["reason"], action),
        ]
        for r in told["payments"]
        for owner, action in [spoken_owner(r, language())]
    ]
    waiting = sum(not one["not_due_by"] for one in told["payments"])
    lines = table(rows, {4, 5, 6}) if told["payments"] else []
    lines += (
        [f"{waiting} payments wait: {grouped(told['total_yuan'])} 元"]
        if waiting
        else ["nothing that came back waits to be paid again"]
    )
    if rest := len(told["payments"]) - waiting:
        lines.append(f"{rest} came back and are owed to nobody: {grouped(told['not_due_yuan'])} 元")
    show(told, as_json, lines + warned(told["warnings"]))


@recovery_app.command("list")
def recovery_list(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run that asks money back.")],
    reviewer_key: ReviewerKeyOption = None,
    approver_key: ApproverKeyOption = None,
    signed: SignedOption = None,
    out: OutOption = None,
    workbook: Annotated[
        Path | None, typer.Option("--workbook", help="The list as .xlsx, for those who sign it.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List what a run asks back (追回) and no list asks for yet; two persons sign it."""
    from flows.answers.nights import find_run
    from flows.money.objections import objected_claims
    from flows.money.recover import list_act, list_workbook, record_list

    place = Home(home)
    expect_ending(workbook, ".xlsx")
    with changing(place):
        act = act_given(signed, "recovery_list", lambda: list_act(place, find_run(place, run_id)))
        path = out or Path(f"{act['statement']['list_id']}.json")
        if workbook:
            replace_file(workbook, list_workbook(act))
        keys = both(reviewer_key, approver_key)
        made = post_or_write(act, keys, None if signed else path, partial(record_list, place))
        warnings = objected_claims(place, act["statement"]["run_id"], act["statement"]["claims"])
    lines = [*_list_lines(act, made), *warned(warnings)]
    show({**made, "warnings": warnings}, as_json, lines)


def _list_lines(act: dict[str, Any], made: dict[str, Any]) -> list[str]:
    said = act["statement"]
    line = f"{said['list_id']}: {said['claim_count']} claims, {yuan_text(said['amount_fen'])} 元"
    return [line, *(to_be_signed(made) if "to_be_signed" in made else [])]


@recovery_app.command("lift")
def recovery_lift(
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who sign.")] = "",
    subject: Annotated[
        str, typer.Option("--subject", help="Only the claims about this person or unit.")
    ] = "",
    reviewer_key: ReviewerKeyOption = None,
    approver_key: ApproverKeyOption = None,
    signed: SignedOption = None,
    out: OutOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Lift what is open of signed claims and the newest run asks back no more; two sign it."""
    from flows.money.lift import lift_act, record_lift

    place = Home(home)
    with changing(place):
        act = act_given(signed, "recovery_lift", lambda: lift_act(place, reason, subject))
        path = out or Path(f"{act['statement']['list_id']}.json")
        keys = both(reviewer_key, approver_key)
        made = post_or_write(act, keys, None if signed else path, partial(record_lift, place))
    show(made, as_json, _list_lines(act, made))


@recovery_app.command("show")
def recovery_show(
    as_of: AgeOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Show every claim: its state and age, what is paid back and what is left."""
    from flows.money.recover import show_claims

    claims = show_claims(Home(home), _day(as_of))
    lines = []
    for claim in claims:
        parties = dict.fromkeys((claim["subject_id"], claim["beneficiary_id"]))
        named = {"policy": policy_word(claim["policy_id"]), "parties": "→".join(parties)}
        named["payments"] = ",".join(claim["payment_ids"])
        line = (
            "{policy} {period} {parties} {state}: {listed_yuan} 元 listed, {repaid_yuan} 元 "
            "paid back, {returned_yuan} 元 returned by the bank, {lifted_yuan} 元 lifted, "
            "{left_yuan} 元 left, {age_days} days; paid as {payments}".format(**claim, **named)
        )
        lines.append(grouped(line))
        if claim["asked_now_yuan"] is None:
            if claim["left_yuan"] != "0.00":
                lines.append("  ! the newest run can't tell: it did not look at this period")
        elif claim["asked_now_yuan"] != claim["left_yuan"]:
            lines.append(
                f"  ! the newest run asks for {grouped(claim['asked_now_yuan'])} 元: `wuxing "
                "recovery list` lists more, `wuxing recovery lift` lifts what is not asked"
            )
    if len(claims) > 1:
        left = sum(read_fen(claim["left_yuan"]) for claim in claims)
        lines.append(f"{len(claims)} claims: {grouped(yuan_text(left))} 元 left")
    show({"claims": claims}, as_json, lines or ["nothing is asked back by a signed list"])


@recovery_app.command("letters")
def recovery_letters(
    list_id: Annotated[str, typer.Argument(metavar="LIST", help="Id of a signed list.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file (default: LIST.html or .pdf here).")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF instead of an HTML page.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write a letter for each claim of a signed list, a page each; they name persons."""
    from flows.money.recovery_letters import write_letters

    ending = ".pdf" if pdf else ".html"
    expect_ending(out, ending)
    path = out or Path(f"{list_id}{ending}")
    written = write_letters(Home(home), list_id, path, as_pdf=pdf)
    lines = [f"{written['path']}: {written['letters']} letters"]
    if written["closed"]:
        lines.append(f"{written['closed']} claims of the list are closed: they get no letter")
    if written["doubted"]:
        lines.append(
            f"warning: of {written['doubted']} letters the newest run asks nothing any more, and "
            "they say so: `wuxing recovery lift` before they are sent"
        )
    show(written, as_json, lines)


@app.command()
def forecast(
    run_id: Annotated[
        str, typer.Option("--run", metavar="RUN", help="Default: latest.")
    ] = "latest",
    out: Annotated[
        Path | None, typer.Option("--out", help="Workbook (.xlsx) or page (.html).")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Forecast each fund's next twelve months from what is known, and when its budget runs out."""
    from flows.answers.nights import find_run
    from flows.money.forecast import ASSUMPTIONS, write_forecast

    place = Home(home)
    expect_ending(out, ".xlsx", ".html")
    told = write_forecast(place, find_run(place, run_id), out)
    names = ("payable", "held", "continuing", "total", "left")
    lines = []
    for fund in told["funds"]:
        rows = [headings("month", *(f"{name}_fen" for name in names))]
        rows += [
            [m["month"], *(grouped(m[f"{n}_yuan"] or "-") for n in names)] for m in fund["months"]
        ]
        lines += [fund["fund"], *table(rows, set(range(1, len(rows[0]))))]
        has_budget = fund["months"][0]["left_yuan"] is not None
        end = "the budget lasts as far as there is one" if has_budget else "no budget configured"
        lines.append(f"the budget runs out in {fund['runs_out']}" if fund["runs_out"] else end)
    lines += [f"assumed: {said}" for said in headings(*ASSUMPTIONS)]
    show(told, as_json, [*lines, *([told["path"]] if out else [])])
