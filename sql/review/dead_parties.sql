-- Which of the listed persons have died.
-- Grain: one row per listed person who has. Reads: listed_subjects, deaths.
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    true as is_dead
from listed_subjects
where
    listed_subjects.subject_kind = 'person'
    and exists (
        select 1 from deaths
        where deaths.person_key = person_key_of(listed_subjects.subject_id)
    )
order by subject_kind, subject_id
