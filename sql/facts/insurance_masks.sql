-- by bucket: contributions
-- insured, on_time and unpaid months of every (p,u,k), one bit a month (rulebook §1).
-- unpaid is what arrears are made of: a 未到账 row of a month not insured.
-- 工伤 and 生育 never decide but for arrears, so of them only the unpaid months are kept.
-- Grain: person, employer (0 = self), insurance, era.
with booked_masks as (
    select
        person_key,
        employer_key,
        insurance,
        month_era(month) as era,
        bit_or(
            case
                when entry = '退费' then 0
                when state = '缓缴' or (state = '已到账' and paid_on <= $as_of)
                    then month_bit(month)
                else 0
            end
        ) as insured_mask,
        bit_or(
            case
                when entry = '正常' and state = '已到账' and paid_on <= $as_of
                    then month_bit(month)
                else 0
            end
        ) as on_time_mask,
        bit_or(
            case when entry <> '退费' and state = '未到账' then month_bit(month) else 0 end
        ) as unpaid_mask
    from contributions
    where month <= $as_of_month
    group by person_key, employer_key, insurance, month_era(month)
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
