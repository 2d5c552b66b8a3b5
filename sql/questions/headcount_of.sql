-- cut by: employer
-- headcount(u,k,m).
create or replace macro headcount_of(employer_code, insurance, month) as (
    select cast(coalesce(sum(headcounts.headcount), 0) as bigint)
    from (values (employer_code, insurance, month)) as asked (employer_code, insurance, month)
    inner join headcounts using (employer_code, insurance, month)
);
