-- universe: graduate × month paid alone and on time
-- cut by: person
select
    person_id as subject_id,
    month,
    -- 离校2年内
    month <= month_plus(month_of(graduated_on), 12 * $graduate_years) as s7_within_two_years,
    -- 未就业高校毕业生
    not is_employed_in(person_key, month) as s7_not_employed,
    -- 灵活就业: an owner is no flexible worker
    not is_owner(person_key) as s7_not_owner,
    -- the month of death is paid
    is_alive_in(person_key, month) as g_alive,
    -- 服刑期间不享受
    is_free_in(person_key, month) as g_free,
    -- a month granted before is not granted again
    not was_granted_month('高校毕业生灵活就业社保补贴', person_key, month) as s7_month_not_granted,
    -- 财社〔2017〕164号：期限最长不超过2年 (limit on the card)
    month as turn,
    -- 财社〔2017〕164号：不超过其实际缴费的2/3 (a ceiling: rounded down)
    rounded_down(self_paid_fen * $flexible_share_numerator, $flexible_share_denominator)
        as amount_fen,
    graduated_on,
    self_paid_fen,
    day_of_death(person_key) as died_on,
    used_months('高校毕业生灵活就业社保补贴', person_key) as months_used_before
from graduate_flexible_months
