-- unit_paid of 养老, 医疗 and 失业 together, of watched persons at an employer.
-- Grain: person, employer, month.
select
    person_key,
    employer_key,
    month,
    cast(sum(unit_fen) as bigint) as unit_paid_fen
from person_payments
where employer_key <> 0
group by person_key, employer_key, month
