"""Payment files against the batch that was signed: written again, or read back."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flows.money.batch_folder import StoredBatch, digests_of
from flows.money.payment_files import payment_files, rehearsal_line
from flows.store import digest_problems
from transforms.errors import ContractError, DigestDiffersError, ParameterMissingError
from transforms.payments.bank_file import TOLD, Told, payments_of_file
from transforms.payments.pain001 import payments_of_message
from transforms.payments.profile import profile_of

ASK_BANK = "do not send it to a bank; if it was sent, ask the bank what it paid to whom"


def expect_as_signed(stored: StoredBatch, released: Mapping[str, Any]) -> None:
    """Hold a batch's payment files against what was signed, before a bank's answer is believed.

    Raises:  DigestDiffersError naming the file, and what is to be asked
    """
    for problem in unlike_signed(stored, released, []):
        raise DigestDiffersError(problem)


def unlike_signed(
    stored: StoredBatch, released: Mapping[str, Any], warnings: list[str]
) -> Iterator[str]:
    """Say which of a released batch's payment files are not what the signed batch gives.

    What the release posted of them is its own word. Those in another form, as another version
    writes it, are read back, and told in `warnings` if each payment is as it was signed.
    """
    posted, again = released["files"], _written_again(stored, released)
    if again == posted:
        return
    where = f"batch {stored.manifest['batch_id']}, its bank profile"
    profile = profile_of(stored.manifest["funding"]["profile"], where)
    line = rehearsal_line(profile)
    readers: dict[bool, Callable[[bytes], list[Told]]] = {
        True: payments_of_message,
        False: lambda content: payments_of_file(content.removeprefix(line), profile),
    }
    for is_message, read in readers.items():
        wanted, mine = _of_form(again, is_message), _of_form(posted, is_message)
        if mine != wanted or not mine:
            yield from _read_back(stored, mine, read, warnings)


def _written_again(stored: StoredBatch, released: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the files that this version writes; none where it writes none."""
    rows, head = stored.frame("instructions"), released["ledger_head"]
    is_rehearsal = released["is_rehearsal"]
    try:
        return digests_of(payment_files(stored.manifest, rows, head, is_rehearsal=is_rehearsal))
    except (ContractError, ParameterMissingError):
        return {}


def _of_form(digests: Mapping[str, str], is_message: bool) -> dict[str, str]:
    return {name: d for name, d in digests.items() if name.endswith(".xml") is is_message}


def _read_back(
    stored: StoredBatch,
    digests: Mapping[str, str],
    read: Callable[[bytes], Sequence[Told]],
    warnings: list[str],
) -> Iterator[str]:
    """Hold each payment in the files of one form against the instructions that were signed."""
    files = [(stored.folder / name, digest) for name, digest in digests.items()]
    changed = digest_problems(files)
    if changed:
        yield f"{changed[0]}: {ASK_BANK}"
        return
    where = ", ".join(str(path) for path, _ in files) or str(stored.folder)
    try:
        told = Counter(payment for path, _ in files for payment in read(path.read_bytes()))
    except (ContractError, ValueError):
        yield f"{where} can't be read as the payment file that was signed: {ASK_BANK}"
        return
    signed = Counter(_stripped(*row) for row in stored.frame("instructions").select(TOLD).rows())
    unlike = [*(told - signed), *(signed - told)]
    if unlike:
        yield (
            f"{where} pays {min(unlike)[0]} otherwise than was signed, to another account or "
            f"holder, another amount, twice or not at all: {ASK_BANK}"
        )
    else:
        warnings.append(
            f"{where} is not as this version writes it; each payment in it is as it was signed"
        )


def _stripped(payment_id: str, account_no: str, holder: str, amount_fen: int) -> Told:
    return payment_id, account_no.strip(), holder.strip(), amount_fen
