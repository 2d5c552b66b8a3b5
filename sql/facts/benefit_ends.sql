-- cut by: person
-- e: the latest to_month of a person's spells of unemployment benefit.
-- Grain: person.
select
    benefit_spells.person_id,
    benefit_spells.person_key,
    insured_persons.staff_category,
    insured_persons.pension_from,
    max(benefit_spells.to_month) as last_benefit_month
from benefit_spells
-- many to at most one
left join insured_persons on benefit_spells.person_key = insured_persons.person_key
group by
    benefit_spells.person_id,
    benefit_spells.person_key,
    insured_persons.staff_category,
    insured_persons.pension_from
