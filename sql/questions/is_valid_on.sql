-- valid_on(list,subject,day).
create or replace macro is_valid_on(list, subject_kind, subject_id, day) as exists (
    select 1
    from (values (list, subject_kind, subject_id, day))
        as asked (list, subject_kind, subject_id, day)
    inner join current_designations
        on
            asked.list = current_designations.list
            and asked.subject_kind = current_designations.subject_kind
            and asked.subject_id = current_designations.subject_id
    where
        current_designations.valid_from <= asked.day
        and (current_designations.valid_to is null or current_designations.valid_to >= asked.day)
);
