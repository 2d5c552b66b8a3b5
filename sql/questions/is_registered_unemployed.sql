-- cut by: person
-- A registration as unemployed that is open on D.
create or replace macro is_registered_unemployed(person_key) as exists (
    select 1
    from (values (person_key)) as asked (person_key)
    inner join open_unemployments using (person_key)
);
