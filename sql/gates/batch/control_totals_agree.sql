-- check: each batch's control totals are those of its instructions and of its lines
-- reads: batches instructions lines
with instruction_totals as (
    select
        batch_id,
        count(*) as instruction_count,
        sum(amount_fen) as amount_fen
    from instructions
    group by batch_id
),

line_totals as (
    select
        batch_id,
        count(*) as line_count,
        sum(amount_fen) as amount_fen
    from lines
    group by batch_id
),

-- One row per batch on every side; a batch that only one side knows differs.
compared_batches as (
    select
        coalesce(batches.batch_id, instruction_totals.batch_id, line_totals.batch_id) as batch_id,
        batches.instruction_count = instruction_totals.instruction_count
        and batches.line_count = line_totals.line_count
        and batches.amount_fen = instruction_totals.amount_fen
        and batches.amount_fen = line_totals.amount_fen as is_equal
    from batches
    full join instruction_totals on instruction_totals.batch_id = batches.batch_id
    full join line_totals
        on line_totals.batch_id = coalesce(batches.batch_id, instruction_totals.batch_id)
),

differing_batches as (
    select batch_id as bad_row
    from compared_batches
    where is_equal is not true
)

select
    (select count(*) from compared_batches) as checked_count,
    (select count(*) from differing_batches) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from differing_batches order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
