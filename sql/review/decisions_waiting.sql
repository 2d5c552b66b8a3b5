-- Decisions of clerks that are dated after the as-of date: they count once that day has come.
-- Grain: one row. Reads: delivered_clerical_decisions.
select
    count(*) as decision_count,
    min(decided_on) as first_on,
    max(decided_on) as last_on
from delivered_clerical_decisions
where decided_on > $as_of
order by decision_count
