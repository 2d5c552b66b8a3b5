"""The clerk's workbook: what is not known or contradicts itself, a line for each fact.

One line asks for one fact, though many rows of the run need it; the second sheet has these rows,
and each may be answered otherwise. A question's number is the digest of the keys of its rows: it
tells whether one of them was altered. Behind it stands, on both sheets, the digest of what the line
shows: it tells whether they still belong together.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from transforms.answers.open_questions import BOTH, CONFLICT, RECOVERY, with_facts
from transforms.digest import text_digest
from transforms.extracts.kinds import heading
from transforms.extracts.registers import DECISIONS as REGISTER
from transforms.money.claims import IN_PART
from transforms.money.entitlements import KEY, OUTSIDE_SPAN
from transforms.money.exclusion_file import Exclusion
from transforms.money.exclusions import counted_once
from transforms.money.objections import OBJECTION
from transforms.sheets.filled import CODE_LENGTH, with_codes
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, said_column, word, words_column

LABELS = REGISTER.headings
KEY_NAMES = ["policy_id", "period", "subject_id", "beneficiary_id", "provision"]
ANSWER_NAMES = ["decision", "decided_by", "decided_on"]
OPEN_NAMES = [*ANSWER_NAMES, "document_no"]
DECISIONS = ("是", "否")
KEPT = "clerk_kept"
NUMBER, OWN = word("question_no"), word("own_decision")
ASKED, ROWS = REGISTER.kind.titles[1], word("sheet_asked_rows")
GREY_NAMES = ["subject_id", "beneficiary_id", "question_no"]
# What the lines of both sheets show; amounts and counts, which programs round, are not digested.
SHOWN = ["question", "about_name", "missing", "policies", "periods", "basis", *GREY_NAMES[:2]]
ROWS_SHOWN = ["policy_name", "question", *KEY_NAMES]
ASKED_COLUMNS = [
    *(LABELS.get(name) or heading(name) for name in (*SHOWN, *OPEN_NAMES)),
    *(heading(name) for name in ("row_count", "stake_fen", "question_no")),
]
ROWS_COLUMNS = [
    *(LABELS.get(name) or heading(name) for name in ROWS_SHOWN),
    *(heading(name) for name in ("own_decision", "amount_fen", "question_no")),
]
ABOVE_ROWS = [Said("clerical_rows")]


def conflict_questions(entitlements: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    """Ask of each conflicting line whether it may stand.

    Rows:    one per entitlement with status conflict, with the questions' columns
    """
    rows = entitlements.filter(pl.col("status") == CONFLICT)
    missing = said_column("excluded_by", policies=words_column("reason", titles))
    return _asked_of_rows(rows, CONFLICT, "once_a_month", missing, pl.col("determined_fen"))


def recovery_questions(entitlements: pl.DataFrame) -> pl.DataFrame:
    """Ask of each unsupported line, or the part of one, whether the money is to be asked back.

    Rows:    one per entitlement that is unsupported or in part, with the questions' columns
    Units:   amount_fen is what would be asked back
    """
    is_open = (pl.col("status") == "unsupported") & (pl.col("cause") != KEPT)
    is_open = (is_open | (pl.col("cause") == IN_PART)) & (pl.col("reason") != OUTSIDE_SPAN)
    rest_fen = pl.col("paid_before_fen") + pl.col("due_fen") - pl.col("determined_fen")
    missing = said_column("cause_at", cause=words_column("cause"), places="cause_rows")
    rows = entitlements.filter(is_open)
    return _asked_of_rows(rows, RECOVERY, "recovery_clause", missing, rest_fen)


def objection_questions(weighed: pl.DataFrame) -> pl.DataFrame:
    """Ask of each line objected to, and not decided yet, whether the objection is upheld.

    Rows:    weighed  the night's objections; returns  one per line, with the questions' columns
    """
    pending = pl.col("is_holding") & pl.col("decision").is_null()
    rows = weighed.filter(pending).sort("objection_id").unique(KEY, keep="first")
    missing = said_column("objection_says", reason="objection_reason")
    fen = pl.coalesce("amount_fen", "amount_before_fen", pl.lit(0))
    return _asked_of_rows(rows, OBJECTION, "objection_clause", missing, fen)


def _asked_of_rows(
    rows: pl.DataFrame, what: str, clause: str, missing: pl.Expr, amount_fen: pl.Expr
) -> pl.DataFrame:
    """Make one question of what is asked of a policy's rows alike, month by month."""
    asked = rows.select(
        *KEY,
        pl.lit(what).alias("provision"),
        pl.lit(word(what)).alias("title"),
        pl.lit(word(clause)).alias("clause"),
        missing.alias("missing"),
        amount_fen.alias("amount_fen"),
    )
    about = asked.with_columns(pl.lit(BOTH).alias("about"))
    named = with_facts(about, pl.col("provision"), pl.col("policy_id"))
    return named.select(*asked.columns, "fact", "about")


