-- universe: employer with a new hire that counts, period month(D)
-- cut by: employer
select
    employer_code as subject_id,
    -- 降低小微企业创业担保贷款申请条件
    is_small_or_micro(employer_code, $as_of) as s15_small_or_micro,
    -- 当年新招用符合条件人员占现有职工比例下调为20%，职工超过100人的比例下调为10%
    headcount >= 1
    and 100 * new_hires
    >= headcount
    * case
        when headcount > $loan_large_persons then $loan_large_share_percent
        else $loan_share_percent
    end as s15_new_hire_share,
    -- 无拖欠社会保险费 (银发〔2018〕22号)
    arrears_months = 0 as s15_no_arrears,
    -- 无不良信用记录 (银发〔2018〕22号)
    has_good_standing(employer_code) as g_good_standing,
    0 as amount_fen,
    new_hires,
    headcount,
    arrears_months,
    size_class,
    size_line,
    staff,
    revenue_wan_x100,
    assets_wan_x100
from loan_applicants
-- one to at most one: no registration, nothing known of the size
left join registrations using (employer_code)
