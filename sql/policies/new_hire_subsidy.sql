-- universe: person hired × employer, period 2020
-- cut by: person
select
    person_id as subject_id,
    employer_code as beneficiary_id,
    -- 签订1年以上劳动合同
    is_one_year_contract as s1_contract_one_year,
    -- 并缴纳社会保险的
    is_insured_by_between(
        person_key, employer_key, ['养老'], month_of(starts_on), $as_of_month
    ) as s1_insured,
    -- 新吸纳就业: neither insured nor employed there in the months before
    not is_insured_by_between(
        person_key, employer_key, ['养老', '医疗', '失业'],
        month_plus(month_of(starts_on), -$hire_look_back_months),
        month_plus(month_of(starts_on), -1)
    )
    and not was_hired_between(
        person_key, employer_code, plus_months(starts_on, -$hire_look_back_months), starts_on
    ) as s1_newly_hired,
    -- 吸纳就业 (reading: a labour dispatch unit takes no one on for itself)
    not is_dispatcher(employer_code) as s1_not_dispatched,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    has_good_standing(employer_code) as g_good_standing,
    -- 一次性
    not was_granted('一次性吸纳就业补贴', '个人', person_id) as g_not_granted_before,
    -- 每新吸纳1人: the first employer that fulfils all the rest (limit on the card)
    struct_pack(starts_on := starts_on, employer_code := employer_code) as turn,
    -- 按每人1000元标准给予一次性吸纳就业补贴
    $hire_amount_fen as amount_fen,
    starts_on,
    ends_on,
    contract_type
from employment_rows
where
    is_labour_contract
    and starts_on between $hire_window_from and $hire_window_to
-- several contracts in the window: the earliest
qualify
    row_number() over (partition by employer_code, person_key order by rank_at_employer) = 1
