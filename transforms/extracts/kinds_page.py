"""docs/data-dictionary.md: every kind of extract with its columns, as kinds.yaml declares them."""

from collections.abc import Iterator, Mapping

from transforms.columns import Column
from transforms.extracts.kinds import Kind, KindColumn, Moment, Where
from transforms.words import word

INTRODUCTION = """# Data dictionary: kinds of extract

Made from `transforms/extracts/kinds.yaml` by `python -m flows.answers.policy_guide`; a test
compares. Do not edit it by hand. How files are read, and what a row must pass, says
[extracts.md](extracts.md); `wuxing template DIR` writes workbooks to be filled in. A column with
`!` must be there and filled. D is a run's as-of date.
"""


def kinds_page(kinds: Mapping[str, Kind], columns: Mapping[str, Column]) -> str:
    """Write docs/data-dictionary.md."""
    lines = [INTRODUCTION]
    for kind in kinds.values():
        lines += [f"## {kind.name} {' / '.join(kind.titles[1:])}", "", *_said_of(kind), ""]
        lines += ["| column | headings | type | words | what it is |", "|---|---|---|---|---|"]
        lines += [_line_of(column, columns[column.name]) for column in kind.columns]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _said_of(kind: Kind) -> Iterator[str]:
    yield f"- A row is {kind.row}." + (f" Key: {', '.join(kind.key)}." if kind.key else "")
    come = [_has_come(kind, moment) for moment in kind.visible_from]
    yield f"- A row counts {'once ' + '; '.join(come) if come else 'whatever D is'}."
    if kind.form:
        yield (
            f"- A row with {kind.form.asked} and none of {', '.join(kind.form.answers)} is one of "
            f"our form that was not filled in; one with it, or with some of "
            f"{', '.join(kind.form.proof)}, must have all of these."
        )
    if kind.note_sums:
        yield f"- 金额合计 of the delivery note: {' + '.join(kind.note_sums)}."


def _has_come(kind: Kind, moment: Moment) -> str:
    until = "the month of D" if kind.is_month(moment.column) else "D"
    return f"{moment.column} ≤ {until}{_where(moment.where)}"


def _where(where: Where) -> str:
    return "".join(f" where {column} is {word}" for column, word in where)


def _line_of(column: KindColumn, entry: Column) -> str:
    notes = [entry.meaning + (f" ({entry.unit})" if entry.unit else "")]
    if entry.personal != "none":
        notes.append(f"personal data: {entry.personal}")
    if column.open_when_empty:
        notes.append(f"empty: {word(column.open_when_empty, 'en')}")
    if column.stand_in:
        notes.append(f"unknown beside another of its headings: {' '.join(column.stand_in)}")
    if column.visible_from:
        notes.append(f"empty until {column.visible_from} ≤ D")
    if column.required_where:
        notes.append(f"required{_where(column.required_where)}")
    if column.never_negative:
        notes.append("never negative")
    if column.negative_only_where:
        notes.append(f"negative only{_where(column.negative_only_where)}")
    if column.never_positive_where:
        notes.append(f"never positive{_where(column.never_positive_where)}")
    name = column.name + ("!" if column.required else "")
    cells = (f"`{name}`", " / ".join(column.labels[1:]), column.type, " ".join(column.codes))
    return f"| {' | '.join(cells)} | {'; '.join(notes)} |"
