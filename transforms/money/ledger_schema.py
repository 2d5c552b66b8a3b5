"""The ledger's tables in SQLite: append only by triggers, unique where a thing happens once."""

SCHEMA = (
    """create table events (
        sequence integer primary key,
        batch_id text not null, kind text not null, subject text not null, content text not null,
        previous_hash text not null unique, event_hash text not null unique
    ) strict""",
    """create table entries (
        entry_id integer primary key,
        idempotency_key text not null unique, kind text not null, reverses text not null,
        batch_id text not null, payment_id text not null, fund text not null,
        budget_year integer not null, policy_id text not null, period text not null,
        subject_kind text not null, subject_id text not null,
        beneficiary_kind text not null, beneficiary_id text not null,
        debit_account text not null, credit_account text not null,
        holder text not null, account_no text not null,
        amount_fen integer not null check (amount_fen > 0),
        previous_hash text not null unique, entry_hash text not null unique
    ) strict""",
    "create unique index one_signature_a_role on events (batch_id, subject) where kind = 'signed'",
    "create unique index one_release on events (batch_id) where kind = 'released'",
    "create unique index one_key on events (subject) where kind = 'key_registered'",
    "create unique index one_return on entries (reverses) where reverses <> ''",
    "create index entries_of_batch on entries (batch_id)",
    "create index entries_of_beneficiary on entries (beneficiary_id)",
    *(
        f"""create trigger {table}_refuse_{verb} before {verb} on {table}
        begin select raise(abort, '{table} is append only: correct by a new row'); end"""
        for table in ("events", "entries")
        for verb in ("update", "delete")
    ),
    "pragma user_version = 1",
)
