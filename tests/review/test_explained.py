"""What explains the lines of a batch: the words once, the cells line by line."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.review.reviewed_batch import reviewed_of
from transforms.review.explained import explained_block
from transforms.review.page import Reviewed

POLICY = "graduate_hire_insurance"


@pytest.fixture(scope="module")
def told(run_home: tuple[Path, dict[str, Any]]) -> Reviewed:
    return reviewed_of(run_home[0])


def lines_of(told: Reviewed) -> pl.DataFrame:
    return told.review.lines.filter(pl.col("policy_id") == POLICY)


def cell(column: dict[str, list[Any]], at: int) -> Any:
    return column["v"][at] if "v" in column else column["w"][column["at"][at]]


def test_each_cell_of_a_shape_is_there_for_every_line(told: Reviewed) -> None:
    lines = lines_of(told)
    block = explained_block(told.rules[POLICY], told.policy_rows[POLICY], lines)
    for shape in block["shapes"]:
        assert {*re.findall(r'data-cell="([^"]+)"', shape)} <= {*block["cells"]}
    for column in (block["shape"], *block["cells"].values()):
        assert [cell(column, at) is not None for at in range(lines.height)].count(True) == (
            lines.height
        )


def test_a_clerks_answer_stands_beside_its_provision(told: Reviewed) -> None:
    lines, rule = lines_of(told), told.rules[POLICY]
    provision = rule.card.provision_names[0]
    is_first = pl.int_range(pl.len()) == 0
    answered = told.policy_rows[POLICY].with_columns(
        pl.when(is_first).then(None).otherwise(provision).alias(provision),
        pl.when(is_first)
        .then(pl.lit([f"{provision}=是 川人社裁<1>号"]))
        .otherwise("clerk_answers")
        .alias("clerk_answers"),
    )
    block = explained_block(rule, answered, lines)
    texts = [cell(block["cells"][f"answer {provision}"], at) for at in range(lines.height)]
    assert sorted(texts)[-1] == "是 川人社裁<1>号" and texts.count("") == lines.height - 1
    at = texts.index("是 川人社裁<1>号")
    shape = block["shapes"][cell(block["shape"], at)]
    assert f'裁定：<span data-cell="answer {provision}"></span>' in shape and "不明" in shape


def test_a_line_without_a_row_is_not_explained(told: Reviewed) -> None:
    lines, rule = lines_of(told), told.rules[POLICY]
    rows = told.policy_rows[POLICY].head(1)
    block = explained_block(rule, rows, lines)
    shapes = [cell(block["shape"], at) for at in range(lines.height)]
    assert shapes.count(None) == lines.height - 1
    other = rows.rename({rule.card.provision_names[0]: "s9_of_another_rule"})
    assert explained_block(rule, other, lines)["shapes"] == []
    assert explained_block(rule, None, lines)["shapes"] == []
