-- cut by: person, employer
-- The months of interns at their host, the stipend paid, and the graduation before the start.
-- Grain: person, host employer, month from 202001.
with stipends as (
    select
        payroll.employer_code,
        payroll.person_key,
        payroll.month,
        cast(sum(payroll.net_fen) as bigint) as net_fen
    from payroll
    -- many to at most one
    semi join intern_months
        on
            payroll.person_key = intern_months.person_key
            and payroll.employer_code = intern_months.employer_code
            and payroll.month = intern_months.month
    group by payroll.employer_code, payroll.person_key, payroll.month
)

select
    intern_months.employer_code,
    intern_months.employer_key,
    intern_months.person_id,
    intern_months.person_key,
    intern_months.month,
    intern_months.starts_on,
    intern_months.first_started_on,
    intern_months.last_day,
    intern_months.days_in_month,
    graduations.graduated_on,
    coalesce(stipends.net_fen, 0) as stipend_fen
from intern_months
-- many to at most one, both; graduated(p, starts_on)
left join stipends
    on
        intern_months.employer_code = stipends.employer_code
        and intern_months.person_key = stipends.person_key
        and intern_months.month = stipends.month
asof left join graduations
    on
        intern_months.person_key = graduations.person_key
        and intern_months.starts_on >= graduations.graduated_on
