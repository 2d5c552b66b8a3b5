-- cut by: person, employer
-- Persons present at an employer in the second month before D's and not in the month before it,
-- but for natural attrition: the latest end of their employment there in those two months says that
-- they left of themselves or by course of nature (rulebook §3b). Grain: employer, person.
with leavers as (
    select
        employers.employer_code,
        employers.employer_key,
        present_masks.person_key
    from present_masks
    -- many to one: every employer of a contribution has an insured unit
    inner join employers on present_masks.employer_key = employers.employer_key
    where
        present_masks.era = month_era(month_plus($as_of_month, -2))
        and present_masks.present_mask & month_bit(month_plus($as_of_month, -2)) <> 0
        and not is_present_in(
            present_masks.person_key, present_masks.employer_key, month_plus($as_of_month, -1)
        )
),

latest_ends as (
    select
        employer_code,
        person_key,
        end_reason
    from employment_rows
    where
        month_of(ended_on) between month_plus($as_of_month, -2) and month_plus($as_of_month, -1)
    qualify ended_on = max(ended_on) over (partition by employer_code, person_key)
),

natural_ends as (
    select
        employer_code,
        person_key
    from latest_ends
    where
        end_reason in ('退休', '死亡', '合同期满', '本人辞职', '统筹转移', '参军升学', '集团内调动')
    group by employer_code, person_key
)

select
    leavers.employer_code,
    leavers.employer_key,
    leavers.person_key
from leavers
-- one to at most one
anti join natural_ends
    on
        leavers.employer_code = natural_ends.employer_code
        and leavers.person_key = natural_ends.person_key
