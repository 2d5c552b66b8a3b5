-- by bucket: contributions
-- cut by: person, employer
-- Months of (p,u,k) with a 缓缴 row, of any of the five insurances, and whether they are deferred
-- still: of entry 正常 or 补缴, and nothing has arrived for the employer's part since (for the
-- person's, where no employer's part was deferred) (rulebook §3b, deferral_due).
-- Grain: person, employer, insurance, month.
with deferred_keys as (
    select
        person_key,
        employer_key,
        insurance,
        month,
        bool_or(entry <> '退费') as is_deferral,
        bool_or(entry <> '退费' and unit_fen > 0) as has_unit_part,
        cast(sum(unit_fen + person_fen) filter (where entry <> '退费') as bigint) as deferred_fen
    from contributions
    where
        state = '缓缴'
        and employer_key <> 0
    group by person_key, employer_key, insurance, month
),

arrived_keys as (
    select
        arrivals.person_key,
        arrivals.employer_key,
        arrivals.insurance,
        arrivals.month,
        bool_or(arrivals.unit_fen > 0) as has_unit_part
    from contributions as arrivals
    -- many bookings to at most one key: a semi join keeps bookings of deferred keys only
    semi join deferred_keys
        on
            arrivals.person_key = deferred_keys.person_key
            and arrivals.employer_key = deferred_keys.employer_key
            and arrivals.insurance = deferred_keys.insurance
            and arrivals.month = deferred_keys.month
    where
        arrivals.state = '已到账'
        and arrivals.entry <> '退费'
    group by arrivals.person_key, arrivals.employer_key, arrivals.insurance, arrivals.month
)

select
    deferred_keys.person_key,
    deferred_keys.employer_key,
    deferred_keys.insurance,
    deferred_keys.month,
    deferred_keys.deferred_fen,
    deferred_keys.is_deferral
    and (
        arrived_keys.person_key is null
        or (deferred_keys.has_unit_part and not arrived_keys.has_unit_part)
    ) as is_deferred_still
from deferred_keys
-- one to at most one
left join arrived_keys
    on
        deferred_keys.person_key = arrived_keys.person_key
        and deferred_keys.employer_key = arrived_keys.employer_key
        and deferred_keys.insurance = arrived_keys.insurance
        and deferred_keys.month = arrived_keys.month
