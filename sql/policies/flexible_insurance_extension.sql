-- universe: person × month paid alone and on time, in the 12 months after the subsidy expired
-- cut by: person
select
    person_id as subject_id,
    month,
    -- a month granted before is not granted again
    not was_granted_month('灵活就业社保补贴延长', person_key, month) as s9_month_not_granted,
    -- 就业困难人员
    is_listed_in_month('就业困难人员', '个人', person_id, month) as s9_hardship,
    -- 期满仍未实现稳定就业的
    not is_employed_in(person_key, month) as s9_not_employed,
    -- 灵活就业: an owner is no flexible worker
    not is_owner(person_key) as s9_not_owner,
    -- until retirement; flexible women at 55
    month <= month_of(reaches_age_on(person_id, $retirement_age_men, $flexible_age_women))
        as s9_before_retirement,
    -- the month of death is paid
    is_alive_in(person_key, month) as g_alive,
    -- 服刑期间不享受
    is_free_in(person_key, month) as g_free,
    -- 财社〔2017〕164号：不超过其实际缴费的2/3 (a ceiling: rounded down)
    rounded_down(self_paid_fen * $flexible_share_numerator, $flexible_share_denominator)
        as amount_fen,
    expired_month,
    reaches_age_on(person_id, $retirement_age_men, $flexible_age_women) as retires_on,
    self_paid_fen,
    day_of_death(person_key) as died_on
from flexible_extension_months
