-- universe: graduate × employer × month insured, in the 12 months from the start of the contract
-- cut by: person
select
    person_id as subject_id,
    employer_code as beneficiary_id,
    month,
    -- 离校2年内
    starts_on <= plus_years(graduated_on, $graduate_years) as s7_within_two_years,
    -- 到小微企业就业
    is_small_or_micro(employer_code, month_first_day(month)) as s7_small_or_micro,
    -- 财社〔2017〕164号：签订1年以上劳动合同
    is_one_year_contract as s7_contract_one_year,
    -- 未就业高校毕业生
    not is_employed_between(
        person_key, month_plus(month_of(graduated_on), 1), month_plus(month_of(starts_on), -1)
    ) as s7_not_employed_before,
    -- 给予社会保险补贴: for what was paid, and in time
    on_time_insurances = 3 as s7_paid_on_time,
    -- 到小微企业就业 (reading: a labour dispatch unit takes no one on for itself)
    not is_dispatcher(employer_code) as s7_not_dispatched,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    has_good_standing(employer_code) as g_good_standing,
    -- a month granted before is not granted again
    not was_granted_month('高校毕业生社保补贴', person_key, month) as s7_month_not_granted,
    -- 财社〔2017〕164号：期限最长不超过1年 (limit on the card)
    month as turn,
    -- what the employer paid: a month exempted to zero gives back what was paid
    paid_by_unit_fen(person_key, employer_key, month) as amount_fen,
    graduated_on,
    starts_on,
    ends_on,
    contract_type,
    on_time_insurances,
    size_class,
    size_line,
    staff,
    revenue_wan_x100,
    assets_wan_x100,
    used_months('高校毕业生社保补贴', person_key) as months_used_before,
    paid_by_unit_fen(person_key, employer_key, month) as unit_paid_fen
from graduate_hire_months
-- many to at most one: what is shown of the size
left join registrations using (employer_code)
