-- cut by: employer
-- T of the levy: months of the fee year in which insured staff were on list 残疾人.
-- Grain: employer.
with disabled_masks as (
    select
        person_key_of(subject_id) as person_key,
        bit_or(
            months_mask(
                month_era(year($as_of) * 100 - 99),
                greatest(month_of(valid_from), year($as_of) * 100 - 99),
                least(month_of(valid_to), year($as_of) * 100 - 88)
            )
        ) as listed_mask
    from designations
    where
        list = '残疾人'
        and subject_kind = '个人'
        -- a row that ends before it begins is valid on no day
        and (valid_to is null or valid_to >= valid_from)
    group by person_key
)

select
    insurance_masks.employer_key,
    cast(
        sum(bit_count(insurance_masks.insured_mask & disabled_masks.listed_mask)) as bigint
    ) as disabled_person_months
from insurance_masks
-- many to at most one
inner join disabled_masks on insurance_masks.person_key = disabled_masks.person_key
where
    insurance_masks.employer_key <> 0
    and insurance_masks.insurance = '养老'
    and insurance_masks.era = month_era(year($as_of) * 100 - 99)
group by insurance_masks.employer_key
