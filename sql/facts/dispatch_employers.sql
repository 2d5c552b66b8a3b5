-- cut by: employer
-- dispatch(u): some insured_units row of u says 是; all 否: false; no row: unknown (no row here).
-- Grain: employer.
select
    employer_code,
    bool_or(is_dispatch = '是') as is_dispatch
from insured_units
group by employer_code
order by employer_code
