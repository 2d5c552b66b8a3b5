"""What became of determinations in money: payments, claimants in conflict, signatures, returns."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.language import policy_titles
from flows.money.batch_folder import verify_batch
from flows.money.ledger_store import open_ledger
from flows.store import Home
from sql.texts import exclusions
from transforms.money.batch_states import BatchState
from transforms.money.books import Books
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.money.entitlements import KEY as POLICY_KEY
from transforms.money.exclusion_file import rivals_of
from transforms.money.exclusions import PAID_UNDER_OTHER
from transforms.money.payees import IDENTITY_CONFLICT
from transforms.money.reviews import HOLD, REASONS, STRIKE
from transforms.money.roster import ROLES

CONFLICT, PAYABLE = "conflict", "payable"
IN_DOUBT = (IDENTITY_CONFLICT, PAID_UNDER_OTHER)
CLAIM = ["policy_id", "period", "subject_id", "beneficiary_id", "determined_fen"]
# In which lists of a bank's answer an entry of the ledger finds what the bank said.
TOLD_BY = {"return": ("returned", "late"), "restored": ("restored",)}


def entitlements_where(folder: Path, wanted: pl.Expr) -> pl.DataFrame:
    """Return some entitlements of a run; none if the run stopped before it had any."""
    path = folder / "entitlements.parquet"
    if not path.is_file():
        return pl.DataFrame(schema=ENTITLEMENT_SCHEMA)
    return pl.scan_parquet(path).filter(wanted).collect().sort(POLICY_KEY)


def money_of_rows(
    home: Home, folder: Path, manifest: Mapping[str, Any], entitled: pl.DataFrame, books: Books
) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return, by policy and key, each entitlement with its payments and who else claims the month.

    Rows:    entitled  entitlements of one run; folder: where that lies, or is being written
    Holds:   what a reviewer held or struck out is held so; payments are those of the batch that a
             review left
    """
    run_id = manifest["run_id"]
    batches = _after_reviews(manifest["batches"], books)
    payments = _payments(home, batches, books, entitled["beneficiary_id"].unique().sort())
    left = taken_out(state for state in books.batches.values() if state.run_id == run_id)
    held = {HOLD: books.held_lines, STRIKE: books.struck_lines}
    remarks = {REASONS[verdict]: lines for verdict, lines in held.items()}
    money: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in entitled.to_dicts():
        key = tuple(row[name] for name in POLICY_KEY)
        reason = left.get(key)
        if reason and row["status"] == PAYABLE:
            row |= {"status": "held", "reason": reason}
        said = remarks.get(row["reason"], {}).get(key, {})
        paid = payments.get((row["policy_id"], row["beneficiary_id"]), [])
        money[key] = {
            "entitlement": row,
            "payments": paid if row["status"] == PAYABLE else [],
            "claimants": _claimants(folder, row) if row["status"] == CONFLICT else [],
            "paid_as": _paid_as(home, row) if row["reason"] == PAID_UNDER_OTHER else [],
            "reviewed": {name: said[name] for name in ("by", "on", "reason") if said},
            "doubts": _doubts(folder, row) if row["reason"] in IN_DOUBT else [],
            "trace": None,
        }
    return money


def _after_reviews(batch_ids: Iterable[str], books: Books) -> list[str]:
    """Return of each batch the one that stands after its reviews; none where no line was left."""
    standing = []
    for name in batch_ids:
        left = name
        while left in books.batches and books.batches[left].state == "superseded":
            left = books.batches[left].reviewed[-1]["successor"]
        standing += [left] if left else []
    return standing


def taken_out(states: Iterable[BatchState]) -> dict[tuple[str, ...], str]:
    """Return which lines of some batches a reviewer held or struck out: the reason's code."""
    return {
        tuple(row[: len(POLICY_KEY)]): REASONS[verdict]
        for state in states
        for said in state.reviewed
        for verdict, rows in ((HOLD, said["held"]), (STRIKE, said["struck"]))
        for row in rows
    }


