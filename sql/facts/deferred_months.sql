-- by bucket: contributions
-- cut by: person, employer
-- Months of (p,u,k) with a 缓缴 row, of any of the five insurances, and whether they are deferred
-- still: of entry 正常 or 补缴, and nothing has arrived for the employer's part since (for the
-- person's, where no employer's part was deferred) (rulebook §3b, deferral_due).
-- Grain: person, employer, insurance, month.
with deferring_persons as (
    select person_key
    from contributions
    where
        state = '缓缴'
        and employer_key <> 0
    group by person_key
),

-- Of the few who defer anything, what was deferred and what arrived, in one pass; only then are
-- words compared
bookings as materialized (
    select
        contributions.person_key,
        contributions.employer_key,
        contributions.insurance,
        contributions.month,
        contributions.entry,
        contributions.state,
        contributions.unit_fen,
        contributions.person_fen
    from contributions
    -- many to at most one
    semi join deferring_persons on contributions.person_key = deferring_persons.person_key
    where contributions.employer_key <> 0
),

told_bookings as (
    select
        person_key,
        employer_key,
        insurance,
        month,
        state = '缓缴' as is_deferred,
        entry <> '退费' as is_kept,
        unit_fen,
        person_fen
    from bookings
    where state = '缓缴' or (state = '已到账' and entry <> '退费')
),

told_months as (
    select
        person_key,
        employer_key,
        insurance,
        month,
        bool_or(is_deferred and is_kept) as is_deferral,
        bool_or(is_deferred and is_kept and unit_fen > 0) as has_unit_part,
        cast(sum(unit_fen + person_fen) filter (where is_deferred and is_kept) as bigint)
            as deferred_fen,
        bool_or(not is_deferred) as has_arrived,
        bool_or(not is_deferred and unit_fen > 0) as has_unit_arrived
    from told_bookings
    group by person_key, employer_key, insurance, month
    having bool_or(is_deferred)
)

select
    person_key,
    employer_key,
    insurance,
    month,
    deferred_fen,
    is_deferral
    and (not has_arrived or (has_unit_part and not has_unit_arrived)) as is_deferred_still
from told_months
