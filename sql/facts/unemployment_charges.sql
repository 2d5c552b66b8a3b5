-- by bucket: contributions
-- cut by: employer
-- What employers were charged for unemployment insurance of the month before D's, and what the rate
-- of that month allows: per row 正常 that arrived and states its base. What a person's refunds gave
-- back is no longer too much. Grain: employer, once per bucket.
with arrivals as (
    select
        person_key,
        employer_key,
        entry = '正常' as is_charge,
        base_fen,
        unit_fen,
        person_fen,
        half_up(base_fen * $unemployment_unit_rate_numerator, $unemployment_unit_rate_denominator)
            as unit_allowed_fen,
        half_up(
            base_fen * $unemployment_person_rate_numerator, $unemployment_person_rate_denominator
        ) as person_allowed_fen
    from contributions
    where
        insurance = '失业'
        and month = month_plus($as_of_month, -1)
        and state = '已到账'
        and employer_key <> 0
        and (entry = '退费' or (entry = '正常' and base_fen > 0))
),

person_charges as (
    select
        employer_key,
        sum(base_fen) filter (where is_charge) as base_fen,
        sum(unit_fen) filter (where is_charge) as unit_charged_fen,
        sum(unit_allowed_fen) filter (where is_charge) as unit_allowed_fen,
        sum(person_fen) filter (where is_charge) as person_charged_fen,
        sum(person_allowed_fen) filter (where is_charge) as person_allowed_fen,
        sum(case when is_charge then 0 else unit_fen end) as refunded_fen,
        greatest(
            sum(
                case when is_charge then greatest(unit_fen - unit_allowed_fen, 0) else unit_fen end
            ),
            0
        ) as over_fen
    from arrivals
    group by employer_key, person_key
    having bool_or(is_charge)
)

select
    employer_key,
    count(*) as charged_persons,
    count(*) filter (where over_fen > 0) as overcharged_persons,
    cast(sum(base_fen) as bigint) as base_fen,
    cast(sum(unit_charged_fen) as bigint) as unit_charged_fen,
    cast(sum(unit_allowed_fen) as bigint) as unit_allowed_fen,
    cast(sum(refunded_fen) as bigint) as refunded_fen,
    cast(sum(person_charged_fen) as bigint) as person_charged_fen,
    cast(sum(person_allowed_fen) as bigint) as person_allowed_fen,
    cast(sum(over_fen) as bigint) as over_fen
from person_charges
group by employer_key
