-- cut by: person
-- owner(p).
create or replace macro is_owner(person_key) as exists (
    select 1
    from (values (person_key)) as asked (person_key)
    inner join owners using (person_key)
);
