-- One id with jobs in two towns at once: perhaps two persons, perhaps one with two jobs.
-- A finding only, unless the registers give the id another name or sex, too (rulebook §4.6).
-- Rows: one per person and two towns.
select
    'jobs_in_two_towns' as finding,
    'info' as severity,
    '' as policy_id,
    'person' as subject_kind,
    person_id_of(person_key) as subject_id,
    concat(
        'at work in ', one_town, ' and ', other_town, ' in the same ', month_count,
        ' months, the last ', last_month
    ) as detail
from jobs_in_two_towns
order by subject_id, detail
