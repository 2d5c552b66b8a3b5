-- cut by: person, employer
-- valid_on(list,subject,day).
create or replace macro is_valid_on(list, subject_kind, subject_id, day) as exists (
    select 1
    from (values (list, subject_kind, subject_id, day))
        as asked (list, subject_kind, subject_id, day)
    inner join designations using (list, subject_kind, subject_id)
    where
        designations.valid_from <= asked.day
        and (designations.valid_to is null or designations.valid_to >= asked.day)
);
