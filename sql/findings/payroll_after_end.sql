-- Wages for months after a person's death, or for whole months in custody. The first month after
-- either is let pass: a file that only knows the month of payment says it for the month before.
-- Source: pattern named in published audits of employment subsidies and unemployment insurance
-- funds (payroll against deaths and custody), unconfirmed.
-- Rows: one per employer and such person.
with ended_months as (
    select
        person_key,
        month_plus(month_of(died_on), 1 + $audit_grace_months) as from_month,
        209912 as to_month
    from first_deaths
    union all
    select
        person_key,
        month_plus(month_of(from_date), 1 + $audit_grace_months) as from_month,
        coalesce(month_plus(month_of(to_date), -1), 209912) as to_month
    from custody
),

paid_months as (
    select
        payroll.employer_code,
        payroll.person_key,
        payroll.month
    from payroll
    -- many to many: the few who died or were in custody; the group takes doubles out
    inner join ended_months
        on
            payroll.person_key = ended_months.person_key
            and payroll.month between ended_months.from_month and ended_months.to_month
    where payroll.gross_fen > 0
    group by payroll.employer_code, payroll.person_key, payroll.month
)

select
    'payroll_after_end' as finding,
    'warning' as severity,
    '' as policy_id,
    'employer' as subject_kind,
    employer_code as subject_id,
    concat(
        'person dead or in custody, months of wages since, first, last: ',
        person_id_of(person_key), ', ', count(*), ', ', min(month), ', ', max(month)
    ) as detail
from paid_months
group by employer_code, person_key
order by subject_id, detail
