-- The same name and birth date under two ids: perhaps one person, perhaps two (rulebook §4.6).
-- A finding only: nothing is joined or held for it. Rows: one per id.
with known_persons as (
    select
        person_key,
        name
    from insured_persons
    union all
    select
        person_key,
        name
    from residents
),

alike_persons as (
    select list(distinct person_key order by person_key) as person_keys
    from known_persons
    group by name, person_key // 1000 % 100000000
    having min(person_key) <> max(person_key)
),

each_person as (
    select
        unnest(person_keys) as person_key,
        person_keys
    from alike_persons
)

select
    'two_ids_one_name' as finding,
    'info' as severity,
    '' as policy_id,
    'person' as subject_kind,
    person_id_of(person_key) as subject_id,
    concat(
        'same name and birth date as ',
        array_to_string(
            list_transform(
                list_filter(person_keys, lambda other: other <> person_key),
                lambda other: person_id_of(other)
            ),
            ', '
        )
    ) as detail
from each_person
order by subject_id, detail
