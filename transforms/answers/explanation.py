"""Why a row was determined as it was: every provision with its value, clause, facts and rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from transforms.amounts import yuan_text
from transforms.answers.money_text import claim_text, entitlement_text, paid_text, payment_text
from transforms.answers.open_questions import fact_label
from transforms.answers.source_rows import AT, PLACE
from transforms.answers.traces import trace_lines
from transforms.policies.card_text import confirmation, titled
from transforms.policies.cards import PolicyCard, Provision
from transforms.words import BETWEEN, NO_NAMES, Language, word

WORD_OF_VALUE = {True: "true", False: "false", None: "unknown"}
SHOWN_ROWS = 20
MOST_ROWS = 10_000
# The formula of a list that pays nothing.
NO_MONEY = "0"
KEY = ("period", "subject_kind", "subject_id", "beneficiary_kind", "beneficiary_id")
RowsOf = Callable[[Mapping[str, Any], Mapping[str, Any]], pl.DataFrame]


def explain_row(
    row: Mapping[str, Any], determination: Mapping[str, Any], card: PolicyCard, rows_of: RowsOf
) -> dict[str, Any]:
    """Explain one determination from its saved policy row.

    Rows:    row            the policy's own row: keys, provisions, amount, facts, clerk_answers
             determination  the same key in determinations
             rows_of        gives the source rows for one `rows` entry and one policy row
    """
    answers = clerk_answers(row)
    names = set(card.provision_names) | {*KEY, "amount_fen", "clerk_answers"}
    return {
        **{name: row[name] for name in KEY},
        "outcome": determination["outcome"],
        "amount_fen": determination["amount_fen"],
        "amount_if_eligible_fen": row["amount_fen"],
        "reason_codes": list(determination["reason_codes"]),
        "provisions": [
            _provision(entry, row, answers.get(entry.name), rows_of) for entry in card.provisions
        ],
        "facts": {name: plain(row[name]) for name in row if name not in names},
    }


def clerk_answers(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the clerk's answers that were applied to a row, by provision.

    >>> clerk_answers({"clerk_answers": ["s5_is_enterprise=是 川人社裁1号"]})
    {'s5_is_enterprise': '是 川人社裁1号'}
    """
    pairs = (answer.split("=", 1) for answer in row.get("clerk_answers") or ())
    return {provision: answer.strip() for provision, answer in pairs}


def _provision(
    entry: Provision, row: Mapping[str, Any], answer: str | None, rows_of: RowsOf
) -> dict[str, Any]:
    return {
        "provision": entry.name,
        "title": entry.title,
        "holds": entry.holds,
        "clause": entry.clause,
        "value": WORD_OF_VALUE[row[entry.name]],
        "clerk_answer": answer,
        "facts": {name: plain(row[name]) for name in entry.facts if name in row},
        "sources": sources_of(entry.rows, row, rows_of),
    }


def sources_of(
    specs: Sequence[Mapping[str, Any]], row: Mapping[str, Any], rows_of: RowsOf
) -> list[dict[str, Any]]:
    """List the source rows that `rows` of a card look at, by kind of extract."""
    return [
        {"kind": spec["kind"], "of": spec["of"], **row_list(rows_of(spec, row), row)}
        for spec in specs
    ]


