-- Two employers of one legal representative, each small at the end of the base year, together not,
-- and three persons at least moved from one to the other within the months before.
-- Source: pattern named in published audits of stability refunds (split to stay small),
-- unconfirmed.
-- Rows: one per employer and other employer, where policy_stability_refund ran.
with small_pairs as (
    select
        related_employers.employer_code,
        related_employers.employer_key,
        related_employers.other_code,
        related_employers.other_key,
        stability.headcount_end,
        others.headcount_end as other_end
    from related_employers
    -- one to at most one, each: a policy row per employer
    inner join policy_stability_refund as stability
        on related_employers.employer_code = stability.subject_id
    inner join policy_stability_refund as others
        on related_employers.other_code = others.subject_id
    where
        stability.headcount_end <= $small_employer_persons
        and others.headcount_end <= $small_employer_persons
        and stability.headcount_end + others.headcount_end > $small_employer_persons
),

staff_masks as (
    select
        insurance_masks.employer_key,
        insurance_masks.person_key,
        bool_or(
            insurance_masks.insured_mask & months_mask(
                insurance_masks.era,
                month_plus($base_year * 100 + 12, -$audit_move_months),
                $base_year * 100 + 11
            ) <> 0
        ) as was_before,
        bool_or(
            insurance_masks.insured_mask & months_mask(
                insurance_masks.era, $base_year * 100 + 12, $base_year * 100 + 12
            ) <> 0
        ) as is_at_end
    from insurance_masks
    -- many to many: only employers of a pair
    semi join small_pairs on insurance_masks.employer_key = small_pairs.employer_key
    where insurance_masks.insurance = '失业'
    group by insurance_masks.employer_key, insurance_masks.person_key
),

-- whoever was at one before and is at the other at the end; told from both sides
moves as (
    select
        froms.employer_key as from_key,
        intos.employer_key as into_key,
        count(*) as moved_count
    from staff_masks as froms
    -- many to many: a person at several employers of pairs
    inner join staff_masks as intos on froms.person_key = intos.person_key
    where
        froms.employer_key <> intos.employer_key
        and froms.was_before
        and not froms.is_at_end
        and intos.is_at_end
    group by froms.employer_key, intos.employer_key
)

select
    'split_employer' as finding,
    'warning' as severity,
    'stability_refund' as policy_id,
    'employer' as subject_kind,
    small_pairs.employer_code as subject_id,
    concat(
        'staff at the end of the year, of the other employer, persons moved, other employer: ',
        small_pairs.headcount_end, ', ', small_pairs.other_end, ', ', sum(moves.moved_count), ', ',
        small_pairs.other_code
    ) as detail
from small_pairs
-- one to at most two: there and back
inner join moves
    on
        (small_pairs.employer_key = moves.from_key and small_pairs.other_key = moves.into_key)
        or (small_pairs.employer_key = moves.into_key and small_pairs.other_key = moves.from_key)
group by
    small_pairs.employer_code,
    small_pairs.other_code,
    small_pairs.headcount_end,
    small_pairs.other_end
having sum(moves.moved_count) >= $audit_least_persons
order by subject_id, detail
