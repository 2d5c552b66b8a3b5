-- The payee is asked back other money by the same night: paid without waiting for it, more stays
-- with the payee than is due until that is back. Rows: one per instruction.
-- Reads: batch_payees, unpaid_rows.
with asked_back as (
    select
        beneficiary_kind,
        beneficiary_id,
        count(*) as found_count,
        sum(-due_fen) as asked_fen
    from unpaid_rows
    where status = 'recovery'
    group by beneficiary_kind, beneficiary_id
)

select
    'asked_back_beside' as doubt,
    batch_payees.policy_id,
    '' as period,
    batch_payees.beneficiary_kind as subject_kind,
    batch_payees.beneficiary_id as subject_id,
    batch_payees.beneficiary_kind,
    batch_payees.beneficiary_id,
    batch_payees.payment_id,
    batch_payees.amount_fen,
    asked_back.found_count,
    printf('%d.%02d', asked_back.asked_fen // 100, asked_back.asked_fen % 100) as found
from batch_payees
-- one row to at most one
inner join asked_back
    on
        batch_payees.beneficiary_kind = asked_back.beneficiary_kind
        and batch_payees.beneficiary_id = asked_back.beneficiary_id
order by batch_payees.payment_id
