-- The persons that a damaged row may be about. Grain: person_key; the name is that of the insured.
with known as (
    select
        person_key,
        person_id,
        name,
        0 as place
    from insured_persons
    union all
    select
        person_key,
        person_id,
        name,
        1 as place
    from residents
)

select
    person_key,
    max(person_id) as id,
    substr(max(person_id), 7, 8) as birth,
    min_by(name, (place, name)) as name
from known
group by person_key
order by person_key
