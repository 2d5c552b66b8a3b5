-- cut by: person
-- The visible graduations; graduated(p,x) is the latest of them up to x. Grain: person, day.
select
    person_id,
    person_key,
    graduated_on
from graduates
group by person_id, person_key, graduated_on
