-- check: what is due is what is determined less what was paid, row by row
-- checked: entitlements
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    status,
    determined_fen,
    paid_before_fen,
    due_fen
from entitlements
where
    (
        case
            when status in ('payable', 'held')
                then due_fen > 0 and due_fen + paid_before_fen = determined_fen
            when status = 'nothing_due'
                then due_fen = 0 and paid_before_fen = determined_fen
            when status = 'recovery'
                -- in part: of the rest a clerk decides
                then due_fen < 0 and due_fen + paid_before_fen >= determined_fen
            when status = 'unsupported'
                then due_fen = 0 and paid_before_fen > determined_fen
            else due_fen = 0
        end
        and paid_before_fen >= 0
    ) is not true
order by all
