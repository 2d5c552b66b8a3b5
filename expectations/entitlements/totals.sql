-- what the frames of this boundary must come to, by another route; one row
select cast(coalesce(sum(determinations.amount_fen), 0) as bigint) as eligible_fen
from determinations
inner join policy_runs on policy_runs.policy_id = determinations.policy_id
where determinations.outcome = 'eligible' and policy_runs.kind = 'payment'
order by all
