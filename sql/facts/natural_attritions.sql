-- cut by: employer
-- A of the layoff rule: persons insured for unemployment in Dec Y−1 and not in Dec Y whose latest
-- end of employment with that employer says they left of themselves or by course of nature.
-- Grain: employer.
with leavers as (
    select
        insured_before.person_key,
        insured_before.employer_key
    from insurance_masks as insured_before
    where
        insured_before.insurance = '失业'
        and insured_before.employer_key <> 0
        and insured_before.era = month_era($base_year * 100 - 88)
        and insured_before.insured_mask & month_bit($base_year * 100 - 88) <> 0
        and not exists (
            select 1
            from insurance_masks as insured_after
            where
                insured_after.person_key = insured_before.person_key
                and insured_after.employer_key = insured_before.employer_key
                and insured_after.insurance = '失业'
                and insured_after.era = month_era($base_year * 100 + 12)
                and insured_after.insured_mask & month_bit($base_year * 100 + 12) <> 0
        )
),

latest_ends as (
    select
        employer_code,
        person_key,
        ended_on,
        end_reason
    from employment_rows
    where
        ended_on between make_date($base_year - 1, 12, 31) and make_date($base_year, 12, 31)
    qualify
        ended_on = max(ended_on) over (partition by employer_code, person_key)
)

select
    employers.employer_code,
    count(distinct leavers.person_key) as attrition_count
from leavers
-- many to one, then one to many: several rows may end on the latest day
inner join employers on leavers.employer_key = employers.employer_key
inner join latest_ends
    on
        employers.employer_code = latest_ends.employer_code
        and leavers.person_key = latest_ends.person_key
where
    latest_ends.end_reason in (
        '退休', '死亡', '合同期满', '本人辞职', '统筹转移', '参军升学', '集团内调动'
    )
group by employers.employer_code
order by employers.employer_code
