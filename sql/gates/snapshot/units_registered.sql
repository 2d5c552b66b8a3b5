-- check: insured units belong to registered employers
-- reads: insured_units registrations
with unregistered_units as (
    select
        source_file,
        source_line
    from insured_units
    where not exists (
        select 1
        from registrations
        where registrations.employer_code = insured_units.employer_code
    )
)

select
    (select count(*) from insured_units) as checked_count,
    (select count(*) from unregistered_units) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select source_file || ':' || source_line as bad_row
            from unregistered_units
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
