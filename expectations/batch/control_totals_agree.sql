-- check: each batch's control totals are those of its instructions and of its lines
-- checked: batches
with instruction_totals as (
    select
        batch_id,
        count(*) as instruction_count,
        cast(sum(amount_fen) as bigint) as instructed_fen
    from instructions
    group by batch_id
),

line_totals as (
    select
        batch_id,
        count(*) as line_count,
        cast(sum(amount_fen) as bigint) as lines_fen
    from lines
    group by batch_id
)

-- One row per batch on every side; a batch that only one side knows differs.
select
    batch_id,
    batches.instruction_count as stated_instruction_count,
    instruction_totals.instruction_count,
    batches.line_count as stated_line_count,
    line_totals.line_count,
    batches.amount_fen as stated_fen,
    instruction_totals.instructed_fen,
    line_totals.lines_fen
from batches
full join instruction_totals using (batch_id)
full join line_totals using (batch_id)
where
    (
        batches.instruction_count = instruction_totals.instruction_count
        and batches.line_count = line_totals.line_count
        and batches.amount_fen = instruction_totals.instructed_fen
        and batches.amount_fen = line_totals.lines_fen
    ) is not true
order by all
