-- policy: holiday_production_subsidy
-- title: 一次性用工补贴
-- authority: 川政发〔2020〕3号 附件第1项
-- in force: 2020-01-01 to 2020-12-31 (reading)
-- grain: employer with attendance in the holiday window, period 2020
-- reads: attendance payroll designations registrations support
with attending_employers as (
    select
        employer_code,
        cast(sum(bit_count(attended_mask)) as bigint) as attended_days
    from attended_masks
    group by employer_code
),

paid_employers as (
    select
        employer_code,
        cast(sum(bit_count(counted_mask)) as bigint) as paid_days
    from holiday_masks
    group by employer_code
),

doubled_employers as (
    select
        employer_code,
        count(*) as doubled_days
    from doubled_days
    group by employer_code
),

listed_employers as (
    select subject_id as employer_code
    from current_designations
    where
        list = '疫情防控重点物资生产企业'
        and subject_kind = '单位'
        and (valid_to is null or valid_to >= $holiday_window_from)
    group by subject_id
),

granted_employers as (
    select subject_id as employer_code
    from support_grants
    where
        support_type = '一次性用工补贴'
        and subject_kind = '单位'
    group by subject_id
),

counted_employers as (
    select
        attending_employers.employer_code,
        attending_employers.attended_days,
        coalesce(paid_employers.paid_days, 0) as paid_days,
        coalesce(doubled_employers.doubled_days, 0) as doubled_days,
        coalesce(paid_employers.paid_days, 0)
        - coalesce(doubled_employers.doubled_days, 0) as counted_days
    from attending_employers
    -- one to at most one, both
    left join paid_employers on attending_employers.employer_code = paid_employers.employer_code
    left join doubled_employers
        on attending_employers.employer_code = doubled_employers.employer_code
)

select
    $policy_year as period,
    'employer' as subject_kind,
    counted_employers.employer_code as subject_id,
    'employer' as beneficiary_kind,
    counted_employers.employer_code as beneficiary_id,
    -- 疫情防控重点物资生产企业
    listed_employers.employer_code is not null as s1_listed_key_supplier,
    -- 对春节期间（截至2020年2月9日）开工生产的企业
    counted_employers.counted_days >= 1 as s1_worked_in_window,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    good_standings.is_in_good_standing as g_good_standing,
    -- 一次性
    granted_employers.employer_code is null as g_not_granted_before,
    -- 给予每人每天200元一次性用工补贴，每个企业最高不超过50万元
    cast(
        least($holiday_day_rate_fen * counted_employers.counted_days, $holiday_cap_fen) as bigint
    ) as amount_fen,
    counted_employers.attended_days,
    counted_employers.paid_days,
    counted_employers.doubled_days,
    counted_employers.counted_days
from counted_employers
-- one to at most one, all three
left join listed_employers on counted_employers.employer_code = listed_employers.employer_code
left join good_standings on counted_employers.employer_code = good_standings.employer_code
left join granted_employers on counted_employers.employer_code = granted_employers.employer_code
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
