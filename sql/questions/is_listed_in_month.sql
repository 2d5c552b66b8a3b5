-- cut by: person, employer
-- listed_in_month(list,subject,m): valid on at least one day of the month.
create or replace macro is_listed_in_month(list, subject_kind, subject_id, month) as exists (
    select 1
    from (values (list, subject_kind, subject_id, month))
        as asked (list, subject_kind, subject_id, month)
    inner join designations using (list, subject_kind, subject_id)
    where
        designations.valid_from <= month_last_day(asked.month)
        and (
            designations.valid_to is null
            or designations.valid_to >= month_first_day(asked.month)
        )
);
