-- By which code each listed party is on record, and in which town: of an employer the register's,
-- of a person or a household the residents'; a household is in the first of its members' towns.
-- Grain: one row per listed party with a code. Reads: listed_subjects, registrations, residents.
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    registrations.division_code,
    town_of(registrations.division_code) as town
from listed_subjects
-- one row to at most one: the code is a key of registrations
inner join registrations on listed_subjects.subject_id = registrations.employer_code
where listed_subjects.subject_kind = 'employer' and registrations.division_code is not null
union all
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    residents.division_code,
    town_of(residents.division_code) as town
from listed_subjects
-- one row to at most one: the id is a key of residents
inner join residents on person_key_of(listed_subjects.subject_id) = residents.person_key
where listed_subjects.subject_kind = 'person' and residents.division_code is not null
union all
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    min(residents.division_code) as division_code,
    min(town_of(residents.division_code)) as town
from listed_subjects
-- one row to many: the members of a household
inner join residents on listed_subjects.subject_id = residents.household_no
where listed_subjects.subject_kind = 'household' and residents.division_code is not null
group by listed_subjects.subject_kind, listed_subjects.subject_id
order by subject_kind, subject_id
