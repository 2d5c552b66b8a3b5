-- check: employers in the employment register have an insured unit
-- reads: employment insured_units
with uninsured_employments as (
    select
        source_file,
        source_line
    from delivered_employment
    where not exists (
        select 1
        from insured_units
        where insured_units.employer_code = delivered_employment.employer_code
    )
)

select
    (select count(*) from delivered_employment) as checked_count,
    (select count(*) from uninsured_employments) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select source_file || ':' || source_line as bad_row
            from uninsured_employments
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
