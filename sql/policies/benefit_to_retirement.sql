-- universe: person × month after the last spell of benefit, up to 12 months
-- cut by: person
with benefit_months as (
    select
        *,
        retires_on_earliest(person_id, month_last_day(last_benefit_month))
            as retirement_earliest_on,
        retires_on_latest(person_id, month_last_day(last_benefit_month)) as retirement_latest_on,
        unnest(months_after(last_benefit_month, $benefit_reach_months)) as month
    from benefit_ends
    where last_benefit_month >= $benefit_end_from_month
)

select
    person_id as subject_id,
    month,
    -- 领取失业保险金期满…且距法定退休年龄不足1年的人员
    is_within_one_year(last_benefit_month, retirement_earliest_on, retirement_latest_on)
        as s20_within_one_year,
    -- 可继续发放失业保险金至法定退休年龄
    is_up_to_retirement(month, retirement_earliest_on, retirement_latest_on)
        as s20_before_retirement,
    -- a month paid by another system is not paid twice
    not was_extended_by_others_in(person_key, month) as s20_month_not_granted,
    -- 期满仍未就业
    not is_employed_between(person_key, last_benefit_month, month) as s20_not_reemployed,
    -- whoever draws a pension has retired
    is_without_pension_in(person_key, month) as s20_no_pension,
    -- the month of death is paid
    is_alive_in(person_key, month) as g_alive,
    -- 失业保险条例第15条：被判刑收监执行的停止领取
    is_free_in(person_key, month) as g_free,
    -- 失业保险金 in force on the first day of the month
    $unemployment_benefit_fen as amount_fen,
    last_benefit_month,
    staff_category,
    retirement_earliest_on,
    retirement_latest_on,
    pension_from,
    day_of_death(person_key) as died_on
from benefit_months
