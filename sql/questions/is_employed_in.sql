-- cut by: person
-- employer_insured(p,m).
create or replace macro is_employed_in(person_key, month) as exists (
    select 1
    from (values (person_key, month)) as asked (person_key, month)
    inner join employer_insured_masks
        on
            asked.person_key = employer_insured_masks.person_key
            and month_era(asked.month) = employer_insured_masks.era
    where employer_insured_masks.insured_mask & month_bit(asked.month) <> 0
);
