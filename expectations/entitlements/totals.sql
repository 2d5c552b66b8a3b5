-- what the frames of this boundary must come to, by another route; one row
-- A person's month in several rows counts as a clerk settled it (rulebook §4.3): the one row that
-- alone may stand, else those that were not refused; so it does with a policy that did not run, of
-- one that is over with what is paid.
with unseen_rows as (
    select
        clerical_answers.period,
        clerical_answers.subject_id,
        policy_runs.settled_in
    from clerical_answers
    inner join policy_runs on policy_runs.policy_id = clerical_answers.policy_id
    where
        clerical_answers.provision = 'conflict'
        and clerical_answers.is_yes
        and policy_runs.status <> 'ran'
        and (
            policy_runs.is_in_force
            or (
                select coalesce(sum(money_paid.amount_fen), 0) from money_paid
                where
                    money_paid.policy_id = clerical_answers.policy_id
                    and money_paid.period = clerical_answers.period
                    and money_paid.subject_id = clerical_answers.subject_id
                    and money_paid.beneficiary_id = clerical_answers.beneficiary_id
            ) > 0
        )
),

person_months as (
    select
        policy_runs.settled_in in (
            select missing.settled_in from policy_runs as missing
            where missing.status <> 'ran' and missing.is_in_force
        ) and policy_runs.settled_in <> '' as has_unseen,
        (
            select count(*) from unseen_rows
            where
                unseen_rows.period = determinations.period
                and unseen_rows.subject_id = determinations.subject_id
                and unseen_rows.settled_in = policy_runs.settled_in
        ) as unseen_count,
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
                    when rival_count = 0 then all_fen
                    when rival_count + unseen_count < 2 and not has_unseen then all_fen
                    when stand_count + unseen_count = 1 then coalesce(standing_fen, 0)
                    else coalesce(unrefused_fen, 0)
                end
            ), 0
        ) as bigint
    ) as eligible_fen
from person_months
order by all
