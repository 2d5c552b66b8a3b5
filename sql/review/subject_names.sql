-- By which name each listed subject is known: the reference names of rulebook §4.5, else the name
-- in the registration of unemployment; of a household the names of its members.
-- Grain: one row per listed subject. Reads: listed_subjects, registrations, insured_persons,
-- residents, unemployment.
with registered_names as (
    select
        person_id,
        min(name) as name
    from unemployment
    group by person_id
),

household_names as (
    select
        household_no,
        string_agg(name, '、' order by person_id) as names
    from residents
    where household_no in (
        select listed_subjects.subject_id
        from listed_subjects
        where listed_subjects.subject_kind = 'household'
    )
    group by household_no
)

select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    case listed_subjects.subject_kind
        when 'employer' then registrations.employer_name
        when 'person' then coalesce(insured_persons.name, residents.name, registered_names.name)
        else household_names.names
    end as subject_name
from listed_subjects
-- one row to at most one in each join: keys of these kinds are unique
left join registrations
    on
        listed_subjects.subject_kind = 'employer'
        and listed_subjects.subject_id = registrations.employer_code
left join insured_persons
    on
        listed_subjects.subject_kind = 'person'
        and listed_subjects.subject_id = insured_persons.person_id
left join residents
    on
        listed_subjects.subject_kind = 'person'
        and listed_subjects.subject_id = residents.person_id
left join registered_names
    on
        listed_subjects.subject_kind = 'person'
        and listed_subjects.subject_id = registered_names.person_id
left join household_names
    on
        listed_subjects.subject_kind = 'household'
        and listed_subjects.subject_id = household_names.household_no
order by listed_subjects.subject_kind, listed_subjects.subject_id
