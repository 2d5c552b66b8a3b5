"""Commands of the money: init, batch, key, sign, release, ledger, verify, doctor."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.console import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    app,
    batch_app,
    key_app,
    show,
)
from flows.store import Home, hold_home
from transforms.errors import UsageError

BatchArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Batch, as `batch list` shows it.")
]
RoleOption = Annotated[str, typer.Option("--role", help="reviewer or approver.")]
PASSPHRASE_VARIABLE = "WUXING_PASSPHRASE"


def ask_passphrase(confirm: bool) -> str:
    """Take the passphrase from WUXING_PASSPHRASE, else ask for it without showing it."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given
    try:
        asked = typer.prompt("passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    except typer.Abort as nobody:
        raise UsageError(
            f"no passphrase was given: run on a terminal, or set {PASSPHRASE_VARIABLE}"
        ) from nobody
    return str(asked)


@app.command()
def init(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Make a home folder with a commented funds.toml and the default bank profile."""
    from flows.money.funds import initialise_home

    place = Home(home)
    with hold_home(place):
        written = [str(path) for path in initialise_home(place)]
    lines = [f"written: {path}" for path in written] or ["nothing to do: everything is there"]
    show({"home": str(home), "written": written}, as_json, lines)


@batch_app.command("list")
def batch_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the batches and their state."""
    from flows.money.batch import list_batches

    batches = list_batches(Home(home))
    lines = [
        f"{b['batch_id']}  {b['state']:<10} {b['fund']}  {b['line_count']} lines  "
        f"{b['amount_yuan']} 元  as of {b['as_of']}{'  ! ' + b['mark'] if b['mark'] else ''}"
        for b in batches
    ]
    show({"batches": batches}, as_json, lines or ["no batch yet"])


@batch_app.command("show")
def batch_show(
    batch_id: BatchArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Show one batch: state, totals by policy, signatures, files."""
    from flows.money.batch import show_batch

    content = show_batch(Home(home), batch_id)
    show(content, as_json, [f"{name}: {value}" for name, value in content.items()])


@batch_app.command("pack")
def batch_pack(
    batch_id: BatchArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Write the review pack again, and check that it is the same to the byte."""
    from flows.money.batch import pack_batch

    place = Home(home)
    with hold_home(place):
        path = pack_batch(place, batch_id)
    show({"batch_id": batch_id, "review": str(path)}, as_json, [f"review pack: {path}"])


@key_app.command("new")
def key_new(
    role: RoleOption,
    name: Annotated[str, typer.Option("--name", help="The person who will hold the key.")],
    home: HomeOption = DEFAULT_HOME,
    out: Annotated[
        Path | None, typer.Option("--out", help="File for the key (default: keys/ in the home).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a signing key (Ed25519); its private half is encrypted with a passphrase."""
    from flows.money.keys import create_key

    place, passphrase = Home(home), ask_passphrase(confirm=True)
    with hold_home(place):
        made = create_key(place, role, name, passphrase, out)
    show(made, as_json, [f"key {made['fingerprint']} for {role}: {made['path']}"])


@app.command()
def sign(
    batch_id: BatchArgument,
    role: RoleOption,
    key: Annotated[Path, typer.Option("--key", help="Key file made by `key new`.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Sign a batch as reviewer or approver; both roles, by two persons, are needed to release."""
    from flows.money.release import sign_batch

    place, passphrase = Home(home), ask_passphrase(confirm=False)
    with hold_home(place):
        signed: dict[str, Any] = sign_batch(place, batch_id, role, key, passphrase)
    lines = [f"{batch_id} signed as {role}; state: {signed['state']}"]
    show(signed, as_json, lines + [f"warning: {said}" for said in signed["warnings"]])


@app.command()
def release(
    batch_id: BatchArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Release a signed batch: write the payment files and post the ledger, once."""
    from flows.money.release import release_batch

    place = Home(home)
    with hold_home(place):
        released: dict[str, Any] = release_batch(place, batch_id)
    lines = [f"{batch_id} released: {released['count']} payments, {released['amount_yuan']} 元"]
    lines += [f"payment file: {path}" for path in released["files"]]
    show(released, as_json, lines + [f"warning: {said}" for said in released["warnings"]])


@app.command()
def settle(
    batch_id: BatchArgument,
    file: Annotated[Path, typer.Argument(metavar="RETURNFILE", help="The bank's answer.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take the bank's answer (its return file or pain.002): what came back is due again."""
    from flows.money.settle import settle_batch

    place = Home(home)
    with hold_home(place):
        settled = settle_batch(place, batch_id, file)
    line = (
        f"{batch_id} settled: {settled['arrived']} arrived, {settled['returned']} came back "
        f"({settled['returned_yuan']} 元), {settled['unanswered']} not answered"
    )
    show(settled, as_json, [line])


@app.command()
def notice(
    batch_id: BatchArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Write the public notice (公示) of a batch: masked, for five working days."""
    from flows.money.notice import write_notice

    place = Home(home)
    with hold_home(place):
        written = write_notice(place, batch_id)
    line = f"{written['path']}: {written['rows']} rows, to be shown until {written['last_day']}"
    show(written, as_json, [line])


@app.command()
def ledger(
    beneficiary: Annotated[
        str | None, typer.Option("--beneficiary", help="Only this beneficiary's entries.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show balances, and the entries of one beneficiary."""
    from flows.money.ledger_store import ledger_view

    content = ledger_view(Home(home), beneficiary)
    lines = [f"{b['account']}: {b['balance_yuan']} 元" for b in content["balances"]]
    lines += [
        f"{e['entry_id']} {e['policy_id']} {e['period']} {e['amount_yuan']} 元 {e['payment_id']}"
        for e in content["entries"]
    ]
    show(content, as_json, lines or ["the ledger is empty"])


@app.command()
def verify(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Check digests of all snapshots, runs and batches, the ledger's chain, every signature."""
    from flows.money.verify import verify_home

    content = verify_home(Home(home))
    show(
        content,
        as_json,
        [f"{what}: {count} checked, all as recorded" for what, count in content.items()],
    )


@app.command()
def doctor(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Check the installation, the home folder, disk space and the funds' configuration."""
    from flows.cli.doctor import examine

    content = examine(Home(home))
    show(
        content,
        as_json,
        [f"{c['verdict']:<5} {c['what']}: {c['found']}" for c in content["checks"]],
    )
