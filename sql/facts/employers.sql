-- The employers that have an insured unit, with the number that contributions know them by.
-- Grain: employer. The key is the rank that ingest gave, so it is looked up, not made anew.
select
    employer_code,
    cast(row_number() over (order by employer_code) as integer) as employer_key
from insured_units
group by employer_code
order by employer_code
