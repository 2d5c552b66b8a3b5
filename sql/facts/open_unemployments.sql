-- cut by: person
-- Registrations as unemployed that are open on D. Grain: as the extract.
select
    person_id,
    person_key,
    registered_on,
    willing
from unemployment
where closed_on is null
