-- cut by: person
-- Employed as monitoring means it: employer_insured(p,m), or present(p,u,m) at some employer.
create or replace macro is_kept_in(person_key, month) as exists (
    select 1
    from (values (person_key, month)) as asked (person_key, month)
    inner join working_masks
        on
            asked.person_key = working_masks.person_key
            and month_era(asked.month) = working_masks.era
    where working_masks.working_mask & month_bit(asked.month) <> 0
);
