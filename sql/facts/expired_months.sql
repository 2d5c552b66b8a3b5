-- The months after a person's subsidy expired in which item 9 extends it: e = the latest to_month
-- of the type's rows, e inside the expiry window; e+1 … e+12. Grain: type, person, month.
with last_grants as (
    select
        support_type,
        subject_id as person_id,
        person_key,
        max(to_month) as expired_month
    from support_grants
    where
        support_type in ('公益性岗位', '灵活就业社保补贴')
        and subject_kind = '个人'
    group by support_type, subject_id, person_key
    having max(to_month) between $expiry_from_month and $expiry_to_month
),

month_steps as (
    select unnest(range(1, $extension_months + 1)) as step
)

select
    last_grants.support_type,
    last_grants.person_id,
    last_grants.person_key,
    last_grants.expired_month,
    month_plus(last_grants.expired_month, month_steps.step) as month
from last_grants
-- each person to each month of the extension
cross join month_steps
