-- By which name each listed subject is known: the reference names of rulebook §4.5, else the name
-- in the registration of unemployment, or of an employer's insured unit; of a household the names
-- of its members.
-- Grain: one row per listed subject that has a name. Reads: listed_subjects, registrations,
-- insured_units, insured_persons, residents, unemployment.
with employer_names as (
    select
        employer_code,
        employer_name,
        1 as precedence
    from registrations
    union all
    select
        employer_code,
        employer_name,
        2 as precedence
    from insured_units
),

person_names as (
    select
        person_key,
        name,
        1 as precedence
    from insured_persons
    union all
    select
        person_key,
        name,
        2 as precedence
    from residents
    union all
    select
        person_key,
        name,
        3 as precedence
    from unemployment
)

select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    employer_names.employer_name as subject_name
from listed_subjects
-- one row to many; the first by precedence and name stays
inner join employer_names on listed_subjects.subject_id = employer_names.employer_code
where listed_subjects.subject_kind = 'employer'
qualify
    row_number() over (
        partition by listed_subjects.subject_id
        order by employer_names.precedence, employer_names.employer_name
    ) = 1
union all
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    person_names.name as subject_name
from listed_subjects
-- one row to many; the first by precedence and name stays
inner join person_names on person_key_of(listed_subjects.subject_id) = person_names.person_key
where listed_subjects.subject_kind = 'person'
qualify
    row_number() over (
        partition by listed_subjects.subject_id
        order by person_names.precedence, person_names.name
    ) = 1
union all
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    string_agg(residents.name, '、' order by residents.person_id) as subject_name
from listed_subjects
-- one row to many: the members of a household
inner join residents on listed_subjects.subject_id = residents.household_no
where listed_subjects.subject_kind = 'household'
group by listed_subjects.subject_kind, listed_subjects.subject_id
order by subject_kind, subject_id
