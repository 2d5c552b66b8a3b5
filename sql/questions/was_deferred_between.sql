-- cut by: employer
-- A 缓缴 row of an employer, of any of the five insurances, whatever became of it, in some month of
-- those, both ends included.
create or replace macro was_deferred_between(employer_code, from_month, to_month) as exists (
    select 1
    from (values (employer_code, from_month, to_month))
        as asked (employer_code, from_month, to_month)
    inner join employers using (employer_code)
    inner join deferred_months using (employer_key)
    where deferred_months.month between asked.from_month and asked.to_month
);
