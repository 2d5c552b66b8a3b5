-- cut by: person, employer
-- insured(p,u,k,m), or a 未到账 row of it, 正常 or 补缴.
create or replace macro is_booked_in(person_key, employer_key, insurance, month) as exists (
    select 1
    from (values (person_key, employer_key, insurance, month))
        as asked (person_key, employer_key, insurance, month)
    inner join insurance_masks using (person_key, employer_key, insurance)
    where
        insurance_masks.era = month_era(asked.month)
        and (insurance_masks.insured_mask | insurance_masks.unpaid_mask)
        & month_bit(asked.month) <> 0
);
