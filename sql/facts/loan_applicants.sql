-- cut by: employer
-- q, H and arrears of the employers with a new hire that counts for the loan. Arrears: how many
-- months, of any of the five insurances, before month(D). Grain: employer.
with arrear_employers as (
    select
        employer_code,
        count(*) as arrears_months
    from arrear_months
    where month < $as_of_month
    group by employer_code
)

select
    insured_new_hires.employer_code,
    coalesce(arrear_employers.arrears_months, 0) as arrears_months,
    count(*) as new_hires,
    headcount_of(insured_new_hires.employer_code, '养老', month_plus($as_of_month, -1)) as headcount
from insured_new_hires
-- many to at most one
left join arrear_employers on insured_new_hires.employer_code = arrear_employers.employer_code
group by insured_new_hires.employer_code, arrear_employers.arrears_months
