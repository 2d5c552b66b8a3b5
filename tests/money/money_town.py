"""A hand-made town for the tests of the money: a few determinations, accounts, names."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import INGEST_RULES_VERSION, snapshot_name
from flows.money.batch import Drafted, draft_batches, record_drafts
from flows.money.entitle import Entitled, build_entitlements
from flows.money.funds import read_funds, with_sample_payers
from flows.money.ledger_store import books_of, open_ledger
from flows.money.release import release_batch
from flows.money.sign import sign_batch
from flows.money.standing import NUMBERED, read_standing
from flows.night.determine import DETERMINATION_SCHEMA, Determined
from flows.store import Home, file_digest, write_manifest
from sql import FactStore, connect, register_frame, register_tables
from tests.ceremony import hold_ceremony, key_of
from transforms.digest import short_id
from transforms.extracts.kinds import KINDS, table_schema
from transforms.extracts.rules import QUARANTINE_SCHEMA
from transforms.money.batch_states import LEFT_BEHIND
from transforms.money.batches import LINE_SCHEMA
from transforms.money.claims import CAUSE_SCHEMA
from transforms.money.entitlements import KEY
from transforms.money.exclusions import ROW
from transforms.policies.cards import PolicyStatus

AS_OF = date(2020, 3, 31)
ALL_POLICIES = (
    *("stability_refund", "stability_refund_difficult", "new_hire_subsidy"),
    *("graduate_hire_insurance", "graduate_flexible_insurance", "internship_subsidy"),
    *("public_post_extension", "flexible_insurance_extension", "benefit_to_retirement"),
)
EXTRACTS = ("registrations", "insured_persons", "residents", "accounts")
EXTRACTS += ("contributions", "employment")
OWN_ROWS = {"kind": pl.String, "source_file": pl.String, "source_line": pl.Int64}
NOTHING_SIGNED = pl.DataFrame(schema={name: LINE_SCHEMA[name] for name in NUMBERED})
ONE, TWO = "91370302MA3C00001Q", "91370302MA3C00002U"
ANN, BOB = "370302199001011232", "370302199002022347"


def refund(
    amount_fen: int, employer: str = ONE, policy: str = "stability_refund"
) -> dict[str, Any]:
    """Return an eligible yearly row of an employer."""
    return row(policy, "2020", "employer", employer, "employer", employer, amount_fen)


def month(
    policy: str, person: str, amount_fen: int, period: str = "2020-02", payee: str = ""
) -> dict[str, Any]:
    """Return an eligible monthly row of a person, paid to the person or to an employer."""
    kind = "employer" if payee else "person"
    return row(policy, period, "person", person, kind, payee or person, amount_fen)


def row(*values: Any) -> dict[str, Any]:
    names = ("policy_id", "period", "subject_kind", "subject_id")
    names += ("beneficiary_kind", "beneficiary_id", "amount_fen")
    return {**dict(zip(names, values, strict=True)), "outcome": "eligible", "reason_codes": []}


def account(subject: str, holder: str, **other: Any) -> dict[str, Any]:
    kind = "单位" if subject.startswith("9") else "个人"
    return {
        "subject_kind": kind,
        "subject_id": subject,
        "holder": holder,
        "account_no": "6222" + subject[4:16].replace("M", "0").replace("A", "0").replace("C", "0"),
        "bank_name": "淄川农商银行",
        "bank_code": "402453000012",
        "account_state": "正常",
        **other,
    }


@dataclass
class Town:
    """What the extracts say; change a list before a night to make a case."""

    registrations: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"employer_code": ONE, "employer_name": "淄川一厂"},
            {"employer_code": TWO, "employer_name": "淄川二厂"},
        ]
    )
    insured_persons: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"person_id": ANN, "name": "安娜"},
            {"person_id": BOB, "name": "鲍勃"},
        ]
    )
    residents: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] | None = field(
        default_factory=lambda: [
            account(ONE, "淄川一厂"),
            account(TWO, "淄川二厂"),
            account(ANN, "安娜"),
            account(BOB, "鲍勃"),
        ]
    )
    contributions: list[dict[str, Any]] = field(default_factory=list)
    employment: list[dict[str, Any]] = field(default_factory=list)
    in_two_towns: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    # Other kinds that were delivered, by name.
    other: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    own_rows: list[dict[str, Any]] = field(default_factory=list)


def answer(
    policy: str, person: str, is_yes: bool, payee: str = "", provision: str = "conflict"
) -> dict[str, Any]:
    return {
        "policy_id": policy,
        "period": "2020-02",
        "subject_id": person,
        "beneficiary_id": payee or person,
        "provision": provision,
        "is_yes": is_yes,
    }


def policy_frames(rows: Sequence[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """Make of each policy what a run writes of it; its only fact is the amount."""
    determinations = pl.DataFrame(list(rows), schema=DETERMINATION_SCHEMA)
    return {
        str(policy_id): policy.select(*KEY[1:], "amount_fen", pl.lit("").alias("clerk_answers"))
        for (policy_id,), policy in determinations.group_by("policy_id", maintain_order=True)
    }


def determined_of(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    town: Town,
    not_run: Sequence[str] = (),
    reach_to: int = 202003,
) -> Determined:
    """Make what the determine stage would hand over, with the town's extracts behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = connect(threads=1)
    tables = {}
    for name in (*EXTRACTS, *town.other):
        found = town.other[name] if name in town.other else getattr(town, name)
        if found is None:
            continue
        schema = table_schema(KINDS[name])
        path = folder / f"{name}.parquet"
        keys = [{"person_key": int(r["person_id"][:17])} if "person_id" in r else {} for r in found]
        rows_found = [{**one, **key} for one, key in zip(found, keys, strict=True)]
        pl.DataFrame(rows_found, schema=schema).write_parquet(path)
        tables[name] = [path]
    register_tables(connection, tables, AS_OF)
    texts = ("policy_id", "period", "subject_id", "beneficiary_id", "provision")
    answers = pl.DataFrame(
        town.answers, schema={**dict.fromkeys(texts, pl.String()), "is_yes": pl.Boolean()}
    )
    register_frame(connection, "clerical_answers", answers)
    decision = pl.when("is_yes").then(pl.lit("是")).otherwise(pl.lit("否")).alias("decision")
    place = {"source_file": pl.lit("人工裁定.csv"), "source_line": pl.lit(2)}
    register_frame(connection, "decisions_in_force", answers.with_columns(decision, **place))
    keys = [int(person[:17]) for person in town.in_two_towns]
    towns = pl.DataFrame({"person_key": keys}, schema={"person_key": pl.Int64})
    register_frame(connection, "jobs_in_two_towns", towns)
    own = pl.DataFrame(town.own_rows, schema=OWN_ROWS)
    register_frame(connection, "own_rows", own)
    store = FactStore(connection, tables, AS_OF)
    store.build("insurance_masks")
    determinations = pl.DataFrame(list(rows), schema=DETERMINATION_SCHEMA)
    register_frame(connection, "determinations", determinations)
    for policy_id, policy in policy_frames(rows).items():
        register_frame(connection, f"policy_{policy_id}", policy.drop("clerk_answers"))
        register_frame(connection, f"determination_{policy_id}", policy.drop("amount_fen"))
    ran = PolicyStatus("ran", None, 202001, reach_to, [_unconfirmed()])
    stopped = PolicyStatus("not_run", None, None, None, [])
    return Determined(
        connection=connection,
        store=store,
        policies={name: stopped if name in not_run else ran for name in ALL_POLICIES},
        findings=pl.DataFrame(),
        warnings=[],
        own_rows=pl.DataFrame(),
    )


