-- universe: employer with pay in the six months before and somebody present, by month
-- cut by: whole
select
    employer_code as subject_id,
    month,
    -- 确保农民工工资按时足额发放: one in ten, and two persons at least, unpaid or short
    10 * (unpaid_persons + short_persons) >= $wage_share_tenth * due_persons
    and unpaid_persons + short_persons >= $wage_persons as s8_unpaid_or_short,
    -- the minimum wage of those unpaid, and what those who are short miss to it, at least
    missing_wages_fen as amount_fen,
    present_persons,
    due_persons,
    unpaid_persons,
    short_persons,
    unpaid_persons + short_persons as concerned_persons
from wage_counts
where is_judged
