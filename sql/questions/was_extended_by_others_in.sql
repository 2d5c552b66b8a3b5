-- cut by: person
-- A row 续发 whose months hold m, paid by someone else.
create or replace macro was_extended_by_others_in(person_key, month) as exists (
    select 1
    from (values (person_key, month)) as asked (person_key, month)
    inner join other_extensions using (person_key)
    where asked.month between other_extensions.from_month and other_extensions.to_month
);
