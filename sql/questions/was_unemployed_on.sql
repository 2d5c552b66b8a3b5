-- cut by: person
-- Registered as unemployed on a day.
create or replace macro was_unemployed_on(person_key, day) as exists (
    select 1
    from (values (person_key, day)) as asked (person_key, day)
    inner join unemployment using (person_key)
    where
        unemployment.registered_on <= asked.day
        and (unemployment.closed_on is null or unemployment.closed_on >= asked.day)
);
