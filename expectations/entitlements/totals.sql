-- what the frames of this boundary must come to, by another route; one row
-- A person's month in several rows counts as a clerk settled it (rulebook §4.3): the one row that
-- alone may stand, else those that were not refused.
with person_months as (
    select
        count(*) filter (where determinations.amount_fen > 0 and policy_runs.settled_in <> '')
            as rival_count,
        count(*) filter (where determinations.amount_fen > 0 and clerical_answers.is_yes)
            as stand_count,
        sum(determinations.amount_fen) as all_fen,
        sum(determinations.amount_fen) filter (where clerical_answers.is_yes) as standing_fen,
        sum(determinations.amount_fen) filter (where clerical_answers.is_yes is not false)
            as unrefused_fen
    from determinations
    inner join policy_runs on policy_runs.policy_id = determinations.policy_id
    -- One row to at most one answer.
    left join clerical_answers
        on
            clerical_answers.provision = 'conflict'
            and clerical_answers.policy_id = determinations.policy_id
            and clerical_answers.period = determinations.period
            and clerical_answers.subject_id = determinations.subject_id
            and clerical_answers.beneficiary_id = determinations.beneficiary_id
    where determinations.outcome = 'eligible' and policy_runs.kind = 'payment'
    group by determinations.period, determinations.subject_id, policy_runs.settled_in
)

select
    cast(
        coalesce(
            sum(
                case
                    when rival_count < 2 then all_fen
                    when stand_count = 1 then standing_fen
                    else coalesce(unrefused_fen, 0)
                end
            ), 0
        ) as bigint
    ) as eligible_fen
from person_months
order by all
