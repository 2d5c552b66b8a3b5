-- cut by: person
-- The day p died on, as far as it is known on D.
create or replace macro day_of_death(person_key) as (
    select first_deaths.died_on
    from (values (person_key)) as asked (person_key)
    inner join first_deaths using (person_key)
);
