"""The plan of parts: what is built for some persons at a time, derived from what every file says.

    whole    what parts need that is nobody's (employers, the calendar, clerks' answers): built
             once, and given to every part
    parts    what says `-- cut by: person` and rests on nothing but the whole and the parts: built
             for the persons of some buckets
    joined   everything else, over what the parts handed over

Rows about nobody in particular are given to every part, so a fact that may hold them is handed
over by none: whoever reads it after the parts builds it again, of kinds that are small.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from sql.card_words import kinds_in
from sql.texts import (
    asked_files,
    fact_path,
    files_in,
    files_under,
    finding_names,
    name_of,
    policy_cards,
    policy_path,
    policy_tables_in,
    sql_files,
    sql_text,
    sql_words,
)
from transforms.errors import RuleError
from transforms.extracts.kinds import KINDS
from transforms.policies.cards import FIRST_MONTH, year_day

CUT_BY = re.compile(r"^-- cut by: (.+)$", re.MULTILINE)
CUTS = ("person", "employer", "household", "whole")
WHOLE, PARTS, JOINED = "whole", "parts", "joined"
# A clerk's answers go to every part: few, and each names its row in full.
GIVEN_WHOLE = {"clerical_decisions", "clerical_links"}
ABOUT_SOMEBODY = {
    kind.name for kind in KINDS.values() if {"person_id", "subject_id"} & kind.column_named.keys()
} - GIVEN_WHOLE
# Their rows are a person's or nobody's: an employer's.
MIXED = {name for name in ABOUT_SOMEBODY if "subject_kind" in KINDS[name].column_named}
FIRST, AFTER_POLICIES, LAST = "contribution_coverage", "clerical_answers", "own_rows"
OF_SERIES = "staff_counts"
# What the engine asks of every policy's rows.
ENGINE = ("keyed.sql", "counted.sql", "determination.sql")


@dataclass(frozen=True)
class Step:
    """One fact or policy: what it is cut by, where it can be built, what it reads.

    `facts` and `kinds`: read by the file itself, or by the questions it asks.
    """

    path: str
    cuts: tuple[str, ...]
    stage: str
    facts: tuple[str, ...]
    kinds: tuple[str, ...]
    may_be_nobodys: bool

    @property
    def name(self) -> str:
        """Return the name of the fact or policy."""
        return name_of(self.path)

    @property
    def is_policy(self) -> bool:
        """Say whether it is a policy; else it is a fact."""
        return self.path.startswith("policies/")


@dataclass(frozen=True)
class Plan:
    """What one night builds, stage by stage, each after what it reads; and what goes between them.

    `year_days`: the policy year by which each file is built, that of the first who asks for it.
    """

    whole: tuple[Step, ...]
    parts: tuple[Step, ...]
    joined: tuple[Step, ...]
    given: tuple[str, ...]
    handed_over: tuple[str, ...]
    year_days: dict[str, date]

    @property
    def policies_in_parts(self) -> tuple[str, ...]:
        """Return the policies that are determined in parts."""
        return tuple(step.name for step in self.parts if step.is_policy)


def kinds_of(stage: Iterable[Step]) -> tuple[str, ...]:
    """Return the kinds of extract that a stage reads."""
    return tuple(sorted({kind for step in stage for kind in step.kinds}))


def cuts_of(path: str) -> tuple[str, ...]:
    """Return what a fact, question or policy says that it can be cut by.

    Raises:  RuleError unless it says so, once and in the words there are
    """
    said = CUT_BY.findall(sql_text(path))
    cuts = tuple(said[0].split(", ")) if len(said) == 1 else ()
    if not cuts or not set(cuts) <= set(CUTS) or ("whole" in cuts and len(cuts) > 1):
        raise RuleError(f"sql/{path} needs one line `-- cut by:` of {', '.join(CUTS)}")
    return cuts


@cache
def steps() -> dict[str, Step]:
    """Derive every fact and policy by its name, each after what it reads."""
    made: dict[str, Step] = {}
    for path in (*asked_files(), *map(policy_path, policy_cards())):
        for one in (*files_under(path), path):
            read = [*files_in(one), *(_engine_reads() if one.startswith("policies/") else ())]
            made.setdefault(one, _step(one, [made[other] for other in read]))
    return {step.name: step for step in made.values() if not _is_question(step)}


def _engine_reads() -> list[str]:
    return [other for path in ENGINE for other in files_in(path)]


def _is_question(step: Step) -> bool:
    return step.path.startswith("questions/")


def _step(path: str, read: Sequence[Step]) -> Step:
    """Derive one file from those it reads; a question hands on what it reads itself."""
    asked = [step for step in read if _is_question(step)]
    facts = [
        *(step.name for step in read if step not in asked),
        *(n for s in asked for n in s.facts),
    ]
    kinds = kinds_in(path).union(*(step.kinds for step in asked))
    cuts, stages = cuts_of(path), {step.stage for step in read}
    is_over_whole = stages <= {WHOLE} and not path.startswith("policies/")
    if "person" in cuts and JOINED not in stages and not policy_tables_in(path):
        stage = WHOLE if is_over_whole and not kinds & ABOUT_SOMEBODY else PARTS
    else:
        stage = WHOLE if is_over_whole else JOINED
    may_be_nobodys = bool(kinds & MIXED) or any(step.may_be_nobodys for step in read)
    return Step(path, cuts, stage, _once(facts), _once(sorted(kinds)), may_be_nobodys)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def plan_of(running: Sequence[str], as_of: date, read_later: Collection[str] = ()) -> Plan:
    """Plan a night.

    Rows:    running     the policies that run, in that order
             read_later  words of whatever reads facts after the rules and is not under sql/
    """
    known, year_days = steps(), dict(reversed(list(_asked_in_order(running, as_of))))
    in_parts = [name for name in running if known[name].stage == PARTS]
    later = set(read_later).union(*map(sql_words, _read_after_rules()))
    asked = [name for name in running if name not in in_parts]
    asked += [name for name in known if name in later and fact_path(name) in year_days]

    def is_handed(step: Step) -> bool:
        return step.stage == PARTS and not step.may_be_nobodys

    joined = _under([*asked, FIRST, AFTER_POLICIES, LAST], is_handed)
    handed = [name for name in known if name in joined and is_handed(known[name])]
    parts = _under([*in_parts, *handed], lambda step: step.stage == WHOLE)
    given = [name for name in known if name in parts and known[name].stage == WHOLE]
    whole = _under(given, lambda _step: False)
    return Plan(
        whole=_steps_of(whole),
        parts=_steps_of(parts - set(given)),
        joined=_steps_of(joined - set(handed) - whole),
        given=tuple(given),
        handed_over=tuple(handed),
        year_days=year_days,
    )


def _under(names: Iterable[str], is_end: Callable[[Step], bool]) -> set[str]:
    """Collect steps and what they read, up to those where it ends, these included."""
    found, waiting = set[str](), list(names)
    while waiting:
        step = steps()[waiting.pop()]
        if step.name not in found:
            found.add(step.name)
            waiting += () if is_end(step) else step.facts
    return found


def _steps_of(names: Collection[str]) -> tuple[Step, ...]:
    return tuple(step for name, step in steps().items() if name in names)


def _read_after_rules() -> list[str]:
    """List what reads facts once the policies have run: findings, money, traces, pages."""
    rules = {"facts", "questions", "policies"}
    return [path for path in sql_files() if path.partition("/")[0] not in rules]


def _asked_in_order(running: Sequence[str], as_of: date) -> Iterator[tuple[str, date]]:
    """Give what a night builds, as it is asked for, each with the policy year of who asks.

    In this order determine() goes; what is asked for again is given again.
    """
    day, cards = date(FIRST_MONTH // 100, 1, 1), policy_cards()

    def under(*paths: str) -> Iterator[tuple[str, date]]:
        for path in paths:
            yield from ((other, day) for other in (*files_under(path), path))

    yield from under(fact_path(FIRST))
    for name in running:
        day = year_day(cards[name], as_of)
        yield from under(policy_path(name), *ENGINE)
        if cards[name].listing.get("series"):
            yield from under(fact_path(OF_SERIES))
    yield from under(fact_path(AFTER_POLICIES))
    for path in (f"findings/{name}.sql" for name in finding_names()):
        if policy_tables_in(path) <= set(running):
            for name in sorted(policy_tables_in(path)):
                day = year_day(cards[name], as_of)
            yield from under(path)
    yield from under(fact_path(LAST))
