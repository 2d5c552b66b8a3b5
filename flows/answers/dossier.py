"""All that a run says about one person or employer: every policy, rows, money, signatures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.explain import FORM_OF_ID, expect_same_rules
from flows.answers.run_money import money_of_rows
from flows.answers.snapshot_rows import SnapshotRows, scan_kind, table_files
from flows.money.ledger_store import open_ledger
from flows.store import Home, read_manifest
from sql.texts import policy_cards, policy_grain, policy_path, rules_digest, sql_text
from transforms.answers.amount import amount_with_numbers
from transforms.answers.explanation import KEY, explain_row
from transforms.errors import DigestDiffersError, DropRefusedError, UsageError
from transforms.extracts.kinds import KINDS
from transforms.money.books import Books
from transforms.money.roster import ROLES

ROWS_A_POLICY = 40
SIDES = ("subject", "beneficiary")
# In which lists of a bank's answer an entry of the ledger finds what the bank said.
TOLD_BY = {"return": ("returned", "late"), "restored": ("restored",)}


@dataclass(frozen=True)
class Evidence:
    """A run that is there, its snapshot, and what the ledger knows."""

    home: Home
    manifest: Mapping[str, Any]
    source: SnapshotRows
    books: Books

    @property
    def folder(self) -> Path:
        """Return the run's folder."""
        return self.home.runs / str(self.manifest["run_id"])

    @property
    def ran(self) -> list[str]:
        """Return the policies that ran."""
        entries = self.manifest["policies"].items()
        return [name for name, entry in entries if entry["status"] == "ran"]


def read_evidence(home: Home, run_id: str) -> Evidence:
    """Open a run with its snapshot and the ledger's books; no row is read yet.

    Raises:  DropRefusedError if there is none, or it stopped before its determinations
    """
    manifest = read_manifest(home.runs / run_id, "run")
    if not manifest.get("policies"):
        at = manifest.get("stopped_at")
        raise DropRefusedError(f"run {run_id} has no determinations: it stopped at its gate {at}")
    place = home.snapshots / manifest["snapshot_id"]
    read_manifest(place, "snapshot")
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
    source = SnapshotRows(place, date.fromisoformat(manifest["as_of"]), manifest["own_rows"])
    return Evidence(home, manifest, source, books)


def dossier(home: Home, run_id: str, kind: str, identifier: str) -> dict[str, Any]:
    """Say of every policy what a run determined about a person or an employer, and why.

    Rows:    returns  `policies`: one entry per policy of the run, with `rows` explained; none
             where the party is outside its universe; `ledger`: every entry about the party
    Raises:  UsageError if the id has no form of its kind; DropRefusedError, DigestDiffersError
    """
    identifier = identifier.strip().upper()
    if not re.match(FORM_OF_ID[kind], identifier):
        raise UsageError(f"--{kind}: that id has another form (18 characters)")
    evidence = read_evidence(home, run_id)
    try:
        households = _households(evidence.source.folder, identifier) if kind == "person" else []
        rows = _rows_about(evidence, identifier, households)
        policies = explain_policies(evidence, rows)
        counts = evidence.source.counts_about(tuple(KINDS), kind, identifier)
    except (pl.exceptions.ComputeError, OSError) as broken:
        raise DigestDiffersError(
            f"a file of run {run_id} or of its snapshot can't be read; `wuxing verify` names it"
        ) from broken
    with open_ledger(home, only_look=True) as ledger:
        entries = ledger.entries_about(identifier)
    return {
        **head_of(evidence),
        "party": {"kind": kind, "id": identifier, "households": households},
        "policies": policies,
        "repairs": repairs_of(evidence, policies),
        "source_row_counts": {name: count for name, count in counts.items() if count},
        "ledger": [entry | _answer(evidence.books, entry) for entry in entries],
        "batches": batches_of(evidence, [policies], (entry["batch_id"] for entry in entries)),
    }


def head_of(evidence: Evidence) -> dict[str, Any]:
    """Return what stands above every page of a run."""
    named = {name: evidence.manifest[name] for name in ("run_id", "snapshot_id", "as_of")}
    changed = evidence.manifest["rules_digest"] != rules_digest()
    return {**named, "rules_changed_since": changed}


def _households(folder: Path, person: str) -> list[str]:
    if not table_files(folder, "residents"):
        return []
    mine = scan_kind(folder, "residents").filter(pl.col("person_key") == int(person[:17]))
    return (
        mine.select("household_no").unique().drop_nulls().collect()["household_no"].sort().to_list()
    )


