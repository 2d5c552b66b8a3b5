"""What a run says of determinations, and why: rules, rows, money, signatures, raw cells."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from flows.answers.clerical import registered
from flows.answers.holds import grounds_of_lines
from flows.answers.opened import Evidence
from flows.answers.run_money import batches_told, entitlements_where, money_of_rows
from flows.answers.traces import traces_of_rows
from flows.ingest.drop import LINKS as LINKS_TABLE
from sql.texts import rules_digest
from transforms.answers.amount import amount_with_numbers, numbers_taken
from transforms.answers.explanation import KEY, explain_row, sources_behind, sources_of
from transforms.answers.source_rows import AT
from transforms.errors import DigestDiffersError
from transforms.extracts.registers import DOCUMENT, LINKS
from transforms.policies.card_form import PROVISION
from transforms.policies.evidence import rows_against

ROWS_A_POLICY = 40
FILE_LINE = pl.concat_str("source_file", pl.lit(":"), "source_line")
# A row of these may speak against a payment (sql/review/doubts/faulty_row.sql).
EXCLUDING = ("deaths", "custody", "designations")
NO_MONEY: dict[str, Any] = {
    "entitlement": None,
    "payments": [],
    "sources": [],
    "claimants": [],
    "superseded_by": [],
    "exclusions": [],
    "paid_as": [],
    "reviewed": {},
    "doubts": [],
    "trace": None,
}


class OtherProvisionsError(DigestDiffersError):
    """A run's rows of a policy fit no card that there is: nothing was changed, nothing is said."""


def told_of(
    evidence: Evidence,
    party: Mapping[str, Any],
    policies: Sequence[Mapping[str, Any]],
    batches: Iterable[str] = (),
) -> dict[str, Any]:
    """Put around explained policies what stands on every page: run, repairs, signatures."""
    rows = [row for policy in policies for row in (*policy["rows"], *policy["claims"])]
    parties = {row[side] for row in rows for side in ("subject_id", "beneficiary_id")}
    name_clerks(evidence, rows)
    paid = [payment["batch_id"] for row in rows for payment in row.get("payments", ())]
    named = {name: evidence.manifest[name] for name in ("run_id", "snapshot_id", "as_of")}
    return {
        **named,
        "rules_changed_since": not evidence.law.is_todays
        or evidence.manifest["rules_digest"] != rules_digest(),
        "clauses_of": "run" if evidence.law.is_of_run else "today",
        "party": party,
        "policies": list(policies),
        "repairs": repairs_behind(evidence, rows),
        "set_aside": _rows_set_aside(evidence, party.get("id") or "", parties),
        "batches": batches_told(evidence.books, [*paid, *batches]),
    }


def _rows_set_aside(evidence: Evidence, party: str, parties: Iterable[str]) -> list[dict[str, Any]]:
    """List the quarantined rows about a party, and those that would speak against others named."""
    paths = evidence.source.lists("quarantine.parquet")
    if not paths:
        return []
    against = pl.col("kind").is_in(EXCLUDING) & pl.col("subject_id").is_in([*parties])
    found = (
        pl.read_parquet(paths)
        .filter(against | (pl.col("subject_id") == party), pl.col("rule") != "duplicate_row")
        .head(ROWS_A_POLICY)
    )
    return found.select("kind", FILE_LINE.alias("source"), "rule", "column").to_dicts()


def explain_where(
    evidence: Evidence, wanted: pl.Expr, policy: str | None = None, most: int = ROWS_A_POLICY
) -> list[dict[str, Any]]:
    """Explain some determinations of all policies or one, each extract read once for all of them.

    Rows:    returns  one entry per policy of the run (of a withdrawn one: where it determined
                      something, which stops it), in the order of their names; `rows`: at most
                      `most` explained; `claims`: entitlements of what is not determined any more
    """
    folder = evidence.opened("determinations", "entitlements", "traces", "findings")
    if policy:
        wanted &= pl.col("policy_id") == policy
    determined = pl.scan_parquet(folder / "determinations.parquet").filter(wanted)
    determinations = determined.collect().sort("policy_id", *KEY)
    entitled = entitlements_where(folder, wanted)
    claims = entitled.join(determinations, on=["policy_id", *KEY], how="anti")
    shown = determinations.group_by("policy_id", maintain_order=True).head(most)
    entitled = entitled.join(shown, on=["policy_id", *KEY], how="semi")
    money = money_of_rows(evidence.home, folder, evidence.manifest, entitled, evidence.books)
    grounds = grounds_of_lines(folder, evidence.source, evidence.law.exclusions, money)
    money = {key: one | grounds[key] for key, one in money.items()}
    decided = {*evidence.law.cards, *shown["policy_id"]}
    names = [policy] if policy else sorted(decided & evidence.manifest["policies"].keys())
    saved = {name: _saved_rows(evidence, name, _of(shown, name)) for name in names}
    # Of what is not determined any more only the universe can say why: so many of each policy.
    asked = claims.group_by("policy_id", maintain_order=True).head(most).to_dicts()
    evidence.source.expect(row for rows in (*saved.values(), asked) for row in rows)
    shared = evidence.law.shared
    for key, trace in traces_of_rows(folder, evidence.source, entitled, shared).items():
        money[key]["trace"] = trace
    entries = []
    for name in names:
        about = _of(determinations, name)
        entries.append(
            {
                **_entry_of(evidence, name, saved[name]),
                "row_count": about.height,
                "rows": _explained(evidence, name, _of(shown, name), saved[name], money),
                "more_rows": about.slice(most).to_dicts(),
                "claims": [
                    claim | _of_universe(evidence, claim) if claim in asked else claim
                    for claim in _of(claims, name).to_dicts()
                ],
            }
        )
    return entries


