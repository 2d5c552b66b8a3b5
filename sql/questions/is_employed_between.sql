-- cut by: person
-- employer_insured(p,m) for some m of the months, both ends included.
create or replace macro is_employed_between(person_key, from_month, to_month) as exists (
    select 1
    from (values (person_key, from_month, to_month)) as asked (person_key, from_month, to_month)
    inner join employer_insured_masks using (person_key)
    where
        employer_insured_masks.insured_mask
        & months_mask(employer_insured_masks.era, asked.from_month, asked.to_month) <> 0
);
