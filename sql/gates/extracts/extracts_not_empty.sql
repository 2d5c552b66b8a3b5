-- check: a kind that was delivered brought at least one usable row
-- reads: files
-- Clerks' decisions are often none; the delivery note holds no rows of its own.
with delivered_kinds as (
    select
        kind,
        sum(rows) as row_count,
        sum(accepted) as accepted_count
    from files
    where kind not in ('delivery_note', 'clerical_links', 'clerical_decisions')
    group by kind
),

empty_kinds as (
    select kind || ': 0 / ' || row_count as bad_row
    from delivered_kinds
    where accepted_count = 0
)

select
    (select count(*) from delivered_kinds) as checked_count,
    (select count(*) from empty_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from empty_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
