-- check: no month before the first paid month, none after the as-of date
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
            then cast(replace(period, '-', '') as integer)
                not between $first_month and $as_of_month
        else cast(period as integer) > $as_of_month // 100
    end
order by all
