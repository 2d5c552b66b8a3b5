"""Commands of the money: sign, release, settle, notice, ledger."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.batches import (
    SHOWN,
    BatchArgument,
    BatchOrFileArgument,
    KeyOption,
    RoleOption,
    show_signed,
)
from flows.cli.console import (
    DEFAULT_HOME,
    AnyHomeOption,
    HomeOption,
    JsonOption,
    app,
    changing,
    ledger_app,
    show,
)
from flows.cli.signing import post_or_write, sign_at_home, sign_file, to_be_signed
from flows.language import headings, language, policy_word, warned
from flows.store import Home, expect_home
from transforms.amounts import grouped
from transforms.visible import table

ReviewerKeyOption = Annotated[
    Path | None, typer.Option("--reviewer-key", help="Key file of a reviewer.")
]
ApproverKeyOption = Annotated[
    Path | None, typer.Option("--approver-key", help="Key file of an approver.")
]
SignedOption = Annotated[
    Path | None, typer.Option("--signed", help="The act's file, signed by both.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="File for what is to be signed.")]


@app.command()
def sign(
    batch: BatchOrFileArgument,
    role: RoleOption,
    key: KeyOption = None,
    seal: Annotated[
        str | None, typer.Option("--seal", help="Id of an outside seal: writes what it signs.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", help="Payments, as the review says.")
    ] = None,
    amount: Annotated[str | None, typer.Option("--amount", help="Sum in 元, as it says.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File for the signature of an exported batch.")
    ] = None,
    unpaid: Annotated[
        list[str] | None,
        typer.Option("--unpaid", help="A batch you signed before: nothing was paid of it."),
    ] = None,
    home: AnyHomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Sign a batch as reviewer or approver; both roles, by two persons, are needed to release."""
    typed = (count, amount)
    if Path(batch).is_file():
        signed = sign_file(Path(batch), role, key, seal, typed, out, unpaid or [])
    else:
        signed = sign_at_home(Home(home), batch, role, key, seal, typed, out, unpaid or [])
    if "signature_file" not in signed:
        show_signed(signed, as_json)
        return
    lines = [f"{signed['signature_file']}; digest {signed['digest']}"]
    show(signed, as_json, [*lines, "it comes back with `wuxing batch accept`"])


def both(reviewer_key: Path | None, approver_key: Path | None) -> list[tuple[Path, str]]:
    """Return the keys that were given, with whose passphrase each takes."""
    given = ((reviewer_key, "REVIEWER"), (approver_key, "APPROVER"))
    return [(path, who) for path, who in given if path]


