-- The last positive trace of the person of each line paid: by which behaviour, on which day, strong
-- or weak as the table trace_kinds says. A trace counts up to until_on, the end of the line's period
-- or the as-of date, whichever comes first; what a month says is taken at the month's last day, at
-- until_on if that comes first. Our own payments are no trace (rulebook §0).
-- Grain: one row per line. Reads: traced_lines.
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

trace_kinds as (
    select unnest($trace_kinds, recursive := true)
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
),

traces_of_months as (
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
),

traces_of_days as (
    select
        attendance.person_key,
        attendance.worked_on as trace_on,
        'trace_attended' as trace
    from attendance
    -- many to at most one, here and in each one below
    semi join asked_persons on attendance.person_key = asked_persons.person_key
    union all
    select
        payroll.person_key,
        payroll.paid_on as trace_on,
        'trace_wage' as trace
    from payroll
    semi join asked_persons on payroll.person_key = asked_persons.person_key
    where payroll.net_fen > 0
    union all
    select
        unemployment.person_key,
        unemployment.registered_on as trace_on,
        'trace_unemployed' as trace
    from unemployment
    semi join asked_persons on unemployment.person_key = asked_persons.person_key
    union all
    select
        employment.person_key,
        employment.starts_on as trace_on,
        'trace_contract' as trace
    from employment
    semi join asked_persons on employment.person_key = asked_persons.person_key
    union all
    select
        graduates.person_key,
        graduates.graduated_on as trace_on,
        'trace_graduation' as trace
    from graduates
    semi join asked_persons on graduates.person_key = asked_persons.person_key
    union all
    select
        person_key_of(decisions_in_force.subject_id) as person_key,
        decisions_in_force.decided_on as trace_on,
        'trace_decision' as trace
    from decisions_in_force
    -- many clerks who agree to the one answer that holds
    inner join clerical_answers using (policy_id, period, subject_id, beneficiary_id, provision)
    semi join asked_persons
        on person_key_of(decisions_in_force.subject_id) = asked_persons.person_key
    where
        clerical_answers.is_yes
        and decisions_in_force.provision not in ('recovery', 'same_person')
),

traces as (
    select
        person_key,
        until_on,
        trace,
        least(month_last_day(trace_month), until_on) as trace_on
    from traces_of_months
    union all
    select
        asked_days.person_key,
        asked_days.until_on,
        traces_of_days.trace,
        max(traces_of_days.trace_on) as trace_on
    from asked_days
    -- many days to many traces of one person
    inner join traces_of_days
        on
            asked_days.person_key = traces_of_days.person_key
            and asked_days.until_on >= traces_of_days.trace_on
    group by asked_days.person_key, asked_days.until_on, traces_of_days.trace
),

-- On one day a strong one comes before a weak one, then the name decides.
ranked_traces as (
    select
        traces.person_key,
        traces.until_on,
        traces.trace,
        traces.trace_on,
        trace_kinds.strength,
        row_number() over (
            partition by traces.person_key, traces.until_on
            order by traces.trace_on desc, trace_kinds.strength asc, traces.trace asc
        ) as place,
        row_number() over (
            partition by traces.person_key, traces.until_on, trace_kinds.strength
            order by traces.trace_on desc, traces.trace asc
        ) as place_in_strength
    from traces
    -- many to at most one: each trace stands once in the table
    inner join trace_kinds on traces.trace = trace_kinds.trace
    where trace_kinds.strength in ('strong', 'weak')
),

last_traces as (
    select
        person_key,
        until_on,
        trace,
        trace_on,
        strength
    from ranked_traces
    where place = 1
),

last_strong_traces as (
    select
        person_key,
        until_on,
        trace,
        trace_on
    from ranked_traces
    where strength = 'strong' and place_in_strength = 1
)

select
    traced_lines.policy_id,
    traced_lines.period,
    traced_lines.subject_kind,
    traced_lines.subject_id,
    traced_lines.beneficiary_kind,
    traced_lines.beneficiary_id,
    traced_lines.status,
    traced_lines.until_on,
    last_traces.trace,
    last_traces.trace_on,
    last_traces.strength,
    last_strong_traces.trace as strong_trace,
    last_strong_traces.trace_on as strong_on,
    case
        when last_strong_traces.trace_on >= plus_months(traced_lines.until_on, -$trace_months)
            then 'strong'
        when last_traces.trace_on >= plus_months(traced_lines.until_on, -$trace_months) then 'weak'
        else 'none'
    end as backing
from traced_lines
-- many lines to at most one, in both
left join last_traces
    on
        traced_lines.person_key = last_traces.person_key
        and traced_lines.until_on = last_traces.until_on
left join last_strong_traces
    on
        traced_lines.person_key = last_strong_traces.person_key
        and traced_lines.until_on = last_strong_traces.until_on
order by
    traced_lines.policy_id,
    traced_lines.period,
    traced_lines.subject_kind,
    traced_lines.subject_id,
    traced_lines.beneficiary_kind,
    traced_lines.beneficiary_id
