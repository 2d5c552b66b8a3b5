"""What clerks answered comes into the home's registers, or, asked for, into a file for a drop."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.identity import expect_known, open_review, read_review
from flows.ingest.drop import ingest_drop
from flows.ingest.filled import read_filled, sheet_titles
from flows.language import language, said
from flows.money.clock import today
from flows.scratch import scratch_folder
from flows.store import Home, replace_file
from sql.texts import policy_cards
from transforms.answers.clerical import (
    ABOVE_ROWS,
    ASKED,
    ASKED_COLUMNS,
    KEY_NAMES,
    ROWS,
    ROWS_COLUMNS,
    above_questions,
)
from transforms.answers.clerical_answers import decided_lines
from transforms.answers.identity import TITLE, link_lines
from transforms.answers.open_questions import SAME_PERSON, fits_nothing, named_by_id
from transforms.errors import DropRefusedError, UsageError
from transforms.extracts.headers import kinds_of_file
from transforms.extracts.kinds import names_of_kinds
from transforms.extracts.registers import (
    DECISIONS,
    DOCUMENT,
    ID,
    LINKS,
    REGISTERED,
    STATE,
    WHY,
    WITHDRAWN,
    Register,
    add_answers,
    csv_of,
    read_register,
    said_texts,
    standing,
    withdrawal,
)
from transforms.masking import masked_keys
from transforms.sheets.filled import named_rows
from transforms.words import word, worded

QUESTION = "question"
GIVE = "the clerical_decisions.xlsx of a run, filled in"
ANSWER = "answer"
MOST_NAMED = 10
SHOWN, SHORT = ("policy_id", "period", "provision", "line", "decision"), 9


def import_decisions(path: Path, out: Path, given: Mapping[str, str]) -> tuple[Path, int]:
    """Write the answers of a file as an extract for a drop; all lines or none.

    Raises:  DropRefusedError if a line is unchanged, incomplete or altered, or `out` exists
    """
    register, answers = _read(path, given, out.parent, None)
    if out.exists():
        raise DropRefusedError(f"{out} is there already; nothing is overwritten: use --out")
    replace_file(out, csv_of(answers.select(register.headings.values())))
    return out, answers.height


def register_answers(
    home: Home, path: Path, given: Mapping[str, str], opened: Path | None = None
) -> dict[str, Any]:
    """Add what a file answers to the home's register; what stands there already is not added.

    Rows:    path   a filled-in workbook, or an extract of clerks' decisions or links
             given  decided_by and document_no, for lines that do not say them themselves
             opened  where the scores of the rows answered are written; else beside the workbook
    Holds:   all lines or none; what stands in the register stays as it is
    Raises:  DropRefusedError naming the lines that can't be taken
    """
    if opened and opened.exists():
        raise DropRefusedError(f"{opened} is there already; nothing is overwritten: use --opened")
    review = read_review(home, path, given) if _has_sheet(path, TITLE) else None
    if review:
        lines = link_lines(review[0], standing(registered(home, LINKS)))
        register, answers = LINKS, said_texts(LINKS, lines, given)
        answers = answers.insert_column(0, lines["question_no"].alias(ANSWER))
    else:
        register, answers = _read(path, given, home.temporary, home)
    place = home.root / register.file
    known = registered(home, register)
    new = add_answers(register, known, answers, ANSWER, today())
    if new.height:
        replace_file(place, csv_of(pl.concat([known, new])))
    shown = opened or path.with_name(f"{path.stem}_opened.xlsx")
    return {
        "path": str(place),
        "kind": register.kind.name,
        "lines": answers.height,
        "answers": answers[ANSWER].n_unique(),
        "new_answers": new[ID].n_unique(),
        "new_answer_ids": new[ID].unique(maintain_order=True).to_list(),
        "new_lines": new.height,
        **(open_review(*review, standing(known), shown) if review else {}),
    }


def registered(home: Home, register: Register) -> pl.DataFrame:
    """Read a register of the home; without lines where there is none yet."""
    path = home.root / register.file
    if not path.is_file():
        return pl.DataFrame(schema=dict.fromkeys(register.columns, pl.String()))
    return read_register(register, path.read_bytes())


def withdraw_answer(home: Home, name: str, said: Mapping[str, str]) -> dict[str, Any]:
    """Withdraw an answer by a line of its own; the answer's lines stay in the register.

    Rows:    said  decided_by, why, document_no
    Raises:  UsageError if the name means no answer that stands, or several
    """
    for register in (DECISIONS, LINKS):
        known = registered(home, register)
        found = standing(known).filter(pl.col(ID).str.starts_with(name.upper()))
        names = found[ID].unique().to_list()
        if len(names) > 1:
            raise UsageError(f"{name} means {len(names)} answers: write more of its id")
        if names:
            line = withdrawal(register, names[0], said, today())
            replace_file(home.root / register.file, csv_of(pl.concat([known, line])))
            return {"answer_id": names[0], "kind": register.kind.name, "lines": found.height}
    raise UsageError(
        f"no answer {name} counts: it was withdrawn already or never registered; `wuxing clerical "
        "show` lists them"
    )


def list_answers(home: Home) -> list[dict[str, Any]]:
    """List the answers of the home's registers, in the order they were registered."""
    listed = []
    for register in (DECISIONS, LINKS):
        known = registered(home, register)
        ended = {row[ID]: row for row in known.filter(pl.col(STATE) == WITHDRAWN).to_dicts()}
        answers = known.filter(pl.col(STATE) != WITHDRAWN)
        counting = _counting(register, known)
        for (name,), lines in answers.group_by(ID, maintain_order=True):
            one, end = lines.row(0, named=True), ended.get(str(name), {})
            listed.append(
                {
                    "answer_id": str(name),
                    **{key: one[label] for key, label in register.headings.items()},
                    "kind": register.kind.name,
                    "lines": lines.height,
                    "document_no": one[DOCUMENT],
                    "registered_on": one[REGISTERED],
                    "state": _state(bool(end), name in counting),
                    "withdrawn_by": end.get(register.headings["decided_by"], ""),
                    "withdrawn_because": end.get(WHY, ""),
                }
            )
    return listed


