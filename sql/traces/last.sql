-- The last positive trace of the person of each line paid: by which behaviour, on which day,
-- strong or weak as the table trace_kinds says. A trace counts up to until_on, the end of the
-- line's period or the as-of date, whichever comes first; what a month says is taken at the
-- month's last day, at until_on if that comes first. Grain: one row per line.
-- Reads: traced_lines, traces_of_months, traces_of_days.
with asked_days as (
    select
        person_key,
        until_on
    from traced_lines
    group by person_key, until_on
),

trace_kinds as (
    select unnest($trace_kinds, recursive := true)
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
