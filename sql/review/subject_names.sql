-- By which name each listed subject is known: the reference names of rulebook §4.5, else the name
-- in the registration of unemployment, or of an employer's insured unit, else on a list, else in
-- the contributions; of a household the names of its members: the dead are none.
-- Grain: one row per listed subject that has a name. Reads: listed_subjects, registrations,
-- insured_units, insured_persons, residents, unemployment, designations, contributions, deaths.
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
    union all
    select
        subject_id as employer_code,
        subject_name as employer_name,
        3 as precedence
    from designations
    where subject_kind = '单位'
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
    union all
    select
        person_key_of(subject_id) as person_key,
        subject_name as name,
        4 as precedence
    from designations
    where subject_kind = '个人'
),

named_persons as (
    select
        listed_subjects.subject_id,
        person_names.name
    from listed_subjects
    -- one row to many; the first by precedence and name stays
    inner join person_names on person_key_of(listed_subjects.subject_id) = person_names.person_key
    where listed_subjects.subject_kind = 'person'
    qualify
        row_number() over (
            partition by listed_subjects.subject_id
            order by person_names.precedence, person_names.name
        ) = 1
),

-- By themselves: the largest extract is not read where everybody has a name.
nameless_persons as (
    select
        listed_subjects.subject_id,
        person_key_of(listed_subjects.subject_id) as person_key
    from listed_subjects
    -- one row to at most one
    anti join named_persons on listed_subjects.subject_id = named_persons.subject_id
    where listed_subjects.subject_kind = 'person'
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
    'person' as subject_kind,
    subject_id,
    name as subject_name
from named_persons
union all
select
    'person' as subject_kind,
    nameless_persons.subject_id,
    min(contributions.name) as subject_name
from nameless_persons
-- one row to many
inner join contributions on nameless_persons.person_key = contributions.person_key
group by nameless_persons.subject_id
union all
select
    listed_subjects.subject_kind,
    listed_subjects.subject_id,
    string_agg(residents.name, '、' order by residents.person_id) as subject_name
from listed_subjects
-- one row to many: the members of a household
inner join residents on listed_subjects.subject_id = residents.household_no
where
    listed_subjects.subject_kind = 'household'
    and not exists (select 1 from deaths where deaths.person_key = residents.person_key)
group by listed_subjects.subject_kind, listed_subjects.subject_id
order by subject_kind, subject_id
