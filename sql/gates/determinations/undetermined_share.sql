-- check: no policy leaves an unusual share of its rows to clerks
-- reads: determinations
with determined_policies as (
    select
        policy_id,
        count(*) as row_count,
        count(*) filter (where outcome = 'undetermined') as undetermined_count
    from determinations
    group by policy_id
),

notable_policies as (
    select policy_id || ': ' || undetermined_count || ' / ' || row_count as bad_row
    from determined_policies
    where
        undetermined_count > $spare_rows
        and undetermined_count * 1000 > row_count * $limit_permille
)

select
    (select count(*) from determined_policies) as checked_count,
    (select count(*) from notable_policies) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from notable_policies order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
