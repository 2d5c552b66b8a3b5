-- Time in custody, as far as it has begun by D. Grain: as the extract.
select
    person_key,
    from_date,
    to_date
from custody
where from_date <= $as_of
