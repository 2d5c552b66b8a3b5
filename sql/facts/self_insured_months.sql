-- limited to: persons of (graduations, support_grants)
-- cut by: person
-- Months that a watched person paid alone and on time for 养老 or 医疗, with what was paid.
-- Grain: person, month.
with on_time_masks as (
    select
        insurance_masks.person_key,
        insurance_masks.era,
        bit_or(insurance_masks.on_time_mask) as on_time_mask
    from insurance_masks
    -- many to at most one
    semi join watched_persons on insurance_masks.person_key = watched_persons.person_key
    where
        insurance_masks.employer_key = 0
        and insurance_masks.insurance in ('养老', '医疗')
        and insurance_masks.on_time_mask <> 0
    group by insurance_masks.person_key, insurance_masks.era
)

select
    person_payments.person_key,
    person_payments.month,
    cast(sum(person_payments.person_fen) as bigint) as self_paid_fen
from person_payments
-- many to at most one: an on-time month has a 已到账 booking, so it has a payment row
inner join on_time_masks
    on
        person_payments.person_key = on_time_masks.person_key
        and month_era(person_payments.month) = on_time_masks.era
        and on_time_masks.on_time_mask & month_bit(person_payments.month) <> 0
where
    person_payments.employer_key = 0
    and person_payments.insurance in ('养老', '医疗')
group by person_payments.person_key, person_payments.month
