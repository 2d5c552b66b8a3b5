-- cut by: person, employer
-- present(p,u,m).
create or replace macro is_present_in(person_key, employer_key, month) as exists (
    select 1
    from (values (person_key, employer_key, month)) as asked (person_key, employer_key, month)
    inner join present_masks
        on
            asked.person_key = present_masks.person_key
            and asked.employer_key = present_masks.employer_key
            and month_era(asked.month) = present_masks.era
    where present_masks.present_mask & month_bit(asked.month) <> 0
);
