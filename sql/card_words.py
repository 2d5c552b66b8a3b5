"""What a card says that its rule reads and takes, against the rule itself; once, before all else.

An extract that the card leaves out is not waited for: the rule would go on without it, and take
nobody for dead. A number that the rule does not take changes nothing, whatever the card says.
"""

from collections.abc import Mapping
from functools import cache

from sql.limits import check_limits
from sql.texts import (
    COMMENT,
    DOLLAR,
    FRACTION_SUFFIX,
    asked_files,
    exclusions,
    files_in,
    name_of,
    policy_cards,
    policy_path,
    shared_parameters,
    sql_text,
    sql_words,
    words_under,
)
from transforms.errors import RuleError
from transforms.extracts.kinds import KINDS
from transforms.policies.cards import PolicyCard
from transforms.policies.parameters import Parameter

# Clerks' answers may come or not.
NOT_WAITED_FOR = {"clerical_decisions", "clerical_links"}
# Whom it names spares a scan only; who asks for others is stopped (limits.py, the question itself).
SPARES = {"watched_persons"}
GIVEN_BY_ENGINE = {"as_of", "as_of_month"}
# The column in which a limit is told what others granted.
USED_BEFORE = "months_used_before"


@cache
def check_cards() -> None:
    """Hold every card to its rule, as check_card does, and the exclusions to the cards."""
    exclusions()
    check_limits()
    for path in asked_files():
        _check_numbers(path, shared_parameters())
    for card in policy_cards().values():
        check_card(card)


def check_card(card: PolicyCard) -> None:
    """Hold one card to what its rule reads and takes, by itself or by the facts that it asks.

    Raises:  RuleError naming the rule, and the extracts or numbers
    """
    path = policy_path(card.policy_id)
    if unsaid := sorted(kinds_under(path) - NOT_WAITED_FOR - set(card.reads)):
        raise RuleError(
            f"sql/{path} reads {', '.join(unsaid)}, its card does not say so: add it to `reads:`"
        )
    _check_numbers(path, card.parameters)
    taken = {parameter.name for parameter in parameters_under(card)}
    if idle := sorted(set(card.parameters) - taken):
        raise RuleError(f"sql/{path} takes no {', '.join(idle)}: remove it from its card")
    for one in (one for one in card.parameters.values() if one.on in ("day", "month")):
        if f"${one.name}" in sql_words(path) and one.on not in sql_words(path):
            raise RuleError(
                f"sql/{path} takes {one.name} on {one.on}, a column that none of its rows has: "
                "correct `on:`"
            )
    if counts_used(card) and USED_BEFORE not in sql_words(path):
        raise RuleError(
            f"sql/{path} gives no column {USED_BEFORE}: its limit would take what others granted "
            "for nothing; if they grant none, give 0"
        )


def counts_used(card: PolicyCard) -> bool:
    """Say whether what others granted counts towards a limit: months, or what its rows show."""
    if card.limit is None:
        return False
    shown = {row["kind"] for row in card.provisions[-1].rows}
    asked = "used_months" in sql_words(policy_path(card.policy_id))
    return asked or card.period.endswith("_month") or card.period == "month" or "support" in shown


def _check_numbers(path: str, parameters: Mapping[str, Parameter]) -> None:
    """Hold each `$name` of a rule to the numbers it is given; of a fraction it takes the parts."""
    known, code = set(GIVEN_BY_ENGINE), COMMENT.sub("", sql_text(path))
    for one in parameters.values():
        parts = ("_numerator", "_denominator") if one.unit == "fraction" else ("",)
        known |= {one.name + part for part in parts}
    for found in (found for found in DOLLAR.finditer(code) if found[1] not in known):
        word, line = found[1], code.count("\n", 0, found.start()) + 1
        place, name = f"sql/{path}:{line}", FRACTION_SUFFIX.sub("", word)
        if name in parameters:
            raise RuleError(f"{place} takes {word}: a fraction has two parts, another number none")
        if name in shared_parameters():
            raise RuleError(f"{place} takes {word}: add {name} to `uses:` of its card")
        raise RuleError(f"{place} takes {word}, which nothing gives")


def kinds_in(path: str) -> frozenset[str]:
    """Return the kinds of extract that an SQL file names itself."""
    words = sql_words(path)
    return frozenset(kind for kind in KINDS if {kind, f"delivered_{kind}"} & words)


@cache
def kinds_under(path: str) -> frozenset[str]:
    """Return the kinds of extract that an SQL file rests on."""
    under = (other for other in files_in(path) if name_of(other) not in SPARES)
    return kinds_in(path).union(*map(kinds_under, under))


def parameters_under(card: PolicyCard) -> list[Parameter]:
    """Return the parameters that a policy, its limit and the facts under it take, by name."""
    known = {**shared_parameters(), **card.parameters}
    words = words_under(policy_path(card.policy_id))
    taken = {word[1:] for word in words if word.startswith("$")}
    taken |= {FRACTION_SUFFIX.sub("", name) for name in taken - known.keys()}
    taken |= {card.limit.name} if isinstance(card.limit, Parameter) else set()
    return [known[name] for name in sorted(taken & known.keys())]
