-- A person left no trace in the months asked for before the period's end, as the run found: nobody
-- is paid so without being looked into. Rows: one per line.
-- Reads: batch_lines, line_traces.
select
    'paid_without_trace' as doubt,
    batch_lines.policy_id,
    batch_lines.period,
    batch_lines.subject_kind,
    batch_lines.subject_id,
    batch_lines.beneficiary_kind,
    batch_lines.beneficiary_id,
    batch_lines.payment_id,
    batch_lines.amount_fen,
    cast(line_traces.trace_on is not null as bigint) as found_count,
    coalesce(cast(line_traces.trace_on as varchar), '—') as found
from batch_lines
-- one row to at most one: both have the key of a line
inner join line_traces
    on
        batch_lines.policy_id = line_traces.policy_id
        and batch_lines.period = line_traces.period
        and batch_lines.subject_id = line_traces.subject_id
        and batch_lines.beneficiary_id = line_traces.beneficiary_id
where line_traces.backing = 'none'
order by batch_lines.payment_id, batch_lines.period, batch_lines.subject_id
