-- by bucket: contributions
-- limited to: insurance in (养老, 医疗, 失业)
-- cut by: person, employer
-- insured, on_time and unpaid months of every (p,u,k), one bit a month (rulebook §1).
-- unpaid is what arrears are made of: a 未到账 row of a month not insured.
-- 工伤 and 生育 never decide but for arrears, so of them only the unpaid months are kept.
-- Grain: person, employer (0 = self), insurance, era.
with booked_masks as (
    select
        contributions.person_key,
        contributions.employer_key,
        contributions.insurance,
        calendar_months.era,
        bit_or(
            case
                when contributions.entry = '退费' then 0
                when contributions.state in ('已到账', '缓缴') then calendar_months.bit
                else 0
            end
        ) as insured_mask,
        bit_or(
            case
                when contributions.entry = '正常' and contributions.state = '已到账'
                    then calendar_months.bit
                else 0
            end
        ) as on_time_mask,
        bit_or(
            case
                when contributions.entry <> '退费' and contributions.state = '未到账'
                    then calendar_months.bit
                else 0
            end
        ) as unpaid_mask
    from contributions
    -- many rows to exactly one month
    inner join calendar_months on contributions.month = calendar_months.month
    group by
        contributions.person_key,
        contributions.employer_key,
        contributions.insurance,
        calendar_months.era
),

kept_masks as (
    select
        booked_masks.person_key,
        booked_masks.employer_key,
        booked_masks.insurance,
        booked_masks.era,
        booked_masks.insured_mask & ~coalesce(refunded_masks.refunded_mask, 0) as insured_mask,
        booked_masks.on_time_mask & ~coalesce(refunded_masks.refunded_mask, 0) as on_time_mask,
        booked_masks.unpaid_mask
    from booked_masks
    -- one to at most one: both have the grain person, employer, insurance, era
    left join refunded_masks
        on
            booked_masks.person_key = refunded_masks.person_key
            and booked_masks.employer_key = refunded_masks.employer_key
            and booked_masks.insurance = refunded_masks.insurance
            and booked_masks.era = refunded_masks.era
)

select
    person_key,
    employer_key,
    insurance,
    era,
    case when insurance in ('养老', '医疗', '失业') then insured_mask else 0 end as insured_mask,
    case when insurance in ('养老', '医疗', '失业') then on_time_mask else 0 end as on_time_mask,
    unpaid_mask & ~insured_mask as unpaid_mask
from kept_masks
where
    (insurance in ('养老', '医疗', '失业') and insured_mask <> 0)
    or unpaid_mask & ~insured_mask <> 0
