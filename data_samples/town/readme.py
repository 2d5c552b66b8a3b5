"""The cast of a sample in words: which person or employer shows which case."""

import polars as pl


def cast_readme(expected: pl.DataFrame, titles: dict[str, str]) -> str:
    """Write a page that names the cast, policy by policy.

    Rows:    expected  as Planted.expected; a case with several months is one line
    """
    lines = [
        "# The cast 样例人物",
        "",
        "Nobody here exists. Each line is one planted case: whom it is about, what must come out.",
        "`expected.csv` has every row, `entitlements.csv` what becomes of the money,",
        "`not_reachable.csv` the sides of a provision that no row can take.",
    ]
    cases = expected.group_by("policy_id", "case", maintain_order=True).agg(
        pl.col("subject_id").first(),
        pl.col("beneficiary_id").first(),
        pl.concat_str("period", pl.lit(" "), "outcome").alias("outcomes"),
        pl.col("reason_codes").filter(pl.col("reason_codes") != "").unique(maintain_order=True),
    )
    for policy_id, title in titles.items():
        rows = cases.filter(pl.col("policy_id") == policy_id)
        if rows.is_empty():
            continue
        lines += ["", f"## {policy_id} {title}", "", "| case | who | paid to | must be | why not |"]
        lines.append("|---|---|---|---|---|")
        for row in rows.iter_rows(named=True):
            who, paid = row["subject_id"], row["beneficiary_id"]
            outcomes = "<br>".join(row["outcomes"])
            reasons = "<br>".join(row["reason_codes"])
            lines.append(f"| {row['case']} | {who} | {paid} | {outcomes} | {reasons} |")
    return "\n".join(lines) + "\n"
