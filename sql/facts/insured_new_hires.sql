-- cut by: person, employer
-- New hires that count for the loan: a labour contract of one year at u in the last 12 months, the
-- person insured there since, and at the start unemployed, a recent graduate, or on a list.
-- Grain: employer, person.
select
    employer_code,
    person_key
from employment_rows
where
    is_labour_contract
    and is_one_year_contract
    and starts_on > plus_months($as_of, -$loan_look_back_months)
    and is_insured_by_between(
        person_key, employer_key, ['养老', '医疗', '失业'], month_of(starts_on), $as_of_month
    )
    and (
        was_unemployed_on(person_key, starts_on)
        or has_graduated_within(person_key, starts_on, $graduate_years)
        or is_valid_on('就业困难人员', '个人', person_id, starts_on)
        or is_valid_on('建档立卡', '个人', person_id, starts_on)
        or is_valid_on('退役军人', '个人', person_id, starts_on)
        or is_valid_on('残疾人', '个人', person_id, starts_on)
    )
group by employer_code, person_key
