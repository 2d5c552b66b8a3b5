-- cut by: employer
-- h: the latest month of an employer's rows of the housing fund, and the highest rates of its
-- accounts in that month. Grain: employer.
with latest_rows as (
    select
        employer_code,
        month,
        unit_rate_bp,
        person_rate_bp
    from housing_fund
    qualify month = max(month) over (partition by employer_code)
)

select
    employer_code,
    month as fund_month,
    max(unit_rate_bp) as unit_rate_bp,
    max(person_rate_bp) as person_rate_bp
from latest_rows
group by employer_code, month
