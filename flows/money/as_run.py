"""A batch against the run that it names: its lines are due there, to accounts known there."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from flows.money.batch_folder import StoredBatch, line_named, some_of
from flows.money.evidence import expect_manifests, rows_of, run_files, table_files
from flows.program import deciding_texts
from flows.store import Home, expect_digests, read_inputs, read_manifest
from transforms.errors import DigestDiffersError
from transforms.money.batch_states import BatchState
from transforms.money.books import Books
from transforms.money.entitlements import KEY
from transforms.money.payees import DESTINATION, PAYEE, normal_accounts

SUMS = ("determined_fen", "paid_before_fen", "amount_fen")
NAMED = ("policy_id", *PAYEE)


def expect_as_run(home: Home, stored: StoredBatch, books: Books) -> None:
    """Hold a batch against what its run found payable and the accounts that its run read.

    Holds:   all that is payable in the run has its line in the batch of its fund, once; in one that
             a review left, all but what was taken out
    Raises:  DigestDiffersError naming the lines, or the file of run or snapshot that was changed
    """
    state = books.batches[stored.manifest["batch_id"]]
    run, snapshot = expect_manifests(home, state.run_id, books)
    entitlements = [file for file in run_files(run) if file[0].name == "entitlements.parquet"]
    delivered = table_files(snapshot, "accounts")
    expect_digests([*entitlements, *delivered])
    entitled, accounts = rows_of(entitlements), rows_of(delivered)
    lines = stored.numbered_lines()
    instructions = stored.frame("instructions")
    payable = entitled.filter(pl.col("status") == "payable").join(
        _taken_out(books, state), on=KEY, how="anti"
    )
    said = {
        **dict(_left_out(stored, lines, payable, books)),
        **dict(_not_paid_so(lines, instructions)),
        **dict(_not_known(lines, instructions, accounts)),
        **dict(_not_payable(lines, payable)),
    }
    if said:
        raise DigestDiffersError(
            f"batch {stored.manifest['batch_id']} is not what its run {run.name} found: "
            f"{some_of(text for _, text in sorted(said.items()))}; sign and pay "
            "nothing, find out who changed it"
        )


def changed_rules(home: Home, batch: Mapping[str, Any]) -> list[str]:
    """Warn where the rules of a batch's policies are others than those that drew it up.

    Rows:    batch  its manifest
    Raises:  DigestDiffersError if what its run kept of them is missing or was changed
    """
    made_by = read_manifest(home.runs / batch["run_id"], "run").get("made_by")
    if made_by is None:
        return []
    then, now = read_inputs(home, made_by["inputs"])["texts"], deciding_texts()
    own = {f"sql/policies/{one['policy_id']}": one["title"] for one in batch["policies"]}
    changed = {f"{path}{end}" for path in own for end in (".yaml", ".sql")}
    changed = {path.rpartition(".")[0] for path in changed if then.get(path) != now.get(path)}
    return [
        f"the rules of {title} were changed since this batch's night, and it pays by those of "
        "then: look at what the next night finds otherwise"
        for path, title in own.items()
        if path in changed
    ]


def _taken_out(books: Books, state: BatchState) -> pl.DataFrame:
    """Return the keys of the lines that reviews took out before a batch was drawn up."""
    rows: list[list[str]] = []
    while state.came_from:
        state = books.batches[state.came_from]
        said = state.reviewed[-1]
        rows += [row[: len(KEY)] for row in (*said["held"], *said["struck"])]
    return pl.DataFrame(rows, schema=dict.fromkeys(KEY, pl.String()), orient="row")


def _left_out(
    stored: StoredBatch, lines: pl.DataFrame, payable: pl.DataFrame, books: Books
) -> Iterator[tuple[int, str]]:
    """Say what is payable in a run and has no line, in this batch or in one of another fund.

    What another batch holds is counted, not read: whether it holds the right lines it says itself.
    """
    run_id, fund = stored.manifest["run_id"], stored.manifest["fund"]
    ours = [entry["policy_id"] for entry in stored.manifest["policies"]]
    without = payable.filter(pl.col("policy_id").is_in(ours)).join(lines, on=KEY, how="anti")
    counts = without.group_by("policy_id", "period").len("count").sort("policy_id", "period")
    for number, row in enumerate(counts.iter_rows(named=True), start=lines.height + 1):
        yield number, f"{row['policy_id']}, {row['period']}: {row['count']} payable there, no line"
    beside = [s for s in books.batches.values() if s.run_id == run_id and s.fund != fund]
    held = lines.height + sum(one.line_count for one in beside if not one.came_from)
    if held < payable.height and not without.height:
        yield 0, f"of {payable.height} lines that are payable there only {held} are in a batch"


def _not_payable(lines: pl.DataFrame, payable: pl.DataFrame) -> Iterator[tuple[int, str]]:
    due = payable.rename({"due_fen": "amount_fen"})
    twice = lines.filter(pl.struct(KEY).is_duplicated())
    wrong = pl.concat([twice, lines.join(due, on=[*KEY, *SUMS], how="anti")])
    for row in wrong.iter_rows(named=True):
        yield row["line"], f"{line_named(row)} is not payable there with this amount"


def _not_paid_so(lines: pl.DataFrame, instructions: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Say of lines that no instruction pays, or one to somebody else or of another sum.

    An instruction without lines pays what no line is for: it is named as line 0.
    """
    sums = lines.group_by("payment_id", *NAMED).agg(pl.col("amount_fen").sum())
    paid = sums.join(instructions, on=["payment_id", *NAMED, "amount_fen"], how="semi")
    for row in lines.join(paid, on=["payment_id", *NAMED], how="anti").iter_rows(named=True):
        yield row["line"], f"{line_named(row)} has an instruction for another payee or amount"
    beside = instructions.join(lines, on="payment_id", how="anti")["payment_id"].to_list()
    twice = instructions.filter(pl.col("payment_id").is_duplicated())["payment_id"].to_list()
    if beside or twice:
        yield 0, f"payment {min([*beside, *twice])} is not what its lines are for"


def _not_known(
    lines: pl.DataFrame, instructions: pl.DataFrame, accounts: pl.DataFrame
) -> Iterator[tuple[int, str]]:
    for row in paid_elsewhere(lines, instructions, accounts).iter_rows(named=True):
        yield row["line"], f"{line_named(row)} goes to an account that its snapshot does not give"


def paid_elsewhere(
    lines: pl.DataFrame, instructions: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """Return the lines paid to what a snapshot does not give: account, bank or holder is another.

    Rows:    accounts  of the snapshot, as delivered
    """
    if accounts.height:
        normal = _chosen(normal_accounts(accounts)).select(*PAYEE, *DESTINATION)
        instructions = instructions.join(
            normal, on=[*PAYEE, *DESTINATION], how="anti", nulls_equal=True
        )
    return lines.join(instructions, on="payment_id", how="semi")


def _chosen(normal: pl.DataFrame) -> pl.DataFrame:
    """Leave the accounts that were confirmed with proof, where a payee has one.

    Of two that are left a run pays into neither: what it pays into is the only one.
    """
    if "document_no" not in normal.columns:
        return normal
    proven = pl.col("confirmed_by").is_not_null() & pl.col("document_no").is_not_null()
    return normal.filter(proven | ~proven.any().over("subject_kind", "subject_id"))
