-- Who stands at an employer otherwise than by contributions: paid, at work, employed, or as its
-- legal representative. Grain: person, employer. Reads: delivered kinds.
select
    person_key,
    employer_code
from delivered_payroll
union
select
    person_key,
    employer_code
from delivered_attendance
union
select
    person_key,
    employer_code
from delivered_employment
union
select
    person_key_of(legal_rep_id) as person_key,
    employer_code
from delivered_registrations
order by person_key, employer_code
