-- The last payment to this payee's account came back from the bank: a closed or wrong account sends
-- the next one back, too. Rows: one per instruction. Reads: batch_payees, paid_entries.
with last_payments as (
    select
        beneficiary_id,
        account_no,
        arg_max(payment_id, entry_no) as payment_id,
        -- its reason and day; empty where its payee gave the money back
        arg_max(coalesce(bank_says, ''), entry_no) as bank_says,
        arg_max(is_reversed, entry_no) as is_reversed
    from paid_entries
    group by beneficiary_id, account_no
)

select
    'returned_account' as doubt,
    batch_payees.policy_id,
    '' as period,
    batch_payees.beneficiary_kind as subject_kind,
    batch_payees.beneficiary_id as subject_id,
    batch_payees.beneficiary_kind,
    batch_payees.beneficiary_id,
    batch_payees.payment_id,
    batch_payees.amount_fen,
    1 as found_count,
    concat_ws(' ', last_payments.payment_id, nullif(last_payments.bank_says, '')) as found
from batch_payees
-- one row to at most one
inner join last_payments
    on
        batch_payees.beneficiary_id = last_payments.beneficiary_id
        and batch_payees.account_no = last_payments.account_no
where last_payments.is_reversed
order by batch_payees.payment_id
