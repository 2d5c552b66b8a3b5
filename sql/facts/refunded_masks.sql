-- by bucket: contributions
-- cut by: person, employer
-- Months of (p,u,k) that were refunded: a visible 已到账 退费 row exists, and what is left of the
-- month's visible 已到账 rows is nothing or less (rulebook §1, insured).
-- Grain: person, employer (0 = self), insurance, era.
with refund_keys as (
    select
        person_key,
        employer_key,
        insurance,
        month
    from contributions
    where
        entry = '退费'
        and state = '已到账'
    group by person_key, employer_key, insurance, month
),

refunded_months as (
    select
        bookings.person_key,
        bookings.employer_key,
        bookings.insurance,
        bookings.month
    from contributions as bookings
    -- many bookings to at most one key: a semi join keeps bookings of refunded keys only
    semi join refund_keys
        on
            bookings.person_key = refund_keys.person_key
            and bookings.employer_key = refund_keys.employer_key
            and bookings.insurance = refund_keys.insurance
            and bookings.month = refund_keys.month
    where bookings.state = '已到账'
    group by bookings.person_key, bookings.employer_key, bookings.insurance, bookings.month
    having sum(bookings.unit_fen + bookings.person_fen) <= 0
)

select
    person_key,
    employer_key,
    insurance,
    month_era(month) as era,
    bit_or(month_bit(month)) as refunded_mask
from refunded_months
group by person_key, employer_key, insurance, month_era(month)
order by person_key, employer_key, insurance, era
