-- check: the snapshot's tables hold exactly the rows that ingest says it accepted
-- reads: files and the table of every kind (counted from the files' footers, nothing is scanned)
with stored_kinds (kind, stored_count) as (
    values
        ('registrations', (select count(*) from registrations)),
        ('insured_units', (select count(*) from insured_units)),
        ('insured_persons', (select count(*) from insured_persons)),
        ('contributions', (select count(*) from contributions)),
        ('payroll', (select count(*) from payroll)),
        ('attendance', (select count(*) from attendance)),
        ('employment', (select count(*) from employment)),
        ('unemployment', (select count(*) from unemployment)),
        ('unemployment_benefits', (select count(*) from unemployment_benefits)),
        ('residents', (select count(*) from residents)),
        ('graduates', (select count(*) from graduates)),
        ('designations', (select count(*) from designations)),
        ('accounts', (select count(*) from accounts)),
        ('deaths', (select count(*) from deaths)),
        ('custody', (select count(*) from custody)),
        ('support', (select count(*) from support)),
        ('clerical_links', (select count(*) from clerical_links)),
        ('clerical_decisions', (select count(*) from clerical_decisions))
),

accepted_kinds as (
    select
        kind,
        sum(accepted) as accepted_count
    from files
    group by kind
),

-- stored_kinds one row per kind, accepted_kinds at most one.
compared_kinds as (
    select
        stored_kinds.kind,
        stored_kinds.stored_count,
        coalesce(accepted_kinds.accepted_count, 0) as accepted_count
    from stored_kinds
    left join accepted_kinds on accepted_kinds.kind = stored_kinds.kind
),

differing_kinds as (
    select kind || ': ' || stored_count || ' <> ' || accepted_count as bad_row
    from compared_kinds
    where stored_count <> accepted_count
)

select
    (select count(*) from compared_kinds) as checked_count,
    (select count(*) from differing_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from differing_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
