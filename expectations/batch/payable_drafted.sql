-- check: what is payable is in a batch, once, to the fen, and nothing else is
-- checked: entitlements where status = 'payable'
with payable_lines as (
    select
        policy_id,
        period,
        subject_id,
        beneficiary_id,
        due_fen
    from entitlements
    where status = 'payable'
),

-- A line that is drafted twice meets its entitlement with twice the amount.
drafted_lines as (
    select
        policy_id,
        period,
        subject_id,
        beneficiary_id,
        cast(sum(amount_fen) as bigint) as drafted_fen
    from lines
    group by policy_id, period, subject_id, beneficiary_id
)

-- One row per key on either side.
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    payable_lines.due_fen,
    drafted_lines.drafted_fen
from payable_lines
full join drafted_lines using (policy_id, period, subject_id, beneficiary_id)
where payable_lines.due_fen is distinct from drafted_lines.drafted_fen
order by all
