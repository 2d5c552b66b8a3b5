-- One account for several: payees of this batch, or a payee and another subject of the delivered
-- accounts. Rows: one per instruction. Reads: batch_payees, accounts.
with known_holders as (
    select
        account_no,
        beneficiary_id as holder_id
    from batch_payees
    union
    select
        accounts.account_no,
        accounts.subject_id as holder_id
    from accounts
    -- many rows to many: a payee may have several instructions, union takes doubles out
    inner join batch_payees on accounts.account_no = batch_payees.account_no
)

select
    'shared_account' as doubt,
    batch_payees.policy_id,
    '' as period,
    batch_payees.beneficiary_kind as subject_kind,
    batch_payees.beneficiary_id as subject_id,
    batch_payees.beneficiary_kind,
    batch_payees.beneficiary_id,
    batch_payees.payment_id,
    batch_payees.amount_fen,
    count(*) as found_count,
    string_agg(known_holders.holder_id, '、' order by known_holders.holder_id) as found
from batch_payees
-- one row to many: the others who have the account
inner join known_holders
    on
        batch_payees.account_no = known_holders.account_no
        and batch_payees.beneficiary_id <> known_holders.holder_id
group by
    batch_payees.policy_id,
    batch_payees.beneficiary_kind,
    batch_payees.beneficiary_id,
    batch_payees.payment_id,
    batch_payees.amount_fen
order by batch_payees.payment_id
