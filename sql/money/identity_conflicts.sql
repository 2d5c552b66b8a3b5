-- Persons of whom it is in doubt who they are: two sources name them differently, or a clerk
-- said that two ids are one person (rulebook §4.6). Two decisions that differ settle nothing.
-- Grain: person and cause. Reads: concerned_persons, insured_persons, residents, clerical_answers.
with differing_names as (
    select
        concerned_persons.person_id,
        'insured_persons and residents name this person differently' as cause
    from concerned_persons
    -- one row to at most one in each join
    inner join insured_persons on concerned_persons.person_id = insured_persons.person_id
    inner join residents on concerned_persons.person_id = residents.person_id
    where insured_persons.name <> residents.name
),

paired_ids as (
    select
        least(subject_id, beneficiary_id) as one_id,
        greatest(subject_id, beneficiary_id) as other_id
    from clerical_answers
    where provision = 'same_person' and subject_id <> beneficiary_id
    group by least(subject_id, beneficiary_id), greatest(subject_id, beneficiary_id)
    having bool_and(is_yes)
),

linked_ids as (
    select one_id as person_id
    from paired_ids
    union
    select other_id as person_id
    from paired_ids
),

linked_persons as (
    select
        concerned_persons.person_id,
        'a clerk decided that this id and another are one person' as cause
    from concerned_persons
    -- one row to at most one: union leaves each id once
    inner join linked_ids on concerned_persons.person_id = linked_ids.person_id
)

select
    person_id,
    cause
from differing_names
union all
select
    person_id,
    cause
from linked_persons
order by person_id, cause
