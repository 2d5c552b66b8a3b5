-- cut by: person, employer
-- present(p,u,m) (rulebook §3b, Late is not gone): insured under 养老 at an employer, or booked and
-- not paid yet; but what stayed unpaid in each of the three months before too keeps nobody present.
-- Grain: person, employer, era (only those with a month present).
with pension_masks as (
    select
        person_key,
        employer_key,
        era,
        insured_mask,
        unpaid_mask
    from insurance_masks
    where
        insurance = '养老'
        and employer_key <> 0
),

unpaid_masks as (
    select
        pension_masks.*,
        -- with the last three months of the era before, below its own first
        pension_masks.unpaid_mask * 8 + coalesce(eras_before.unpaid_mask >> 57, 0) as shifted_mask
    from pension_masks
    -- one to at most one: the same person, employer and insurance in the era before
    left join pension_masks as eras_before
        on
            pension_masks.person_key = eras_before.person_key
            and pension_masks.employer_key = eras_before.employer_key
            and pension_masks.era = eras_before.era + 1
            and eras_before.unpaid_mask <> 0
),

told_masks as (
    select
        person_key,
        employer_key,
        era,
        insured_mask
        | (
            unpaid_mask
            & ~(shifted_mask & (shifted_mask >> 1) & (shifted_mask >> 2))
        ) as present_mask
    from unpaid_masks
)

select
    person_key,
    employer_key,
    era,
    present_mask
from told_masks
where present_mask <> 0
