-- cut by: employer
-- arrears(u,k,months): how many persons have an unpaid month, by employer, insurance and month.
-- Grain: employer, insurance, month (only months with arrears).
with month_positions as (
    select unnest(range(60)) as position
),

unpaid_masks as (
    select
        employer_key,
        insurance,
        era,
        unpaid_mask,
        count(*) as persons
    from insurance_masks
    where
        employer_key <> 0
        and unpaid_mask <> 0
    group by employer_key, insurance, era, unpaid_mask
)

select
    employers.employer_code,
    unpaid_masks.insurance,
    month_from_number(unpaid_masks.era * 60 + month_positions.position + 1898 * 12) as month,
    cast(sum(unpaid_masks.persons) as bigint) as persons
from unpaid_masks
-- each mask to each of the months it holds
inner join month_positions
    on (unpaid_masks.unpaid_mask >> month_positions.position) & 1 = 1
-- many to one: every employer of a contribution has an insured unit
inner join employers on unpaid_masks.employer_key = employers.employer_key
group by employers.employer_code, unpaid_masks.insurance, month
