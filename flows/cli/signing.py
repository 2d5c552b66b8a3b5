"""The dialogue of signing: what is shown, and what the signer types before the key is used."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from flows.cli.console import ask_passphrase, show
from flows.store import Home, hold_home
from transforms.errors import UsageError

Typed = tuple[int | None, str | None]


def sign_at_home(home: Home, batch_id: str, role: str, key: Path, typed: Typed) -> dict[str, Any]:
    """Sign a batch where its home is; count and amount are held against it where given."""
    from flows.money.keys import open_key
    from flows.money.sign import sign_batch

    with hold_home(home):
        opened = open_key(key, ask_passphrase(False))
        return sign_batch(home, batch_id, role, opened, _read_typed(typed))


def sign_file(
    file: Path, role: str, key: Path, typed: Typed, out: Path | None, as_json: bool
) -> None:
    """Sign an exported batch on the signer's own machine; the home is not needed."""
    from flows.money.export import read_export, write_signature
    from flows.money.keys import open_key
    from flows.money.sign import sign, what_is_signed

    batch = read_export(file)
    shown = what_is_signed(batch, key)
    for line in _lines(shown):
        typer.echo(line, err=True)
    read = _read_typed(typed) or _ask_typed()
    signed = sign(batch, role, open_key(key, ask_passphrase(False)), read)
    path = out or file.with_name(f"{batch.batch_id}.{role}.signature.json")
    write_signature(path, signed)
    content = {**shown, "role": role, "signature_file": str(path)}
    show(content, as_json, [f"signature: {path}; give it to `wuxing batch accept`"])


def _lines(shown: dict[str, Any]) -> list[str]:
    changed = ", ".join(f"{kind} {count}" for kind, count in shown["changed"].items()) or "nothing"
    lines = [
        f"批次 batch     {shown['batch_id']}  {shown['as_of']}",
        f"资金 fund      {shown['fund']}",
        f"笔数 payments  {shown['count']}",
        f"金额 amount    {shown['amount_yuan']} 元",
        f"大写           {shown['amount_in_capitals']}",
        f"since your last signature (posting {shown['last_signed_position']}): {changed}",
        f"batch digest   {shown['batch_digest']}",
        f"roster digest  {shown['roster_digest']}",
        f"anchors        {', '.join(shown['anchors']) or 'none: nobody else keeps the ledger'}",
    ]
    lines += [f"! {shown['mark']}"] if shown["mark"] else []
    return lines + [
        f"unconfirmed    {said['policy_id']} {said['name']} = {said['value']} ({said['source']})"
        for said in shown["unconfirmed"]
    ]


def _ask_typed() -> tuple[int, int]:
    if not sys.stdin.isatty():
        raise UsageError("type count and amount on a terminal, or give --count and --amount")
    count = typer.prompt("笔数 payments", type=int, err=True)
    return count, read_fen(typer.prompt("金额 amount (元)", err=True))


def _read_typed(typed: Typed) -> tuple[int, int] | None:
    count, amount = typed
    if count is None and amount is None:
        return None
    if count is None or amount is None:
        raise UsageError("give both --count and --amount, as the review says")
    return count, read_fen(amount)


def read_fen(text: str) -> int:
    """Read an amount in yuan, as it was typed."""
    whole, _, decimals = text.strip().replace(",", "").partition(".")
    if not whole.isdecimal() or not (decimals.isdecimal() or not decimals) or len(decimals) > 2:
        raise UsageError(f"--amount takes yuan, for example 1,146.00; found {text!r}")
    return int(whole) * 100 + int(decimals.ljust(2, "0"))


# --- acts: what two persons sign together -------------------------------------------------------


def post_or_write(
    act: dict[str, Any],
    keys: list[tuple[Path, str]],
    path: Path,
    post: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """Post an act that is signed, or signed now by the keys given; else write it to be signed."""
    from flows.money.acts import act_digest, write_act

    act = countersigned(act, keys)
    if act["signatures"]:
        return post(act)
    if path.exists():
        raise UsageError(f"{path} is there already: name another file with --out")
    write_act(path, act)
    return {"to_be_signed": str(path), "digest": act_digest(act)}


def countersigned(act: dict[str, Any], keys: list[tuple[Path, str]]) -> dict[str, Any]:
    """Sign an act with the keys given, each with its own passphrase."""
    from flows.money.acts import countersign
    from flows.money.keys import open_key

    return countersign(act, [open_key(path, ask_passphrase(False, who)) for path, who in keys])


def to_be_signed(content: Mapping[str, Any]) -> list[str]:
    """Say what is to be done with an act's file."""
    return [
        f"{content['to_be_signed']}: both sign it with `wuxing key countersign`, then it is given "
        "with --signed",
        f"digest: {content['digest']}",
    ]
