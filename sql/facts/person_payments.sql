-- by bucket: contributions
-- limited to: insurance in (养老, 医疗, 失业)
-- limited to: persons of (graduations, support_grants)
-- cut by: person, employer
-- unit_paid and self_paid of watched persons: all visible 已到账 bookings of a month, not below 0.
-- Grain: person, employer (0 = self), insurance, month.
select
    contributions.person_key,
    contributions.employer_key,
    contributions.insurance,
    contributions.month,
    cast(greatest(sum(contributions.unit_fen), 0) as bigint) as unit_fen,
    cast(greatest(sum(contributions.person_fen), 0) as bigint) as person_fen
from contributions
-- many to at most one
semi join watched_persons on contributions.person_key = watched_persons.person_key
where
    contributions.insurance in ('养老', '医疗', '失业')
    and contributions.state = '已到账'
    and contributions.month >= $first_paid_month
group by
    contributions.person_key,
    contributions.employer_key,
    contributions.insurance,
    contributions.month
