-- check: nobody has two usable accounts
-- reads: accounts
with repeated_subjects as (
    select
        subject_kind,
        subject_id
    from accounts
    where account_state = '正常'
    group by subject_kind, subject_id
    having count(*) > 1
),

-- Each such subject is shown by its first place.
ambiguous_accounts as (
    select min(accounts.source_file || ':' || accounts.source_line) as bad_row
    from repeated_subjects
    inner join accounts
        on accounts.subject_kind = repeated_subjects.subject_kind
        and accounts.subject_id = repeated_subjects.subject_id
        and accounts.account_state = '正常'
    group by repeated_subjects.subject_kind, repeated_subjects.subject_id
)

select
    (select count(*) from accounts where account_state = '正常') as checked_count,
    (select count(*) from ambiguous_accounts) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from ambiguous_accounts order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
