-- check: each register has its key once (serial numbers: at ingest)
-- checked: select (select count(*) from delivered_registrations)
--   + (select count(*) from delivered_insured_units)
--   + (select count(*) from delivered_insured_persons)
--   + (select count(*) from delivered_residents)
with repeated_employers as (
    select employer_code
    from delivered_registrations
    group by employer_code
    having count(*) > 1
),

repeated_units as (
    select unit_no
    from delivered_insured_units
    group by unit_no
    having count(*) > 1
),

repeated_persons as (
    select person_key
    from delivered_insured_persons
    group by person_key
    having count(*) > 1
),

repeated_residents as (
    select person_key
    from delivered_residents
    group by person_key
    having count(*) > 1
)

select
    source_file,
    source_line
from delivered_registrations
where employer_code in (select employer_code from repeated_employers)
union all
select
    source_file,
    source_line
from delivered_insured_units
where unit_no in (select unit_no from repeated_units)
union all
select
    source_file,
    source_line
from delivered_insured_persons
where person_key in (select person_key from repeated_persons)
union all
select
    source_file,
    source_line
from delivered_residents
where person_key in (select person_key from repeated_residents)
order by all
