-- cut by: employer
-- C of the layoff rule: persons whose unemployment benefit began in the base year and whose last
-- insured unit was the employer's. Grain: employer.
select
    insured_units.employer_code,
    count(distinct benefit_spells.person_key) as claim_count
from benefit_spells
-- many to at most one: a unit belongs to one employer
inner join insured_units on benefit_spells.last_unit_no = insured_units.unit_no
where benefit_spells.from_month between $base_year * 100 + 1 and $base_year * 100 + 12
group by insured_units.employer_code
order by insured_units.employer_code
