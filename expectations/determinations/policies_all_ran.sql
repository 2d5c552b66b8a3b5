-- check: every policy that is in force ran
-- checked: policy_runs where is_in_force
select policy_id
from policy_runs
where is_in_force and status <> 'ran'
order by all
