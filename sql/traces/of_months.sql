-- Which months left a trace of a person, the latest up to each day asked for: contributions on
-- time, made up or deferred, benefit that another system paid. Our own payments are no trace.
-- Grain: person, day asked for, trace; of benefit one row a spell. Reads: traced_lines.
with asked_days as (
    select
        person_key,
        until_on,
        month_of(until_on) as until_month
    from traced_lines
    group by person_key, until_on
),

asked_persons as (
    select person_key
    from asked_days
    group by person_key
),

insured_masks as (
    select
        insurance_masks.person_key,
        insurance_masks.era,
        bit_or(insurance_masks.on_time_mask) as on_time_mask,
        bit_or(insurance_masks.insured_mask) as insured_mask
    from insurance_masks
    -- many to at most one
    semi join asked_persons on insurance_masks.person_key = asked_persons.person_key
    where insurance_masks.insured_mask <> 0
    group by insurance_masks.person_key, insurance_masks.era
),

masks_until as (
    select
        asked_days.person_key,
        asked_days.until_on,
        insured_masks.era,
        insured_masks.on_time_mask
        & months_mask(insured_masks.era, 190001, asked_days.until_month) as on_time_mask,
        insured_masks.insured_mask
        & ~insured_masks.on_time_mask
        & months_mask(insured_masks.era, 190001, asked_days.until_month) as late_mask
    from asked_days
    -- many days to many eras of one person
    inner join insured_masks on asked_days.person_key = insured_masks.person_key
)

select
    person_key,
    until_on,
    'trace_on_time' as trace,
    latest_month_in(era, on_time_mask) as trace_month
from masks_until
where on_time_mask <> 0
union all
select
    person_key,
    until_on,
    'trace_late' as trace,
    latest_month_in(era, late_mask) as trace_month
from masks_until
where late_mask <> 0
union all
select
    asked_days.person_key,
    asked_days.until_on,
    'trace_benefit' as trace,
    least(judged_benefits.to_month, asked_days.until_month) as trace_month
from asked_days
-- many days to many spells of one person
inner join judged_benefits on asked_days.person_key = judged_benefits.person_key
where
    not judged_benefits.is_own
    and judged_benefits.from_month
    <= least(judged_benefits.to_month, asked_days.until_month)
order by person_key, until_on, trace, trace_month
