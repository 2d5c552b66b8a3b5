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

-- Rulebook §4.3: of a person's month in several rows a clerk refuses one, or lets one alone stand.
settled_amounts as (
    select
        policy_id,
        period,
        subject_id,
        beneficiary_id,
        amount_fen,
        count(*) filter (where is_rival) over person_months > 1
        and (
            is_refused
            or (
                is_let_stand is not true
                and count(*) filter (where is_let_stand) over person_months = 1
            )
        ) as is_superseded
    from eligible_amounts
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
