-- universe: employer that paid to the housing fund in month(D) or three months before it
-- cut by: employer
with fund_employers as (
    select
        employer_code,
        fund_month,
        unit_rate_bp,
        person_rate_bp,
        -- Dec Y−1 is written Y × 100 − 88
        staff_of(employer_code, year($as_of) * 100 - 88) as staff_at_year_end,
        staff_of(employer_code, month_plus($as_of_month, -1)) as current_staff,
        was_deferred_between(
            employer_code, month_plus($as_of_month, -3), month_plus($as_of_month, -1)
        ) as has_deferred,
        is_valid_on('经营困难且恢复有望企业', '单位', employer_code, $as_of)
            as is_listed_in_difficulty
    from fund_rates
    where fund_month >= month_plus($as_of_month, -$fund_row_age_months)
)

select
    employer_code as subject_id,
    -- 企业
    entity_type = '企业' as s6_is_enterprise,
    -- 按照企业和个人各5%的最低标准: there is something to come down from
    greatest(unit_rate_bp, person_rate_bp) > $fund_minimum_rate_bp as s6_above_minimum,
    -- 中小微企业
    is_small_or_medium(employer_code, $as_of) as s6_small_or_medium,
    -- 受疫情影响，生产经营出现困难 (reading: staff went, contributions deferred, or listed)
    (
        staff_at_year_end >= 1
        and 100 * current_staff <= $difficulty_staff_percent * staff_at_year_end
    )
    or has_deferred
    or is_listed_in_difficulty as s6_in_difficulty,
    0 as amount_fen,
    entity_type,
    fund_month,
    unit_rate_bp,
    person_rate_bp,
    size_class,
    size_line,
    staff,
    revenue_wan_x100,
    assets_wan_x100,
    staff_at_year_end,
    current_staff,
    has_deferred,
    is_listed_in_difficulty
from fund_employers
-- one to at most one: no registration, nothing known of type and size
left join registrations using (employer_code)
