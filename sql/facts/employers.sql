-- cut by: employer
-- The employers that have an insured unit, with the number that contributions know them by: ingest
-- gave it, one to each employer. Grain: employer.
select
    employer_code,
    employer_key
from insured_units
group by employer_code, employer_key
order by employer_code
