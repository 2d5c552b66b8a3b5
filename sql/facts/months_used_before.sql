-- Months of a subsidy that a person used before, granted by someone else. Grain: type, person.
select
    support_type,
    person_key,
    cast(sum(months_used) as bigint) as months_used
from support_grants
where subject_kind = '个人'
group by support_type, person_key
