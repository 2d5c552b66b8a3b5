-- cut by: person
-- Months paid alone and on time, after the subsidy for flexible work expired.
-- Grain: person, month.
select
    expired_months.person_id,
    expired_months.person_key,
    expired_months.expired_month,
    expired_months.month,
    self_insured_months.self_paid_fen
from expired_months
-- one to at most one: only months paid alone and on time are in the universe
inner join self_insured_months
    on
        expired_months.person_key = self_insured_months.person_key
        and expired_months.month = self_insured_months.month
where expired_months.support_type = '灵活就业社保补贴'
