"""What is still paid of each line takes time by the lines, not by their square."""

import sqlite3

from flows.money.ledger import ENTRY_FIELDS, PAID


def steps_of(lines: int) -> int:
    """Count, in hundreds, the steps that the database takes for so many lines of one batch."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        f"create table entries (entry_id integer primary key, {', '.join(ENTRY_FIELDS)})"
    )
    connection.execute("create index entries_of_batch on entries (batch_id)")
    connection.execute("create index reversals on entries (reverses) where reverses <> ''")
    for number in range(lines):
        kind = "recovered" if number % 5 == 4 else "payment"
        told = {"idempotency_key": f"{number}", "kind": kind, "reverses": "", "batch_id": "B1"}
        told |= {"payment_id": f"P{number - (kind == 'recovered')}", "amount_fen": number % 5 + 1}
        row = [told.get(name, "") for name in ENTRY_FIELDS]
        marks = ", ".join("?" * len(row))
        connection.execute(f"insert into entries ({', '.join(ENTRY_FIELDS)}) values ({marks})", row)
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    connection.set_progress_handler(count, 100)
    left = connection.execute(f"select left_fen from ({PAID}) order by entry_id").fetchall()
    assert [fen for (fen,) in left[:5]] == [1, 2, 3, 4 - 5, 1]
    return steps[0]


def test_twice_the_lines_take_about_twice_the_steps() -> None:
    assert steps_of(2000) < 3 * steps_of(1000)
