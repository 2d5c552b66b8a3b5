"""Lists for the bureaus: whom a relief, a help or a warning is about, and what it takes to act.

Nothing is paid for these. A list has two editions with the same running numbers: the internal one
is for the bureau in charge, with ids, names and facts; in the one for everybody else persons and
households are masked, and what is said about them is left out.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from transforms.amounts import yuan_column
from transforms.extracts.kinds import COLUMNS, KINDS, heading
from transforms.extracts.outputs import describe_column, output_columns
from transforms.masking import masked_household, masked_name, masked_person_id
from transforms.money.entitlements import KEY
from transforms.policies.cards import PolicyCard
from transforms.sheets.workbook import Line, Sheet
from transforms.words import BETWEEN, Said, word, worded

NUMBER, IDENTIFIER, NAME = "number", "identifier", "subject_name"
ON_LIST, OPEN, MEMBERS = "eligible", "undetermined", "members"
SHEETS = {
    ON_LIST: "sheet_list_eligible",
    OPEN: "sheet_list_undetermined",
    MEMBERS: "sheet_list_members",
}
ASKED = ("unknown_provisions", "missing", "settled_by")
OWN = (NUMBER, "outcome", "period", "division_code", *ASKED)
CLASS_OF_SUBJECT = {
    "person": {IDENTIFIER: "person_id", NAME: "name"},
    "household": {IDENTIFIER: "about_person", NAME: "name"},
    "employer": {IDENTIFIER: "none", NAME: "none"},
}
AMOUNTS = {"relief": "relief_fen", "warning": "at_stake_fen"}
NUMBER_WIDTH = 10


def list_of(
    card: PolicyCard,
    policy_rows: pl.LazyFrame,
    determinations: pl.LazyFrame,
    questions: pl.DataFrame,
    told: Sequence[pl.DataFrame],
) -> pl.DataFrame:
    """Lay out a policy's list, unmasked.

    Rows:    policy_rows  the policy's own; determinations and questions: of all policies
             told         names and towns, each at most one row per subject_kind and subject_id
             returns      one per eligible and undetermined row, the eligible first, by the card's
                          order, numbered
    """
    judged = determinations.filter(
        (pl.col("policy_id") == card.policy_id) & pl.col("outcome").is_in([ON_LIST, OPEN])
    )
    judged = judged.select(*KEY[1:], "outcome")
    rows = judged.join(policy_rows, on=KEY[1:], how="inner", validate="1:1").collect()
    for known in told:
        rows = rows.join(known, on=["subject_kind", "subject_id"], how="left", validate="m:1")
    rows = rows.join(_asked(card, questions), on=KEY[1:], how="left", validate="1:1")
    largest = [name for name in card.listing.get("order", ()) if name != "subject_id"]
    order = ["outcome", *largest, "period", "subject_id", "beneficiary_id"]
    is_down = [name in largest for name in order]
    rows = rows.sort(order, descending=is_down, nulls_last=True)
    amount = AMOUNTS.get(card.kind, "")
    is_counted = policy_rows.select((pl.col("amount_fen") != 0).any()).collect().item()
    has_amount = card.kind == "relief" or bool(amount and is_counted)
    return rows.select(
        pl.int_range(1, pl.len() + 1).alias(NUMBER),
        "outcome",
        "period",
        pl.col("subject_id").alias(IDENTIFIER),
        pl.col(NAME).fill_null(""),
        "division_code",
        *([pl.col("amount_fen").alias(amount)] if has_amount else []),
        *(told_fact(name, rows.schema[name]) for name in card.listing.get("facts", ())),
        *ASKED,
    )


def _asked(card: PolicyCard, questions: pl.DataFrame) -> pl.DataFrame:
    """Bring the questions of each row together: what is unknown, what lacks, who would know."""
    extracts = {
        one.name: BETWEEN["zh"].join(dict.fromkeys(KINDS[r["kind"]].titles[1] for r in one.rows))
        for one in card.provisions
    }
    settled = pl.col("provision").replace_strict(extracts, return_dtype=pl.String)
    return (
        questions.filter(pl.col("policy_id") == card.policy_id)
        .select(*KEY[1:], "title", "missing", settled.alias("settled"))
        .group_by(KEY[1:])
        .agg(
            pl.col(name).filter(pl.col(name) != "").unique(maintain_order=True).alias(column)
            for name, column in zip(("title", "missing", "settled"), ASKED, strict=True)
        )
        .with_columns(pl.col(name).list.join("；") for name in ASKED)
    )


def told_fact(name: str, dtype: pl.DataType) -> pl.Expr:
    """Write a fact as a bureau reads it: days and months, 是 and 否; amounts and counts stay.

    >>> facts = {"due_month": 202006, "is_late": False, "gone_count": 7, "unit_rate_bp": 550}
    >>> rows = pl.DataFrame([facts])
    >>> rows.select(told_fact(name, kind) for name, kind in rows.schema.items()).row(0)
    ('2020-06', '否', 7, '5.50%')
    """
    cell = pl.col(name)
    column = COLUMNS.get(name)
    is_month = name.endswith("month") or (column and column.type == "month")
    if dtype == pl.Boolean:
        yes, no = (pl.lit(word(code)) for code in ("cell_yes", "cell_no"))
        cell = pl.when(cell).then(yes).when(~cell).then(no)
    elif dtype == pl.Date:
        cell = cell.dt.to_string("%Y-%m-%d")
    elif isinstance(dtype, pl.List):
        cell = cell.list.join(BETWEEN["zh"])
    elif dtype.is_integer() and is_month:
        cell = pl.date(cell // 100, cell % 100, 1).dt.to_string("%Y-%m")
    elif name.endswith(("_wan_x100", "_bp")):
        unit = " 万元" if name.endswith("_x100") else "%"
        cell = pl.concat_str(yuan_column(name), pl.lit(unit))
    elif name.endswith("_percent"):
        cell = pl.concat_str(cell, pl.lit("%"))
    return cell.alias(name)


def class_of(card: PolicyCard, column: str) -> str:
    """Say which class of personal data a column of a policy's list holds.

    Holds:   every fact on a list of persons is about them; what nobody described, on a list of
             employers, is about the employer
    """
    named = CLASS_OF_SUBJECT[card.subject].get(column)
    is_described = column in output_columns() or column.removeprefix("is_") in COLUMNS
    if named or column in OWN or (card.subject == "employer" and not is_described):
        return named or "none"
    found = describe_column(column)["personal"]
    return "about_person" if found == "none" and card.subject != "employer" else found


def masked_list(card: PolicyCard, rows: pl.DataFrame) -> pl.DataFrame:
    """Mask persons and households, and leave out what is said about them; employers are public.

    Holds:   the numbers are those of the unmasked list
    """
    rows = rows.select(
        name
        for name in rows.columns
        if name in (IDENTIFIER, NAME) or class_of(card, name) == "none"
    )
    if card.subject == "employer":
        return rows
    if card.subject == "household":
        # The names of its members would name the household.
        nameless = pl.lit("").alias(NAME)
        return rows.with_columns(masked_household(IDENTIFIER).alias(IDENTIFIER), nameless)
    return rows.with_columns(
        masked_person_id(IDENTIFIER).alias(IDENTIFIER),
        pl.when(pl.col(NAME) == "").then(pl.lit("")).otherwise(masked_name(NAME)).alias(NAME),
    )


def list_parts(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Part an edition into what is on the list and what is to be looked into, if there is any."""
    listed = rows.filter(pl.col("outcome") == ON_LIST).drop("outcome", *ASKED)
    opened = rows.filter(pl.col("outcome") == OPEN).drop("outcome")
    return {ON_LIST: listed} | ({OPEN: opened} if opened.height else {})


