-- cut by: employer
-- headcount(u,k,m).
create or replace macro headcount_of(employer_code, insurance, month) as (
    select cast(coalesce(sum(headcounts.headcount), 0) as bigint)
    from (values (employer_code, insurance, month)) as asked (employer_code, insurance, month)
    inner join headcounts
        on
            asked.employer_code = headcounts.employer_code
            and asked.insurance = headcounts.insurance
            and asked.month = headcounts.month
);
