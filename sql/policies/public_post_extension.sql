-- universe: person × month in a public post, in the 12 months after the subsidy expired
-- cut by: person
select
    person_id as subject_id,
    employer_code as beneficiary_id,
    month,
    -- a month granted before is not granted again
    not was_granted_month('公益性岗位延长', person_key, month) as s9_month_not_granted,
    -- 托底安置: until retirement
    is_up_to_retirement(month, retirement_earliest_on, retirement_latest_on)
        as s9_before_retirement,
    -- 政策期满仍未实现稳定就业的
    not is_insured_elsewhere_in(person_key, employer_key, month) as s9_not_insured_elsewhere,
    -- 仍未实现稳定就业的: an owner has work
    not is_owner(person_key) as s9_not_owner,
    -- the month of death is paid
    is_alive_in(person_key, month) as g_alive,
    -- 服刑期间不享受
    is_free_in(person_key, month) as g_free,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    has_good_standing(employer_code) as g_good_standing,
    -- 政策享受期限延长1年: post subsidy at the minimum wage (reading) and the employer's insurance
    $minimum_wage_fen + paid_by_unit_fen(person_key, employer_key, month) as amount_fen,
    expired_month,
    starts_on,
    last_day,
    staff_category,
    retirement_earliest_on,
    retirement_latest_on,
    day_of_death(person_key) as died_on,
    $minimum_wage_fen as minimum_wage_fen,
    paid_by_unit_fen(person_key, employer_key, month) as unit_paid_fen
from public_post_months
