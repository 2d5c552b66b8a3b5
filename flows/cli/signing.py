"""The dialogue of signing: what is shown, and what the signer types before the key is used."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from flows.cli.console import ask_passphrase, changing
from flows.language import headings, language, policy_word
from flows.store import Home
from transforms.amounts import grouped, is_amount, yuan_text
from transforms.answers.messages import in_chinese
from transforms.errors import UsageError
from transforms.money.claims import KEY
from transforms.policies.card_text import titled, value_text
from transforms.review.approval import sample_said
from transforms.visible import table
from transforms.words import catalogue, word, worded

if TYPE_CHECKING:
    from flows.money.keys import SigningKey

Typed = tuple[int | None, str | None]
# What the lists in an act hold, row by row.
LISTS = {
    "claims": (*KEY, "asked_fen", "listed_fen", "cause", "cause_rows"),
    "payments": ("claim_number", "payment_id", "amount_fen"),
    "late_payments": ("payment_id", "bank_said", "booked_on"),
    "lifted_claims": (*KEY, "asked_fen", "lifted_fen", "cause", "cause_rows"),
}
OWN_LISTS = {"late_return": "late_", "recovery_lift": "lifted_"}


def sign_at_home(
    home: Home,
    batch_id: str,
    role: str,
    key: Path | None,
    seal: str | None,
    typed: Typed,
    out: Path | None,
    unpaid: Sequence[str] = (),
) -> dict[str, Any]:
    """Sign a batch where its home is; count and amount are held against it where given."""
    from flows.money.sign import sign_batch, state_for_seal

    read = _read_typed(typed)
    with changing(home):
        if seal:
            path = out or Path(f"{batch_id}.{role}.statement")
            signed = state_for_seal(home, batch_id, role, _seal(seal, path), read, unpaid)
            return _written(path, signed)
        holder = _open_for(home, batch_id, key)
        return sign_batch(home, batch_id, role, holder, read, unpaid=unpaid)


def _open_for(home: Home, batch_id: str, key: Path | None) -> SigningKey:
    """Ask for a passphrase, once it is known that the ledger is whole and has such a batch."""
    from flows.money.batch_folder import known_state
    from flows.money.keys import open_key
    from flows.money.whole import whole_ledger

    with whole_ledger(home) as ledger:
        known_state(ledger.batch_states(), batch_id)
    return open_key(_key(key), ask_passphrase(False))


def sign_file(
    file: Path,
    role: str,
    key: Path | None,
    seal: str | None,
    typed: Typed,
    out: Path | None,
    unpaid: Sequence[str] = (),
) -> dict[str, Any]:
    """Sign an exported batch on the signer's own machine; the home is not needed."""
    from flows.money.export import read_export
    from flows.money.keys import open_key
    from flows.money.sign import sign, what_is_signed

    batch = read_export(file)
    ending = "statement" if seal else "signature.json"
    path = out or file.with_name(f"{batch.batch_id}.{role}.{ending}")
    holder = _seal(seal, path) if seal else None
    shown = what_is_signed(batch, holder.path if holder else _key(key))
    for line in _lines(shown):
        typer.echo(grouped(line), err=True)
    read = _read_typed(typed) or _ask_typed()
    holder = holder or open_key(_key(key), ask_passphrase(False))
    signed = sign(batch, role, holder, read, unpaid=unpaid)
    return {**shown, "role": role, **_written(path, signed)}


