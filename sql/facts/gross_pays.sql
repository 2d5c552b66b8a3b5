-- cut by: employer
-- P of the levy: gross pay of the fee year, the year before D's. Grain: employer.
select
    employer_code,
    cast(sum(gross_fen) as hugeint) as gross_fen
from payroll
where month between year($as_of) * 100 - 99 and year($as_of) * 100 - 88
group by employer_code
