"""Commands of batches: what there is, the review pack, export to a signer and back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.console import (
    DEFAULT_HOME,
    AnyHomeOption,
    HomeOption,
    JsonOption,
    batch_app,
    changing,
    show,
)
from flows.language import headings, language, policy_word, said, warned
from flows.store import Home, hold_home
from transforms.amounts import yuan_text
from transforms.errors import UsageError
from transforms.policies.card_text import titled, value_text
from transforms.review.approval import sample_said
from transforms.visible import table
from transforms.words import word, worded

SAID_OF_A_BATCH = ("mark", "came_from", "superseded_by", "left_because", "announced")
# Of lines just held or struck out so many are told, for the reviewer to look at.
SHOWN = 20
BatchArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Batch, as `batch list` shows it.")
]
BatchOrFileArgument = Annotated[
    str, typer.Argument(metavar="ID|FILE", help="Batch at its home, or its exported file.")
]


def _signing_role(role: str) -> str:
    from transforms.money.roster import ROLES

    if role not in ROLES:
        raise UsageError(f"--role is {role!r}: give --role reviewer or --role approver")
    return role


RoleOption = Annotated[
    str, typer.Option("--role", help="reviewer or approver.", callback=_signing_role)
]
KeyOption = Annotated[Path | None, typer.Option("--key", help="Key file made by `key new`.")]
# Where it is only looked at.
LookArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Batch: its id, or the beginning of one.")
]


def expect_ending(path: Path | None, *endings: str) -> None:
    """Check that the name of a file to be written, if one is given, says what it will be.

    Raises:  UsageError naming the endings it may have
    """
    if path and path.suffix.lower() not in endings:
        raise UsageError(
            f"{path}: what is written is another sort of file; end the name in "
            f"{' or '.join(endings)}"
        )


def show_signed(signed: dict[str, Any], as_json: bool) -> None:
    """Show a signature that was posted."""
    done = "rejected" if signed["act"] == "reject" else "signed"
    lines = [f"{signed['batch_id']} {done} as {signed['role']}; state: {signed['state']}"]
    if signed["missing_signatures"] and signed["state"] == "signed":
        lines.append(f"not signed yet: {', '.join(signed['missing_signatures'])}")
    show(signed, as_json, lines + warned(signed["warnings"]))


@batch_app.command("list")
def batch_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the batches and their state."""
    from flows.money.batch import list_batches

    batches = list_batches(Home(home))
    rows = [headings("batch_id", "status", "fund", "line_count", "amount_fen", "as_of", "remark")]
    rows += [
        [
            *(b["batch_id"], state_word(b["state"]), b["fund"], f"{b['line_count']:,}"),
            *(yuan_text(b["amount_fen"], ","), b["as_of"], said(b["mark"])),
        ]
        for b in batches
    ]
    show({"batches": batches}, as_json, table(rows, {3, 4}) if batches else ["no batch yet"])


