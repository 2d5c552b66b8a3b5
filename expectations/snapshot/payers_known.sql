-- check: persons with contributions are in the register of insured persons
-- checked: (select distinct person_key from insurance_masks)
-- Without a row nobody knows a woman's category or a pension. No line is at fault.
select distinct
    'contributions' as kind,
    insurance_masks.person_key
from insurance_masks
where not exists (
    select 1 from insured_persons where insured_persons.person_key = insurance_masks.person_key
)
order by all
