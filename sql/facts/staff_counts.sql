-- cut by: employer
-- staff(u,m): persons present at an employer in a month.
-- Persons with equal masks are counted together before the months are told apart.
-- Grain: employer, month (only months with someone present).
with mask_counts as (
    select
        employer_key,
        era,
        present_mask,
        count(*) as persons
    from present_masks
    group by employer_key, era, present_mask
),

month_positions as (
    select unnest(range(60)) as position
),

month_counts as (
    select
        mask_counts.employer_key,
        mask_counts.era * 60 + month_positions.position + 1898 * 12 as month_number,
        sum(mask_counts.persons) as staff
    from mask_counts
    -- each mask to each of the months it holds
    inner join month_positions
        on (mask_counts.present_mask >> month_positions.position) & 1 = 1
    group by mask_counts.employer_key, month_number
)

select
    employers.employer_code,
    month_counts.employer_key,
    month_from_number(month_counts.month_number) as month,
    cast(month_counts.staff as bigint) as staff
from month_counts
-- many to one: every employer of a contribution has an insured unit
inner join employers on month_counts.employer_key = employers.employer_key
