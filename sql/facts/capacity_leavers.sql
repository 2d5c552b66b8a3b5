-- cut by: person, employer
-- Persons insured under 养老, in the months looked back over, at an employer that was on list
-- 化解过剩产能企业 in that month, and not present there in the month before D's (rulebook §3b).
-- Grain: person: the employer of the latest of those months, then the lowest code.
with looked_back_months as (
    select
        month,
        era,
        bit
    from calendar_months
    where
        month between month_plus($as_of_month, -1 - $capacity_look_back_months)
        and month_plus($as_of_month, -2)
),

listed_employer_months as (
    select
        employers.employer_code,
        employers.employer_key,
        looked_back_months.month,
        looked_back_months.era,
        looked_back_months.bit
    from designations
    -- many to at most one, then one to many: an entry to each month that holds a day of it
    inner join employers on designations.subject_id = employers.employer_code
    inner join looked_back_months
        on
            designations.valid_from <= month_last_day(looked_back_months.month)
            and (
                designations.valid_to is null
                or designations.valid_to
                >= greatest(designations.valid_from, month_first_day(looked_back_months.month))
            )
    where
        designations.list = '化解过剩产能企业'
        and designations.subject_kind = '单位'
),

leavers as (
    select
        listed_employer_months.employer_code,
        insurance_masks.person_key,
        max(listed_employer_months.month) as last_month
    from insurance_masks
    -- many to many: a mask to each of the months it holds
    inner join listed_employer_months
        on
            insurance_masks.employer_key = listed_employer_months.employer_key
            and insurance_masks.era = listed_employer_months.era
            and insurance_masks.insured_mask & listed_employer_months.bit <> 0
    where
        insurance_masks.insurance = '养老'
        and not is_present_in(
            insurance_masks.person_key, insurance_masks.employer_key, month_plus($as_of_month, -1)
        )
    group by listed_employer_months.employer_code, insurance_masks.person_key
)

select
    employer_code,
    person_key,
    person_id_of(person_key) as person_id,
    last_month
from leavers
qualify row_number() over (partition by person_key order by last_month desc, employer_code asc) = 1
