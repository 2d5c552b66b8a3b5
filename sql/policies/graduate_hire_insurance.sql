-- policy: graduate_hire_insurance
-- title: 小微企业招用毕业生社保补贴
-- authority: 川政发〔2020〕3号 附件第7项
-- in force: 2020-01-01 to 2020-12-31 (reading)
-- grain: graduate × employer × month insured, in the 12 months from the start of the contract
-- reads: graduates employment contributions insured_units registrations designations support
with judged_months as (
    select
        period_of(graduate_hire_months.month) as period,
        'person' as subject_kind,
        graduate_hire_months.person_id as subject_id,
        'employer' as beneficiary_kind,
        graduate_hire_months.employer_code as beneficiary_id,
        -- 离校2年内
        graduate_hire_months.starts_on
        <= plus_years(graduate_hire_months.graduated_on, $graduate_years) as s7_within_two_years,
        -- 到小微企业就业
        small_employers.is_small_or_micro as s7_small_or_micro,
        -- 财社〔2017〕164号：签订1年以上劳动合同
        graduate_hire_months.is_one_year_contract as s7_contract_one_year,
        -- 未就业高校毕业生
        not exists (
            select 1
            from employer_insured_masks
            where
                employer_insured_masks.person_key = graduate_hire_months.person_key
                and employer_insured_masks.insured_mask
                & months_mask(
                    employer_insured_masks.era,
                    month_plus(month_of(graduate_hire_months.graduated_on), 1),
                    month_plus(month_of(graduate_hire_months.starts_on), -1)
                ) <> 0
        ) as s7_not_employed_before,
        -- 给予社会保险补贴: for what was paid, and in time
        graduate_hire_months.on_time_insurances = 3 as s7_paid_on_time,
        -- 到小微企业就业 (reading: a labour dispatch unit takes no one on for itself)
        not dispatch_employers.is_dispatch as s7_not_dispatched,
        -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
        good_standings.is_in_good_standing as g_good_standing,
        -- a month granted before is not granted again
        not exists (
            select 1
            from support_grants
            where
                support_grants.support_type = '高校毕业生社保补贴'
                and support_grants.person_key = graduate_hire_months.person_key
                and graduate_hire_months.month
                between support_grants.from_month and support_grants.to_month
        ) as s7_month_not_granted,
        coalesce(employer_payments.unit_paid_fen, 0) as amount_fen,
        graduate_hire_months.month,
        graduate_hire_months.graduated_on,
        graduate_hire_months.starts_on,
        graduate_hire_months.ends_on,
        graduate_hire_months.contract_type,
        graduate_hire_months.on_time_insurances,
        small_employers.size_class,
        small_employers.size_line,
        small_employers.staff,
        small_employers.revenue_wan_x100,
        small_employers.assets_wan_x100,
        coalesce(months_used_before.months_used, 0) as months_used_before
    from graduate_hire_months
    -- many to at most one, all five
    left join small_employers on graduate_hire_months.employer_code = small_employers.employer_code
    left join dispatch_employers
        on graduate_hire_months.employer_code = dispatch_employers.employer_code
    left join good_standings on graduate_hire_months.employer_code = good_standings.employer_code
    left join employer_payments
        on
            graduate_hire_months.person_key = employer_payments.person_key
            and graduate_hire_months.employer_key = employer_payments.employer_key
            and graduate_hire_months.month = employer_payments.month
    left join months_used_before
        on
            graduate_hire_months.person_key = months_used_before.person_key
            and months_used_before.support_type = '高校毕业生社保补贴'
    where graduate_hire_months.month between $reach_from_month and $reach_to_month
),

countable_months as (
    select
        judged_months.*,
        all_true_or_answered(
            $provisions, list_value(*columns('^(s[0-9]+|g)_')), answers_by_row.yes_provisions
        ) as is_countable
    from judged_months
    -- one to at most one
    left join answers_by_row
        on
            $policy_id = answers_by_row.policy_id
            and judged_months.period = answers_by_row.period
            and judged_months.subject_id = answers_by_row.subject_id
            and judged_months.beneficiary_id = answers_by_row.beneficiary_id
),

ranked_months as (
    select
        *,
        -- distinct months of the person before this one, at any employer, that fulfil all the rest
        count(distinct month) filter (where is_countable) over (
            partition by subject_id order by month
            range between unbounded preceding and 1 preceding
        ) as earlier_months
    from countable_months
)

select
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    s7_within_two_years,
    s7_small_or_micro,
    s7_contract_one_year,
    s7_not_employed_before,
    s7_paid_on_time,
    s7_not_dispatched,
    g_good_standing,
    s7_month_not_granted,
    -- 财社〔2017〕164号：期限最长不超过1年
    months_used_before + earlier_months + 1 <= $hire_subsidy_months as s7_within_twelve_months,
    -- what the employer paid: a month exempted to zero gives back what was paid
    amount_fen,
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
    months_used_before,
    earlier_months
from ranked_months
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
