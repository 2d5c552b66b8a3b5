-- check: employers in the employment register have an insured unit
-- checked: delivered_employment
select
    source_file,
    source_line
from delivered_employment
where not exists (
    select 1
    from insured_units
    where insured_units.employer_code = delivered_employment.employer_code
)
order by all
