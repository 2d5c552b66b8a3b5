"""`wuxing replay`: a night recomputed from its snapshot and the ledger of then, and compared."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from expectations.suites import load_suite
from flows.audit.again import Night, read_night, run_again
from flows.ingest.drop import INGEST_RULES_VERSION, raw_files
from flows.language import headings, language, policy_word
from flows.money.batch_folder import batch_digest
from flows.money.ledger_store import books_of
from flows.night.made_by import funds_texts
from flows.program import deciding_texts, made_by_this_program, program
from flows.scratch import scratch_folder
from flows.store import Home, expect_digests, read_manifest
from transforms.amounts import yuan_text
from transforms.digest import content_digest
from transforms.gates import BOUNDARIES
from transforms.masking import masked_keys
from transforms.money.books import Books, snapshot_before
from transforms.money.entitlements import KEY
from transforms.visible import table
from transforms.words import BETWEEN, word

GOES_IN = ("snapshot_id", "as_of", "rules_digest", "parameters_digest", "ledger_digest")
LATER = ("determinations", "entitlements", "signed_lines", "traces", "findings")
# Tables that a night of an older program has not: there is nothing to compare.
MADE_SINCE = {"takeup", "traces", "damaged_rows", "identity_candidates", "identity_weights"}
MADE_SINCE |= {"identity_stakes"}
SNAPSHOT, PLACE = "snapshot", ("source_file", "source_line")
AMOUNTS = ("amount_fen", "due_fen")
SAMPLES = 5


def replay(
    home: Home,
    run_id: str,
    *,
    threads: int | None = None,
    memory: str | None = None,
    stored_rules: bool = False,
    from_raw: bool = False,
    executor: str = "local",
) -> dict[str, Any]:
    """Recompute a recorded run in a scratch place and compare it stage by stage.

    Rows:    returns  `stages`, one per table in the order they are made: digest and rows of then
             and now; `first_difference` with columns, counts, fen and masked keys;
             `taken_as_it_is`: other rules of ingest made the snapshot, its raw files are not read;
             `pages_compared`: whether what signers read was drawn by this program and these rules
    Holds:   nothing of the home is touched
    Raises:  DropRefusedError, DigestDiffersError if the evidence itself is not as recorded
    """
    night = read_night(home, run_id)
    books = books_of(home)
    others = _other_inputs(night)
    taken_as_it_is = from_raw and not _can_be_read_again(night)
    from_raw = from_raw and not taken_as_it_is
    if not stored_rules:
        night = Night(night.home, night.manifest, deciding_texts(), night.funds, night.position)
    with scratch_folder(home.temporary) as scratch:
        folder = run_again(
            night, scratch, threads=threads, memory=memory, from_raw=from_raw, executor=executor
        )
        now = read_manifest(folder, "run")
        pages = _pages(night, books, books_of(Home(folder.parent.parent)))
        stages = [*_stages(night, folder, now, books.batches), *(pages or ())]
        first = next((stage for stage in stages if stage["then"] != stage["now"]), None)
        differing = _first_difference(night, folder, first, now) if first else None
    files = night.manifest["files"]
    other_goes_in = [name for name in GOES_IN if now[name] != night.manifest[name]]
    return {
        "run_id": run_id,
        "rules": "stored" if stored_rules else "today",
        "verdict": "differs" if first else "other inputs" if other_goes_in else "identical",
        "stages": stages,
        "first_difference": differing,
        "other_inputs": other_goes_in,
        "changed_since": others,
        "taken_as_it_is": taken_as_it_is,
        "pages_compared": pages is not None,
        "files_same_to_the_byte": sum(now["files"].get(name) == files[name] for name in files),
        "files": len(files),
    }


def _can_be_read_again(night: Night) -> bool:
    """Hold the raw files against their digests; say whether they give the snapshot again.

    What other rules of ingest made would be another one now, and all its batches others.

    Raises:  DigestDiffersError naming the file that is missing or was changed
    """
    snapshot = read_manifest(night.snapshot, "snapshot")
    expect_digests(raw_files(night.snapshot, snapshot))
    return bool(snapshot["ingest_rules_version"] == INGEST_RULES_VERSION)


def _other_inputs(night: Night) -> list[str]:
    """Say what of program, texts and configuration is not today what it was then."""
    made_by, today = night.manifest.get("made_by") or {}, program()
    names = ("version", "commit", "code_digest", "lock_digest", "python")
    changed = [name for name in names if made_by and made_by[name] != today[name]]
    libraries = made_by.get("libraries", {})
    changed += [name for name in sorted(libraries) if libraries[name] != today["libraries"][name]]
    texts = ((night.texts, deciding_texts()), (night.funds, funds_texts(night.home)))
    for then, now in texts:
        paths = sorted(then.keys() | now.keys())
        changed += [path for path in paths if then.get(path) != now.get(path)]
    return changed


def _stages(
    night: Night, folder: Path, now: Mapping[str, Any], batches: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Pair what the night made and what was made now, in the order in which it is made."""
    then, place = night.manifest, Home(folder.parent.parent)
    again = read_manifest(place.snapshots / str(now["snapshot_id"]), "snapshot")
    stored = read_manifest(night.snapshot, "snapshot")
    read = (
        (content_digest(one["tables"]), sum(file["accepted"] for file in one["files"]))
        for one in (stored, again)
    )
    yield _stage(SNAPSHOT, *read)
    made = now["outputs"].keys() - (MADE_SINCE - then["outputs"].keys())
    empty = {"digest": "", "rows": 0}
    for name in sorted(then["outputs"].keys() | made, key=_place):
        outputs = (of["outputs"].get(name, empty) for of in (then, now))
        yield _stage(name, *((one["digest"], one["rows"]) for one in outputs))
    for batch_id in sorted({*then["batches"], *now["batches"]}):
        drawn, recorded = place.batches / batch_id, batches.get(batch_id)
        was = (recorded.batch_digest, recorded.line_count) if recorded else ("", 0)
        digest = batch_digest(drawn) if drawn.is_dir() else ""
        lines = read_manifest(drawn, "batch")["control"]["line_count"] if digest else 0
        yield _stage(f"batch {batch_id}", was, (digest, lines))


