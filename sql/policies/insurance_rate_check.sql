-- universe: employer charged for unemployment insurance on a stated base in the month before D's
-- cut by: employer
with charged_employers as (
    select
        employers.employer_code,
        sum(unemployment_charges.charged_persons) as charged_persons,
        sum(unemployment_charges.overcharged_persons) as overcharged_persons,
        sum(unemployment_charges.base_fen) as stated_base_fen,
        sum(unemployment_charges.unit_charged_fen) as unit_charged_fen,
        sum(unemployment_charges.unit_allowed_fen) as unit_allowed_fen,
        sum(unemployment_charges.refunded_fen) as refunded_fen,
        sum(unemployment_charges.person_charged_fen) as person_charged_fen,
        sum(unemployment_charges.person_allowed_fen) as person_allowed_fen,
        sum(unemployment_charges.over_fen) as over_fen
    from unemployment_charges
    -- many to one: every employer of a contribution has an insured unit
    inner join employers on unemployment_charges.employer_key = employers.employer_key
    group by employers.employer_code
)

select
    employer_code as subject_id,
    -- 阶段性降低失业保险费率: more than the reduced rate was charged for the employer's part
    over_fen >= $rate_tolerance_fen as s4_charged_too_much,
    -- what was charged above the rate
    over_fen as amount_fen,
    cast(charged_persons as bigint) as charged_persons,
    cast(overcharged_persons as bigint) as overcharged_persons,
    cast(stated_base_fen as bigint) as stated_base_fen,
    cast(unit_charged_fen as bigint) as unit_charged_fen,
    cast(unit_allowed_fen as bigint) as unit_allowed_fen,
    cast(refunded_fen as bigint) as refunded_fen,
    -- the person's part is shown, not judged
    cast(person_charged_fen as bigint) as person_charged_fen,
    cast(person_allowed_fen as bigint) as person_allowed_fen
from charged_employers