def _of_universe(evidence: Evidence, claim: Mapping[str, Any]) -> dict[str, Any]:
    specs = rows_against(evidence.law.cards[claim["policy_id"]], None)
    return {"sources": sources_of(specs, claim, evidence.source.rows_of)}


def _of(rows: pl.DataFrame, policy: str) -> pl.DataFrame:
    return rows.filter(pl.col("policy_id") == policy)


def _entry_of(evidence: Evidence, policy: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    card, status = evidence.law.cards[policy], evidence.manifest["policies"][policy]
    known = {**evidence.law.shared, **card.parameters}
    return {
        "policy_id": policy,
        **{word: getattr(card, word) for word in ("title", "authority", "clause", "kind")},
        **{word: status.get(word) for word in ("status", "reason", "said")},
        "universe": evidence.law.grain(policy),
        "covers": card.universe,
        "parameters": numbers_taken(rows, status["parameters_used"], known, evidence.source.as_of),
    }


def _saved_rows(evidence: Evidence, policy: str, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a policy's own rows of some determinations.

    Raises:  OtherProvisionsError if they were made by other provisions than the card has now, or
             the card has been withdrawn; DigestDiffersError
    """
    if not rows.height:
        return []
    folder, name = evidence.opened(f"policies/{policy}"), f"policies/{policy}.parquet"
    narrowed = pl.scan_parquet(folder / name).filter(
        pl.col("subject_id").is_in(rows["subject_id"].unique().to_list())
    )
    found = narrowed.collect().join(rows, on=KEY, how="semi").sort(KEY)
    card = evidence.law.cards.get(policy)
    if not card or list(filter(PROVISION.match, found.columns)) != card.provision_names:
        raise OtherProvisionsError(
            f"run {evidence.manifest['run_id']} was made with other provisions of {policy} than "
            "the rules have now: explain it with the code version that its manifest.json names"
        )
    return found.to_dicts()


def _explained(
    evidence: Evidence,
    policy: str,
    rows: pl.DataFrame,
    saved: Sequence[Mapping[str, Any]],
    money: Mapping[tuple[str, ...], dict[str, Any]],
) -> list[dict[str, Any]]:
    card, source = evidence.law.cards[policy], evidence.source
    of_key = {tuple(row[name] for name in KEY): row for row in rows.to_dicts()}
    used = evidence.manifest["policies"][policy]["parameters_used"]
    rule = evidence.law.rule(policy)
    explained = []
    for row in saved:
        key = tuple(row[name] for name in KEY)
        explained.append(
            explain_row(row, of_key[key], card, source.rows_of)
            | money.get((policy, *key), NO_MONEY)
            | {
                "formula": amount_with_numbers(rule, row, used, card.parameters, source.as_of),
                "clerical_decisions": source.decisions_about(policy, row),
            }
        )
    return explained


def name_clerks(evidence: Evidence, rows: Iterable[Mapping[str, Any]]) -> None:
    """Say at source rows whose person clerks recognised who did, when, and by which document."""
    paths = evidence.source.lists(LINKS_TABLE)
    if not paths:
        return
    head, register = LINKS.headings, registered(evidence.home, LINKS)
    keys = [head[name] for name in ("file_digest", "line", "decided_by", "decided_on")]
    documents = dict(zip(register.select(keys).rows(), register[DOCUMENT], strict=True))
    told: dict[str, list[str]] = {}
    links = pl.read_parquet(paths).sort("decided_by").with_columns(FILE_LINE.alias(AT))
    for one in links.to_dicts():
        by, on = one["decided_by"], one["decided_on"].isoformat()
        document = documents.get((one["file_digest"], str(one["link_line"]), by, on), "")
        told.setdefault(one[AT], []).append(f"{by} {on} {document}".strip())
    for found in _source_rows(rows):
        if found[AT] in told:
            found["linked_by"] = "、".join(told[found[AT]])


def _source_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [found for row in rows for source in sources_behind(row) for found in source["rows"]]


def repairs_behind(evidence: Evidence, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return, by file:line and column, what ingest mended in the source rows of determinations."""
    places = sorted({found[AT] for found in _source_rows(rows)})
    files = sorted({name.rpartition(":")[0] for name in places})
    mended = pl.scan_parquet(evidence.source.lists("repairs.parquet")).filter(
        pl.col("source_file").is_in(files) & FILE_LINE.is_in(places)
    )
    repairs: dict[str, dict[str, str]] = {}
    for place, column, repair in mended.select(FILE_LINE, "column", "repair").collect().iter_rows():
        repairs.setdefault(place, {})[column] = repair
    return repairs
