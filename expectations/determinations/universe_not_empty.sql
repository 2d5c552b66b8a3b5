-- check: each policy that ran found somebody to look at; nobody to warn of is no news
-- checked: policy_runs where status = 'ran' and kind <> 'warning'
select policy_id
from policy_runs
where
    status = 'ran'
    and kind <> 'warning'
    and not exists (
        select 1 from determinations where determinations.policy_id = policy_runs.policy_id
    )
order by all
