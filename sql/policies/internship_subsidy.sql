-- universe: intern × host × month with at least 15 days
-- cut by: person
select
    person_id as subject_id,
    employer_code as beneficiary_id,
    month,
    -- 将就业见习补贴标准提高至当地最低工资标准的60%
    half_up($minimum_wage_fen * $internship_share_percent, 100) as amount_fen,
    -- 就业见习单位
    is_listed_in_month('就业见习单位', '单位', employer_code, month) as s7_listed_host,
    -- 离校2年内未就业高校毕业生
    graduated_on is not null and starts_on <= plus_years(graduated_on, $graduate_years)
        as s7_graduate_within_two_years,
    -- 见习补贴 goes to hosts that pay the intern at least as much
    stipend_fen >= amount_fen as s7_stipend_paid,
    -- 参加就业见习: not employed elsewhere
    not is_insured_elsewhere_in(person_key, employer_key, month) as s7_not_insured_elsewhere,
    -- 参加就业见习满3个月后，用人单位可为其缴纳社会保险，并继续享受就业见习补贴
    not is_insured_by_between(
        person_key, employer_key, ['养老', '医疗', '失业'], month_of(first_started_on),
        month_plus(month_of(first_started_on), $internship_months_before_insured - 1)
    ) as s7_three_months_first,
    -- one month is paid to one host
    count(*) over (partition by person_key, month) = 1 as s7_only_host,
    -- a month granted before is not granted again
    not was_granted_month('就业见习补贴', person_key, month) as s7_month_not_granted,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    has_good_standing(employer_code) as g_good_standing,
    -- 财社〔2017〕164号：期限最长不超过1年 (limit on the card)
    month as turn,
    starts_on,
    first_started_on,
    last_day,
    days_in_month,
    graduated_on,
    stipend_fen,
    used_months('就业见习补贴', person_key) as months_used_before
from intern_host_months
