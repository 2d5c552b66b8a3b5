-- Paid twice to one person: under two ids of which a clerk says that they are one person, for the
-- same policy or one that excludes it, and the same period, or whatever period where a card limits
-- how often. Rows: one per line of one id and line of the other. Reads: decisions_in_force,
-- paid_rows.
with linked_ids as (
    select
        least(subject_id, beneficiary_id) as one_id,
        greatest(subject_id, beneficiary_id) as other_id
    from decisions_in_force
    where
        provision = 'same_person'
        and subject_id <> beneficiary_id
    group by least(subject_id, beneficiary_id), greatest(subject_id, beneficiary_id)
    having min(decision) = '是' and max(decision) = '是'
)

select
    ones.policy_id,
    ones.period,
    ones.subject_kind,
    ones.subject_id,
    concat(others.subject_id, ', ', others.policy_id, ' ', others.period) as other
from linked_ids
-- one to the few lines paid for the first, then for the second
inner join paid_rows as ones on linked_ids.one_id = ones.subject_id
inner join paid_rows as others on linked_ids.other_id = others.subject_id
where
    ones.subject_kind = 'person'
    and others.subject_kind = 'person'
    and list_contains($rivals, concat(ones.policy_id, ' ', others.policy_id))
    and (
        ones.period = others.period
        or (ones.policy_id = others.policy_id and list_contains($limited_policies, ones.policy_id))
    )
order by ones.subject_id, ones.policy_id, ones.period, other
