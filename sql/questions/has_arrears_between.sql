-- cut by: employer
-- arrears(u,k,months) of any of the five insurances, both ends included.
create or replace macro has_arrears_between(employer_code, from_month, to_month) as exists (
    select 1
    from (values (employer_code, from_month, to_month))
        as asked (employer_code, from_month, to_month)
    inner join arrear_months using (employer_code)
    where arrear_months.month between asked.from_month and asked.to_month
);
