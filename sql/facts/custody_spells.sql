-- Time in custody. Grain: as the extract.
select
    person_key,
    from_date,
    to_date
from custody
