-- policy: internship_subsidy
-- title: 就业见习补贴
-- authority: 川政发〔2020〕3号 附件第7项
-- in force: 2020-01-01 to 2020-12-31 (reading)
-- grain: intern × host × month with at least 15 days
-- reads: employment graduates payroll contributions insured_units registrations designations
--        support
with host_months as (
    select
        intern_host_months.*,
        -- 将就业见习补贴标准提高至当地最低工资标准的60%
        half_up(
            minimum_wage_fen_by_month.value * internship_share_percent_by_month.value, 100
        ) as amount_fen
    from intern_host_months
    -- many to one, both: every month of the reach has a value, so this also keeps to the reach
    inner join minimum_wage_fen_by_month
        on intern_host_months.month = minimum_wage_fen_by_month.month
    inner join internship_share_percent_by_month
        on intern_host_months.month = internship_share_percent_by_month.month
),

judged_months as (
    select
        period_of(host_months.month) as period,
        'person' as subject_kind,
        host_months.person_id as subject_id,
        'employer' as beneficiary_kind,
        host_months.employer_code as beneficiary_id,
        -- 就业见习单位
        exists(
            select 1
            from listed_months
            where
                listed_months.list = '就业见习单位'
                and listed_months.subject_kind = '单位'
                and listed_months.subject_id = host_months.employer_code
                and listed_months.month = host_months.month
        ) as s7_listed_host,
        -- 离校2年内未就业高校毕业生
        host_months.graduated_on is not null
        and host_months.starts_on <= plus_years(host_months.graduated_on, $graduate_years)
            as s7_graduate_within_two_years,
        -- 见习补贴 goes to hosts that pay the intern at least as much
        host_months.stipend_fen >= host_months.amount_fen as s7_stipend_paid,
        -- 参加就业见习: not employed elsewhere
        not exists (
            select 1
            from insurance_masks
            where
                insurance_masks.person_key = host_months.person_key
                and insurance_masks.era = month_era(host_months.month)
                and insurance_masks.employer_key <> 0
                and insurance_masks.employer_key is distinct from host_months.employer_key
                and insurance_masks.insured_mask & month_bit(host_months.month) <> 0
        ) as s7_not_insured_elsewhere,
        -- 参加就业见习满3个月后，用人单位可为其缴纳社会保险，并继续享受就业见习补贴
        not exists (
            select 1
            from insurance_masks
            where
                insurance_masks.person_key = host_months.person_key
                and insurance_masks.employer_key = host_months.employer_key
                and insurance_masks.insured_mask
                & months_mask(
                    insurance_masks.era,
                    month_of(host_months.first_started_on),
                    host_months.uninsured_to_month
                ) <> 0
        ) as s7_three_months_first,
        -- one month is paid to one host
        count(*) over (partition by host_months.person_key, host_months.month) = 1 as s7_only_host,
        -- a month granted before is not granted again
        not exists (
            select 1
            from support_grants
            where
                support_grants.support_type = '就业见习补贴'
                and support_grants.person_key = host_months.person_key
                and host_months.month between support_grants.from_month and support_grants.to_month
        ) as s7_month_not_granted,
        -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
        good_standings.is_in_good_standing as g_good_standing,
        host_months.amount_fen,
        host_months.month,
        host_months.starts_on,
        host_months.first_started_on,
        host_months.days_in_month,
        host_months.graduated_on,
        host_months.stipend_fen,
        host_months.months_used_before
    from host_months
    -- many to at most one
    left join good_standings on host_months.employer_code = good_standings.employer_code
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
    s7_listed_host,
    s7_graduate_within_two_years,
    s7_stipend_paid,
    s7_not_insured_elsewhere,
    s7_three_months_first,
    s7_only_host,
    s7_month_not_granted,
    g_good_standing,
    -- 财社〔2017〕164号：期限最长不超过1年
    months_used_before + earlier_months + 1 <= $internship_months as s7_within_twelve_months,
    amount_fen,
    starts_on,
    first_started_on,
    days_in_month,
    graduated_on,
    stipend_fen,
    months_used_before,
    earlier_months
from ranked_months
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
