-- by bucket: contributions
-- cut by: whole
-- The months each insurance has rows of, whether visible or not: what was delivered.
-- Grain: insurance, month, once per bucket.
select
    insurance,
    month
from delivered_contributions
group by insurance, month
