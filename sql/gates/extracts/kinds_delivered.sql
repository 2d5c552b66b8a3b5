-- check: every kind of extract that some policy reads was delivered
-- reads: files
with expected_kinds as (
    select unnest($expected_kinds) as kind
),

missing_kinds as (
    select kind as bad_row
    from expected_kinds
    where not exists (select 1 from files where files.kind = expected_kinds.kind)
)

select
    (select count(*) from expected_kinds) as checked_count,
    (select count(*) from missing_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from missing_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
