-- In which town each listed subject is: of an employer by its registration, of a person by the
-- register of residents. Grain: one row per listed subject that has a town.
-- Reads: listed_subjects, registrations, residents.
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    registrations.division_code
from listed_subjects
-- one row to at most one: the code is a key of registrations
inner join registrations on listed_subjects.subject_id = registrations.employer_code
where listed_subjects.subject_kind = 'employer' and registrations.division_code is not null
union all
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    residents.division_code
from listed_subjects
-- one row to at most one: the id is a key of residents
inner join residents on listed_subjects.subject_id = residents.person_id
where listed_subjects.subject_kind = 'person' and residents.division_code is not null
order by subject_kind, subject_id
