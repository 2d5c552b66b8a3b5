"""The clerk's blind workbook: a damaged row beside persons it may mean, and its answers.

Blind: persons stand by their ids, and what speaks for and against them in words; no probability
and no weight stands in the workbook. A line's number holds the digests of its row in the run and
of its cells: it tells a line that was altered, or is another run's.
"""

from collections.abc import Mapping

import polars as pl

from transforms.answers.stakes import ROW
from transforms.digest import text_digest
from transforms.extracts.dates import read_dates
from transforms.extracts.kinds import names_of_kinds
from transforms.extracts.links import BY_CONTENT
from transforms.extracts.registers import DOCUMENT, ID, LINKS
from transforms.policies.cards import PolicyCard
from transforms.sheets.filled import CODE_LENGTH, refuse_rows, with_codes, without_codes
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, said_column, word

DAMAGED, CANDIDATES, STAKES = "damaged_rows", "identity_candidates", "identity_stakes"
PERSONS = ["first_person", "second_person", "third_person"]
CHOICES = [*map(word, PERSONS), word("none_of_them"), word("cannot_say")]
NOBODY, UNSURE = CHOICES[-2:]
TITLE, ANSWER, NUMBER, RUN = (
    word(code) for code in ("sheet_identity", "recognised", "question_no", "run_id")
)
SHOWN = ["damaged_row", *PERSONS, "policies"]
OPEN = [ANSWER, LINKS.headings["decided_by"], LINKS.headings["decided_on"], DOCUMENT]
COLUMNS = [*map(word, SHOWN), *OPEN, NUMBER, RUN]
WIDTHS = {"damaged_row": 30, **dict.fromkeys(PERSONS, 24), "policies": 34, "stake_fen": 13}
WIDTHS |= dict(zip(OPEN, (10, 10, 13, 14), strict=True)) | {"question_no": 15, "run_id": 15}
PRIOR = "prior"


def identity_sheet(
    damaged: pl.DataFrame,
    candidates: pl.DataFrame,
    stakes: pl.DataFrame | None,
    cards: Mapping[str, PolicyCard],
    employers: pl.DataFrame,
    run_id: str,
) -> Sheet:
    """Lay out the blind workbook: a line per damaged row, what most money waits for first.

    Rows:    damaged, candidates, stakes  as the run keeps them; stakes: None by rules that say none
             employers  employer_code, employer_name
    Holds:   nothing in it tells which candidate the matching takes for the best
    """
    shown = (
        _numbered(damaged, candidates, run_id)
        .join(_side_by_side(candidates, employers), on=ROW, how="left", validate="1:1")
        .join(_depending(candidates, stakes, cards), on=ROW, how="left", validate="1:1")
        .with_columns(
            _row_text().alias("damaged_row"),
            pl.col(PERSONS[0]).fill_null(word("nobody_proposed")),
            pl.col("policies").fill_null(word("depends_unknown")),
        )
        .sort("stake_fen", *ROW, descending=[True, False, False, False], nulls_last=True)
        .with_columns(pl.col(SHOWN).fill_null(""))
    )
    frame = with_codes(shown, SHOWN).select(
        *SHOWN,
        "stake_fen",
        *(pl.lit("").alias(name) for name in OPEN),
        "question_no",
        pl.lit(run_id).alias("run_id"),
    )
    return Sheet(
        TITLE,
        frame,
        above=said_lines(above(frame.height)),
        open_columns=OPEN,
        choices={ANSWER: CHOICES},
        widths=WIDTHS,
        grey_columns=["question_no", "run_id"],
    )


def above(rows: int) -> list[Said]:
    """Say what stands above the lines."""
    how = Said("identity_how", {"rows": rows})
    return [how, Said("identity_then"), Said("identity_depends")]


