-- check: nobody has two usable accounts
-- reads: accounts
with usable_accounts as (
    select
        subject_kind,
        subject_id,
        count(*) as account_count,
        min(source_file) as source_file,
        min(source_line) as source_line
    from accounts
    where account_state = '正常'
    group by subject_kind, subject_id
),

ambiguous_accounts as (
    select
        source_file,
        source_line
    from usable_accounts
    where account_count > 1
)

select
    (select count(*) from usable_accounts) as checked_count,
    (select count(*) from ambiguous_accounts) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select source_file || ':' || source_line as bad_row
            from ambiguous_accounts
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
