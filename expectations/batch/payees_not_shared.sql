-- check: no account is paid for two beneficiaries
-- checked: instructions
with shared_numbers as (
    select account_no
    from instructions
    group by account_no
    having count(distinct beneficiary_id) > 1
)

-- shared_numbers one row per number.
select
    instructions.batch_id,
    instructions.fund,
    instructions.payment_id,
    instructions.beneficiary_id
from instructions
inner join shared_numbers on shared_numbers.account_no = instructions.account_no
order by all
