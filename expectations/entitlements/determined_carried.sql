-- check: every eligible amount of a paying policy arrives unchanged, or 0 where a clerk said so
-- checked: entitlements
-- Both sides have at most one row per key (their own gates say so).
with eligible_amounts as (
    select
        determinations.policy_id,
        determinations.period,
        determinations.subject_id,
        determinations.beneficiary_id,
        determinations.amount_fen,
        policy_runs.settled_in,
        -- A row of no amount is nobody's rival, nor one that no exclusion names.
        determinations.amount_fen > 0 and policy_runs.settled_in <> '' as is_rival,
        determinations.amount_fen > 0 and clerical_answers.is_yes as is_let_stand,
        clerical_answers.is_yes is false as is_refused
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
),

-- What a clerk let stand under a policy that did not run tonight stands all the same, but where it
-- is over and nothing is paid for it.
unseen_rows as (
    select
        clerical_answers.period,
        clerical_answers.subject_id,
        policy_runs.settled_in,
        count(*) as unseen_count
    from clerical_answers
    inner join policy_runs on policy_runs.policy_id = clerical_answers.policy_id
    where
        clerical_answers.provision = 'conflict'
        and clerical_answers.is_yes
        and policy_runs.status <> 'ran'
        and policy_runs.settled_in <> ''
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
    group by clerical_answers.period, clerical_answers.subject_id, policy_runs.settled_in
),

counted_amounts as (
    select
        eligible_amounts.*,
        coalesce(unseen_rows.unseen_count, 0) as unseen_count,
        eligible_amounts.settled_in in (
            select policy_runs.settled_in from policy_runs
            where policy_runs.status <> 'ran' and policy_runs.is_in_force
        ) as has_unseen
    from eligible_amounts
    -- One row to at most one count.
    left join unseen_rows using (period, subject_id, settled_in)
),

-- Rulebook §4.3: of a person's month in several rows a clerk refuses one, or lets one alone stand.
settled_amounts as (
    select
        policy_id,
        period,
        subject_id,
        beneficiary_id,
        amount_fen,
        (
            count(*) filter (where is_rival) over person_months + unseen_count > 1
            or (is_rival and is_refused and has_unseen)
        )
        and (
            is_refused
            or (
                is_let_stand is not true
                and count(*) filter (where is_let_stand) over person_months + unseen_count = 1
            )
        ) as is_superseded
    from counted_amounts
    window person_months as (partition by period, subject_id, settled_in)
)

-- An entitlement without an eligible row is a recovery of money paid before: nothing determined.
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    settled_amounts.amount_fen as eligible_fen,
    entitlements.determined_fen
from settled_amounts
full join entitlements using (policy_id, period, subject_id, beneficiary_id)
where
    case
        when settled_amounts.is_superseded then 0
        else coalesce(settled_amounts.amount_fen, 0)
    end is distinct from entitlements.determined_fen
order by all
