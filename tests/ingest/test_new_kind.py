"""A new kind of extract is one entry in kinds.yaml: nothing else knows its name."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from flows.answers.policy_guide import KINDS_PAGE
from transforms.extracts.kinds import COLUMNS, KINDS
from transforms.extracts.kinds_page import kinds_page

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("flows", "transforms", "sql", "expectations", "data_samples")
COLUMN = """
  course: {type: text, meaning: name of a course, labels: 培训项目}
  certified_on: {type: date, meaning: day of the certificate, labels: 发证日期}
  fee_fen: {type: money, meaning: fee of the course, labels: 培训费, unit: fen}

kinds:
"""
KIND = """
  certificates:
    titles: 培训证书
    row: a certificate
    note_sums: fee_fen
    visible_from: certified_on
    columns:
      name!:
      person_id!:
      course!:
      certified_on!:
      fee_fen: {never_negative: true}
"""
USE = """
import json, sys
from datetime import date
from pathlib import Path
import polars as pl
from data_samples.town.labels import file_title, text_table
from data_samples.town.scenes import person_id
from expectations.suites import load_suite
from flows.answers.snapshot_rows import SnapshotRows
from flows.ingest.drop import ingest_drop
from flows.night import gates
from sql import connect, query, register_tables
from transforms.extracts.kinds import COLUMNS, KINDS, table_schema
from transforms.extracts.kinds_page import kinds_page

folder, who = Path(sys.argv[1]), person_id(302, "1985-03-15", 1, "男")
kind = KINDS["certificates"]
rows = [("2020-03-31", 12_000), ("2020-04-01", 5), ("2020-03-31", -1)]
table = pl.DataFrame(
    [
        {"name": "张三", "person_id": who, "course": f"焊工{place}", "fee_fen": fee,
         "certified_on": date.fromisoformat(day)}
        for place, (day, fee) in enumerate(rows)
    ]
)
(folder / "drop").mkdir()
text_table("certificates", table).write_csv(folder / "drop" / f"{file_title('certificates')}.csv")
snapshot = ingest_drop(folder / "drop", folder / "snapshots")
as_of = date(2020, 3, 31)
connection = connect(1)
register_tables(connection, snapshot.tables(), as_of)
shown = SnapshotRows(snapshot.folder, as_of)
entry = {"kind": "certificates", "of": "subject"}
subject = {"subject_kind": "person", "subject_id": who, "beneficiary_kind": "person",
           "beneficiary_id": who, "period": "2020"}
shown.expect([subject])
with gates.connected(snapshot, as_of) as judged:
    measures = gates.measure(judged, load_suite("extracts"), as_of)
(stored,) = [measure for measure in measures if measure.check == "accepted_rows_stored"]
print(json.dumps({
    "labels": text_table("certificates", table).columns,
    "noted_fen": snapshot.manifest["files"][0]["amount_fen"],
    "quarantined": pl.read_parquet(snapshot.folder / "quarantine.parquet")["rule"].to_list(),
    "delivered": query(connection, "select course from delivered_certificates")["course"].to_list(),
    "visible": query(connection, "select course from certificates")["course"].to_list(),
    "explained": shown.rows_of(entry, subject)["course"].to_list(),
    "persons": query(connection, "select kind from delivered_persons")["kind"].to_list(),
    "stored": connection.sql("select * from delivered_certificates").columns,
    "schema": list(table_schema(kind)),
    "counted": [stored.checked_count - len(KINDS), stored.failed_count],
    "on_the_page": "## certificates 培训证书" in kinds_page(KINDS, COLUMNS),
}))
"""


def test_one_entry_makes_a_kind(tmp_path: Path) -> None:
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("drop", "truth", "__pycache__")
        shutil.copytree(ROOT / package, tmp_path / "house" / package, ignore=ignored)
    declared = tmp_path / "house" / "transforms" / "extracts" / "kinds.yaml"
    text = declared.read_text(encoding="utf-8")
    assert text.count("\n\nkinds:\n") == 1
    declared.write_text(text.replace("\n\nkinds:\n", COLUMN) + KIND.removeprefix("\n"), "utf-8")
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    used = subprocess.run(
        [sys.executable, tmp_path / "use.py", tmp_path],
        env={"PYTHONPATH": str(tmp_path / "house"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    told = json.loads(used.stdout)
    assert told["labels"] == ["姓名", "社会保障号码", "培训项目", "发证日期", "培训费"]
    assert told["noted_fen"] == 12_004 and told["quarantined"] == ["out_of_range"]
    assert sorted(told["delivered"]) == ["焊工0", "焊工1"]
    assert told["visible"] == told["explained"] == ["焊工0"]
    assert told["persons"] == ["certificates"] * 2
    assert told["stored"] == told["schema"]
    assert told["counted"] == [0, 0] and told["on_the_page"]


def test_the_page_of_kinds_is_what_kinds_yaml_says() -> None:
    told = "docs/data-dictionary.md is old: python -m flows.answers.policy_guide writes it again"
    assert KINDS_PAGE.read_text(encoding="utf-8") == kinds_page(KINDS, COLUMNS), told