def _unconfirmed() -> dict[str, Any]:
    return {
        "name": "layoff_rate_method",
        "value": "average_less_attrition",
        "from": "2020-01-01",
        "source": "reading",
        "confirmed": False,
    }


def new_home(root: Path, budget_yuan: int = 1_000_000) -> Home:
    """Make a home with funds, two heads, and an enrolled key for each role."""
    home = Home(root)
    hold_ceremony(home)
    text = home.funds_path.read_text(encoding="utf-8").replace("2020 = 0", f"2020 = {budget_yuan}")
    home.funds_path.write_text(with_sample_payers(text), encoding="utf-8")
    return home


def run_name(label: str, as_of: date = AS_OF) -> str:
    """Name a run by a test's word for it."""
    return short_id("R", goes_in(label, as_of))


def goes_in(label: str, as_of: date) -> dict[str, str]:
    names = ("rules_digest", "parameters_digest", "ledger_digest")
    said = {"snapshot_id": snapshot_name(delivered(label)), "as_of": as_of.isoformat()}
    return {**said, **dict.fromkeys(names, label)}


def delivered(label: str) -> list[dict[str, str]]:
    """List the files of a night's snapshot: of its own where its label ends in +.

    What stands behind the + names a snapshot of several nights.
    """
    note = {"kind": "delivery_note", "name": "note.csv", "sha256": sha256(_noted(label).encode())}
    return [note] if "+" in label else []


