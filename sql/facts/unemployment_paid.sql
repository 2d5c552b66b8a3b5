-- by bucket: contributions
-- cut by: employer
-- What was actually paid for unemployment insurance of the base year: all visible 已到账 bookings,
-- whenever they arrived (reading of 上年度实际缴纳). Grain: employer, once per bucket.
select
    employer_key,
    cast(sum(unit_fen + person_fen) as bigint) as paid_fen
from contributions
where
    insurance = '失业'
    and state = '已到账'
    and month between $base_year * 100 + 1 and $base_year * 100 + 12
    and employer_key <> 0
group by employer_key