def clerical_sheets(
    questions: pl.DataFrame,
    differing: pl.DataFrame,
    names: pl.DataFrame,
    titles: Mapping[str, str],
    as_of: str,
    exclusions: Iterable[Exclusion] = (),
) -> list[Sheet]:
    """Lay out the workbook: a line per fact that is asked for, and the rows that need it.

    Rows:    questions  one per unknown provision, conflicting, unsupported or objected line
             differing  KEY_NAMES and `told`, where clerks' answers in force differ
             names      subject_kind, subject_id, subject_name
    Holds:   what most money waits for comes first; conflicting lines of one person stand together;
             of lines that exclude each other a question counts the largest
    """
    rows = _numbered(questions, differing)
    counted = counted_once(rows, "amount_fen", exclusions, "question_no")
    asked = _named(_asked(counted, titles), names)
    listed = rows.join(asked.select("question_no", "place"), on="question_no").sort(
        "place", *KEY, "provision"
    )
    questions_sheet = Sheet(
        title=ASKED,
        frame=_asked_frame(asked),
        above=said_lines(above_questions(as_of, asked.height)),
        open_columns=[LABELS[name] for name in OPEN_NAMES],
        choices={LABELS["decision"]: DECISIONS},
        grey_columns=[LABELS.get(name, name) for name in GREY_NAMES],
    )
    return [questions_sheet, _rows_sheet(listed, titles)]


def above_questions(as_of: str, rows: int) -> list[Said]:
    """Say what stands above the questions."""
    return [Said("clerical_how", {"as_of": as_of, "rows": rows}), Said("clerical_then")]


def _rows_sheet(listed: pl.DataFrame, titles: Mapping[str, str]) -> Sheet:
    return Sheet(
        title=ROWS,
        frame=listed.with_columns(
            pl.col("policy_id").replace(titles).alias("policy_name"),
            pl.col("title").alias("question"),
            pl.lit("").alias("own_decision"),
        )
        .pipe(with_codes, ROWS_SHOWN)
        .select(
            *ROWS_SHOWN[:2],
            "own_decision",
            "amount_fen",
            "question_no",
            *(pl.col(name).alias(LABELS[name]) for name in KEY_NAMES),
        ),
        above=said_lines(ABOVE_ROWS),
        open_columns=["own_decision"],
        choices={"own_decision": DECISIONS},
        grey_columns=["question_no", *(LABELS[n] for n in KEY_NAMES if n != "period")],
    )


def _numbered(questions: pl.DataFrame, differing: pl.DataFrame) -> pl.DataFrame:
    """Add question_no, one for all rows that ask for one fact, and say where clerks differ."""
    told = said_column("clerks_differ", told="told", missing="missing")
    rows = (
        questions.join(differing, on=KEY_NAMES, how="left", validate="m:1")
        .with_columns(pl.coalesce(told, "missing").alias("missing"), pl.col("told").fill_null(""))
        .sort(*KEY, "provision")
    )
    # A row on which clerks differ is a question of its own.
    fact = ["fact", "told"]
    numbers = question_numbers(rows, *fact).rename({"number": "question_no"})
    return rows.join(numbers, on=fact, validate="m:1", maintain_order="left")


