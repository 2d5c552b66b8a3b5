-- Two ids of which a clerk says that they are one person, where the other stands in no row of
-- tonight any more: the registers were put right. Only where all kinds that name persons were
-- delivered (what is missing frees no money), and the other is linked to this id alone. Our own
-- payments that come back don't count: they keep the old id.
-- Grain: id. Reads: decisions_in_force, delivered_persons, own_rows, and the delivered kinds that
-- name persons otherwise.
with named_ids as (
    select
        subject_id as person_id,
        beneficiary_id as other_id
    from decisions_in_force
    where provision = 'same_person' and decision = '是' and subject_id <> beneficiary_id
    union
    select
        beneficiary_id as person_id,
        subject_id as other_id
    from decisions_in_force
    where provision = 'same_person' and decision = '是' and subject_id <> beneficiary_id
),

-- What comes back of our own, among what was granted.
granted_rows as (
    select
        'support' as kind,
        person_key_of(subject_id) as person_key,
        source_file,
        source_line
    from delivered_support
    where subject_kind = '个人'
    union all
    select
        'unemployment_benefits' as kind,
        person_key,
        source_file,
        source_line
    from delivered_unemployment_benefits
),

standing_keys as (
    select person_key
    from delivered_persons
    where kind <> 'unemployment_benefits'
    union all
    select granted_rows.person_key
    from granted_rows
    anti join own_rows
        on
            granted_rows.kind = own_rows.kind
            and granted_rows.source_file = own_rows.source_file
            and granted_rows.source_line = own_rows.source_line
    union all
    select person_key_of(legal_rep_id) as person_key
    from delivered_registrations
    where legal_rep_id is not null
    union all
    select person_key_of(subject_id) as person_key
    from delivered_designations
    where subject_kind = '个人'
    union all
    select person_key_of(subject_id) as person_key
    from delivered_accounts
    where subject_kind = '个人'
),

-- A delivered kind is a view over its files, another a table.
missing_kinds as (
    select table_name
    from information_schema.tables
    where
        table_type = 'BASE TABLE'
        and table_name in (
            'delivered_insured_persons', 'delivered_residents', 'delivered_registrations',
            'delivered_contributions', 'delivered_payroll', 'delivered_attendance',
            'delivered_employment', 'delivered_unemployment', 'delivered_unemployment_benefits',
            'delivered_graduates', 'delivered_designations', 'delivered_accounts',
            'delivered_deaths', 'delivered_custody', 'delivered_support'
        )
)

select
    min(named_ids.person_id) as person_id,
    named_ids.other_id
from named_ids
anti join standing_keys on person_key_of(named_ids.other_id) = standing_keys.person_key
where not exists (select 1 from missing_kinds)
group by named_ids.other_id
having count(*) = 1
order by person_id, other_id
