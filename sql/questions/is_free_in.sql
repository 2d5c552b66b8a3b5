-- cut by: person
-- free_in(p,m): not in custody on the first day of the month.
create or replace macro is_free_in(person_key, month) as not exists (
    select 1
    from (values (person_key, month)) as asked (person_key, month)
    inner join custody using (person_key)
    where
        custody.from_date <= month_first_day(asked.month)
        and (
            custody.to_date is null
            or custody.to_date >= month_first_day(asked.month)
        )
);
