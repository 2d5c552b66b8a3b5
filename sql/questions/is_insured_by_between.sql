-- cut by: person, employer
-- insured(p,u,k,m) for some k of the insurances and some m of the months, both ends included.
create or replace macro is_insured_by_between(
    person_key, employer_key, insurances, from_month, to_month
) as exists (
    select 1
    from (values (person_key, employer_key, insurances, from_month, to_month))
        as asked (person_key, employer_key, insurances, from_month, to_month)
    inner join insurance_masks using (person_key, employer_key)
    where
        list_contains(asked.insurances, insurance_masks.insurance)
        and insurance_masks.insured_mask
        & months_mask(insurance_masks.era, asked.from_month, asked.to_month) <> 0
);
