-- check: persons with contributions are in the register of insured persons
-- reads: insurance_masks insured_persons
with paying_persons as (
    select distinct person_key
    from insurance_masks
),

-- Without a row nobody knows a woman's category or a pension. No line is at fault: a count.
unknown_persons as (
    select
        'contributions' as group_name,
        count(*) as row_count
    from paying_persons
    where not exists (
        select 1 from insured_persons where insured_persons.person_key = paying_persons.person_key
    )
    having count(*) > 0
)

select
    (select count(*) from paying_persons) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from unknown_persons) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from unknown_persons
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
