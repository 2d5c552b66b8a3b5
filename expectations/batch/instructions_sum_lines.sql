-- check: each instruction is the sum and the count of its lines
-- checked: instructions
with line_sums as (
    select
        payment_id,
        count(*) as counted_lines,
        cast(sum(amount_fen) as bigint) as summed_fen
    from lines
    group by payment_id
)

-- One row per payment id on either side.
select
    instructions.batch_id,
    payment_id,
    instructions.line_count,
    line_sums.counted_lines,
    instructions.amount_fen,
    line_sums.summed_fen
from instructions
full join line_sums using (payment_id)
where
    instructions.amount_fen is distinct from line_sums.summed_fen
    or instructions.line_count is distinct from line_sums.counted_lines
order by all