def _noted(label: str) -> str:
    return label.partition("+")[2] or label


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def leave_run(
    home: Home,
    label: str,
    as_of: date = AS_OF,
    entitled: Entitled | None = None,
    rows: Sequence[dict[str, Any]] = (),
) -> None:
    """Leave the folders of a run and its snapshot, as far as the money asks for them.

    The extracts that `determined_of` left beside the home are the snapshot's tables.
    """
    folder, files = home.runs / run_name(label, as_of), delivered(label)
    snapshot = home.snapshots / snapshot_name(files)
    folder.mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True, exist_ok=True)
    for file in files:
        (snapshot / "raw").mkdir(exist_ok=True)
        (snapshot / "raw" / file["name"]).write_text(_noted(label))
    # All other nights read one snapshot: its tables are those of the first, for it never changes.
    if (home.root / "extracts").is_dir() and not (snapshot / "tables").is_dir():
        shutil.copytree(home.root / "extracts", snapshot / "tables")
    tables = sorted((snapshot / "tables").glob("*.parquet"))
    quarantine = snapshot / "quarantine.parquet"
    QUARANTINE_SCHEMA.to_frame().write_parquet(quarantine)
    manifest = {
        "files": files,
        "tables": {
            path.stem: {"files": {path.relative_to(snapshot).as_posix(): file_digest(path)}}
            for path in tables
        },
        "lists": {quarantine.name: file_digest(quarantine)},
        "ingest_rules_version": INGEST_RULES_VERSION,
    }
    write_manifest(snapshot, manifest)
    if entitled is not None:
        entitled.entitlements.write_parquet(folder / "entitlements.parquet")
        entitled.signed_lines.write_parquet(folder / "signed_lines.parquet")
    determinations = pl.DataFrame(list(rows), schema=DETERMINATION_SCHEMA)
    determinations.write_parquet(folder / "determinations.parquet")
    (folder / "policies").mkdir(exist_ok=True)
    for policy_id, policy in policy_frames(rows).items():
        policy.write_parquet(folder / "policies" / f"{policy_id}.parquet")
    written = sorted(folder.rglob("*.parquet"))
    made = {path.relative_to(folder).as_posix(): file_digest(path) for path in written}
    write_manifest(folder, {**goes_in(label, as_of), "state": "done", "files": made})


def entitle(
    home: Home, rows: Sequence[dict[str, Any]], town: Town | None = None, **other: Any
) -> Entitled:
    """Entitle one night's determinations; nothing is drafted."""
    determined = determined_of(home.root / "extracts", rows, town or Town(), **other)
    return draw_up(home, "R0", determined)[0]


def night(
    home: Home,
    label: str,
    rows: Sequence[dict[str, Any]],
    town: Town | None = None,
    as_of: date = AS_OF,
    causes: Any = None,
    **other: Any,
) -> tuple[Entitled, Drafted]:
    """Do the money's part of one night: entitle, draft, record."""
    determined = determined_of(home.root / "extracts", rows, town or Town(), **other)
    said = causes or claim_all
    entitled, drafted = draw_up(home, run_name(label, as_of), determined, as_of, said)
    leave_run(home, label, as_of, entitled, rows)
    with open_ledger(home) as ledger:
        record_drafts(home, drafted, ledger)
    return entitled, drafted


def claim_all(claims: pl.DataFrame) -> pl.DataFrame:
    """Let every claim be one: here are no extracts that could speak against it."""
    causes = claims.select(ROW, is_claim=True, cause=pl.lit("row_found"), cause_rows=pl.lit(""))
    return causes.with_columns(sure_fen=0).cast(CAUSE_SCHEMA)


def claim_none(claims: pl.DataFrame) -> pl.DataFrame:
    """Let no claim be one: the rows it rested on are gone."""
    return claim_all(claims).with_columns(is_claim=False, cause=pl.lit("rows_gone"))


def draw_up(
    home: Home,
    run_id: str,
    determined: Determined,
    as_of: date = AS_OF,
    causes: Any = claim_all,
    day: str = "",
) -> tuple[Entitled, Drafted]:
    """Entitle and draft against what the ledger says; nothing is recorded.

    Rows:    day  by which policies are over; none says so
    """
    funds = read_funds(home)
    standing = read_standing(home, as_of.year)
    entitled = build_entitlements(
        determined.connection, determined.policies, standing, funds, causes, (None, day)
    )
    drafted = draft_batches(run_id, as_of, entitled, determined.policies, funds, standing)
    return entitled, drafted


def sign_both(home: Home, batch_id: str) -> None:
    """Sign as both do, who know that nothing was paid of what was left."""
    states = books_of(home).batches.values()
    left = [state.batch_id for state in states if state.state in LEFT_BEHIND]
    for role in ("reviewer", "approver"):
        sign_batch(home, batch_id, role, key_of(home, role), unpaid=left)


def pay(home: Home, label: str, rows: Sequence[dict[str, Any]], **other: Any) -> list[str]:
    """Do a night, sign and release every batch of it; return their ids."""
    _, drafted = night(home, label, rows, **other)
    for batch in drafted.batches:
        sign_both(home, batch.batch_id)
        release_batch(home, batch.batch_id)
    return [batch.batch_id for batch in drafted.batches]


def ids_of(home: Home, batch: str) -> list[str]:
    """Return a batch's payment ids, the smallest amount first."""
    instructions = pl.read_parquet(home.batches / batch / "instructions.parquet")
    return list(instructions.sort("amount_fen")["payment_id"])


def statuses(entitled: Entitled) -> list[tuple[str, str, int, str]]:
    """Return policy, status, due and reason of each entitlement, in order."""
    columns = ("policy_id", "status", "due_fen", "reason")
    return list(entitled.entitlements.select(columns).iter_rows())