def sources_behind(explained: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Go through the source rows of an explained determination, or of its universe."""
    for holder in (explained, *explained.get("provisions", ())):
        yield from holder.get("sources", ())


def row_list(frame: pl.DataFrame, row: Mapping[str, Any]) -> dict[str, Any]:
    """List source rows as file:line with what they say; the ids asked about are not repeated.

    Holds:   rows of the month paid for come first, then all by file and line
    """
    known = {row["subject_id"], row["beneficiary_id"]}
    order: list[Any] = list(PLACE)
    if "month" in frame.columns and len(row["period"]) == 7:
        order = [pl.col("month") != int(row["period"][:4] + row["period"][5:]), *order]
    kept = frame.sort(order).head(MOST_ROWS)
    return {
        "row_count": frame.height,
        "rows": [
            {
                AT: f"{found['source_file']}:{found['source_line']}",
                **{
                    name: plain(cell)
                    for name, cell in found.items()
                    if name not in PLACE and cell is not None and cell not in known
                },
            }
            for found in kept.iter_rows(named=True)
        ],
    }


def plain(cell: Any) -> Any:
    """Return a cell as JSON can hold it."""
    return cell.isoformat() if isinstance(cell, date) else cell


def cell_words(name: str, cell: Any) -> str:
    """Write a cell in Chinese: money in yuan, rates in per cent, truth in words.

    >>> cell_words("unit_fen", 60000), cell_words("is_dispatch", False), cell_words("ends_on", None)
    ('600.00 元', '否', '（空）')
    >>> cell_words("unit_rate_bp", 1200)
    '12.00%'
    """
    if cell is None:
        return word("cell_is_empty")
    if isinstance(cell, bool):
        return word("cell_yes" if cell else "cell_no")
    if name.endswith(("_wan_x100", "_fen")):
        unit = "元" if name.endswith("_fen") else "万元"
        return f"{yuan_text(cell, ',')} {unit}"
    if name.endswith("_bp"):
        return f"{yuan_text(cell)}%"
    return f"{cell}%" if name.endswith("_percent") else str(cell)


def cell_text(name: str, cell: Any, language: Language = "en", kind: str = "") -> str:
    """Write a named cell, of a row of a kind of extract or a fact; money in yuan or 万元.

    >>> cell_text("unit_fen", 60000), cell_text("month", 202003), cell_text("ends_on", None)
    ('unit=600.00元', 'month=202003', 'ends_on=(empty)')
    >>> cell_text("unit_rate_bp", 550)
    'unit_rate=5.50%'
    """
    if language == "zh":
        return f"{fact_label(name, kind)}={cell_words(name, cell)}"
    if cell is None:
        return f"{name}=(empty)"
    if name.endswith("_wan_x100"):
        return f"{name.removesuffix('_wan_x100')}={yuan_text(cell)}万元"
    if name.endswith("_fen"):
        return f"{name.removesuffix('_fen')}={yuan_text(cell)}元"
    if name.endswith("_bp"):
        return f"{name.removesuffix('_bp')}={yuan_text(cell)}%"
    return f"{name}={cell}"


def explanation_lines(
    explained: Mapping[str, Any],
    language: Language = "en",
    titles: Mapping[str, str] = NO_NAMES,
) -> list[str]:
    """Write one explained row as lines a person reads; in Chinese, policies by their `titles`."""
    subject, beneficiary = (
        f"{word(explained[f'{one}_kind'], language)} {explained[f'{one}_id']}"
        for one in ("subject", "beneficiary")
    )
    spoken, pays = (language, titles), explained.get("formula", {}).get("formula") != NO_MONEY
    lines = [
        f"{explained['period']}  {subject} → {beneficiary}",
        f"  outcome      {explained['outcome']}, {yuan_text(explained['amount_fen'])} 元",
    ]
    if explained["outcome"] != "eligible":
        lines.append(f"  because of   {reason_text(explained, language)}")
        worth = yuan_text(explained["amount_if_eligible_fen"])
        if pays:
            lines.append(f"  it would be  {worth} 元 if every provision were true")
    if explained.get("entitlement"):
        lines.append(f"  entitlement  {entitlement_text(explained['entitlement'], *spoken)}")
    if said := explained.get("reviewed"):
        lines.append(f"  reviewer     {said['by']}, {said['on']}: {said['reason']}")
    lines += [f"  payment      {payment_text(paid)}" for paid in explained.get("payments", ())]
    lines += [f"  in doubt     {doubt}" for doubt in explained.get("doubts", ())]
    claims, paid = (explained.get(name, ()) for name in ("claimants", "paid_as"))
    lines += [f"  claimed by   {claim_text(claim, *spoken)}" for claim in claims]
    lines += [f"  paid as      {paid_text(one, *spoken)}" for one in paid]
    instead = explained.get("superseded_by", ())
    lines += [f"  stands       {claim_text(claim, *spoken)}" for claim in instead]
    lines += [f"  by the rule  {one['authority']}" for one in explained.get("exclusions", ())]
    for source in explained.get("sources", ()):
        lines += source_lines(source, language)
    if explained.get("trace"):
        lines += trace_lines(explained["trace"], language)
    for provision in explained["provisions"]:
        lines += _provision_lines(provision, language)
    facts = "  ".join(cell_text(name, cell, language) for name, cell in explained["facts"].items())
    lines.append(f"  all facts    {facts}")
    lines += [
        f"  decision     {row[AT]}  {row['provision']}: {row['decision']}, "
        f"{row['decided_by']}, {row['decided_on']}, {row.get('document_no', 'no document')}"
        for row in explained.get("clerical_decisions", ())
    ]
    return lines


def reason_text(explained: Mapping[str, Any], language: Language = "en") -> str:
    """Write which provisions are not true, and of which of them that is not known.

    >>> row = {"reason_codes": ["s5_a"], "provisions": [
    ...     {"provision": "s5_a", "title": "参保企业", "value": "unknown"}]}
    >>> reason_text(row), reason_text(row, "zh")
    ('s5_a (not known)', '参保企业（尚不能确定）')
    """
    known = {entry["provision"]: entry for entry in explained["provisions"]}
    told = []
    for code in explained["reason_codes"]:
        entry = known.get(code, {"title": code, "value": WORD_OF_VALUE[False]})
        named, beside = (entry["title"], "（{}）") if language == "zh" else (code, " ({})")
        is_unknown = entry["value"] == WORD_OF_VALUE[None] and not entry.get("clerk_answer")
        told.append(named + beside.format(word("not_certain", language)) * is_unknown)
    return BETWEEN[language].join(told)


def _provision_lines(provision: Mapping[str, Any], language: Language) -> list[str]:
    lines = [
        f"  {provision['value']:<8} {provision['provision']}  {provision['title']}"
        f"  (holds {provision['holds']})",
        f"           〔{provision['clause']}〕",
    ]
    if provision["clerk_answer"]:
        lines.append(f"           a clerk decided: {provision['clerk_answer']}")
    if provision["facts"]:
        cells = provision["facts"].items()
        facts = "  ".join(cell_text(name, cell, language) for name, cell in cells)
        lines.append(f"           facts: {facts}")
    for source in provision["sources"]:
        lines += source_lines(source, language)
    return lines


def source_lines(source: Mapping[str, Any], language: Language) -> list[str]:
    """Write the source rows of one kind, so many of them."""
    rows, count = source["rows"], source["row_count"]
    lines = [f"           {source['kind']} of {source['of']}, rows: {count:,}"]
    for row in rows[:SHOWN_ROWS]:
        named = ((name, cell) for name, cell in row.items() if name != AT)
        cells = "  ".join(cell_text(name, cell, language, source["kind"]) for name, cell in named)
        lines.append(f"             {row[AT]}  {cells}")
    if count > SHOWN_ROWS:
        lines.append(f"             … {count - SHOWN_ROWS:,} more; --json lists {len(rows):,}")
    return lines


def used_parameter_lines(used: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the dated numbers a run used, each with its source and whether it is confirmed."""
    return [
        f"  {titled(entry)} = {entry['value']} ({entry['unit']}) in force from {entry['from']}  "
        f"{confirmation(entry['confirmed'])}  {entry['source']}"
        for entry in used
    ]


def short_lines(
    rows: Sequence[Mapping[str, Any]],
    language: Language = "en",
    provisions: Mapping[str, str] = NO_NAMES,
) -> list[str]:
    """Write determinations one a line, where there are too many to explain at once."""
    lines = []
    for row in rows:
        reasons = (word(code, language, provisions) for code in row["reason_codes"])
        lines.append(
            f"  {row['period']}  {row['subject_id']} → {row['beneficiary_id']}  "
            f"{word(row['outcome'], language)}  {yuan_text(row['amount_fen'])} 元  "
            f"{BETWEEN[language].join(reasons)}".rstrip()
        )
    return lines
