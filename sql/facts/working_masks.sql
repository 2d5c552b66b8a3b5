-- cut by: person
-- Employed as monitoring means it (rulebook §3b): employer_insured, or present at some employer.
-- Grain: person, era.
select
    person_key,
    era,
    bit_or(working_mask) as working_mask
from (
    select
        person_key,
        era,
        insured_mask as working_mask
    from employer_insured_masks
    union all
    select
        person_key,
        era,
        present_mask as working_mask
    from present_masks
) as masks
group by person_key, era
