"""What is shown once a clerk has answered: the scores of those rows, and how far clerks agree."""

from collections.abc import Iterable, Mapping

import polars as pl

from transforms.answers.identity import PERSONS, PRIOR, UNSURE, evidence_word
from transforms.answers.stakes import ROW
from transforms.errors import ContractError
from transforms.extracts.kinds import KINDS
from transforms.extracts.links import BY_CONTENT
from transforms.extracts.registers import LINKS
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, said_column, word

WHOLE, MOST_APART = 1_000_000, 5_000
# From this many millionths on a probability has this word.
LIKELY = (
    (990_000, "as_good_as_sure"),
    (900_000, "very_likely"),
    (500_000, "rather_likely"),
    (100_000, "rather_unlikely"),
    (0, "very_unlikely"),
)


def agreement(answers: pl.DataFrame, known: pl.DataFrame) -> list[dict[str, int | str | None]]:
    """Say how far clerks agree with the others whose answers on the same rows stand.

    Rows:    answers  of one workbook; known: the register's lines that stand, oldest first
             returns  per two clerks `rows` that both answered, how many `alike`, the per cent of
                      them, and Cohen's kappa, None where chance alone would agree
    """
    head = LINKS.headings
    kinds = {title: name for name, kind in KINDS.items() for title in kind.titles}
    others = known.with_row_index("order").select(
        pl.col(head["kind"]).replace(kinds).alias("kind"),
        pl.col(head["file_digest"]).str.to_lowercase().alias("named"),
        pl.col(head["line"]).cast(pl.Int64).alias("at"),
        pl.col(head["decided_by"]).alias("other"),
        pl.col(head["person_id"]).alias("other_person"),
        pl.struct(head["decided_on"], "order").alias("when"),
    )
    sure = answers.filter(pl.col("answer") != UNSURE).with_columns(
        pl.col("person_id").fill_null("")
    )
    both = pl.concat(
        [
            sure.join(others, left_on=ROW, right_on=["kind", "named", "at"]),
            sure.join(
                others.filter(pl.col("at") == BY_CONTENT),
                left_on=["kind", "content_digest"],
                right_on=["kind", "named"],
            ).drop("at"),
        ]
    ).filter(pl.col("other") != pl.col("decided_by"))
    newest = both.sort("when").unique([*ROW, "decided_by", "other"], keep="last")
    return [
        {"clerk": clerk, "other": other, **_alike(pair)}
        for (clerk, other), pair in newest.sort("decided_by", "other").group_by(
            "decided_by", "other", maintain_order=True
        )
    ]


def _alike(pair: pl.DataFrame) -> dict[str, int | str | None]:
    """Compare what two clerks said, person by person; by chance, by the place of the person."""
    count = pair.height
    alike = pair.filter(pl.col("person_id") == pl.col("other_person")).height
    places = [
        [persons.index(said) if said in persons else -1 if said else None for said in pick]
        for persons, *pick in pair.select("persons", "person_id", "other_person").rows()
    ]
    chance = sum(
        [one for one, _ in places].count(place) * [two for _, two in places].count(place)
        for place in {place for said in places for place in said}
    )
    expected = count * count
    kappa = None if chance == expected else (alike * count - chance) / (expected - chance)
    return {
        "rows": count,
        "alike": alike,
        "percent": f"{100 * alike / count:.1f}",
        "kappa": None if kappa is None else f"{kappa:.2f}",
    }


def opened_sheets(answers: pl.DataFrame, candidates: pl.DataFrame) -> list[Sheet]:
    """Lay out the scores of the rows answered: how likely each person is, and by which evidence.

    Holds:   prior and weights of a person sum to his probability
    Raises:  ContractError if they do not
    """
    sure = answers.filter(pl.col("answer") != UNSURE).sort("source_file", "line")
    asked = sure.select(*ROW, "persons", "answer", "source_file")
    rows = asked.join(candidates, on=ROW, maintain_order="left_right")
    place = said_column("row_of_file", file="source_file", line="line")
    likely, evidence = [], []
    for row in rows.with_columns(place.alias("place")).to_dicts():
        slot = word(PERSONS[row["persons"].index(row["person_id"])])
        head = {"row_at": row["place"], "candidate": slot}
        sure_ppm = row["probability_ppm"]
        likely.append(
            {
                **head,
                "full_name": row["name"],
                "person_id": row["person_id"],
                "likely": word(next(code for least, code in LIKELY if sure_ppm >= least)),
                "probability_share": _share(sure_ppm),
                "recognised": row["answer"],
            }
        )
        evidence += [head | step for step in _waterfall(row["evidence"], sure_ppm)]
    above = said_lines([Said("identity_opened"), Said("identity_inside")])
    steps = said_lines([Said("identity_steps"), Said("identity_inside")])
    return [
        Sheet(word("sheet_likely"), pl.DataFrame(likely), above=above),
        Sheet(word("sheet_evidence"), pl.DataFrame(evidence), above=steps),
    ]


def _share(ppm: int) -> int:
    # Weights are finite: nobody is certain, and rounding makes nobody so.
    return min((ppm + 50) // 100, 9_999)


def _waterfall(evidence: Iterable[Mapping[str, str | int]], ppm: int) -> list[dict[str, str | int]]:
    steps, total = list[dict[str, str | int]](), 0
    for one in sorted(evidence, key=lambda one: one["field"] != PRIOR):
        total += int(one["weight_milli"])
        level = str(one["level"]) if one["level"] != one["field"] else ""
        odds = 2.0 ** (total / 1000)
        reached = round(WHOLE * odds / (1 + odds))
        steps.append(
            {
                "field": evidence_word(str(one["field"])),
                "level": evidence_word(level) if level else "",
                "weight": f"{int(one['weight_milli']) / 1000:+.2f}",
                "weight_so_far": f"{total / 1000:+.2f}",
                "reached_share": _share(reached),
            }
        )
    if steps and abs(reached - ppm) > MOST_APART:
        raise ContractError("the weights of a candidate do not sum to his probability")
    return steps
