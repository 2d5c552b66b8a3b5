-- check: payment ids are unique and fit the bank's field
-- reads: instructions
with repeated_ids as (
    select payment_id
    from instructions
    group by payment_id
    having count(*) > 1
),

unfit_groups as (
    select
        fund as group_name,
        count(*) as row_count
    from instructions
    where
        regexp_full_match(payment_id, '[A-Z0-9]{1,35}') is not true
        or exists (
            select 1 from repeated_ids where repeated_ids.payment_id = instructions.payment_id
        )
    group by fund
)

select
    (select count(*) from instructions) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from unfit_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from unfit_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
