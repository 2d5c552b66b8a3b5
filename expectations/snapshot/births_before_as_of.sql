-- check: nobody was born after the as-of date
-- checked: select (select count(*) from insured_persons) + (select count(*) from residents)
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
)

-- Digits 7 to 14 of a person id are the birth date; the key holds the first 17 digits.
select
    source_file,
    source_line
from registered_persons
where person_key // 1000 % 100000000 > year($as_of) * 10000 + month($as_of) * 100 + day($as_of)
order by all