@batch_app.command("show")
def batch_show(
    batch_id: LookArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Show one batch: state, totals by policy, signatures, files."""
    from flows.money.batch import find_batch, show_batch

    place = Home(home)
    content = show_batch(place, find_batch(place, batch_id))
    show(content, as_json, list(_shown(content)))


def _shown(batch: dict[str, Any]) -> Iterator[str]:
    """Lay a batch out for the terminal: what it is, where it stands, sums by policy in 元."""
    rows = [[*headings("batch_id"), batch["batch_id"]]]
    rows.append([*headings("status"), state_word(batch["state"])])
    for name in ("fund", "as_of", *SAID_OF_A_BATCH):
        rows += [[*headings(name), said(batch[name])]] if batch[name] else []
    yield from table(rows)
    yield ""
    sums = [headings("policy", "instruction_count", "line_count", "amount_fen")]
    for total in (*batch["control"]["by_policy"], {**batch["control"], "policy_id": ""}):
        sums.append([policy_word(total["policy_id"] or "sum")])
        sums[-1] += [f"{total[n]:,}" for n in ("instruction_count", "line_count")]
        sums[-1].append(yuan_text(total["amount_fen"], ","))
    yield from (f"  {line}" for line in table(sums, {1, 2, 3}))
    yield ""
    for role, told in batch["signatures"].items():
        yield f"signed as {role} on {told['signed_on']}: {told['name']} ({told['fingerprint']})"
    if batch["missing_signatures"] and batch["state"] in ("draft", "signed"):
        yield f"not signed yet: {', '.join(batch['missing_signatures'])}"
    for number in batch["unconfirmed"]:
        value = value_text(number, language())
        name = titled(number) if language() == "zh" else number["name"]
        yield f"unconfirmed: {policy_word(number['policy_id'])} {name} = {value}"
    yield f"digest {batch['batch_digest']}"
    yield from (f"  {path}" for path in batch["files"])


def state_word(state: str) -> str:
    """Word the state of a batch."""
    return word(f"batch_{state}", language())


@batch_app.command("pack")
def batch_pack(
    batch_id: LookArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Write the review pack again, and check that it is the same to the byte."""
    from flows.money.batch import find_batch, pack_batch

    place = Home(home)
    with hold_home(place):
        packed = pack_batch(place, find_batch(place, batch_id))
    lines = [f"review pack: {packed['review']}"]
    lines += [f"kept, as it was filled in: {path}" for path in packed["kept"]]
    show(packed, as_json, lines)


@batch_app.command("sample")
def batch_sample(
    batch_id: LookArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder (default: ID-sample in this folder).")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the page of each line of the batch's sample; which they are, its digest says."""
    from flows.answers.sample_audit import batch_sample as write_pages
    from flows.money.batch import find_batch

    batch_id = find_batch(Home(home), batch_id)
    written = write_pages(Home(home), batch_id, out or Path(f"{batch_id}-sample"))
    show(written, as_json, [f"{written['path']}: {written['pages']} pages; they name persons"])


@batch_app.command("import")
def batch_import(
    batch_id: BatchArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The review.xlsx, filled in.")],
    by: Annotated[str, typer.Option("--by", help="Who reviewed (default: who is logged in).")] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Read a reviewer's workbook back: lines held or struck out leave; sign the batch after it."""
    from flows.money.review import import_review

    place = Home(home)
    with changing(place):
        read = import_review(place, batch_id, file, by)
    lines = [
        f"{batch_id}: {read['agreed']} lines agreed, {read['held']} held, "
        f"{read['struck_out']} struck out, by {read['by']}; state: {read['state']}",
        *(
            f"  {word(one['verdict'], language())} {policy_word(one['policy_id'])} {one['period']} "
            f"{one['subject_id']} → {one['beneficiary_id']}  {one['remark']}"
            for one in read["lines"][:SHOWN]
        ),
        *([f"… and {len(read['lines']) - SHOWN} more"] if len(read["lines"]) > SHOWN else []),
        f"sample: {worded(sample_said(read), language())}",
    ]
    if read["to_be_signed"]:
        lines.append(
            f"to be signed: {read['to_be_signed']}, {read['count']} payments, "
            f"{read['amount_yuan']} 元"
        )
    show(read, as_json, lines)


@batch_app.command("reject")
def batch_reject(
    batch: BatchOrFileArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    role: RoleOption = "reviewer",
    key: KeyOption = None,
    home: AnyHomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Refuse a batch before it is released, signed: its lines are due again in the next run."""
    from flows.cli.signing import reject_at_home, reject_file

    if Path(batch).is_file():
        made = reject_file(Path(batch), role, key, reason)
        line = f"{made['signature_file']}: it comes back with `wuxing batch accept`"
        show(made, as_json, [line])
        return
    show_signed(reject_at_home(Home(home), batch, role, key, reason), as_json)


@batch_app.command("withdraw")
def batch_withdraw(
    batch_id: BatchArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    by: Annotated[str, typer.Option("--by", help="Who (default: who is logged in).")] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Give up a batch that is not released: its lines are due again in the next run."""
    from flows.money.sign import withdraw_batch

    place = Home(home)
    with changing(place):
        left = withdraw_batch(place, batch_id, reason, by)
    show(left, as_json, [f"{batch_id} {left['state']} by {left['by']}: {left['reason']}"])


@batch_app.command("approval")
def batch_approval(
    batch_id: LookArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file (default: ID.approval.pdf in this folder)."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the approval sheet as one A4 page: boxes to sign in, and who has signed so far."""
    from flows.money.approval import batch_paper
    from flows.money.batch import find_batch
    from flows.store import replace_file

    expect_ending(out, ".pdf")
    batch_id = find_batch(Home(home), batch_id)
    path = out or Path(f"{batch_id}.approval.pdf")
    replace_file(path, batch_paper(Home(home), batch_id))
    show({"batch_id": batch_id, "path": str(path)}, as_json, [f"approval sheet: {path}"])


@batch_app.command("export")
def batch_export(
    batch_id: LookArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file (default: ID.zip in this folder).")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write what a signer takes to the own machine: review, manifest, digest, the ledger."""
    from flows.money.batch import find_batch
    from flows.money.export import export_batch

    place = Home(home)
    with hold_home(place):
        batch_id = find_batch(place, batch_id)
        written = export_batch(place, batch_id, out or Path(f"{batch_id}.zip"))
    show(written, as_json, [f"{written['path']}: {', '.join(written['files'])}"])


@batch_app.command("accept")
def batch_accept(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The signature's file.")],
    seal_signature: Annotated[
        Path | None,
        typer.Option("--seal-signature", help="A seal's detached signature; FILE: what it signed."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take a signature that was made on another machine."""
    from flows.money.export import read_signature
    from flows.money.sign import accept_signature

    place = Home(home)
    with changing(place):
        accepted = accept_signature(place, read_signature(file, seal_signature))
    show_signed(accepted, as_json)