def _rows_about(
    evidence: Evidence, identifier: str, households: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Return the determinations of each policy about a party or its households, by policy."""
    one_of = pl.any_horizontal(
        *(
            (pl.col(f"{side}_kind") != "household") & (pl.col(f"{side}_id") == identifier)
            for side in SIDES
        ),
        (pl.col("subject_kind") == "household") & pl.col("subject_id").is_in(list(households)),
    )
    path = evidence.folder / "determinations.parquet"
    found = pl.scan_parquet(path).filter(one_of).collect().sort("policy_id", *KEY)
    return {name: found.filter(pl.col("policy_id") == name) for name in found["policy_id"].unique()}


def explain_policies(
    evidence: Evidence,
    determinations: Mapping[str, pl.DataFrame],
    most: int = ROWS_A_POLICY,
) -> list[dict[str, Any]]:
    """Explain determinations of several policies, each extract read once for all of them.

    Rows:    determinations  by policy; at most `most` of each are explained
             returns         one entry per policy of the run, in the order of their names
    """
    saved = {
        name: _saved_rows(evidence, name, rows.head(most)) for name, rows in determinations.items()
    }
    evidence.source.expect(row for rows in saved.values() for row in rows)
    entries = []
    for name, status in sorted(evidence.manifest["policies"].items()):
        card = policy_cards()[name]
        rows = determinations.get(name)
        entries.append(
            {
                "policy_id": name,
                **{word: getattr(card, word) for word in ("title", "authority", "clause", "kind")},
                "status": status["status"],
                "reason": status["reason"],
                "said": status.get("said"),
                "universe": policy_grain(name),
                "covers": card.universe,
                "parameters": status["parameters_used"],
                "row_count": rows.height if rows is not None else 0,
                "rows": _explained(evidence, name, rows, saved[name]) if rows is not None else [],
            }
        )
    return entries


def _saved_rows(evidence: Evidence, policy: str, rows: pl.DataFrame) -> list[dict[str, Any]]:
    keys = rows.select(KEY)
    path = evidence.folder / "policies" / f"{policy}.parquet"
    narrowed = pl.scan_parquet(path).filter(
        pl.col("subject_id").is_in(keys["subject_id"].unique().to_list())
    )
    found = narrowed.collect().join(keys, on=KEY, how="semi").sort(KEY)
    expect_same_rules(str(evidence.manifest["run_id"]), policy_cards()[policy], found)
    return found.to_dicts()


def _explained(
    evidence: Evidence, policy: str, rows: pl.DataFrame, saved: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    card, source = policy_cards()[policy], evidence.source
    of_key = {tuple(row[name] for name in KEY): row for row in rows.to_dicts()}
    money = money_of_rows(evidence.home, evidence.manifest, policy, saved)
    used = evidence.manifest["policies"][policy]["parameters_used"]
    explained = []
    for row in saved:
        key = tuple(row[name] for name in KEY)
        explained.append(
            explain_row(row, of_key[key], card, source.rows_of)
            | money[key]
            | {
                "formula": amount_with_numbers(
                    sql_text(policy_path(policy)), row, used, card.parameters, source.as_of
                ),
                "clerical_decisions": source.decisions_about(policy, row),
            }
        )
    return explained


def repairs_of(
    evidence: Evidence, policies: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, str]]]:
    """Return what ingest mended in the cells of the source rows of a page, by file:line.

    Rows:    returns  per file:line the columns and their repairs; none for a row as it came
    """
    shown = {
        found["source"]
        for policy in policies
        for row in policy["rows"]
        for provision in row["provisions"]
        for source in provision["sources"]
        for found in source["rows"]
    }
    place = pl.concat_str("source_file", pl.col("source_line").cast(pl.String), separator=":")
    repairs = pl.scan_parquet(evidence.source.folder / "repairs.parquet").filter(
        pl.col("source_file").is_in(sorted({name.rpartition(":")[0] for name in shown}))
    )
    told: dict[str, list[dict[str, str]]] = {}
    rows = repairs.select(place.alias("place"), "column", "repair").filter(
        pl.col("place").is_in(sorted(shown))
    )
    for source, column, repair in rows.collect().sort("place", "column", "repair").iter_rows():
        told.setdefault(source, []).append({"column": column, "repair": repair})
    return told


def batches_of(
    evidence: Evidence, explained: Iterable[Sequence[Mapping[str, Any]]], others: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Return what became of each batch that pays an explained row: signed, released, answered."""
    named = {
        payment["batch_id"]
        for policies in explained
        for policy in policies
        for row in policy["rows"]
        for payment in row["payments"]
    }
    known = evidence.books.batches
    return [_batch(evidence.books, name) for name in sorted(named | set(others)) if name in known]


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
    return {
        "batch_id": batch_id,
        "run_id": state.run_id,
        "fund": state.fund,
        "state": state.state,
        "mark": state.mark,
        "signatures": signatures,
    }


def _answer(books: Books, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the bank told of a payment that came back, or arrived after all."""
    state = books.batches.get(entry["batch_id"])
    for taken in state.settled if state else ():
        for told in (answer for name in TOLD_BY.get(entry["kind"], ()) for answer in taken[name]):
            if told[0] == entry["payment_id"]:
                return {"bank_said": told[1], "bank_day": told[2]}
    return {"bank_said": "", "bank_day": ""}
