-- check: insured persons bear the name of the household register
-- checked: insured_persons inner join residents using (person_key)
-- one to at most one: both kinds have one row per person.
select
    insured_persons.source_file,
    insured_persons.source_line
from insured_persons
inner join residents on residents.person_key = insured_persons.person_key
where insured_persons.name <> residents.name
order by all
