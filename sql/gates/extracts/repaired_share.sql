-- check: no kind of extract needed unusually many repairs
-- reads: files repairs
with accepted_kinds as (
    select
        kind,
        sum(accepted) as accepted_count
    from files
    group by kind
),

-- A row with two repaired cells is one row.
repaired_kinds as (
    select
        kind,
        count(distinct source_file || ':' || source_line) as repaired_count
    from repairs
    group by kind
),

-- repaired_kinds at most one row per kind.
notable_kinds as (
    select accepted_kinds.kind || ': ' || repaired_kinds.repaired_count || ' / '
            || accepted_kinds.accepted_count as bad_row
    from accepted_kinds
    inner join repaired_kinds on repaired_kinds.kind = accepted_kinds.kind
    where
        repaired_kinds.repaired_count > $spare_rows
        and repaired_kinds.repaired_count * 1000
        > accepted_kinds.accepted_count * $limit_permille
)

select
    (select count(*) from accepted_kinds) as checked_count,
    (select count(*) from notable_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from notable_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