def _depending(
    candidates: pl.DataFrame, stakes: pl.DataFrame | None, cards: Mapping[str, PolicyCard]
) -> pl.DataFrame:
    """Say per row that has candidates which policies depend on it, and how much money."""
    if stakes is None:
        return candidates.clear().select(*ROW, policies="name", stake_fen="rank")
    titles = {name: card.title for name, card in cards.items()}
    told = stakes.group_by(ROW).agg(
        pl.col("policy_id").replace(titles).sort().str.join("、").alias("policies"),
        pl.col("stake_fen").sum(),
    )
    rows = candidates.select(ROW).unique().join(told, on=ROW, how="left", validate="1:1")
    return rows.with_columns(
        pl.col("policies").fill_null(word("depends_nothing")), pl.col("stake_fen").fill_null(0)
    )


def _numbered(damaged: pl.DataFrame, candidates: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """Add the persons proposed for a row, by id, and question_no, which names both and the run."""
    persons = candidates.sort("person_id").group_by(ROW, maintain_order=True).agg("person_id")
    rows = damaged.join(persons, on=ROW, how="left", validate="1:1", maintain_order="left")
    rows = rows.rename({"person_id": "persons"}).with_columns(
        pl.col("persons").fill_null(pl.lit([], dtype=pl.List(pl.String))),
        is_alone=pl.len().over("kind", "content_digest") == 1,
    )
    said = rows.select(*ROW, "content_digest", pl.col("persons").list.join(" ")).rows()
    codes = [text_digest(" ".join(map(str, (run_id, *one))))[:CODE_LENGTH] for one in said]
    return rows.with_columns(pl.Series("question_no", codes, pl.String))


def _row_text() -> pl.Expr:
    """Say what stood in the file, a fact a line; what did not stand there is left out."""
    kind = pl.col("kind").replace(names_of_kinds())
    place = said_column("row_came", kind=kind, file="source_file", line="line")
    facts = [
        _fact("id_in_file", "id_text"),
        _fact("full_name", "name"),
        _fact("born_on", "birth_on"),
    ]
    employer = pl.concat_str("employer_name", "employer_code", separator="\n", ignore_nulls=True)
    named = pl.when(employer != "").then(employer)
    months = _fact("months_seen", "months")
    return pl.concat_str(
        place, *facts, _fact("at_employer", named), months, separator="\n", ignore_nulls=True
    )


def _fact(label: str, value: pl.Expr | str) -> pl.Expr:
    name = pl.lit(word(label, names=names_of_kinds()))
    text = pl.col(value) if isinstance(value, str) else value
    return pl.concat_str(name, pl.lit("："), text)


def _side_by_side(candidates: pl.DataFrame, employers: pl.DataFrame) -> pl.DataFrame:
    """Lay the candidates of a row side by side in the order of their ids, a text each."""
    known = candidates.join(
        employers.rename({"employer_name": "named"}), on="employer_code", how="left"
    )
    number = pl.col("person_id")
    born = pl.concat_str(
        number.str.slice(6, 4), number.str.slice(10, 2), number.str.slice(12, 2), separator="-"
    )
    is_male = number.str.slice(16, 1).cast(pl.Int64) % 2 == 1
    sex = pl.when(is_male).then(pl.lit(word("male"))).otherwise(pl.lit(word("female")))
    employer = pl.concat_str("named", "employer_code", separator="\n", ignore_nulls=True)
    named = known.with_columns(
        pl.concat_str(
            "name",
            number,
            pl.concat_str(sex, born, separator=" "),
            pl.when(employer != "").then(employer),
            pl.lit("—"),
            _in_words(known["evidence"]),
            separator="\n",
            ignore_nulls=True,
        ).alias("text")
    ).sort("person_id")
    texts = named.group_by(ROW, maintain_order=True).agg("text")
    places = enumerate(PERSONS)
    return texts.select(
        *ROW, *(pl.col("text").list.get(n, null_on_oob=True).alias(name) for n, name in places)
    )


def _in_words(evidence: pl.Series) -> pl.Series:
    """Write per candidate what agrees and what differs, field by field, without any weight."""
    told = [
        "\n".join(
            f"{evidence_word(one['field'])}：{evidence_word(one['level'])}"
            for one in fields
            # The prior and the other candidates are no field of the row.
            if one["field"] != one["level"]
        )
        for fields in evidence
    ]
    return pl.Series("evidence", told, pl.String)


def evidence_word(code: str) -> str:
    """Return the word for a field that was compared, or for how far it agrees."""
    return word(f"evidence_{code}", names={f"evidence_{code}": code})


def read_answers(
    filled: pl.DataFrame,
    damaged: pl.DataFrame,
    candidates: pl.DataFrame,
    file_name: str,
    given: Mapping[str, str],
) -> pl.DataFrame:
    """Turn a filled-in workbook into answers; the whole file or nothing.

    Rows:    filled   text cells by heading, with row_number, all of one run
             damaged, candidates  of that run
             returns  ROW, content_digest, source_file, persons, answer, person_id, decided_by,
                      decided_on, DOCUMENT, question_no
    Raises:  DropRefusedError naming the lines that are unchanged, incomplete, altered or repeated
    """
    names = dict(
        zip(COLUMNS, [*SHOWN, "answer", "by", "on", DOCUMENT, "question_no", "run"], strict=True)
    )
    read = filled.rename(names, strict=False)
    given_ones = pl.col("answer", "by", "on", DOCUMENT).str.strip_chars()
    read = without_codes(read, SHOWN).with_columns(given_ones)
    run_id = read["run"][0].strip()
    rows = read.join(_numbered(damaged, candidates, run_id), on="question_no", how="left")
    days = read_dates(rows["on"])
    place = pl.col("answer").replace_strict(CHOICES, range(len(CHOICES)), default=None)
    rows = rows.with_columns(
        days.alias("decided_on"),
        pl.col("persons").list.get(place, null_on_oob=True).alias("person_id"),
    )
    is_empty = pl.all_horizontal(pl.col("answer", "by", "on") == "")
    is_nobody = pl.col("answer").is_in([NOBODY, UNSURE])
    faults = {
        "unchanged: decide them, or delete the lines": is_empty,
        "altered: restore the line as it came": pl.col("code").ne_missing(pl.col("is_code")),
        "not among the damaged rows of its run": pl.col("persons").is_null(),
        "认定 is none of the answers offered": ~pl.col("answer").is_in(CHOICES),
        "认定 names a person who was not proposed": pl.col("person_id").is_null() & ~is_nobody,
        "裁定人 is empty": (pl.col("by") == "") & (not given.get("decided_by")),
        "裁定日期 is no date": pl.col("decided_on").is_null(),
        "the same line twice": pl.col("question_no").is_duplicated(),
    }
    refuse_rows(rows, faults, file_name)
    by = pl.when(pl.col("by") == "").then(pl.lit(given.get("decided_by", ""))).otherwise("by")
    return rows.with_columns(by.alias("decided_by"))


def link_lines(answers: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Write answers as lines of the register: each by file and line, and by content.

    Rows:    known  the register's lines that stand
    Holds:   rows that are alike to the letter may be two persons': they are named by their lines
             only, and so is what is answered later in a file that had such rows
    """
    digest, line = (pl.col(LINKS.headings[name]) for name in ("file_digest", "line"))
    has_content = (line == str(BY_CONTENT)).any().over(ID)
    alike = known.filter(~has_content).select(digest.str.to_lowercase()).to_series()
    sure = answers.filter(pl.col("answer") != UNSURE)
    by_line = sure.select("question_no", *ROW, "person_id", "decided_by", "decided_on", DOCUMENT)
    by_content = sure.filter(
        "is_alone", ~pl.col("file_digest").is_in(alike.implode())
    ).with_columns(file_digest="content_digest", line=pl.lit(BY_CONTENT, pl.Int64))
    return pl.concat([by_line, by_content.select(by_line.columns)])
