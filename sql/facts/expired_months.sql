-- cut by: person
-- The months after a person's subsidy expired in which item 9 extends it: e = the latest to_month
-- of the type's rows, e inside the expiry window; e+1 … e+12. Grain: type, person, month.
with last_grants as (
    select
        support_type,
        subject_id as person_id,
        person_key,
        max(to_month) as expired_month
    from support_grants
    where subject_kind = '个人'
    group by support_type, subject_id, person_key
    having max(to_month) between $expiry_from_month and $expiry_to_month
)

select
    support_type,
    person_id,
    person_key,
    expired_month,
    unnest(months_after(expired_month, $extension_months)) as month
from last_grants
