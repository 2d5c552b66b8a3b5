-- policy: new_hire_subsidy
-- title: 一次性吸纳就业补贴
-- authority: 川政发〔2020〕3号 附件第1项
-- in force: 2020-01-01 to 2020-12-31 (reading)
-- grain: person hired × employer, period 2020
-- reads: employment contributions insured_units registrations designations support
with hires as (
    select
        employment_rows.employer_code,
        employment_rows.person_id,
        employment_rows.person_key,
        employment_rows.starts_on,
        employment_rows.ends_on,
        employment_rows.contract_type,
        employment_rows.is_one_year_contract,
        employers.employer_key
    from employment_rows
    -- many to at most one
    left join employers on employment_rows.employer_code = employers.employer_code
    where
        employment_rows.is_labour_contract
        and employment_rows.starts_on between $hire_window_from and $hire_window_to
    -- several contracts in the window: the earliest
    qualify
        row_number() over (
            partition by employment_rows.employer_code, employment_rows.person_key
            order by employment_rows.rank_at_employer
        ) = 1
),

insured_hires as (
    select
        hires.employer_code,
        hires.person_key,
        bool_or(
            insurance_masks.insurance = '养老'
            and insurance_masks.insured_mask
            & months_mask(insurance_masks.era, month_of(hires.starts_on), $as_of_month) <> 0
        ) as is_insured_since,
        bool_or(
            insurance_masks.insured_mask
            & months_mask(
                insurance_masks.era,
                month_plus(month_of(hires.starts_on), -$hire_look_back_months),
                month_plus(month_of(hires.starts_on), -1)
            ) <> 0
        ) as was_insured_before
    from hires
    -- one to many: one row per insurance and era at this employer
    inner join insurance_masks
        on
            hires.person_key = insurance_masks.person_key
            and hires.employer_key = insurance_masks.employer_key
    group by hires.employer_code, hires.person_key
),

judged_hires as (
    select
        $policy_year as period,
        'person' as subject_kind,
        hires.person_id as subject_id,
        'employer' as beneficiary_kind,
        hires.employer_code as beneficiary_id,
        -- 签订1年以上劳动合同
        hires.is_one_year_contract as s1_contract_one_year,
        -- 并缴纳社会保险的
        insured_hires.person_key is not null and insured_hires.is_insured_since as s1_insured,
        -- 新吸纳就业
        not (insured_hires.person_key is not null and insured_hires.was_insured_before)
        and not exists (
            select 1
            from employment_rows as earlier_rows
            where
                earlier_rows.person_key = hires.person_key
                and earlier_rows.employer_code = hires.employer_code
                and earlier_rows.starts_on >= plus_months(hires.starts_on, -$hire_look_back_months)
                and earlier_rows.starts_on < hires.starts_on
        ) as s1_newly_hired,
        -- 吸纳就业 (reading: a labour dispatch unit takes no one on for itself)
        not dispatch_employers.is_dispatch as s1_not_dispatched,
        -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
        good_standings.is_in_good_standing as g_good_standing,
        -- 一次性
        not exists (
            select 1
            from support_grants
            where
                support_grants.support_type = '一次性吸纳就业补贴'
                and support_grants.subject_kind = '个人'
                and support_grants.subject_id = hires.person_id
        ) as g_not_granted_before,
        hires.starts_on,
        hires.ends_on,
        hires.contract_type
    from hires
    -- one to at most one
    left join insured_hires
        on
            hires.person_key = insured_hires.person_key
            and hires.employer_code = insured_hires.employer_code
    -- many to at most one, both
    left join dispatch_employers on hires.employer_code = dispatch_employers.employer_code
    left join good_standings on hires.employer_code = good_standings.employer_code
),

countable_hires as (
    select
        judged_hires.*,
        all_true_or_answered(
            $provisions, list_value(*columns('^(s[0-9]+|g)_')), answers_by_row.yes_provisions
        ) as is_countable
    from judged_hires
    -- one to at most one
    left join answers_by_row
        on
            $policy_id = answers_by_row.policy_id
            and judged_hires.period = answers_by_row.period
            and judged_hires.subject_id = answers_by_row.subject_id
            and judged_hires.beneficiary_id = answers_by_row.beneficiary_id
)

select
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    s1_contract_one_year,
    s1_insured,
    s1_newly_hired,
    s1_not_dispatched,
    g_good_standing,
    g_not_granted_before,
    -- 每新吸纳1人: a person counts once, with the first employer that fulfils all the rest
    count(*) filter (where is_countable) over (
        partition by subject_id
        order by starts_on, beneficiary_id
        rows between unbounded preceding and 1 preceding
    ) = 0 as s1_person_counted_once,
    -- 按每人1000元标准给予一次性吸纳就业补贴
    cast($hire_amount_fen as bigint) as amount_fen,
    starts_on,
    ends_on,
    contract_type
from countable_hires
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
