-- cut by: person
-- A support row of that type whose months hold m, by someone else.
create or replace macro was_granted_month(support_type, person_key, month) as exists (
    select 1
    from (values (support_type, person_key, month)) as asked (support_type, person_key, month)
    inner join support_grants using (support_type, person_key)
    where asked.month between support_grants.from_month and support_grants.to_month
);
