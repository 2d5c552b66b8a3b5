-- check: nobody has two usable accounts
-- checked: accounts where account_state = '正常'
with normal_accounts as (
    select
        *,
        confirmed_by is not null and document_no is not null as is_proven
    from accounts
    where account_state = '正常'
),

-- Beside one that the payee was asked for, with both proofs, others do not count.
standing_accounts as (
    select * from normal_accounts
    qualify is_proven or not bool_or(is_proven) over (partition by subject_kind, subject_id)
)

-- Of several accounts of one subject, each but the first is one too many.
select
    source_file,
    source_line
from standing_accounts
qualify
    row_number() over (
        partition by subject_kind, subject_id order by source_file, source_line
    ) > 1
order by all
