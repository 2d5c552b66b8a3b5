-- Who lives in a listed household, and who of them is registered unemployed since when.
-- Grain: one row per living member. Reads: listed_subjects, residents, deaths, unemployment.
select
    residents.household_no as subject_id,
    residents.person_id,
    residents.name,
    max(unemployment.registered_on) as registered_on
from listed_subjects
-- one row to many: the members of a household
inner join residents on listed_subjects.subject_id = residents.household_no
-- one row to many: the open registrations of a member
left join unemployment
    on
        residents.person_key = unemployment.person_key
        and unemployment.closed_on is null
where
    listed_subjects.subject_kind = 'household'
    and not exists (select 1 from deaths where deaths.person_key = residents.person_key)
group by residents.household_no, residents.person_id, residents.name
order by residents.household_no, residents.person_id
