"""Policy cards as content and as lines: citation, span, provisions, dated parameters."""

from collections.abc import Iterable, Mapping
from typing import Any

from transforms.amounts import is_amount
from transforms.extracts.kinds import COLUMNS
from transforms.policies.cards import PolicyCard
from transforms.policies.parameters import Parameter
from transforms.words import Language, Said, word, worded

OPEN_END = "open"


def describe_card(card: PolicyCard, universe: str) -> dict[str, Any]:
    """Return everything a card says, as plain content; `universe`: which rows are judged.

    Holds:   every value of every parameter is there, with its source and whether it is confirmed
    """
    return {
        "policy_id": card.policy_id,
        "title": card.title,
        "item": card.item,
        "kind": card.kind,
        "fund": card.fund,
        "bureau": card.bureau,
        "authority": card.authority,
        "clause": card.clause,
        "in_force": {
            "from": card.force_from.isoformat(),
            "to": card.force_to.isoformat() if card.force_to else None,
            "facts_taken_for_months_after": card.tail_months,
            "is_reading": card.span_is_reading,
        },
        "period": card.period,
        "subject": card.subject,
        "beneficiary": card.beneficiary,
        "universe": universe,
        "reads": list(card.reads),
        "provisions": [
            {
                "provision": entry.name,
                "title": entry.title,
                "holds": entry.holds,
                "clause": entry.clause,
            }
            for entry in card.provisions
        ],
        "parameters": [
            describe_parameter(card.parameters[name]) for name in sorted(card.parameters)
        ],
    }


def describe_parameter(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter with all its values, oldest first."""
    return {
        "name": parameter.name,
        "title": parameter.title,
        "unit": parameter.unit,
        "on": parameter.on,
        "values": [
            {
                "from": value.since.isoformat(),
                "value": value.value if isinstance(value.value, list) else str(value.value),
                "source": value.source,
                "confirmed": value.confirmed,
            }
            for value in parameter.values
        ],
    }


def card_lines(described: Mapping[str, Any]) -> list[str]:
    """Write one described card as lines a person reads."""
    kind, fund, bureau = (described[name] for name in ("kind", "fund", "bureau"))
    paid = f"  {kind:<11}  {fund}"
    return [
        f"{described['policy_id']}  {described['title']}",
        f"  authority    {described['authority']}",
        f"  clause       {described['clause']}",
        f"  in force     {span_text(described['in_force'])}",
        paid if fund else f"  {kind:<11}  nothing is paid: a list for {bureau}",
        f"  in charge    {bureau}",
        f"  grain        {described['subject']} → {described['beneficiary']}, "
        f"by {described['period'].replace('_', ' ')}",
        f"  universe     {described['universe']}",
        f"  reads        {', '.join(described['reads'])}",
        "  provisions",
        *provision_lines(described["provisions"]),
        "  parameters",
        *parameter_lines(described["parameters"]),
        "",
    ]


def span_text(in_force: Mapping[str, Any]) -> str:
    """Write a span; a span that is a reading of the notice says so.

    >>> span_text({"from": "2020-01-01", "to": None, "is_reading": True,
    ...            "facts_taken_for_months_after": 0})
    '2020-01-01 to open (reading)'
    """
    text = f"{in_force['from']} to {in_force['to'] or OPEN_END}"
    if in_force["is_reading"]:
        text = f"{text} (reading)"
    if in_force["to"] and in_force["facts_taken_for_months_after"]:
        text += f", facts taken for {in_force['facts_taken_for_months_after']} months after"
    return text


def provision_lines(provisions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Write provisions in the notice's order, each with its clause below."""
    lines = []
    for entry in provisions:
        lines += [
            f"    {entry['provision']}  {entry['title']}  (holds {entry['holds']})",
            f"      〔{entry['clause']}〕",
        ]
    return lines


def parameter_lines(parameters: Iterable[Mapping[str, Any]]) -> list[str]:
    """Write parameters with each value's first day and source; unconfirmed ones stand out."""
    lines = []
    for parameter in parameters:
        lines.append(f"    {titled(parameter)} ({parameter['unit']}, taken on {parameter['on']})")
        lines += [line for value in parameter["values"] for line in _value_lines(value)]
    return lines


def _value_lines(value: Mapping[str, Any]) -> list[str]:
    """Write a value; a list row by row below its source."""
    rows = value["value"] if isinstance(value["value"], list) else []
    value = {**value, "value": f"a table of {len(rows)} rows"} if rows else value
    return [
        f"      in force from {value['from']}: {value['value']}  {confirmation(value['confirmed'])}"
        f"  {value['source']}",
        *("        " + "  ".join(map(said_value, row.values())) for row in rows),
    ]


def value_text(number: Mapping[str, Any], language: Language = "zh") -> str:
    """Write the value of a number of the law: an amount with its unit, a method in words.

    >>> value_text({"name": "benefit_fen", "value": "1719.00"})
    '1719.00 元'
    >>> value_text({"name": "size_limits", "value": "a table of 90 rows"})
    '共 90 行的表'
    >>> value_text({"name": "layoff_rate_method", "value": "start_less_attrition"})
    '扣除自然减员，除以期初参保人数'
    """
    value = str(number["value"])
    if is_amount(number["name"]):
        return f"{value} 元"
    if not value.endswith(" rows"):
        return word(value, language)
    return worded(Said("table_of_rows", {"count": value.split()[-2]}), language)


def kind_word(kind: str) -> str:
    """Word what a policy is: a list that warns is not what a check says by way of warning.

    >>> kind_word("warning"), kind_word("relief")
    ('预警', '减免')
    """
    return word("warning_list" if kind == "warning" else kind)


def said_value(cell: Any) -> str:
    """Write a cell of a table: a code in both languages, a number as it is.

    >>> said_value("staff"), said_value("工业"), said_value(300)
    ('从业人员 staff', '工业', '300')
    """
    column = COLUMNS.get(str(cell)) or COLUMNS.get(f"{cell}_wan_x100")
    return f"{column.labels[0]} {cell}" if column and column.labels else str(cell)


def titled(number: Mapping[str, Any]) -> str:
    """Write the name of a number of the law, its title before it; one of before had none.

    >>> titled({"name": "base_year", "title": "基准年度"}), titled({"name": "base_year"})
    ('基准年度 base_year', 'base_year')
    """
    return f"{number.get('title', '')} {number['name']}".strip()


def confirmation(confirmed: bool) -> str:
    """Say whether the bureau in charge has confirmed a value."""
    return "confirmed" if confirmed else "UNCONFIRMED"
