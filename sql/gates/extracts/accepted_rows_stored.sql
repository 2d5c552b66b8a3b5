-- check: the snapshot's tables hold exactly the rows that ingest says it accepted
-- reads: files and the table of every kind (counted from the files' footers, nothing is scanned)
with accepted_kinds as (
    select
        kind,
        sum(accepted) as accepted_count
    from files
    group by kind
),

-- delivered_counts one row per kind, accepted_kinds at most one.
compared_kinds as (
    select
        delivered_counts.kind,
        delivered_counts.row_count as stored_count,
        coalesce(accepted_kinds.accepted_count, 0) as accepted_count
    from delivered_counts
    left join accepted_kinds on accepted_kinds.kind = delivered_counts.kind
),

differing_kinds as (
    select kind || ': ' || stored_count || ' <> ' || accepted_count as bad_row
    from compared_kinds
    where stored_count <> accepted_count
)

select
    (select count(*) from compared_kinds) as checked_count,
    (select count(*) from differing_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from differing_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
