-- check: every instruction and every line pays something
-- reads: instructions lines
with amounts as (
    select
        batch_id,
        amount_fen
    from instructions
    union all
    select
        batch_id,
        amount_fen
    from lines
),

unpayable_groups as (
    select
        batch_id as group_name,
        count(*) as row_count
    from amounts
    where (amount_fen > 0) is not true
    group by batch_id
)

select
    (select count(*) from amounts) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from unpayable_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from unpayable_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