@app.command()
def release(
    batch_id: BatchArgument,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Payer is the placeholder: nothing is to be paid.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Release a signed batch: write the payment files and post the ledger, once."""
    from flows.money.release import release_batch

    place = Home(home)
    with changing(place):
        released: dict[str, Any] = release_batch(place, batch_id, is_rehearsal=rehearsal)
    lines = [f"{batch_id} released: {released['count']} payments, {released['amount_yuan']} 元"]
    if released["is_again"]:
        lines = [
            f"{batch_id} was released before: {released['count']} payments, "
            f"{released['amount_yuan']} 元; its files are written again as they were, do not send "
            "them to the bank twice"
        ]
    lines += [f"payment file: {path}" for path in released["files"]]
    show(released, as_json, lines + warned(released["warnings"]))


@app.command()
def settle(
    batch_id: BatchArgument,
    file: Annotated[Path, typer.Argument(metavar="RETURNFILE", help="The bank's answer.")],
    reviewer_key: ReviewerKeyOption = None,
    approver_key: ApproverKeyOption = None,
    signed: SignedOption = None,
    out: OutOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take the bank's answer (its return file or pain.002): what came back is due again.

    A late return, of a payment that had arrived, is confirmed by reviewer and approver.
    """
    from flows.money.acts import read_act
    from flows.money.returned import spoken_owner
    from flows.money.settle import late_return_act, settle_batch

    place, keys = Home(home), both(reviewer_key, approver_key)
    post = partial(settle_batch, place, batch_id, file)
    with changing(place):
        asked = bool(signed or keys or out)
        act = read_act(signed, "late_return") if signed else None
        if asked and not signed:
            act = late_return_act(place, batch_id, file, is_given=bool(keys))
        unsigned = None if signed else out or Path(f"late-{batch_id}.json")
        settled = post_or_write(act, keys, unsigned, post) if act else post()
    if "to_be_signed" in settled:
        show(settled, as_json, to_be_signed(settled))
        return
    line = (
        f"{batch_id} {settled['state']}: {settled['arrived']} arrived, {settled['returned']} came "
        f"back ({settled['returned_yuan']} 元), {settled['unanswered']} not answered"
    )
    lines = [line, "this file: {arrived} arrived, {returned} came back".format(**settled["file"])]
    lines += ["it holds no late return that is new: none is to be confirmed"] * (asked and not act)
    names = ("owner", "payment_id", "policy_title", "holder", "amount_fen", "reason", "action")
    rows = [
        [
            *(owner, r["payment_id"], policy_word(r["policy_id"]), r["holder"]),
            *(grouped(r["amount_yuan"]), r["reason"], action),
        ]
        for r in settled["returned_by_owner"]
        for owner, action in [spoken_owner(r, language())]
    ]
    lines += table([headings(*names), *rows[:SHOWN]], {4}) if rows else []
    if rest := rows[SHOWN:]:
        lines.append(f"… {len(rest)} more came back: `wuxing returned` lists what waits")
    lines += warned(settled["warnings"])
    show(settled, as_json, lines)


@app.command()
def notice(
    batch_id: BatchArgument,
    put_up: Annotated[
        str,
        typer.Option("--put-up", metavar="DAY", help="Record the day (YYYY-MM-DD) it was put up."),
    ] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the public notice (公示) of a batch: masked, for five working days; record its day.

    A batch is released when the five working days after the day it was put up are over.
    """
    from flows.money.notice import write_notice

    place = Home(home)
    with changing(place):
        written = write_notice(place, batch_id, put_up)
    lines = [f"{written['path']}: {written['rows']} rows, to be shown until {written['last_day']}"]
    if written["put_up_on"]:
        lines.append(f"put up on {written['put_up_on']}; release after {written['last_day']}")
    show(written, as_json, lines)


@ledger_app.callback()
def ledger(
    context: typer.Context,
    beneficiary: Annotated[
        str | None, typer.Option("--beneficiary", help="Only this beneficiary's entries.")
    ] = None,
    home: AnyHomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show balances, and the entries of one beneficiary."""
    from flows.money.ledger_store import ledger_view

    if context.invoked_subcommand:
        return
    expect_home(Home(home))
    content = ledger_view(Home(home), beneficiary)
    lines = [
        f"{' '.join(headings(*b['account'].split(':')))}: {b['balance_yuan']} 元"
        for b in content["balances"]
    ]
    lines += [
        f"{e['entry_id']} {headings(e['kind'])[0]}: {policy_word(e['policy_id'])} {e['period']} "
        f"{e['amount_yuan']} 元 {e['payment_id']} {e['subject_id']}"
        for e in content["entries"]
    ]
    none = f"the ledger has no entry of {beneficiary}" if beneficiary else "the ledger has no money"
    show(content, as_json, lines or [none])


@ledger_app.command("rebuild")
def ledger_rebuild(
    given: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Exported batches or anchors, beside the home's own."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write a lost or put-back ledger anew, from what witnesses kept and what batches hold."""
    from flows.money.rebuild import rebuild_ledger

    place = Home(home)
    with changing(place):
        made = rebuild_ledger(place, given or [])
    lines = [f"{made['postings']} postings, {made['entries']} entries, from {made['source']}"]
    lines += [f"{batch}: its folder is back, from its export" for batch in made["batches_put_back"]]
    lines += [
        f"! {batch}: was released, not all its files are there: `wuxing release {batch}` writes "
        "them again as they were; do not send them to the bank twice"
        for batch in made["to_be_written_again"]
    ]
    lines += [
        f"! batch {name} is not released, and its folder is gone: bring its export, or give it up: "
        f"`wuxing batch withdraw {name}`"
        for name in made["folders_gone"]
    ]
    lines += [f"! {path}: ask the bank whether it was paid" for path in made["not_released_by_it"]]
    show(made, as_json, lines)
