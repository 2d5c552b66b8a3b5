-- check: employers in the employment register have an insured unit
-- checked: employment
select
    source_file,
    source_line
from employment
where not exists (
    select 1
    from insured_units
    where insured_units.employer_code = employment.employer_code
)
order by all
