-- Attendance at work in months of unemployment benefit, but for its first and its last one: in
-- those a person may have worked before, or again.
-- Source: pattern named in published audits of unemployment insurance funds (benefit drawn while
-- at work), unconfirmed.
-- Rows: one per person and employer, and one per employer.
with drawn_spells as (
    select
        person_key,
        from_month,
        to_month
    from unemployment_benefits
    where to_month > month_plus(from_month, 1)
),

attended_days as (
    select
        attendance.employer_code,
        attendance.person_key,
        count(distinct attendance.worked_on) as day_count,
        min(attendance.worked_on) as first_on,
        max(attendance.worked_on) as last_on
    from attendance
    -- many to many: a person's spells; a day in two of them counts once
    inner join drawn_spells
        on
            attendance.person_key = drawn_spells.person_key
            and month_of(attendance.worked_on) > drawn_spells.from_month
            and month_of(attendance.worked_on) < drawn_spells.to_month
    group by attendance.employer_code, attendance.person_key
    having count(distinct attendance.worked_on) >= $audit_attended_days
)

select
    'attended_on_benefit' as finding,
    'warning' as severity,
    '' as policy_id,
    'person' as subject_kind,
    person_id_of(person_key) as subject_id,
    concat(
        'days attended while drawing benefit, first, last, employer: ',
        day_count, ', ', first_on, ', ', last_on, ', ', employer_code
    ) as detail
from attended_days
union all
select
    'attended_on_benefit' as finding,
    'warning' as severity,
    '' as policy_id,
    'employer' as subject_kind,
    employer_code as subject_id,
    concat(
        'persons who attended while drawing benefit, their days, first, last: ',
        count(*), ', ', sum(day_count), ', ', min(first_on), ', ', max(last_on)
    ) as detail
from attended_days
group by employer_code
order by subject_id, detail
