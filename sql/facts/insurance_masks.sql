-- by bucket: contributions
-- limited to: insurance in (养老, 医疗, 失业)
-- cut by: person, employer
-- insured, on_time and unpaid months of every (p,u,k), one bit a month (rulebook §1).
-- unpaid is what arrears are made of: a 未到账 row of a month not insured.
-- 工伤 and 生育 never decide but for arrears, so of them only the unpaid months are kept.
-- Grain: person, employer (0 = self), insurance, era.
-- Millions of bookings are first brought together by what they are, then the few are told apart.
with booked_masks as (
    select
        contributions.person_key,
        contributions.employer_key,
        contributions.insurance,
        calendar_months.era,
        contributions.entry,
        contributions.state,
        bit_or(calendar_months.bit) as booked_mask
    from contributions
    -- many rows to exactly one month
    inner join calendar_months on contributions.month = calendar_months.month
    group by
        contributions.person_key,
        contributions.employer_key,
        contributions.insurance,
        calendar_months.era,
        contributions.entry,
        contributions.state
),

told_masks as (
    select
        person_key,
        employer_key,
        insurance,
        era,
        bit_or(case when state in ('已到账', '缓缴') then booked_mask else 0 end) as insured_mask,
        bit_or(
            case when entry = '正常' and state = '已到账' then booked_mask else 0 end
        ) as on_time_mask,
        bit_or(case when state = '未到账' then booked_mask else 0 end) as unpaid_mask
    from booked_masks
    where entry <> '退费'
    group by person_key, employer_key, insurance, era
),

kept_masks as (
    select
        told_masks.person_key,
        told_masks.employer_key,
        told_masks.insurance,
        told_masks.era,
        told_masks.insured_mask & ~coalesce(refunded_masks.refunded_mask, 0) as insured_mask,
        told_masks.on_time_mask & ~coalesce(refunded_masks.refunded_mask, 0) as on_time_mask,
        told_masks.unpaid_mask
    from told_masks
    -- one to at most one: both have the grain person, employer, insurance, era
    left join refunded_masks
        on
            told_masks.person_key = refunded_masks.person_key
            and told_masks.employer_key = refunded_masks.employer_key
            and told_masks.insurance = refunded_masks.insurance
            and told_masks.era = refunded_masks.era
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
