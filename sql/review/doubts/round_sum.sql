-- A sum of whole thousands of yuan under a policy whose sums are seldom so: at most one in five.
-- Fixed rates are round for everybody and no sign of anything. Rows: one per instruction.
-- Reads: batch_payees.
with told_payees as (
    select
        *,
        amount_fen % 100000 = 0 as is_round,
        count(*) over (partition by policy_id) as payee_count,
        count(*) filter (where amount_fen % 100000 = 0) over (partition by policy_id) as round_count
    from batch_payees
)

select
    'round_sum' as doubt,
    policy_id,
    '' as period,
    beneficiary_kind as subject_kind,
    beneficiary_id as subject_id,
    beneficiary_kind,
    beneficiary_id,
    payment_id,
    amount_fen,
    round_count as found_count,
    cast(payee_count as varchar) as found
from told_payees
where is_round and round_count * 5 <= payee_count
order by payment_id
