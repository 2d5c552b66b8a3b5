-- Persons of whom it is in doubt who they are (rulebook §4.6): two ids that may be one person, one
-- id that may be two, until a clerk decides; and as long as a clerk says so. Of two ids 否 lifts
-- it, of one id (subject and beneficiary) 是. Two decisions that differ settle nothing.
-- Grain: person, doubt and other id. Reads: concerned_persons, one_person_pairs, insured_persons,
-- residents, jobs_in_two_towns, decisions_in_force.
with answered_ids as (
    select
        least(subject_id, beneficiary_id) as one_id,
        greatest(subject_id, beneficiary_id) as other_id,
        min(decision) as decision
    from decisions_in_force
    where provision = 'same_person'
    group by least(subject_id, beneficiary_id), greatest(subject_id, beneficiary_id)
    having count(distinct decision) = 1
),

-- One id: what the registers and the jobs say against its being one person.
told_persons as (
    select
        concerned_persons.person_id,
        coalesce(insured_persons.name <> residents.name, false) as has_names,
        coalesce(is_male(concerned_persons.person_id) <> (insured_persons.sex = '男'), false)
            as has_sexes,
        person_key_of(concerned_persons.person_id) in (
            select jobs_in_two_towns.person_key from jobs_in_two_towns
        ) as has_towns
    from concerned_persons
    -- one row to at most one in each join
    left join insured_persons on concerned_persons.person_id = insured_persons.person_id
    left join residents on concerned_persons.person_id = residents.person_id
),

doubts as (
    select
        person_id as one_id,
        person_id as other_id,
        case when has_sexes or has_towns then 'perhaps_two_persons' else 'names_differ' end
            as doubt,
        concat_ws(
            ',',
            case when has_names then 'names_differ' end,
            case when has_sexes then 'sex_differs_from_id' end,
            case when has_towns then 'jobs_in_two_towns' end
        ) as evidence
    from told_persons
    where has_names or (has_sexes and has_towns)
    union all
    select
        one_id,
        other_id,
        'perhaps_one_person' as doubt,
        evidence
    from one_person_pairs
),

open_doubts as (
    select
        doubts.one_id,
        doubts.other_id,
        doubts.doubt,
        doubts.evidence
    from doubts
    -- one to at most one: what is answered is no doubt any more
    anti join answered_ids
        on doubts.one_id = answered_ids.one_id and doubts.other_id = answered_ids.other_id
    union all
    select
        one_id,
        other_id,
        case when one_id = other_id then 'clerk_parted' else 'clerk_linked' end as doubt,
        '' as evidence
    from answered_ids
    where (decision = '是') = (one_id <> other_id)
),

doubted_persons as (
    select
        one_id as person_id,
        other_id,
        doubt,
        evidence
    from open_doubts
    union all
    select
        other_id as person_id,
        one_id as other_id,
        doubt,
        evidence
    from open_doubts
    where one_id <> other_id
)

select
    doubted_persons.person_id,
    doubted_persons.other_id,
    doubted_persons.doubt,
    doubted_persons.evidence
from doubted_persons
semi join concerned_persons on doubted_persons.person_id = concerned_persons.person_id
order by
    doubted_persons.person_id,
    doubted_persons.other_id,
    doubted_persons.doubt