def _pages(night: Night, then: Books, now: Books) -> list[dict[str, Any]] | None:
    """Pair what signers of the night's batches read with what is drawn now.

    Rows:    returns  None where it would be drawn otherwise: by another program or other rules, at
                      another place of the ledger, or without what a page shows of before
    """
    kept = night.manifest.get("made_by") and read_night(night.home, night.run_id).texts
    before = snapshot_before(now, night.snapshot.name)
    is_there = not before or (night.home.snapshots / before).is_dir()
    if not made_by_this_program(night.manifest) or kept != night.texts or not is_there:
        return None
    states = [(then.batches.get(name), now.batches.get(name)) for name in night.manifest["batches"]]
    if any((was and was.seen) != (drawn and drawn.seen) for was, drawn in states):
        return None
    return [
        _stage(f"batch {was.batch_id} {name}", (digest, 1), (drawn.review.get(name, ""), 1))
        for was, drawn in states
        if was and drawn
        for name, digest in sorted(was.review.items())
    ]


def _stage(name: str, then: tuple[str, int], now: tuple[str, int]) -> dict[str, Any]:
    """Set digest and rows of then beside those of now."""
    return {"stage": name, "then": then[0], "then_rows": then[1], "now": now[0], "now_rows": now[1]}


def _place(name: str) -> tuple[int, str]:
    if name in LATER:
        return LATER.index(name) + 1, name
    return (0 if name.startswith("policies/") else len(LATER) + 1), name


def _first_difference(
    night: Night, folder: Path, stage: Mapping[str, Any], made: Mapping[str, Any]
) -> dict[str, Any]:
    """Say where the first table that differs does: columns, counts, fen, a few masked keys."""
    name = stage["stage"]
    if name == SNAPSHOT:
        again = Home(folder.parent.parent).snapshots / str(made["snapshot_id"])
        return {"stage": name, **snapshot_difference(night.snapshot, again)}
    paths = [place / f"{name}.parquet" for place in (night.home.runs / night.run_id, folder)]
    if not all(path.is_file() for path in paths):
        return {"stage": name}
    then, now = map(pl.read_parquet, paths)
    return {"stage": name, **table_difference(then, now)}


def snapshot_difference(then: Path, now: Path) -> dict[str, Any]:
    """Name the kinds whose tables differ, and say of the first at which delivered lines."""
    tables = [read_manifest(folder, "snapshot")["tables"] for folder in (then, now)]
    kinds = sorted(tables[0].keys() | tables[1].keys())
    kinds = [kind for kind in kinds if tables[0].get(kind) != tables[1].get(kind)]
    files = [table.get(kinds[0], {"files": {}})["files"] for table in tables]
    frames = [
        # Of a large kind only the pieces that differ.
        [pl.read_parquet(folder / name) for name in mine if mine[name] != other.get(name)]
        for folder, mine, other in zip((then, now), files, reversed(files), strict=True)
    ]
    empty = [*frames[0], *frames[1]][0].clear()
    a, b = (pl.concat([empty, *frame], how="diagonal") for frame in frames)
    return {"kinds": kinds, **table_difference(a, b, PLACE)}


