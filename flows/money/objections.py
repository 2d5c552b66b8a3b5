"""Objections of a night, and those of the home that a batch must not pass over."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import SnapshotRef
from flows.money.batch_folder import SHOWN, StoredBatch, some_of
from flows.store import Home
from sql import Connection, policy_cards, query, show_frame
from transforms.answers.open_questions import named_by_id
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.extracts.dates import ALL_PERIODS
from transforms.extracts.registers import (
    DECISIONS,
    ID,
    LINKS,
    OBJECTIONS,
    REGISTERS,
    Register,
    extract_of,
    read_register,
    standing,
)
from transforms.money.entitlements import KEY
from transforms.money.objections import (
    CONFLICT,
    DETERMINED,
    OBJECTION,
    PARTY,
    is_about,
    name_objections,
    no_objections,
    weigh_objections,
)

FILE, DETERMINATIONS = "objections.parquet", "determinations.parquet"
LABELS = OBJECTIONS.headings
CLAIM = ["line", "policy_id", "period"]


def home_run(home: Home, run_id: str) -> Path | None:
    """Return the folder of the run before a night; None on a first night."""
    return home.runs / run_id if run_id else None


def objected_after(home: Home, snapshot: SnapshotRef, before: str) -> str | None:
    """Return the run before a night if somebody objects, now or then; else None."""
    rows = snapshot.manifest["tables"].get("objections", {"rows": 0})["rows"]
    return before if rows or (before and (home.runs / before / FILE).is_file()) else None


def objections_of(
    connection: Connection, paid: pl.DataFrame, before: Path | None, as_of: str
) -> pl.DataFrame:
    """Weigh the objections that a night's snapshot holds against the run before it.

    Rows:    paid     one per line that is paid: of it a clerk can decide though nothing is
                      determined any more
             before   folder of that run; None on a first night
             returns  OBJECTION_SCHEMA; none where nobody objects
    Holds:   one that the run before knew is weighed though no file says it any more
    """
    if before is not None and not (before / DETERMINATIONS).is_file():
        # Its folder is lost, as `wuxing verify` says: the night is weighed as a first one.
        before = None
    known = _known(before)
    said = named_by_id(query(connection, "select * from objections"), policy_cards())
    raised = name_objections(said)
    objections = pl.concat([raised, known.select(raised.columns)]).unique(
        "objection_id", keep="first", maintain_order=True
    )
    if not objections.height:
        return no_objections()
    objections = objections.sort("objection_id")
    show_frame(connection, "objected_parties", objections.select(PARTY).unique().sort(PARTY))
    columns = ", ".join([*KEY, *DETERMINED])
    now = query(
        connection,
        f"select {columns} from determinations semi join objected_parties using (policy_id, "
        "subject_id)",
    )
    ours = paid.select(KEY).unique().join(now, on=KEY, how="anti")
    ours = ours.join(objections, on=PARTY, how="semi").sort(KEY)
    now = pl.concat([now, ours], how="diagonal")
    decisions = query(
        connection,
        "select policy_id, period, subject_id, beneficiary_id, provision, decision, decided_on, "
        f"decided_by from decisions_in_force where provision in ('{OBJECTION}', '{CONFLICT}')",
    )
    then = _then(before, objections.select(PARTY).unique(), now)
    return weigh_objections(
        objections, now, then, known, decisions, before.name if before else "", as_of
    )


def _known(folder: Path | None) -> pl.DataFrame:
    """Read what a run said of objections."""
    path = folder and folder / FILE
    if not path or not path.is_file():
        return no_objections()
    # A night of before kept the word for all as it was written.
    return pl.read_parquet(path).with_columns(pl.col("objected_period").replace(ALL_PERIODS, None))


def _then(folder: Path | None, parties: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """Read what the run before determined about some parties."""
    if folder is None:
        return like.clear()
    determined = pl.scan_parquet(folder / DETERMINATIONS).select(*KEY, *DETERMINED)
    return determined.join(parties.lazy(), on=PARTY, how="semi").collect()


def registered(home: Home) -> pl.DataFrame:
    """Read the home's register of objections, each named.

    Rows:    one per objection, as name_objections gives them
    """
    if not home.objections_path.is_file():
        return objections_named(pl.DataFrame(schema=dict.fromkeys(LABELS, pl.String())))
    try:
        read = pl.read_csv(home.objections_path, infer_schema=False)
        named = read.rename({label: name for name, label in LABELS.items()})
    except pl.exceptions.PolarsError as broken:
        raise DigestDiffersError(
            f"{home.objections_path} can't be read as the register of objections: find out who "
            "changed it, and put the copy of the newest snapshot's raw/ in its place"
        ) from broken
    return objections_named(named)


def withdrawn_answers(home: Home) -> list[str]:
    """List the answers of clerks that are withdrawn in the home's registers, by their ids."""
    found = set[str]()
    for register, path in _clerks(home):
        lines = read_register(register, path.read_bytes())
        found |= {*lines[ID]} - {*standing(lines)[ID]}
    return sorted(found)


