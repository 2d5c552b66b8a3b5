-- check: no month before the first paid month, none after the as-of date
-- checked: determinations
-- What is watched (rulebook §3b) has no first month; nothing is about what has not happened yet.
select
    determinations.policy_id,
    determinations.period,
    determinations.subject_kind,
    determinations.subject_id,
    determinations.beneficiary_kind,
    determinations.beneficiary_id
from determinations
-- one to at most one: a policy stands once
left join policy_runs on determinations.policy_id = policy_runs.policy_id
where
    case
        when len(determinations.period) = 7
            then cast(replace(determinations.period, '-', '') as integer)
                not between
                case when policy_runs.kind = 'warning' then 190001 else $first_month end
                and $as_of_month
        else cast(determinations.period as integer) > $as_of_month // 100
    end
order by all
