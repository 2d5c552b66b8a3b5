-- check: no month before the first paid month but a warning's, none after the as-of date
-- checked: determinations
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id
from determinations
where
    case
        when len(period) = 7
            then
                cast(replace(period, '-', '') as integer) > $as_of_month
                or (
                    cast(replace(period, '-', '') as integer) < $first_month
                    and not exists (
                        select 1
                        from policy_runs
                        where
                            policy_runs.policy_id = determinations.policy_id
                            and policy_runs.kind = 'warning'
                    )
                )
        else cast(period as integer) > $as_of_month // 100
    end
order by all
