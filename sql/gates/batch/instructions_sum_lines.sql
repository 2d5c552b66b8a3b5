-- check: each instruction is the sum and the count of its lines
-- reads: instructions lines
with line_sums as (
    select
        payment_id,
        min(batch_id) as batch_id,
        count(*) as line_count,
        sum(amount_fen) as amount_fen
    from lines
    group by payment_id
),

-- One row per payment id on either side.
compared_sums as (
    select
        coalesce(instructions.batch_id, line_sums.batch_id) as batch_id,
        instructions.amount_fen,
        instructions.line_count,
        line_sums.amount_fen as summed_fen,
        line_sums.line_count as counted_lines
    from instructions
    full join line_sums on line_sums.payment_id = instructions.payment_id
),

differing_groups as (
    select
        batch_id as group_name,
        count(*) as row_count
    from compared_sums
    where
        amount_fen is distinct from summed_fen
        or line_count is distinct from counted_lines
    group by batch_id
)

select
    (select count(*) from compared_sums) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from differing_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from differing_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
