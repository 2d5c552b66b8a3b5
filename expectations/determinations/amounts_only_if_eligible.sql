-- check: there is an amount only where the outcome is eligible
-- checked: determinations
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    outcome,
    amount_fen
from determinations
where (case when outcome = 'eligible' then amount_fen >= 0 else amount_fen = 0 end) is not true
order by all
