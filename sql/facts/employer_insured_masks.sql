-- cut by: person
-- employer_insured(p,m): insured at some employer under some of 养老 医疗 失业; self is no employer.
-- Grain: person, era.
select
    person_key,
    era,
    bit_or(insured_mask) as insured_mask
from insurance_masks
where
    employer_key <> 0
    and insured_mask <> 0
group by person_key, era