def table_difference(a: pl.DataFrame, b: pl.DataFrame, key: Sequence[str] = KEY) -> dict[str, Any]:
    """Compare two tables of one stage.

    Rows:    returns  rows only there, only here, changed; columns that differ; fen of each side
    Units:   fen
    """
    columns = [name for name in a.columns if name in b.columns]
    keys = [name for name in key if name in columns]
    gone = a.join(b, on=columns, how="anti", nulls_equal=True)
    come = b.join(a, on=columns, how="anti", nulls_equal=True)
    both = gone.join(come, on=keys, how="inner", suffix="_now") if keys else gone.clear()
    changed = [
        name
        for name in columns
        if name not in keys and both.height and not both[name].equals(both[f"{name}_now"])
    ]
    amounts = [name for name in AMOUNTS if name in columns]
    shown = pl.concat([gone.select(keys), come.select(keys)]).unique().sort(keys) if keys else None
    return {
        "only_columns": sorted(set(a.columns) ^ set(b.columns)),
        "columns": changed,
        "rows_gone_or_changed": gone.height,
        "rows_come_or_changed": come.height,
        "fen_then": {name: int(a[name].sum()) for name in amounts},
        "fen_now": {name: int(b[name].sum()) for name in amounts},
        "keys": masked_keys(shown.head(SAMPLES)).to_dicts() if shown is not None else [],
    }


def replay_lines(told: Mapping[str, Any]) -> list[str]:
    """Write a replay as a table of then and now, and its verdict."""
    lines = [f"replay of {told['run_id']} by the rules of {told['rules']}"]
    checks = {one.check: one.title for name in BOUNDARIES for one in load_suite(name).thresholds}
    rows = [[*headings("stage", "rows_then", "rows_now", "digest_then", "digest_now"), ""]]
    for stage in told["stages"]:
        mark = "" if stage["then"] == stage["now"] else "≠"
        counts = (f"{stage[f'{when}_rows']:,}" for when in ("then", "now"))
        digests = (stage["then"][:12], stage["now"][:12])
        rows.append([_stage_text(stage["stage"], checks), *counts, *digests, mark])
    lines += (f"  {line}" for line in table(rows, {1, 2}))
    lines.append(
        f"  files the same to the byte: {told['files_same_to_the_byte']} of {told['files']}"
    )
    if told["changed_since"]:
        changed = BETWEEN[language()].join(headings(*told["changed_since"]))
        lines.append(f"  changed since that night: {changed}")
    if told["taken_as_it_is"]:
        lines.append(
            "  other rules of ingest made the snapshot: it was taken as it is, its raw files were "
            "not read again"
        )
    if not told["pages_compared"]:
        lines.append(
            "  the pages that signers read were not compared: another program, or other rules, "
            "drew them, or what they show of before is not here"
        )
    first = told["first_difference"]
    if first:
        lines += difference_lines(first, _stage_text(first["stage"], checks))
    if told["verdict"] != "identical" and told["rules"] == "today" and told["other_inputs"]:
        lines.append("  other rules or numbers than then: try again with --rules stored")
    return [*lines, f"verdict: {told['verdict']}"]


def _stage_text(stage: str, checks: Mapping[str, str]) -> str:
    """Name a stage: in Chinese by the title of its policy or check, else as its file is named."""
    if language() == "en":
        return word(stage, "en")
    if stage.startswith("batch "):
        return stage.replace("batch", word("batch_id"), 1)
    folder, _, name = stage.rpartition("/")
    titled = {"policies": policy_word(name), "checks": checks.get(name, name)}.get(folder)
    return f"{word(f'stage_{folder}')} {titled}" if titled else word(stage)


def difference_lines(first: Mapping[str, Any], stage: str) -> Iterator[str]:
    """Say where the first difference lies, without naming anybody."""
    yield f"  first difference: {stage}"
    if "columns" not in first:
        return
    if "kinds" in first:
        yield f"    kinds: {BETWEEN[language()].join(headings(*first['kinds']))}"
    yield f"    columns: {', '.join([*first['only_columns'], *first['columns']]) or 'whole rows'}"
    yield (
        f"    rows gone or changed {first['rows_gone_or_changed']:,}, "
        f"come or changed {first['rows_come_or_changed']:,}"
    )
    for name, fen in first["fen_then"].items():
        now = first["fen_now"][name]
        yield f"    {name}: {yuan_text(fen, ',')} then, {yuan_text(now, ',')} now"
    between = ":" if "kinds" in first else " "
    yield from (
        f"    {between.join(str(value) for value in key.values())}" for key in first["keys"]
    )
