"""What a card says that its rule reads and takes, against the rule itself; once, before all else.

An extract that the card leaves out is not waited for: the rule would go on without it, and take
nobody for dead. A number that the rule does not take changes nothing, whatever the card says.
"""

from functools import cache

from sql.texts import (
    FRACTION_SUFFIX,
    exclusions,
    files_in,
    name_of,
    policy_cards,
    policy_path,
    shared_parameters,
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


@cache
def check_cards() -> None:
    """Hold every card to its rule, as check_card does, and the exclusions to the cards."""
    exclusions()
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
    taken = {parameter.name for parameter in parameters_under(card)}
    if idle := sorted(set(card.parameters) - taken):
        raise RuleError(f"sql/{path} takes no {', '.join(idle)}: remove it from its card")


@cache
def kinds_under(path: str) -> frozenset[str]:
    """Return the kinds of extract that an SQL file rests on."""
    own = {kind for kind in KINDS if {kind, f"delivered_{kind}"} & sql_words(path)}
    under = (other for other in files_in(path) if name_of(other) not in SPARES)
    return frozenset(own).union(*map(kinds_under, under))


def parameters_under(card: PolicyCard) -> list[Parameter]:
    """Return the parameters that a policy, its limit and the facts under it take, by name."""
    known = {**shared_parameters(), **card.parameters}
    taken = {card.limit.name} if isinstance(card.limit, Parameter) else set()
    for word in words_under(policy_path(card.policy_id)):
        name = word.removeprefix("$")
        if name != word:
            taken.add(name if name in known else FRACTION_SUFFIX.sub("", name))
    return [known[name] for name in sorted(taken & set(known))]
