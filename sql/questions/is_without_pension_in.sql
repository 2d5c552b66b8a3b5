-- cut by: person
-- No pension up to the month. Not in the register of the insured: unknown.
create or replace macro is_without_pension_in(person_key, month) as (
    select insured_persons.pension_from is null or insured_persons.pension_from > asked.month
    from (values (person_key, month)) as asked (person_key, month)
    inner join insured_persons using (person_key)
);
