-- cut by: person
-- Months that a graduate paid alone and on time, with graduated(p, last day of m).
-- Grain: person, month from 202001.
select
    graduations.person_id,
    graduations.person_key,
    self_insured_months.month,
    self_insured_months.self_paid_fen,
    max(graduations.graduated_on) as graduated_on
from self_insured_months
-- one to many: the latest of them
inner join graduations
    on
        self_insured_months.person_key = graduations.person_key
        and graduations.graduated_on <= month_last_day(self_insured_months.month)
group by
    graduations.person_id,
    graduations.person_key,
    self_insured_months.month,
    self_insured_months.self_paid_fen
