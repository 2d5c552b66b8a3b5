-- cut by: person, employer
-- On the list on some day from that one on, whenever it was listed; a row that ends before it
-- begins is on none.
create or replace macro was_listed_since(list, subject_kind, subject_id, day) as exists (
    select 1
    from (values (list, subject_kind, subject_id, day))
        as asked (list, subject_kind, subject_id, day)
    inner join designations using (list, subject_kind, subject_id)
    where
        designations.valid_to is null
        or designations.valid_to >= greatest(designations.valid_from, asked.day)
);
