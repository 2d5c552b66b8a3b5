-- Of what a card limits ("a person counts once") something was paid for the same person, to another
-- payee or for another period, that stands no more: until it is back, more is paid than may be.
-- Rows: one per line. Reads: batch_lines, unpaid_rows.
with lapsed_rows as (
    select
        policy_id,
        period,
        subject_kind,
        subject_id,
        beneficiary_id
    from unpaid_rows
    where
        status in ('unsupported', 'recovery')
        and determined_fen = 0
        and list_contains($limited_policies, policy_id)
)

select
    'paid_beyond_limit' as doubt,
    batch_lines.payment_id,
    batch_lines.period,
    batch_lines.subject_id,
    count(*) as found_count,
    string_agg(
        concat(lapsed_rows.period, ' ', lapsed_rows.beneficiary_id),
        '、' order by lapsed_rows.period, lapsed_rows.beneficiary_id
    ) as found
from batch_lines
-- a line to the few rows of its subject that lapsed
inner join lapsed_rows
    on
        batch_lines.policy_id = lapsed_rows.policy_id
        and batch_lines.subject_kind = lapsed_rows.subject_kind
        and batch_lines.subject_id = lapsed_rows.subject_id
group by batch_lines.payment_id, batch_lines.period, batch_lines.subject_id
order by payment_id, period, subject_id
