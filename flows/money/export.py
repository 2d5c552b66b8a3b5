"""What a signer takes to the own machine: one file with the batch's review and the ledger."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.archive import names_within
from flows.money.batch import fresh_review
from flows.money.batch_folder import digests_of, known_state, verify_batch
from flows.money.keys import read_json
from flows.money.ledger_store import open_ledger
from flows.money.sign import Signable, signable_batch
from flows.money.signatures import holds
from flows.money.witnesses import read_witness
from flows.store import MANIFEST, Home, replace_file
from transforms.digest import canonical_json
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.money.batch_states import is_as_posted
from transforms.money.posting_rules import read_books
from transforms.money.postings import Posting, broken_link, posting_line, read_postings

POSTINGS, BATCH = "ledger.journal", "batch.json"


def export_batch(home: Home, batch_id: str, path: Path) -> dict[str, Any]:
    """Write a batch as it was drawn up, its review and the ledger's postings into one file.

    It is what is signed, and what a lost batch comes back from.

    Raises:  LedgerForbidsError, DigestDiffersError, as signing at the home would
    """
    with open_ledger(home) as ledger:
        batch = signable_batch(home, ledger, batch_id)
        state = known_state(batch.books.batches, batch_id)
        reviews, stored = fresh_review(home, ledger, state), verify_batch(home, state)
    said = {
        "batch_id": batch_id,
        "batch_digest": state.batch_digest,
        "home_id": batch.books.home_id,
        "anchors": batch.anchors,
    }
    contents = {
        BATCH: canonical_json(said).encode(),
        POSTINGS: "".join(map(posting_line, batch.postings)).encode(),
        **{
            name: (stored.folder / name).read_bytes()
            for name in (MANIFEST, *sorted(stored.manifest["files"]))
        },
        **dict(sorted(reviews.items())),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            # Of no time: the same batch gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    replace_file(path, stream.getvalue())
    return {**said, "path": str(path), "files": list(contents)}


def read_export(path: Path) -> Signable:
    """Read an exported batch and check all of it: review, manifest, ledger, every signature.

    Raises:  DropRefusedError if it is no such file; DigestDiffersError if it does not hold
    """
    return _checked(path)[0]


def folder_in(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return an exported batch's id and the files of its folder, checked as for signing.

    Rows:    returns  without the batch's tables where an older version exported it
    Raises:  as read_export
    """
    signable, files = _checked(path)
    return signable.batch_id, files


def _checked(path: Path) -> tuple[Signable, dict[str, bytes]]:
    contents = _contents(path)
    try:
        said = json.loads(contents[BATCH])
        postings = read_postings(contents[POSTINGS].decode())
        batch_id, anchors = said["batch_id"], list(said["anchors"])
        manifest = json.loads(contents[MANIFEST])
    except (KeyError, TypeError, ValueError) as foreign:
        raise DropRefusedError(
            f"{path} is no batch to be signed: expected a file of `wuxing batch export`"
        ) from foreign
    position, books = broken_link(postings), read_books(postings, holds)
    if position or books.problems:
        problem = books.problems[0] if books.problems else f"posting {position} is not as written"
        raise DigestDiffersError(f"{path}: {problem}; sign nothing, ask who changed it")
    state = known_state(books.batches, batch_id)
    digests = digests_of(contents)
    _expect(path, MANIFEST, state.batch_digest, digests)
    if not is_as_posted(state, manifest):
        raise DigestDiffersError(f"{path}: the ledger in it says another thing of the batch")
    belonging = {**state.review, **manifest["files"]}
    for name in digests.keys() - {BATCH, POSTINGS, MANIFEST}:
        _expect(path, name, belonging.get(name, ""), digests)
    files = {name: contents[name] for name in contents.keys() - {BATCH, POSTINGS}}
    return Signable(batch_id, postings, books, manifest, anchors), files


def postings_in(path: Path) -> list[Posting]:
    """Return the postings that an exported batch or an anchor's file holds.

    Raises:  DropRefusedError if it holds none; DigestDiffersError if they are damaged
    """
    if not zipfile.is_zipfile(path):
        return read_witness(path)
    try:
        postings = read_postings(_contents(path)[POSTINGS].decode())
    except (KeyError, ValueError) as foreign:
        raise DropRefusedError(f"{path} is no file of `wuxing batch export`") from foreign
    if broken_link(postings):
        raise DigestDiffersError(f"{path}: its postings are not as they were written")
    return postings


def _contents(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in names_within(path, archive)}
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as unreadable:
        raise DropRefusedError(
            f"{path} can't be read as a file of `wuxing batch export`"
        ) from unreadable


def _expect(path: Path, name: str, digest: str, digests: Mapping[str, str]) -> None:
    if digests.get(name) != digest:
        raise DigestDiffersError(
            f"{path}: {name} in it is not that of the batch; sign nothing, ask for it again"
        )


def write_signature(path: Path, signed: Mapping[str, Any]) -> None:
    """Write a signature's small file; for a seal, the very bytes that it is to sign."""
    is_signed = bool(signed["signature"])
    content = signed if is_signed else signed["statement"]
    ending = "\n" if is_signed else ""
    replace_file(path, (canonical_json(dict(content)) + ending).encode())


def read_signature(path: Path, seal_signature: Path | None = None) -> dict[str, Any]:
    """Read a signature's file, or a seal's statement and its detached signature.

    Raises:  DropRefusedError if it holds none
    """
    content = read_json(path, "a signature made by `wuxing sign`")
    if seal_signature:
        try:
            content = {"statement": content, "signature": seal_signature.read_bytes().hex()}
        except OSError as unreadable:
            raise DropRefusedError(f"{seal_signature} can't be read: check it") from unreadable
    statement, signature = content.get("statement"), content.get("signature")
    if not isinstance(statement, dict) or not isinstance(signature, str) or not signature:
        raise DropRefusedError(f"{path} holds no signature: expected a file of `wuxing sign`")
    if not {"batch_id", "role", "key_id", "signed_on", "ledger_position"} <= set(statement):
        raise DropRefusedError(f"{path} holds no signature of a batch")
    return {"statement": statement, "signature": signature}
