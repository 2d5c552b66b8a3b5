-- cut by: person
-- owner(p): legal representative of a registration that is 存续 or 在业. Grain: person.
select person_key_of(legal_rep_id) as person_key
from registrations
where
    status in ('存续', '在业')
    and legal_rep_id is not null
group by person_key
