"""One policy by the product and in pandas is one answer; a row that is not the same is told."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from bench import one_policy
from bench.phase import ingest, sample

HOME_AND_DROP = ("home", "drop")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    home, drop = (str(tmp_path_factory.mktemp("town") / name) for name in HOME_AND_DROP)
    sample(drop, "3000", "parquet")
    return [home, str(ingest(drop, home)["snapshot"])]


def test_product_and_pandas_answer_alike(
    town: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    one_policy.main([*town, "--spark-python", "/no/such/python"])
    told = capsys.readouterr().out
    assert "Spark is not here" in told
    assert "pandas beside product: 0 rows differ" in told
    # The planted cast stands on the edges of the policy: some are paid, some not.
    assert "product = pandas, 0.00 yuan" not in told


def test_a_planted_difference_is_told(
    town: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = one_policy.answer

    def bent(way: str, python: str, tables: one_policy.Tables) -> tuple[dict[str, float], set]:
        found, rows = honest(way, python, tables)
        if way == "pandas":
            paid = next(row for row in sorted(rows) if row[2] == "eligible")
            rows = rows - {paid} | {(*paid[:3], "100001")}
        return found, rows

    monkeypatch.setattr(one_policy, "answer", bent)
    with pytest.raises(SystemExit) as left:
        one_policy.main([*town, "--spark-python", "/no/such/python"])
    assert left.value.code == 1
    told = capsys.readouterr().out
    assert "only pandas: " in told and "100001" in told
    assert "pandas beside product: 2 rows differ" in told


def test_spark_is_there_only_with_java_and_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    with_both = bool(shutil.which("java")) and importlib.util.find_spec("pyspark") is not None
    assert one_policy.has_spark(sys.executable) is with_both
    monkeypatch.setenv("PATH", str(Path("/no/such/folder")))
    assert not one_policy.has_spark(sys.executable)
