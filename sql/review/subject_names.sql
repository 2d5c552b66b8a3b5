-- By which name each listed subject is known: the reference names of rulebook §4.5.
-- Grain: one row per listed subject. Reads: listed_subjects, registrations, insured_persons,
-- residents. A household has no name.
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    case listed_subjects.subject_kind
        when 'employer' then registrations.employer_name
        when 'person' then coalesce(insured_persons.name, residents.name)
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
order by listed_subjects.subject_kind, listed_subjects.subject_id
