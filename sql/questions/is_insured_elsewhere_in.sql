-- cut by: person
-- insured(p,u',k,m) for some k and another employer u'.
create or replace macro is_insured_elsewhere_in(person_key, employer_key, month) as exists (
    select 1
    from (values (person_key, employer_key, month)) as asked (person_key, employer_key, month)
    inner join insurance_masks
        on
            asked.person_key = insurance_masks.person_key
            and month_era(asked.month) = insurance_masks.era
    where
        insurance_masks.employer_key <> 0
        and insurance_masks.employer_key is distinct from asked.employer_key
        and insurance_masks.insured_mask & month_bit(asked.month) <> 0
);
