-- what the frames of this boundary must come to, by another route; one row
with stated_totals as (
    select
        cast(coalesce(sum(instruction_count), 0) as bigint) as instruction_count,
        cast(coalesce(sum(amount_fen), 0) as bigint) as amount_fen
    from batches
),

payable_totals as (
    select
        count(*) as payable_count,
        cast(coalesce(sum(due_fen), 0) as bigint) as payable_fen
    from entitlements
    where status = 'payable'
)

-- one row to one row
select
    stated_totals.instruction_count,
    stated_totals.amount_fen,
    payable_totals.payable_count,
    payable_totals.payable_fen
from stated_totals
cross join payable_totals
order by all