def _claimants(folder: Path, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List all lines in conflict over the person and month of a row, itself included."""
    same = [pl.col(name) == row[name] for name in ("period", "subject_id", "status")]
    return lines_claiming(entitlements_where(folder, pl.all_horizontal(same)))


def lines_claiming(entitled: pl.DataFrame) -> list[dict[str, Any]]:
    """List entitlements as what is claimed: whose, for when, how much."""
    return _titled(entitled.select(CLAIM).sort(CLAIM).to_dicts())


def _paid_as(home: Home, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List what a row's subject keeps of payments by other rows, of those that may hold it."""
    rivals = rivals_of(row["policy_id"], exclusions())
    with open_ledger(home, only_look=True) as ledger:
        kept = ledger.paid_lines().filter(subject_id=row["subject_id"])
    may_hold = (pl.col("policy_id") == row["policy_id"]) | (
        pl.col("policy_id").is_in(rivals) & (pl.col("period") == row["period"])
    )
    others = kept.filter(may_hold).sort("payment_id", *POLICY_KEY).to_dicts()
    return _titled(one for one in others if any(one[name] != row[name] for name in POLICY_KEY))


def _titled(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    titles = policy_titles()
    return [{**row, "policy_title": titles.get(row["policy_id"], row["policy_id"])} for row in rows]


def _doubts(folder: Path, row: Mapping[str, Any]) -> list[str]:
    """Say why it is in doubt who the persons of a row are, as the run's findings do."""
    persons = pl.col("subject_id").is_in([row["subject_id"], row["beneficiary_id"]])
    found = pl.scan_parquet(folder / "findings.parquet").filter(
        persons & (pl.col("finding") == IDENTITY_CONFLICT)
    )
    return found.collect()["detail"].sort().to_list()


def _payments(
    home: Home, batches: Sequence[str], books: Books, beneficiaries: pl.Series
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    shown = ["batch_id", "payment_id", "amount_fen", "line_count"]
    payments: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for batch in batches:
        path = home.batches / batch / "instructions.parquet"
        if path.is_file():
            # One that is being drawn up tonight is not recorded yet.
            if batch in books.batches:
                verify_batch(home, books.batches[batch])
            found = pl.scan_parquet(path).filter(pl.col("beneficiary_id").is_in(beneficiaries))
            for row in found.select("policy_id", "beneficiary_id", *shown).collect().to_dicts():
                key = (row.pop("policy_id"), row.pop("beneficiary_id"))
                payments.setdefault(key, []).append(row)
    return payments


def batches_told(books: Books, named: Iterable[str]) -> list[dict[str, Any]]:
    """Return what became of some batches: fund, state, who signed."""
    return [_batch(books, name) for name in sorted(set(named)) if name in books.batches]


def _batch(books: Books, batch_id: str) -> dict[str, Any]:
    state = books.batches[batch_id]
    signatures = []
    for role in ROLES:
        if role in state.signatures:
            said = state.signatures[role]["statement"]
            member = books.roster.members[said["key_id"]]
            signatures.append(
                {"role": role, "name": member.name, "bureau": member.bureau}
                | {"signed_on": said["signed_on"], "key_id": said["key_id"]}
            )
    named = {name: getattr(state, name) for name in ("batch_id", "run_id", "fund", "state", "mark")}
    return {**named, "signatures": signatures}


def bank_answer(books: Books, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the bank told of a payment that came back, or arrived after all."""
    state = books.batches.get(entry["batch_id"])
    for taken in state.settled if state else ():
        for told in (answer for name in TOLD_BY.get(entry["kind"], ()) for answer in taken[name]):
            if told[0] == entry["payment_id"]:
                return {"bank_said": told[1], "bank_day": told[2]}
    return {"bank_said": "", "bank_day": ""}
