-- check: each kind with a key has it once (serial numbers: at ingest)
-- reads: registrations insured_units insured_persons residents
with keyed_kinds as (
    select
        'registrations' as group_name,
        count(*) as checked_count,
        count(*) - count(distinct employer_code) as row_count
    from delivered_registrations
    union all
    select
        'insured_units' as group_name,
        count(*) as checked_count,
        count(*) - count(distinct unit_no) as row_count
    from delivered_insured_units
    union all
    select
        'insured_persons' as group_name,
        count(*) as checked_count,
        count(*) - count(distinct person_key) as row_count
    from delivered_insured_persons
    union all
    select
        'residents' as group_name,
        count(*) as checked_count,
        count(*) - count(distinct person_key) as row_count
    from delivered_residents
),

repeated_kinds as (
    select
        group_name,
        row_count
    from keyed_kinds
    where row_count > 0
)

select
    (select cast(sum(checked_count) as bigint) from keyed_kinds) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from repeated_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from repeated_kinds
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
