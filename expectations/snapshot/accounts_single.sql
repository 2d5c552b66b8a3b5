-- check: nobody has two usable accounts
-- checked: accounts where account_state = '正常'
with repeated_subjects as (
    select
        subject_kind,
        subject_id
    from accounts
    where account_state = '正常'
    group by subject_kind, subject_id
    having count(*) > 1
)

-- Of several accounts of one subject, each but the first is one too many.
select
    accounts.source_file,
    accounts.source_line
from repeated_subjects
inner join accounts
    on accounts.subject_kind = repeated_subjects.subject_kind
    and accounts.subject_id = repeated_subjects.subject_id
    and accounts.account_state = '正常'
qualify
    row_number() over (
        partition by accounts.subject_kind, accounts.subject_id
        order by accounts.source_file, accounts.source_line
    ) > 1
order by all
