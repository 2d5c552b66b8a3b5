-- cut by: employer
-- Unemployment insurance headcounts around the base year Y: B (Dec Y−1), E (Dec Y), S (sum over Y).
-- Grain: employer with someone insured in some month of Y.
select
    employer_code,
    employer_key,
    cast(coalesce(sum(headcount) filter (where month = $base_year * 100 - 88), 0) as bigint)
        as headcount_start,
    cast(coalesce(sum(headcount) filter (where month = $base_year * 100 + 12), 0) as bigint)
        as headcount_end,
    cast(sum(headcount) filter (where month > $base_year * 100) as bigint) as headcount_sum,
    count(*) filter (where month > $base_year * 100) as months_insured
from headcounts
where
    insurance = '失业'
    -- Dec Y−1 is written Y × 100 − 88
    and month between $base_year * 100 - 88 and $base_year * 100 + 12
group by employer_code, employer_key
having count(*) filter (where month > $base_year * 100) >= 1
