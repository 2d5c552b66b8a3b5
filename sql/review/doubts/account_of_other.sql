-- The account is that of somebody of another line: the card on which that person's wages come, or
-- the holder has that party's name and not the payee's own. Rows: one per instruction.
-- Reads: batch_payees, batch_lines, payroll, party_names.
with listed_parties as (
    select beneficiary_id as party_id from batch_lines
    union
    select subject_id as party_id from batch_lines
),

other_owners as (
    select
        batch_payees.payment_id,
        payroll.person_id as owner_id
    from batch_payees
    -- many rows to many wage payments; union takes doubles out
    inner join payroll on batch_payees.account_no = payroll.account_no
    where payroll.person_id <> batch_payees.beneficiary_id
    union
    select
        batch_payees.payment_id,
        party_names.subject_id as owner_id
    from batch_payees
    -- many rows to at most one: the payee's own name
    inner join party_names as own_names
        on batch_payees.beneficiary_id = own_names.subject_id
    -- one row to many who have the holder's name
    inner join party_names on batch_payees.holder = party_names.subject_name
    where
        batch_payees.holder <> own_names.subject_name
        and party_names.subject_id <> batch_payees.beneficiary_id
),

listed_owners as (
    select
        other_owners.payment_id,
        count(*) as owner_count,
        string_agg(other_owners.owner_id, '、' order by other_owners.owner_id) as owner_ids
    from other_owners
    -- many rows to exactly one
    inner join listed_parties on other_owners.owner_id = listed_parties.party_id
    group by other_owners.payment_id
)

select
    'account_of_other' as doubt,
    batch_payees.policy_id,
    '' as period,
    batch_payees.beneficiary_kind as subject_kind,
    batch_payees.beneficiary_id as subject_id,
    batch_payees.beneficiary_kind,
    batch_payees.beneficiary_id,
    batch_payees.payment_id,
    batch_payees.amount_fen,
    listed_owners.owner_count as found_count,
    listed_owners.owner_ids as found
from batch_payees
-- one row to at most one
inner join listed_owners on batch_payees.payment_id = listed_owners.payment_id
order by batch_payees.payment_id
