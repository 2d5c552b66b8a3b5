-- cut by: person, employer
-- The visible rows of what was granted before, each marked if it is our own payment come back:
-- its payment_id is in the ledger, or it has none and the ledger holds a line ever paid (returned
-- since, too) of that type's policy for that subject and a period inside its months (rulebook §0).
-- Grain: as the extract.
-- Reading: a yearly period lies inside if its year does.
with paid_periods as (
    select
        policy_support_types.support_type,
        paid_lines.subject_id,
        case when length(paid_lines.period) = 4 then 12 else 1 end as months_in_period,
        cast(replace(paid_lines.period, '-', '') as integer) as period_number
    from paid_lines
    -- many to at most one: a policy's payments come back as one type
    inner join policy_support_types on paid_lines.policy_id = policy_support_types.policy_id
)

select
    support.support_type,
    support.subject_kind,
    support.subject_id,
    person_key_of(support.subject_id) as person_key,
    support.from_month,
    support.to_month,
    support.months_used,
    support.source_file,
    support.source_line,
    exists (
        select 1
        from ledger_payment_ids
        where ledger_payment_ids.payment_id = support.payment_id
    )
    or (
        support.payment_id is null
        and exists (
            select 1
            from paid_periods
            where
                paid_periods.support_type = support.support_type
                and paid_periods.subject_id = support.subject_id
                and paid_periods.period_number between
                case
                    when paid_periods.months_in_period = 12 then support.from_month // 100
                    else support.from_month
                end
                and
                case
                    when paid_periods.months_in_period = 12 then support.to_month // 100
                    else support.to_month
                end
        )
    ) as is_own
from support
