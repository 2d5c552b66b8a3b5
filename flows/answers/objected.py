"""Writes into a run's folder what became of objections: the register, and a letter for each."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.evidence import OtherProvisionsError, explain_where
from flows.answers.lists import names_of
from flows.answers.opened import Evidence, read_evidence
from flows.answers.snapshot_rows import SnapshotRows
from flows.ingest.drop import load_snapshot
from flows.money.ledger_store import books_of
from flows.store import Home
from sql.opening import connect_to
from sql.texts import policy_cards, shared_parameters
from transforms.answers.letter_sentences import own_matters, titles_beside
from transforms.answers.objections import instead_text, objection_register, objections_pages
from transforms.answers.open_questions import both_sides
from transforms.money.entitlements import KEY
from transforms.money.objections import CONFLICT, PARTY
from transforms.policies.parameters import value_on
from transforms.sheets.csv_file import csv_bytes

REGISTER, PAGE, LETTERS = "objections.csv", "objections.html", "objection_letters.html"
MOST_LINES = 10_000
SAID_OF_CARD = ("authority", "clause", "bureau", "universe")
PAYING = ("payment",)
Explained = dict[tuple[str, ...], Mapping[str, Any]]


def write_objections(
    home: Home, folder: Path, frames: Mapping[str, pl.DataFrame], manifest: Mapping[str, Any]
) -> None:
    """Write objections.csv, objections.html and objection_letters.html of a night with objections.

    Holds:   the same night writes the same bytes; every objection is in the register, and whoever
             was not answered so before is answered by a letter
    """
    if "objections" not in frames:
        return
    weighed, cards = frames["objections"], policy_cards()
    as_of = date.fromisoformat(manifest["as_of"])
    told = {
        "run_id": manifest["run_id"],
        "as_of": manifest["as_of"],
        "answer_days": value_on(shared_parameters()["objection_answer_days"], as_of).value,
        "titles": {name: card.title for name, card in cards.items()},
        "provisions": {
            name: {one.name: one.title for one in card.provisions} for name, card in cards.items()
        },
        "cards": {
            name: {said: getattr(cards.get(name), said, "") for said in SAID_OF_CARD}
            | {"pays": getattr(cards.get(name), "kind", "") in PAYING}
            | {"own_matters": own_matters(cards[name]) if name in cards else []}
            for name in sorted({*cards, *weighed["policy_id"]})
        },
    }
    asked = frames["entitlements"].filter(pl.col("status") == "recovery")
    told["asked_back"] = asked.select(*PARTY, "period", fen=-pl.col("due_fen")).rows()
    besides = frames["entitlements"].filter(pl.col("status").is_in(["superseded", CONFLICT]))
    told["instead"] = {
        tuple(key): instead_text(status, reason, titles_beside(key[0], told["titles"]))
        for *key, status, reason in besides.select(*KEY, "status", "reason").iter_rows()
    }
    told["names"] = _names(home, manifest, weighed)
    register = objection_register(weighed, told["titles"], told["provisions"], told["answer_days"])
    explained: Explained = {}
    for evidence in _nights(home, folder, weighed, manifest):
        explained |= _explained(evidence, weighed)
    (folder / REGISTER).write_bytes(csv_bytes(register))
    for name, page in zip(
        (PAGE, LETTERS), objections_pages(register, weighed, explained, told), strict=True
    ):
        (folder / name).write_text(page, encoding="utf-8")


def _names(home: Home, manifest: Mapping[str, Any], weighed: pl.DataFrame) -> dict[str, str]:
    """Look up by which names the subjects and payees are on record, by id."""
    as_of = date.fromisoformat(manifest["as_of"])
    tables = load_snapshot(home.snapshots, str(manifest["snapshot_id"])).tables()
    with connect_to(tables, as_of) as connection:
        kinds = {name: card.subject for name, card in policy_cards().items()}
        kind = pl.col("policy_id").replace_strict(kinds, default=None, return_dtype=pl.String)
        # Of whom nothing was ever determined is known by what the policy's subjects are.
        objected = weighed.select(kind.alias("subject_kind"), "subject_id").drop_nulls()
        sides = both_sides(weighed.drop_nulls(KEY), "subject")
        named = names_of(pl.concat([sides, objected]), connection)
    return dict(named.select("subject_id", "subject_name").drop_nulls().iter_rows())


def _nights(
    home: Home, folder: Path, weighed: pl.DataFrame, manifest: Mapping[str, Any]
) -> Iterator[Evidence]:
    """Give the runs that objections are held against, and the one that is being written."""
    runs = weighed.filter("is_news")["run_before"].unique().sort().to_list()
    yield from (read_evidence(home, run_id) for run_id in runs if run_id)
    snapshot, as_of = home.snapshots / manifest["snapshot_id"], manifest["as_of"]
    source = SnapshotRows(snapshot, date.fromisoformat(as_of), manifest["own_rows"])
    yield Evidence(home, manifest, source, books_of(home), folder)


def _explained(evidence: Evidence, weighed: pl.DataFrame) -> Explained:
    """Explain the lines that a letter is about; by other rules than today's they can't be."""
    run_id, news = str(evidence.manifest["run_id"]), weighed.filter("is_news")
    if evidence.place is None:
        news = news.filter(pl.col("run_before") == run_id)
    keys = news.select(KEY).drop_nulls().unique()
    wanted = pl.struct(KEY).is_in(pl.struct([keys[name] for name in KEY], eager=True).implode())
    explained: Explained = {}
    for policy in keys["policy_id"].unique().sort():
        try:
            told = explain_where(evidence, wanted, policy, most=MOST_LINES)
        except OtherProvisionsError:
            continue
        for row in told[0]["rows"]:
            explained[(run_id, policy, *(row[name] for name in KEY[1:]))] = row
    return explained
