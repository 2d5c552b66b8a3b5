-- cut by: employer
-- What an employer has deferred and not paid yet: f, persons, months, money. Grain: employer.
select
    employers.employer_code,
    min(deferred_months.month) as first_deferred_month,
    count(distinct deferred_months.person_key) as deferred_persons,
    count(distinct deferred_months.month) as months_deferred,
    cast(sum(deferred_months.deferred_fen) as bigint) as deferred_fen
from deferred_months
-- many to one: every employer of a contribution has an insured unit
inner join employers on deferred_months.employer_key = employers.employer_key
where deferred_months.is_deferred_still
group by employers.employer_code
