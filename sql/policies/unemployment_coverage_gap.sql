-- universe: employer with someone paid or insured, and not for unemployment, period last month
-- cut by: employer
select
    employer_code as subject_id,
    -- 加大失业保险扩面征缴: insured, but not for unemployment; or so many paid and not insured
    pension_only_count >= 1
    or (
        100 * uninsured_count >= $gap_share_percent * paid_count
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
    -- civil service is not insured for unemployment
    and entity_type is distinct from '机关'
