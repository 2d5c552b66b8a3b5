-- cut by: employer
-- What both 稳岗返还 policies ask of an employer, once (rulebook §2, stability_refund).
-- B = headcount_start, E = headcount_end, S = headcount_sum, A = attrition_count, C = claim_count.
-- Ratios are compared by multiplying out; "within" means ≤. Under the last two methods B = 0 is
-- within, which multiplying out gives by itself. Grain: employer insured in some month of Y.
with paid_employers as (
    select
        employer_key,
        cast(sum(paid_fen) as bigint) as paid_fen
    from unemployment_paid
    group by employer_key
),

arrear_employers as (
    select
        employer_code,
        count(*) as arrears_months
    from arrear_months
    where
        insurance = '失业'
        and month between $base_year * 100 + 1 and $base_year * 100 + 12
    group by employer_code
),

granted_employers as (
    select
        subject_id as employer_code,
        count(*) as grants_before
    from support_grants
    where
        support_type = '稳岗返还'
        and subject_kind = '单位'
        and from_month // 100 = cast($policy_year as integer)
    group by subject_id
),

measured_employers as (
    select
        stability_headcounts.employer_code,
        stability_headcounts.headcount_start,
        stability_headcounts.headcount_end,
        stability_headcounts.headcount_sum,
        stability_headcounts.months_insured,
        coalesce(natural_attritions.attrition_count, 0) as attrition_count,
        coalesce(benefit_claims.claim_count, 0) as claim_count,
        coalesce(arrear_employers.arrears_months, 0) as arrears_months,
        coalesce(granted_employers.grants_before, 0) as grants_before,
        coalesce(paid_employers.paid_fen, 0) as paid_fen,
        registrations.entity_type,
        dispatch_employers.is_dispatch,
        case
            when stability_headcounts.headcount_end <= $small_employer_persons
                then $small_layoff_limit_percent
            else $layoff_limit_percent
        end as layoff_limit_percent
    from stability_headcounts
    -- one to at most one, all of them
    left join natural_attritions
        on stability_headcounts.employer_code = natural_attritions.employer_code
    left join benefit_claims on stability_headcounts.employer_code = benefit_claims.employer_code
    left join arrear_employers
        on stability_headcounts.employer_code = arrear_employers.employer_code
    left join granted_employers
        on stability_headcounts.employer_code = granted_employers.employer_code
    left join paid_employers on stability_headcounts.employer_key = paid_employers.employer_key
    left join registrations on stability_headcounts.employer_code = registrations.employer_code
    left join dispatch_employers
        on stability_headcounts.employer_code = dispatch_employers.employer_code
)

select
    employer_code,
    headcount_start,
    headcount_end,
    headcount_sum,
    months_insured,
    attrition_count,
    claim_count,
    arrears_months,
    grants_before,
    paid_fen,
    entity_type,
    is_dispatch,
    layoff_limit_percent,
    greatest(headcount_start - headcount_end - attrition_count, 0) as layoff_count,
    case $layoff_rate_method
        when 'average_less_attrition'
            then
                100 * 12 * greatest(headcount_start - headcount_end - attrition_count, 0)
                <= layoff_limit_percent * headcount_sum
        when 'start_less_attrition'
            then
                100 * greatest(headcount_start - headcount_end - attrition_count, 0)
                <= layoff_limit_percent * headcount_start
        when 'decrease_or_claims'
            then
                headcount_start = 0
                or 100 * (headcount_start - headcount_end) <= layoff_limit_percent * headcount_start
                or 100 * claim_count <= layoff_limit_percent * headcount_start
    end as is_within_layoff_limit
from measured_employers
