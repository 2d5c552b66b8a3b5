-- universe: employer with staff not insured for unemployment, period last month
-- cut by: employer
select
    coverage_gaps.employer_code as subject_id,
    -- 加大失业保险扩面征缴: pension without unemployment insurance, or one in ten paid and not insured
    pension_only_count >= 1
    or (
        10 * uninsured_count >= $gap_share_tenth * paid_count
        and uninsured_count >= $gap_persons
    ) as s20_gap,
    0 as amount_fen,
    pension_only_count + uninsured_count as concerned_count,
    pension_only_count,
    uninsured_count,
    paid_count
from coverage_gaps
-- one to at most one
left join registrations using (employer_code)
where
    pension_only_count + uninsured_count >= 1
    and registrations.entity_type is distinct from '机关'
