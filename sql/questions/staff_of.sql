-- cut by: employer
-- staff(u,m).
create or replace macro staff_of(employer_code, month) as (
    select cast(coalesce(sum(staff_counts.staff), 0) as bigint)
    from (values (employer_code, month)) as asked (employer_code, month)
    inner join staff_counts using (employer_code, month)
);
