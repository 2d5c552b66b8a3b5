-- A row of deaths, custody or designations about subject or payee was quarantined for what else
-- stood in it, or for a damaged id that is likely theirs: it decides nothing, though it may speak
-- against the line. Rows: one per line.
-- Reads: batch_lines, rows_set_aside.
with told_rows as (
    select
        subject_id as party_id,
        concat(source_file, ':', source_line) as place
    from rows_set_aside
    where
        kind in ('deaths', 'custody', 'designations')
        and rule <> 'duplicate_row'
),

told_lines as (
    select
        batch_lines.payment_id,
        batch_lines.period,
        batch_lines.subject_id,
        told_rows.place
    from batch_lines
    -- many lines to the few rows about one party
    inner join told_rows on batch_lines.subject_id = told_rows.party_id
    union
    select
        batch_lines.payment_id,
        batch_lines.period,
        batch_lines.subject_id,
        told_rows.place
    from batch_lines
    inner join told_rows on batch_lines.beneficiary_id = told_rows.party_id
)

select
    'faulty_row' as doubt,
    payment_id,
    period,
    subject_id,
    count(*) as found_count,
    string_agg(place, '、' order by place) as found
from told_lines
group by payment_id, period, subject_id
order by payment_id, period, subject_id
