-- cut by: person
-- Months of a public post after the subsidy for it expired, with the host.
-- Grain: person, month.
select
    expired_months.person_id,
    expired_months.person_key,
    expired_months.expired_month,
    expired_months.month,
    employment_rows.employer_code,
    employment_rows.employer_key,
    employment_rows.starts_on,
    employment_rows.last_day,
    insured_persons.staff_category,
    retires_on_earliest(expired_months.person_id, month_first_day(expired_months.month))
        as retirement_earliest_on,
    retires_on_latest(expired_months.person_id, month_first_day(expired_months.month))
        as retirement_latest_on
from expired_months
-- one to many: each public post the person held in the month
inner join employment_rows
    on
        expired_months.person_key = employment_rows.person_key
        and employment_rows.contract_type = '公益性岗位'
        and expired_months.month >= month_of(employment_rows.starts_on)
        and (
            employment_rows.last_day is null
            or expired_months.month <= month_of(employment_rows.last_day)
        )
-- many to at most one
left join insured_persons on expired_months.person_key = insured_persons.person_key
where expired_months.support_type = '公益性岗位'
-- the host: the latest starts_on, then the lowest employer_code
qualify
    row_number() over (
        partition by expired_months.person_key, expired_months.month
        order by
            employment_rows.starts_on desc,
            employment_rows.employer_code asc,
            employment_rows.rank_at_employer asc
    ) = 1
