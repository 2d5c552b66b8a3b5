-- cut by: person
-- The visible day of death; of several rows the earliest, for any row before a month ends it.
-- Grain: person.
select
    person_key,
    min(died_on) as died_on
from deaths
group by person_key