def _state(is_withdrawn: bool, counts: bool) -> str:
    if is_withdrawn:
        return "withdrawn"
    return "stands" if counts else "replaced"


def _question(head: Mapping[str, str]) -> pl.Expr:
    """Name what a decision answers: of two ids, whichever a line names first."""
    asked = pl.concat_list(head[name] for name in KEY_NAMES)
    pair = pl.concat_list(head["subject_id"], head["beneficiary_id"]).list.sort()
    is_identity = pl.col(head["provision"]) == SAME_PERSON
    return pl.when(is_identity).then(pair).otherwise(asked).list.join("|")


def _counting(register: Register, known: pl.DataFrame) -> set[str]:
    """Name the answers of which any line counts: of a clerk's on one question the last alone."""
    lines = standing(known)
    if register is DECISIONS:
        head = register.headings
        newest = lines.sort(head["decided_on"], maintain_order=True)
        asked = newest.with_columns(_question(head).alias(QUESTION))
        lines = asked.unique([QUESTION, head["decided_by"]], keep="last")
    return {*lines[ID].to_list()}


def answer_lines(answers: Iterable[Mapping[str, Any]]) -> list[str]:
    """Write answers as lines a person reads; no whole id of a person stands in them."""
    lines = []
    replaced = said("  replaced by a later answer of the same clerk")
    for one in answers:
        kind = word(one["kind"], language(), names_of_kinds())
        about = " ".join([kind, *(one[name] for name in SHOWN if one.get(name))])
        if one.get("subject_id"):
            about += f" {masked_keys(pl.DataFrame({'subject_id': [one['subject_id']]})).item()}"
        more = said(f" and more lines: {one['lines'] - 1}") if one["lines"] > 1 else ""
        ended = said(f"  withdrawn by {one['withdrawn_by']}: {one['withdrawn_because']}")
        endings = {"withdrawn": ended, "replaced": replaced}
        lines.append(
            f"{one['answer_id'][:SHORT]}  {about}{more}  {one['decided_by']} {one['decided_on']}"
            f"  {one['document_no'] or said('no document')}{endings.get(one['state'], '')}"
        )
    return lines or ["no answer is registered"]


