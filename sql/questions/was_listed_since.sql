-- On the list on some day from that one on, whenever it was listed.
create or replace macro was_listed_since(list, subject_kind, subject_id, day) as exists (
    select 1
    from (values (list, subject_kind, subject_id, day))
        as asked (list, subject_kind, subject_id, day)
    inner join current_designations
        on
            asked.list = current_designations.list
            and asked.subject_kind = current_designations.subject_kind
            and asked.subject_id = current_designations.subject_id
    where current_designations.valid_to is null or current_designations.valid_to >= asked.day
);