def standing_again(home: Home, withdrawn: Mapping[str, str]) -> Iterator[str]:
    """Name the answers that stand though a recorded night found them withdrawn.

    Rows:    withdrawn  by answer, the first run that found it withdrawn
    """
    for register, path in _clerks(home):
        stands = standing(read_register(register, path.read_bytes()))[ID].unique().sort()
        for answer in stands.filter(stands.is_in(withdrawn.keys())):
            run = withdrawn[answer]
            yield (
                f"{path}: answer {answer} stands again, which run {run} found withdrawn: its line "
                "撤回 was taken out; find out who did it, and withdraw it once more (`wuxing "
                "clerical withdraw`)"
            )


def _clerks(home: Home) -> list[tuple[Register, Path]]:
    paths = ((register, home.root / register.file) for register in (DECISIONS, LINKS))
    return [(register, path) for register, path in paths if path.is_file()]


def register_problems(home: Home, withdrawn: Mapping[str, str] | None = None) -> Iterator[str]:
    """Say whether a register does not hold all that nights took in of it: they only grow.

    Rows:    withdrawn  as `standing_again`
    """
    for register in REGISTERS.values():
        path = home.root / register.file
        now = path.read_bytes() if path.is_file() else b""
        try:
            lines = set((extract_of(register, now, all_lines=True) if now else b"").splitlines())
        except DigestDiffersError as changed:
            yield str(changed)
            continue
        for kept in sorted(home.snapshots.glob(f"S*/raw/{register.named}")):
            if not lines.issuperset(kept.read_bytes().splitlines()):
                yield f"{path} does not go on from what {kept.parent.parent.name} took in of it"
    with suppress(DigestDiffersError):
        yield from standing_again(home, withdrawn or {})


def objections_named(texts: pl.DataFrame) -> pl.DataFrame:
    """Name objections that are written as texts, as a night names those of its snapshot."""
    return name_objections(
        texts.with_columns(
            pl.col("period", "document_no").replace("", None),
            pl.col("raised_on").str.to_date("%Y-%m-%d", strict=False),
        )
    )


def objected_claims(home: Home, run_id: str, claims: Sequence[Sequence[Any]]) -> list[str]:
    """Name the claims of a list that somebody objects to, not decided yet or upheld by a clerk."""
    weighed = _known(home.runs / run_id)
    since = registered(home).join(weighed, on="objection_id", how="anti")
    is_yes = pl.col("is_holding") & (pl.col("decision") == "是")
    upheld = weighed.filter(is_yes.fill_null(False)).select(KEY).unique()
    waiting = weighed.filter(pl.col("objection_state") == "answered").select(since.columns)
    keys = [claim[: len(KEY)] for claim in claims]
    lines = pl.DataFrame(keys, schema=dict.fromkeys(KEY, pl.String), orient="row")
    lines = lines.with_row_index("line", offset=1)
    open_ones = _met(lines, pl.concat([waiting, since])).select(*CLAIM, is_upheld=pl.lit(False))
    decided = lines.join(upheld, on=KEY).select(*CLAIM, is_upheld=pl.lit(True))
    told = pl.concat([open_ones, decided]).sort("line", "is_upheld")
    more = [f"{told.height - SHOWN} more claims are objected to"] if told.height > SHOWN else []
    return [_warning(*row) for row in told.head(SHOWN).iter_rows()] + more


def _warning(line: int, policy: str, period: str, is_upheld: bool) -> str:
    if is_upheld:
        return (
            f"claim {line} ({policy}, {period}): a clerk upheld an objection; where nothing is to "
            "be asked back, answer `recovery` 否"
        )
    return f"claim {line} ({policy}, {period}): somebody objects, and nothing is decided yet"


def _met(lines: pl.DataFrame, objections: pl.DataFrame) -> pl.DataFrame:
    """Return the numbered lines that objections are about."""
    return (
        lines.join(objections.select(*PARTY, "objected_period"), on=PARTY, how="inner")
        .filter(is_about())
        .unique("line")
        .sort("line")
    )


def expect_no_objections(home: Home, stored: StoredBatch, newest_run: str) -> None:
    """Hold a batch against the objections registered since it was drawn up.

    One that the batch's own run has weighed does not hold the line any more, or the line would not
    be in the batch; one that the newest run has weighed holds it by what that run says.

    Raises:  LedgerForbidsError naming the lines
    """
    weighed = pl.concat(
        _known(home.runs / run_id) for run_id in (stored.manifest["run_id"], newest_run)
    )
    new = registered(home).join(weighed, on="objection_id", how="anti")
    met = _met(stored.numbered_lines(), new)
    if met.height:
        rows = met.select("line", "policy_id", "period").iter_rows()
        names = some_of(f"line {line} ({policy}, {period})" for line, policy, period in rows)
        raise LedgerForbidsError(
            f"batch {stored.manifest['batch_id']}: somebody objects to {names}; run the "
            "night again: it holds these lines and answers, and draws up the batch without them"
        )
