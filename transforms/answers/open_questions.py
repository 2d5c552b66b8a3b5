"""What is not known: each unknown provision of an undetermined row, in words for a clerk."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import polars as pl

from transforms.digest import canonical_json
from transforms.extracts.dates import ALL_PERIODS
from transforms.extracts.kinds import COLUMNS, KINDS
from transforms.money.entitlements import KEY
from transforms.money.objections import OBJECTION
from transforms.policies.card_form import period_form
from transforms.policies.cards import PolicyCard, Provision
from transforms.words import filled, said_column, word

QUESTION_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(KEY, pl.String()),
    "provision": pl.String(),
    "title": pl.String(),
    "clause": pl.String(),
    "missing": pl.String(),
    "amount_fen": pl.Int64(),
    # What is one question, though several rows ask it, and the side that it is about, or both.
    "fact": pl.String(),
    "about": pl.String(),
}
BOTH = "both"
# What is asked of a line besides the provisions of its policy.
CONFLICT, RECOVERY, SAME_PERSON = "conflict", "recovery", "same_person"
SIDE_OF = {"subject": "subject", "subject_as_legal_rep": "subject", "beneficiary": "beneficiary"}
BY_MONTH = ("period", "to_period", "month_before")
REGISTERS = ("registrations", "insured_units", "insured_persons")
SIDES = ("subject", "beneficiary")
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def both_sides(rows: Frame, party: str, *more: str) -> Frame:
    """Put the subjects and the beneficiaries of rows under each other, as <party>_kind and _id."""
    sides = (
        [pl.col(f"{side}_{part}").alias(f"{party}_{part}") for part in ("kind", "id")]
        for side in SIDES
    )
    return pl.concat([rows.select(*more, *side) for side in sides])


def parties_asked(determinations: pl.LazyFrame) -> pl.DataFrame:
    """Return the subjects and beneficiaries of undetermined rows, each once.

    Rows:    returns  party_kind, party_id
    """
    undetermined = determinations.filter(pl.col("outcome") == "undetermined")
    return both_sides(undetermined, "party").unique().sort("party_kind", "party_id").collect()


def questions_of(
    card: PolicyCard, policy_rows: pl.LazyFrame, determinations: pl.LazyFrame, gaps: pl.DataFrame
) -> pl.DataFrame:
    """Ask one question for each unknown provision of each undetermined row of a policy.

    Rows:    policy_rows     the policy's own rows: keys, provisions, amount_fen, facts
             determinations  of all policies; gaps: which register lacks which party
             returns         QUESTION_SCHEMA; amount_fen is what it would be were all true
    Holds:   a provision that a clerk has answered is asked no more
    """
    open_rows = determinations.filter(
        (pl.col("policy_id") == card.policy_id) & (pl.col("outcome") == "undetermined")
    ).select(*KEY, "reason_codes")
    rows = open_rows.join(policy_rows, on=KEY[1:], how="inner", validate="1:1").collect()
    unknown = set(rows["reason_codes"].explode())
    for side in SIDES:
        lacks = gaps.rename({f"lacks_{kind}": f"{side}_lacks_{kind}" for kind in REGISTERS})
        rows = rows.join(
            lacks,
            left_on=[f"{side}_kind", f"{side}_id"],
            right_on=["party_kind", "party_id"],
            how="left",
            validate="m:1",
        )
    asked = [_questions(one, rows) for one in card.provisions if one.name in unknown]
    return pl.concat([pl.DataFrame(schema=QUESTION_SCHEMA), *asked]).sort([*KEY, "provision"])


def _questions(provision: Provision, rows: pl.DataFrame) -> pl.DataFrame:
    unknown = rows.filter(pl.col("reason_codes").list.contains(provision.name))
    sides = {SIDE_OF.get(spec["of"], BOTH) for spec in provision.rows}
    named = {
        "provision": provision.name,
        "title": provision.title,
        "clause": provision.clause,
        "about": sides.pop() if len(sides) == 1 else BOTH,
    }
    asked = unknown.with_columns(
        missing_words(provision, rows.columns).alias("missing"),
        *(pl.lit(text).alias(name) for name, text in named.items()),
    )
    is_monthly = any(spec.get("months") in BY_MONTH for spec in provision.rows)
    of_month = [pl.col("period")] if is_monthly else []
    source = canonical_json([provision.title, *map(dict, provision.rows)])
    return with_facts(asked, pl.lit(source), *of_month).select(
        pl.col(name).cast(dtype) for name, dtype in QUESTION_SCHEMA.items()
    )


def with_facts(asked: pl.DataFrame, *what: pl.Expr) -> pl.DataFrame:
    """Name the fact that each question asks for: what, of whom, and what is missing of it."""
    ids = [
        pl.when(pl.col("about").is_in([side, BOTH])).then(f"{side}_id").otherwise(pl.lit(""))
        for side in SIDES
    ]
    return asked.with_columns(pl.concat_str(*what, *ids, "missing", separator="|").alias("fact"))


def missing_words(provision: Provision, columns: list[str]) -> pl.Expr:
    """Say what is missing for an unknown provision: a row of a register, else an empty cell."""
    words = [
        pl.when(pl.col(f"{side}_lacks_{kind}")).then(
            said_column("not_in_register", kind=pl.lit(KINDS[kind].titles[1]))
        )
        for kind in REGISTERS
        if any(spec["kind"] == kind for spec in provision.rows)
        for side in SIDES
    ]
    absent_rows = [pl.coalesce(words)] if words else []
    empty_cells = [
        pl.when(pl.col(fact).is_null()).then(pl.lit(fact_label(fact)))
        for fact in provision.facts
        if fact in columns
    ]
    if empty_cells:
        listed = pl.concat_str(empty_cells, separator="、", ignore_nulls=True)
        is_any = pl.any_horizontal(
            pl.col(fact).is_null() for fact in provision.facts if fact in columns
        )
        absent_rows.append(pl.when(is_any).then(said_column("cells_empty", facts=listed)))
    return pl.coalesce([*absent_rows, said_column("needs_a_look")])


def fact_label(fact: str, kind: str = "") -> str:
    """Return the heading under which bureaus know a fact, or the word for a derived one.

    A kind of extract may have a heading of its own for it.

    >>> fact_label("ends_on"), fact_label("layoff_count")
    ('合同结束日期', '裁员人数')
    >>> fact_label("is_willing")
    '择业愿望'
    >>> fact_label("from_date", "custody")
    '收监日期'
    """
    own = KINDS[kind].column_named.get(fact) if kind else None
    column = COLUMNS.get(fact) or COLUMNS.get(fact.removeprefix("is_"))
    # Of a kind's own labels the first is the name of the column.
    labels = own.labels[1:] if own else column.labels if column else ()
    return labels[0] if labels else word(fact)


def all_questions(
    cards: Mapping[str, PolicyCard],
    policy_rows: Mapping[str, pl.LazyFrame],
    determinations: pl.LazyFrame,
    gaps: pl.DataFrame,
) -> pl.DataFrame:
    """Ask the questions of all policies that ran, sorted by key and provision."""
    # Looked for once: they are few, and policies many.
    undetermined = determinations.filter(pl.col("outcome") == "undetermined").collect().lazy()
    asked = [
        questions_of(cards[name], rows, undetermined, gaps)
        for name, rows in sorted(policy_rows.items())
    ]
    return pl.concat([pl.DataFrame(schema=QUESTION_SCHEMA), *asked]).sort([*KEY, "provision"])


def named_by_id(rows: pl.DataFrame, cards: Mapping[str, PolicyCard]) -> pl.DataFrame:
    """Write the id of a policy where its Chinese title stands."""
    ids = {card.title: name for name, card in cards.items()}
    return rows.with_columns(pl.col("policy_id").replace(ids))


def fits_nothing(decisions: pl.DataFrame, cards: Mapping[str, PolicyCard]) -> pl.DataFrame:
    """Keep the decisions that no night asks for, and say why: of no policy, no provision of its
    card, or of a year where it goes by month, a month where by year."""
    asked = [(name, said) for name, card in cards.items() for said in card.provision_names]
    asked += [(name, said) for name in cards for said in (CONFLICT, RECOVERY, OBJECTION)]
    letters = [(*one, len(period_form(cards[one[0]].period))) for one in asked]
    known = pl.DataFrame(letters, schema=["policy_id", "provision", "letters"], orient="row")
    given = pl.col("period").str.len_chars().cast(pl.Int64)
    why = (
        pl.when(pl.col("letters").is_null())
        .then(pl.lit("no policy has such a provision"))
        .when(pl.col("period") == ALL_PERIODS)
        .then(pl.lit("it names no period: each is decided by itself"))
        .when(given > pl.col("letters"))
        .then(pl.lit("its policy goes by year, and a month is given"))
        .when(given < pl.col("letters"))
        .then(pl.lit("its policy goes by month, and a year is given"))
    )
    return (
        decisions.filter(pl.col("provision") != SAME_PERSON)
        .join(known, on=known.columns[:2], how="left", maintain_order="left", validate="m:1")
        .with_columns(why.alias("why"))
        .drop_nulls("why")
        .drop("letters")
    )


def asking_decisions(decisions: pl.DataFrame, ran: Collection[str]) -> pl.DataFrame:
    """Keep the decisions on rows that a policy which ran determines: not those on money paid or on
    objections, which may outlive every row of their subject."""
    is_beside = pl.col("provision").is_in([RECOVERY, SAME_PERSON, OBJECTION])
    return decisions.filter(pl.col("policy_id").is_in(list(ran)), ~is_beside)


def unfitting_findings(
    decisions: pl.DataFrame, about_nobody: pl.DataFrame, cards: Mapping[str, PolicyCard]
) -> pl.DataFrame:
    """Say which decisions in force fit nothing, or name nobody, and so settle nothing."""
    place = pl.concat_str("source_file", pl.lit(":"), "source_line")
    row = [pl.col("policy_id", "subject_id", "provision", "period"), place.alias("place")]
    wrong = fits_nothing(decisions, cards).select(*row, "why")
    unknown = about_nobody.select(
        *row, pl.lit("no extract of tonight names whom it is about").alias("why")
    ).join(wrong, on="place", how="anti", maintain_order="left")
    detail = filled("{place}: {provision} ({period}): {why}") + "; the decision settles nothing"
    return _findings(pl.concat([wrong, unknown]), "decision_fits_nothing", detail)


def _findings(rows: pl.DataFrame, finding: str, detail: pl.Expr) -> pl.DataFrame:
    return rows.select(
        pl.lit(finding).alias("finding"),
        pl.lit("warning").alias("severity"),
        "policy_id",
        pl.lit("").alias("subject_kind"),
        "subject_id",
        detail.alias("detail"),
    )


def unfitting_objections(weighed: pl.DataFrame, cards: Mapping[str, PolicyCard]) -> pl.DataFrame:
    """Say which objections are of no policy or of a period of another sort, and, on the night on
    which they came, which meet no line: somebody may have mistyped what they are about.

    Rows:    weighed  the night's objections
    """
    letters = {name: len(period_form(card.period)) for name, card in cards.items()}
    form = pl.col("policy_id").replace_strict(letters, default=None, return_dtype=pl.UInt32)
    is_open = pl.col("objection_state") == "answered"
    says = (
        pl.when(form.is_null())
        .then(pl.lit("no policy is called so: it holds nothing, and nobody is asked to decide it"))
        .when(is_open & (pl.col("objected_period").str.len_chars() > form))
        .then(pl.lit("its policy goes by year and it names a month: the line of the year is held"))
        .when(is_open & (pl.col("objected_period").str.len_chars() < form))
        .then(pl.lit("its policy goes by month and it names a year: its every month is held"))
        .when(pl.col("period").is_null() & pl.col("is_news"))
        .then(pl.lit("nothing is determined of what it names: look at period and code again"))
    )
    told = weighed.with_columns(says.alias("says")).drop_nulls("says").unique("objection_id")
    detail = filled("{objection_id}: {says}")
    return _findings(told.sort("objection_id"), "objection_fits_nothing", detail)