def question_numbers(rows: pl.DataFrame, *one: str) -> pl.DataFrame:
    """Give questions their numbers, by the keys of their rows.

    Rows:    one      columns that tell whose rows are one question's
             returns  one per question: these columns, and number
    """
    code = pl.concat_str(KEY_NAMES, separator="|")
    keys = rows.group_by(one).agg(code.sort().str.join("\n").alias("keys"))
    made = [text_digest(text)[:CODE_LENGTH] for text in keys["keys"]]
    return keys.select(*one, pl.Series("number", made, pl.String))


def _asked(rows: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    """Make one line of the rows that ask for one fact, the most money first."""
    first, last = pl.col("period").min(), pl.col("period").max()
    span = pl.when(first == last).then(first).otherwise(pl.concat_str(first, last, separator="—"))
    one = rows.group_by("question_no").agg(
        pl.col("provision", "title", "missing", "about", *KEY[2:]).first(),
        pl.col("policy_id").replace(titles).unique().sort().str.join("、").alias("policies"),
        pl.col("clause").unique().sort().str.join("；").alias("basis"),
        span.alias("periods"),
        pl.len().cast(pl.Int64).alias("row_count"),
        pl.col("amount_fen").sum(),
    )
    is_conflict = pl.col("provision") == CONFLICT
    together = pl.col("amount_fen").max().over("subject_id", is_conflict)
    stake = pl.when(is_conflict).then(together).otherwise("amount_fen")
    party = pl.when(is_conflict).then("subject_id").otherwise(pl.lit(""))
    order = one.with_columns(stake.alias("stake"), party.alias("party")).sort(
        "stake", "party", "amount_fen", "question_no", descending=[True, False, True, False]
    )
    return order.with_row_index("place")


def _named(asked: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Add the names of those that a question is about; an id of nobody it is about is left out."""
    about, is_same = pl.col("about"), pl.col("subject_id") == pl.col("beneficiary_id")
    is_about = {
        "subject": about.is_in(["subject", BOTH]),
        "beneficiary": (about == "beneficiary") | ((about == BOTH) & ~is_same),
    }
    for side in is_about:
        keys = {"subject_kind": f"{side}_kind", "subject_id": f"{side}_id"}
        of_side = names.rename({**keys, "subject_name": f"{side}_named"})
        asked = asked.join(
            of_side, on=[*keys.values()], how="left", validate="m:1", maintain_order="left"
        )
    return asked.with_columns(
        pl.when(is_side).then(name).otherwise(pl.lit("")).fill_null("").alias(name)
        for side, is_side in is_about.items()
        for name in (f"{side}_id", f"{side}_named")
    )


def _asked_frame(asked: pl.DataFrame) -> pl.DataFrame:
    question = (
        pl.when(pl.col("provision") == CONFLICT)
        .then(said_column("may_row_stand", policies="policies"))
        .when(pl.col("provision") == RECOVERY)
        .then(pl.lit(word("is_it_recovered")))
        .when(pl.col("provision") == OBJECTION)
        .then(pl.lit(word("is_it_upheld")))
        .otherwise(said_column("does_provision_hold", provision="title"))
    )
    name = pl.concat_list("subject_named", "beneficiary_named").list.eval(
        pl.element().filter(pl.element() != "")
    )
    has_id = (pl.col("subject_id") != "") | (pl.col("beneficiary_id") != "")
    nameless = has_id & (name.list.len() == 0)
    named = (
        pl.when(nameless).then(pl.lit(word("name_not_on_record"))).otherwise(name.list.join(" / "))
    )
    worded = asked.with_columns(question.alias("question"), named.alias("about_name"))
    return with_codes(worded, SHOWN).select(
        *SHOWN[:3],
        *(pl.lit("").alias(LABELS[open_name]) for open_name in OPEN_NAMES),
        "policies",
        "periods",
        "row_count",
        pl.col("amount_fen").alias("stake_fen"),
        "basis",
        *(pl.col(name).alias(LABELS[name]) for name in GREY_NAMES[:2]),
        "question_no",
    )