def statement_lines(statement: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Show what is signed, each value by name, those of both heads one by one, lists as tables.

    Units:   fen in, yuan shown
    """
    names, spoken = catalogue(), language()
    for name, value in statement.items():
        words = names.get(f"key_{name}") or names.get(name) or {spoken: name}
        title = before + words[spoken]
        if isinstance(value, Mapping):
            yield from statement_lines(value, f"{title} ")
        elif name == "verifier_words":
            # As they stand in seals.toml, and no letter of them looks like another.
            yield f"{title}: {json.dumps(value)}"
        elif isinstance(value, list):
            yield f"{title}:"
            yield from _table_of(OWN_LISTS.get(statement["act"], "") + name, value)
        else:
            yield f"{title}: {_shown(name, value)}"


def _table_of(name: str, rows: list[Any]) -> list[str]:
    columns = LISTS[name]
    if name == "payments":
        rows = [[number, *one] for number, behind in enumerate(rows, start=1) for one in behind]
    shown = [[_shown(*cell) for cell in zip(columns, row, strict=True)] for row in rows]
    return table([headings(*columns), *shown], {i for i, n in enumerate(columns) if is_amount(n)})


def _shown(name: str, value: Any) -> str:
    if is_amount(name):
        return yuan_text(value, ",")
    if name == "policy_id":
        return policy_word(value)
    is_code = name in ("act", "role", "cause", "subject_kind", "beneficiary_kind")
    code = f"act_{value}" if name == "act" else str(value)
    return word(code, language()) if is_code else code or "-"


def reject_at_home(
    home: Home, batch_id: str, role: str, key: Path | None, reason: str
) -> dict[str, Any]:
    """Refuse a batch where its home is."""
    from flows.money.sign import sign_batch

    with changing(home):
        return sign_batch(home, batch_id, role, _open_for(home, batch_id, key), reason=reason)


def reject_file(file: Path, role: str, key: Path | None, reason: str) -> dict[str, Any]:
    """Refuse an exported batch on the signer's own machine."""
    from flows.money.export import read_export
    from flows.money.keys import open_key
    from flows.money.sign import sign

    batch = read_export(file)
    path = file.with_name(f"{batch.batch_id}.{role}.rejection.json")
    holder = open_key(_key(key), ask_passphrase(False))
    return _written(path, sign(batch, role, holder, None, reason))


def _key(key: Path | None) -> Path:
    if key is None:
        raise UsageError("give --key with the key file, or --seal with an outside seal's id")
    return key


def _seal(key_id: str, path: Path) -> Any:
    from flows.money.seals import Seal

    if Path(key_id).name != key_id:
        raise UsageError("--seal takes the key's id, as `wuxing key list` shows it, and no file")
    return Seal(key_id, path.with_name(key_id))


def _written(path: Path, signed: dict[str, Any]) -> dict[str, Any]:
    from flows.money.export import write_signature
    from transforms.money.roster import statement_digest

    write_signature(path, signed)
    return {"signature_file": str(path), "digest": statement_digest(signed["statement"])}


def _lines(shown: dict[str, Any]) -> list[str]:
    """Word what is to be signed, in both languages, the unconfirmed numbers last."""
    from flows.money.approval import both, said

    mark = shown["mark"]
    names = ("batch_id", "as_of", "fund", "instruction_count", "amount_fen", "amount_in_capitals")
    lines = [said(name, str(shown[name])) for name in names]
    changed = ", ".join(f"{both(f'posting_{kind}')} {n}" for kind, n in shown["changed"].items())
    lines.append(said("changed_since", f"{shown['last_signed_position']} → {changed or '0'}"))
    lines += [said(name, shown[name]) for name in ("batch_digest", "roster_digest")]
    lines += [said("page_as_drawn", f"{n} {d}") for n, d in shown["pages"].items()]
    lines.append(said("anchors", ", ".join(shown["anchors"]) or word("no_anchors")))
    lines.append(said("put_up", shown["announced"] or word("not_put_up")))
    lines += [said("came_from", shown["came_from"])] if shown["came_from"] else []
    sample = sample_said(shown)
    lines.append(said("sheet_sample", f"{worded(sample)} {sample}"))
    lines += [said("may_not_be_released", f"{in_chinese(mark)} {mark}")] if mark else []
    return lines + [
        said(
            "unconfirmed",
            f"{policy_word(n['policy_id'])} {titled(n)} = {value_text(n)} ({n['source']})",
        )
        for n in shown["unconfirmed"]
    ]


def _ask_typed() -> tuple[int, int]:
    if not sys.stdin.isatty():
        raise UsageError("type count and amount on a terminal, or give --count and --amount")
    count = typer.prompt(word("instruction_count"), type=int, err=True)
    return count, read_fen(typer.prompt(word("amount_fen"), err=True))


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


def act_given(signed: Path | None, kind: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Read the act of this kind that was given with --signed, else make it."""
    from flows.money.acts import read_act

    return read_act(signed, kind) if signed else make()


def post_or_write(
    act: dict[str, Any],
    keys: list[tuple[Path, str]],
    path: Path | None,
    post: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """Post an act that is signed, or signed now by the keys given; else write it to be signed.

    Rows:    path  where it is written; None for one given with --signed, which is posted or refused
    """
    from flows.money.acts import act_digest, write_act

    act = countersigned(act, keys)
    if act["signatures"] or path is None:
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
