-- limited to: insurance in (养老, 失业)
-- cut by: employer
-- headcount(u,k,m): persons insured with an employer under one insurance in one month.
-- Persons with equal masks are counted together before the months are told apart.
-- Grain: employer, insurance, month (only months with someone insured).
with mask_counts as (
    select
        employer_key,
        insurance,
        era,
        insured_mask,
        count(*) as persons
    from insurance_masks
    where
        employer_key <> 0
        and insurance in ('养老', '失业')
        and insured_mask <> 0
    group by employer_key, insurance, era, insured_mask
),

month_positions as (
    select unnest(range(60)) as position
),

month_counts as (
    select
        mask_counts.employer_key,
        mask_counts.insurance,
        mask_counts.era * 60 + month_positions.position + 1898 * 12 as month_number,
        sum(mask_counts.persons) as headcount
    from mask_counts
    -- each mask to each of the months it holds
    inner join month_positions
        on (mask_counts.insured_mask >> month_positions.position) & 1 = 1
    group by mask_counts.employer_key, mask_counts.insurance, month_number
)

select
    employers.employer_code,
    month_counts.employer_key,
    month_counts.insurance,
    month_from_number(month_counts.month_number) as month,
    cast(month_counts.headcount as bigint) as headcount
from month_counts
-- many to one: every employer of a contribution has an insured unit
inner join employers on month_counts.employer_key = employers.employer_key
