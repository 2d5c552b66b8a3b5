-- cut by: person
-- Of each person the registration as unemployed that is open on D; of several the latest.
-- Equal in date and different in answer, an empty one among them too: unknown. Grain: person.
with latest_rows as (
    select
        person_id,
        person_key,
        registered_on,
        willing
    from open_unemployments
    qualify registered_on = max(registered_on) over (partition by person_key)
)

select
    person_id,
    person_key,
    registered_on,
    case
        when count(willing) = count(*) and min(willing) = max(willing) then min(willing) = '有'
    end as is_willing
from latest_rows
group by person_id, person_key, registered_on
