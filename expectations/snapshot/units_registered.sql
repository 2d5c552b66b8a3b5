-- check: insured units belong to registered employers
-- checked: insured_units
select
    source_file,
    source_line
from insured_units
where not exists (
    select 1
    from registrations
    where registrations.employer_code = insured_units.employer_code
)
order by all