def members_of(rows: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Say who lives in the households on a list, under the households' numbers.

    Rows:    members  subject_id, person_id, name, registered_on; returns  the listed households'
    """
    listed = rows.filter(pl.col("outcome") == ON_LIST).select(NUMBER, subject_id=IDENTIFIER)
    found = listed.join(members, on="subject_id", validate="1:m").sort(NUMBER, "person_id")
    return found.select(
        NUMBER,
        pl.col("subject_id").alias("household_no"),
        "person_id",
        pl.col("name").alias("person_name"),
        told_fact("registered_on", found.schema["registered_on"]),
    )


def for_machines(card: PolicyCard, rows: pl.DataFrame) -> pl.DataFrame:
    """Say in each row of a CSV what stands above a sheet."""
    said = {name: getattr(card, name) for name in ("authority", "clause", "bureau")}
    said |= {"purpose": card.listing["purpose"], "legal_basis": card.listing["basis"]}
    return rows.with_columns(pl.lit(text).alias(name) for name, text in said.items())


def list_sheets(
    card: PolicyCard,
    parts: Mapping[str, pl.DataFrame],
    as_of: str,
    notes: Sequence[Said] = (),
    *,
    is_masked: bool,
) -> list[Sheet]:
    """Head each part with what it is, for whom, by which clause, what for and who may have it."""
    counts = {
        f"{part}_rows": parts[part].height if part in parts else 0 for part in (ON_LIST, OPEN)
    }
    # A title may say itself that it is a list.
    what = {"policy": card.title.removesuffix("名单"), "as_of": as_of} | counts
    title = worded(Said("list_of", what))
    heading = list_heading(card, is_masked=is_masked)
    warned = [Line("warn", [worded(said)]) for said in notes]
    sheets = []
    for part, rows in parts.items():
        found = [field["personal"] for field in fields_of(card, rows.columns, is_masked=is_masked)]
        classes = [word("personal_data"), *(word(f"class_{name}") for name in found[1:])]
        above = [Line("title", [title]), *heading, *warned, Line("note", classes)]
        sheets.append(Sheet(word(SHEETS[part]), rows, above, widths={NUMBER: NUMBER_WIDTH}))
    return sheets


def list_heading(card: PolicyCard, *, is_masked: bool) -> list[Line]:
    """Say for whom a list is, by which clause, what for, on which ground, and who may have it."""
    edition = word("list_masked" if is_masked else "list_internal")
    if card.kind == "warning":
        edition += word("list_is_warning")
    said = {
        "bureau": card.bureau,
        "clause": f"{card.authority}：{card.clause}",
        "purpose": worded(Said("list_purpose", card.listing)),
        "edition": edition,
    }
    return [Line("field", [word(name), text]) for name, text in said.items()]


def fields_of(card: PolicyCard, columns: Sequence[str], *, is_masked: bool) -> list[dict[str, str]]:
    """Describe the columns of an edition, with their class of personal data."""
    fields = []
    for name in columns:
        found = class_of(card, name)
        personal = "masked" if is_masked and found != "none" else found
        fields.append({"name": name, "title": heading(name), "personal": personal})
    return fields
