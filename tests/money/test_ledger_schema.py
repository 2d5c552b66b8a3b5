"""The ledger's tables: every one of them refuses to be changed."""

import sqlite3

from transforms.money.ledger_schema import SCHEMA


def test_every_table_refuses_update_and_delete() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in SCHEMA:
        connection.execute(statement)
    found = connection.execute("select type, name from sqlite_master").fetchall()
    tables = {name for kind, name in found if kind == "table"}
    assert tables >= {"events", "entries"}
    wanted = {f"{table}_refuse_{verb}" for table in tables for verb in ("update", "delete")}
    assert wanted <= {name for kind, name in found if kind == "trigger"}
