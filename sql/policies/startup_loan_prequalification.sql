-- policy: startup_loan_prequalification
-- title: 创业担保贷款资格预核
-- authority: 川政发〔2020〕3号 附件第15项
-- in force: 2020-01-01, open
-- grain: employer with a new hire that counts, period month(D)
-- reads: employment contributions insured_units unemployment graduates designations registrations
with hiring_employers as (
    select
        employer_code,
        count(*) as new_hires
    from insured_new_hires
    group by employer_code
),

staffed_employers as (
    select
        employer_code,
        headcount
    from headcounts
    where
        insurance = '养老'
        and month = month_plus($as_of_month, -1)
),

arrear_employers as (
    select
        employer_code,
        count(*) as arrears_months
    from arrear_months
    where
        insurance in ('养老', '医疗', '失业', '工伤', '生育')
        and month < $as_of_month
    group by employer_code
),

measured_employers as (
    select
        hiring_employers.employer_code,
        hiring_employers.new_hires,
        coalesce(staffed_employers.headcount, 0) as headcount,
        coalesce(arrear_employers.arrears_months, 0) as arrears_months
    from hiring_employers
    -- one to at most one, both
    left join staffed_employers on hiring_employers.employer_code = staffed_employers.employer_code
    left join arrear_employers on hiring_employers.employer_code = arrear_employers.employer_code
)

select
    period_of($as_of_month) as period,
    'employer' as subject_kind,
    measured_employers.employer_code as subject_id,
    'employer' as beneficiary_kind,
    measured_employers.employer_code as beneficiary_id,
    -- 降低小微企业创业担保贷款申请条件
    small_employers.is_small_or_micro as s15_small_or_micro,
    -- 当年新招用符合条件人员占现有职工比例下调为20%，职工超过100人的比例下调为10%
    measured_employers.headcount >= 1
    and 100 * measured_employers.new_hires
    >= measured_employers.headcount
    * case
        when measured_employers.headcount > $loan_large_persons then $loan_large_share_percent
        else $loan_share_percent
    end as s15_new_hire_share,
    -- 无拖欠社会保险费 (银发〔2018〕22号)
    measured_employers.arrears_months = 0 as s15_no_arrears,
    -- 无不良信用记录 (银发〔2018〕22号)
    good_standings.is_in_good_standing as g_good_standing,
    cast(0 as bigint) as amount_fen,
    measured_employers.new_hires,
    measured_employers.headcount,
    measured_employers.arrears_months,
    small_employers.size_class,
    small_employers.size_line,
    small_employers.staff,
    small_employers.revenue_wan_x100,
    small_employers.assets_wan_x100
from measured_employers
-- one to at most one, both
left join small_employers on measured_employers.employer_code = small_employers.employer_code
left join good_standings on measured_employers.employer_code = good_standings.employer_code
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
