"""The ledger's tables in SQLite: append only by triggers, unique where a thing happens once."""

SCHEMA_VERSION = 2
SCHEMA = (
    """create table postings (
        sequence integer primary key,
        kind text not null, batch_id text not null, subject text not null, content text not null,
        entry_count integer not null, entries_digest text not null,
        previous_hash text not null unique, posting_hash text not null unique
    ) strict""",
    """create table entries (
        entry_id integer primary key,
        sequence integer not null references postings (sequence),
        idempotency_key text not null unique, kind text not null, reverses text not null,
        batch_id text not null, payment_id text not null, fund text not null,
        budget_year integer not null, policy_id text not null, period text not null,
        subject_kind text not null, subject_id text not null,
        beneficiary_kind text not null, beneficiary_id text not null,
        debit_account text not null, credit_account text not null,
        holder text not null, account_no text not null,
        amount_fen integer not null check (amount_fen > 0)
    ) strict""",
    "create unique index one_home on postings (kind) where kind = 'home_made'",
    """create unique index one_signature_a_role on postings (batch_id, subject)
        where kind = 'signed'""",
    "create unique index one_release on postings (batch_id) where kind = 'released'",
    "create unique index one_key on postings (subject) where kind = 'enrolled'",
    "create unique index one_return on entries (reverses) where reverses <> ''",
    "create index entries_of_batch on entries (batch_id)",
    "create index entries_of_beneficiary on entries (beneficiary_id)",
    "create index entries_of_posting on entries (sequence)",
    *(
        f"""create trigger {table}_refuse_{verb} before {verb} on {table}
        begin select raise(abort, '{table} is append only: correct by a new row'); end"""
        for table in ("postings", "entries")
        for verb in ("update", "delete")
    ),
    f"pragma user_version = {SCHEMA_VERSION}",
)
