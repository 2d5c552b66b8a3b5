-- check: insured persons bear the name of the household register
-- reads: insured_persons residents
-- one to at most one: both kinds have one row per person.
with shared_persons as (
    select
        insured_persons.source_file,
        insured_persons.source_line,
        insured_persons.name <> residents.name as is_different
    from insured_persons
    inner join residents on residents.person_key = insured_persons.person_key
),

differing_persons as (
    select
        source_file,
        source_line
    from shared_persons
    where is_different
)

select
    (select count(*) from shared_persons) as checked_count,
    (select count(*) from differing_persons) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select source_file || ':' || source_line as bad_row
            from differing_persons
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
