"""The home's registers: what people said outside the extracts, and how a snapshot takes it in.

Lines are only ever added. An answer of a clerk has one id over all its lines, the digest of what
they say; it is withdrawn by a line of its own, with a reason, and no snapshot takes it in any more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from transforms.digest import short_id
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.extracts.kinds import KINDS, Kind
from transforms.visible import FORMULA_STARTS, holds_control

ID, STATE, REGISTERED, WHY = "编号", "状态", "登记日期", "说明"
STANDS, WITHDRAWN = "登记", "撤回"
DOCUMENT = "文号"
GIVEN = ("decided_by", "document_no")
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Register:
    """One register: its file in a home, its kind of extract, its file's name in a snapshot."""

    file: str
    kind: Kind
    named: str

    @cached_property
    def headings(self) -> dict[str, str]:
        """Return the heading of each column of the extract, by name."""
        return {column.name: column.labels[-1] for column in self.kind.columns}

    @property
    def said(self) -> list[str]:
        """Return the columns that say an answer: the extract's, and its document."""
        return list(dict.fromkeys([*self.headings.values(), DOCUMENT]))

    @property
    def columns(self) -> list[str]:
        """Return the columns of a clerk's register."""
        return [ID, STATE, *self.said, REGISTERED, WHY]


OBJECTIONS = Register("objections.csv", KINDS["objections"], "异议登记簿.csv")
DECISIONS = Register("clerical_decisions.csv", KINDS["clerical_decisions"], "人工裁定登记簿.csv")
LINKS = Register("clerical_links.csv", KINDS["clerical_links"], "身份核对结论登记簿.csv")
REGISTERS: Mapping[str, Register] = {one.file: one for one in (OBJECTIONS, DECISIONS, LINKS)}


def read_register(register: Register, content: bytes) -> pl.DataFrame:
    """Read a clerk's register: all its lines as texts, in the order they came.

    Holds:   every answer is what its id says
    Raises:  DigestDiffersError naming the answers that were changed, or that it can't be read
    """
    mend = "find out who changed it, and put the newest backup in its place"
    try:
        read = pl.read_csv(content, infer_schema=False).fill_null("")
    except pl.exceptions.PolarsError as broken:
        raise DigestDiffersError(f"{register.file} can't be read as a register: {mend}") from broken
    if read.columns != register.columns:
        raise DigestDiffersError(f"{register.file} can't be read as a register: {mend}")
    stated = read.filter(pl.col(STATE) == STANDS)
    changed = [name for name, found in _ids_of(register, stated, ID) if name != found]
    changed += read.filter(~pl.col(STATE).is_in([STANDS, WITHDRAWN]))[ID].to_list()
    if changed:
        raise DigestDiffersError(
            f"{register.file}: {', '.join(changed[:5])} not as it was registered: {mend}"
        )
    return read


def _ids_of(register: Register, answers: pl.DataFrame, by: str) -> list[tuple[str, str]]:
    """Name each answer by what its lines say."""
    lines = answers.group_by(by).agg(_said(register).sort().alias("lines")).sort(by)
    return [(name, short_id("A", said)) for name, said in lines.rows()]


def _said(register: Register) -> pl.Expr:
    return pl.concat_str(register.said, separator=SEPARATOR)


def standing(register: pl.DataFrame) -> pl.DataFrame:
    """Keep the lines of a register that nobody withdrew."""
    withdrawn = register.filter(pl.col(STATE) == WITHDRAWN).select(ID)
    return register.join(withdrawn, on=ID, how="anti", maintain_order="left")


def add_answers(
    register: Register, known: pl.DataFrame, answers: pl.DataFrame, by: str, day: str
) -> pl.DataFrame:
    """Make the lines that are new of answers: neither known by their id nor said already.

    Rows:    known    the register as it is; answers: its columns `said`, and `by`, one per answer
             returns  with the register's columns, in the order they were given
    """
    if not answers.height:
        return known.clear()
    ids = pl.DataFrame(_ids_of(register, answers, by), schema=[by, ID], orient="row")
    lines = answers.join(ids, on=by, validate="m:1", maintain_order="left")
    stands = standing(known).select(_said(register)).to_series()
    is_said = _said(register).is_in(stands.implode())
    new = lines.filter(~is_said.all().over(ID), ~pl.col(ID).is_in(known[ID].implode()))
    stated = {STATE: pl.lit(STANDS), REGISTERED: pl.lit(day), WHY: pl.lit("")}
    named = new.with_columns(**stated).select(register.columns)
    return named.unique(maintain_order=True)


def said_texts(register: Register, rows: pl.DataFrame, given: Mapping[str, str]) -> pl.DataFrame:
    """Write rows of the extract as the register does; `given` says what a row leaves open.

    Rows:    rows  with the extract's columns; given: decided_by and document_no
    Raises:  DropRefusedError for a word that a spreadsheet takes for a formula, or can't be seen
    """
    named = rows.rename(register.headings, strict=False)
    texts = named.select(
        pl.col(label).cast(pl.String).fill_null("")
        if label in named.columns
        else pl.lit("").alias(label)
        for label in register.said
    ).with_columns(
        pl.when(pl.col(label) == "").then(pl.lit(given.get(name, ""))).otherwise(label).alias(label)
        for name, label in {**register.headings, "document_no": DOCUMENT}.items()
        if name in GIVEN
    )
    for label in (register.headings["decided_by"], DOCUMENT):
        expect_plain(label, texts[label].unique())
    return texts


def expect_plain(label: str, texts: Iterable[str]) -> None:
    """Refuse a text that a spreadsheet takes for a formula, or that holds what can't be seen."""
    if any(text.startswith(FORMULA_STARTS) or holds_control(text) for text in texts):
        raise DropRefusedError(
            f"{label}: a text in one line, without signs that can't be seen and not beginning with "
            "any of = + - @; nothing was registered"
        )


def withdrawal(register: Register, name: str, said: Mapping[str, str], day: str) -> pl.DataFrame:
    """Write the line that withdraws an answer: by whom, why, and by which document."""
    for given in said.values():
        expect_plain(WHY, [given])
    cells = {
        **dict.fromkeys(register.columns, ""),
        ID: name,
        STATE: WITHDRAWN,
        register.headings["decided_by"]: said["decided_by"],
        register.headings["decided_on"]: day,
        DOCUMENT: said["document_no"],
        REGISTERED: day,
        WHY: said["why"],
    }
    return pl.DataFrame([cells], schema=dict.fromkeys(register.columns, pl.String()))


def extract_of(register: Register, content: bytes, *, all_lines: bool = False) -> bytes:
    """Give what stands of a register as the extract that a snapshot takes in; or all its lines."""
    if register is OBJECTIONS:
        return content
    lines = read_register(register, content)
    kept = lines.filter(pl.col(STATE) == STANDS) if all_lines else standing(lines)
    return csv_of(kept.select(register.headings.values()))


def csv_of(lines: pl.DataFrame) -> bytes:
    """Write texts as the ingest reads them: no apostrophes, this file is not for people."""
    return ("\ufeff" + lines.write_csv(line_terminator="\r\n")).encode()
