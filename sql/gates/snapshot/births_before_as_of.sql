-- check: nobody was born after the as-of date
-- reads: insured_persons residents
with registered_persons as (
    select
        source_file,
        source_line,
        person_key
    from insured_persons
    union all
    select
        source_file,
        source_line,
        person_key
    from residents
),

-- Digits 7 to 14 of a person id are the birth date; the key holds the first 17 digits.
unborn_persons as (
    select
        source_file,
        source_line
    from registered_persons
    where
        person_key // 1000 % 100000000
        > year($as_of) * 10000 + month($as_of) * 100 + day($as_of)
)

select
    (select count(*) from registered_persons) as checked_count,
    (select count(*) from unborn_persons) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select source_file || ':' || source_line as bad_row
            from unborn_persons
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