def _read(
    path: Path, given: Mapping[str, str], place: Path, home: Home | None
) -> tuple[Register, pl.DataFrame]:
    """Read what a file answers: its columns `said` as texts, and ANSWER, one per answer."""
    if not path.is_file():
        raise DropRefusedError(f"{path} is no file: give {GIVE}")
    if _has_sheet(path, TITLE):
        raise DropRefusedError(f"{path.name}: its answers go into a home: leave out --out")
    if _has_sheet(path, ROWS):
        above = [worded(said) for said in above_questions("", 0)]
        asked = read_filled(path, ASKED_COLUMNS, GIVE, ASKED, above, [ROWS])
        above = [worded(said) for said in ABOVE_ROWS]
        about = read_filled(path, ROWS_COLUMNS, GIVE, ROWS, above, [ASKED])
        register, rows = DECISIONS, decided_lines(asked, about, path.name, given)
        answer = pl.concat_str("question_no", "decision")
    else:
        register, rows = _read_extract(path, place)
        if register is DECISIONS:
            rows = _expect_fitting(path.name, rows)
        elif home:
            expect_known(home, path.name, rows)
        answer = pl.int_range(pl.len())
    named = rows.select(answer.alias(ANSWER)).to_series()
    return register, said_texts(register, rows, given).insert_column(0, named)


def _expect_fitting(name: str, decisions: pl.DataFrame) -> pl.DataFrame:
    """Name the policies of decisions by their ids, and make sure that each answers a question.

    Raises:  DropRefusedError naming the lines of no policy, or on no provision of its card
    """
    named = named_by_id(decisions, policy_cards())
    wrong = fits_nothing(named, policy_cards())
    told = [
        f"in row {named_rows(lines['source_line'].to_list())}: {why}"
        for (why,), lines in wrong.group_by("why", maintain_order=True)
    ]
    if told:
        raise DropRefusedError(f"{name}: nothing was imported; {'; '.join(told)}")
    return named


def _has_sheet(path: Path, title: str) -> bool:
    return path.suffix.lower() == ".xlsx" and path.is_file() and title in sheet_titles(path)


def _read_extract(path: Path, place: Path) -> tuple[Register, pl.DataFrame]:
    """Read a file as a night would; a row that would fall out refuses it whole."""
    found = [one for one in (DECISIONS, LINKS) if one.kind in kinds_of_file(path.name)]
    if len(found) != 1:
        raise DropRefusedError(
            f"{path} is neither {GIVE}, nor a file named 人工裁定 or 身份核对结论: give one of them"
        )
    place.mkdir(parents=True, exist_ok=True)
    with scratch_folder(place) as scratch:
        drop = scratch / "drop"
        drop.mkdir()
        shutil.copy(path, drop)
        snapshot = ingest_drop(drop, scratch / "snapshots")
        fallen = pl.read_parquet(snapshot.folder / "quarantine.parquet")
        told = [f"line {line}: {said}" for line, said in fallen["source_line", "message"].rows()]
        # Once registered, an emptied cell would count as one that was left empty.
        findings = pl.read_parquet(snapshot.folder / "findings.parquet")
        told += findings.filter(pl.col("finding") == "cell_emptied")["detail"].to_list()
        if told:
            named = "; ".join(told[:MOST_NAMED])
            raise DropRefusedError(f"{path.name}: nothing was imported; {named}")
        tables = snapshot.tables()[found[0].kind.name]
        return found[0], pl.concat(pl.read_parquet(table) for table in tables)
