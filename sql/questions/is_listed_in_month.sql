-- cut by: person, employer
-- listed_in_month(list,subject,m): valid on a day of the month; none if it ends before it begins.
create or replace macro is_listed_in_month(list, subject_kind, subject_id, month) as exists (
    select 1
    from (values (list, subject_kind, subject_id, month))
        as asked (list, subject_kind, subject_id, month)
    inner join designations using (list, subject_kind, subject_id)
    where
        designations.valid_from <= month_last_day(asked.month)
        and coalesce(designations.valid_to, date '9999-12-31')
        >= greatest(designations.valid_from, month_first_day(asked.month))
);
