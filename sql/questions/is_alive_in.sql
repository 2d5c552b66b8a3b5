-- cut by: person
-- alive_in(p,m): the month of death is lived in.
create or replace macro is_alive_in(person_key, month) as not exists (
    select 1
    from (values (person_key, month)) as asked (person_key, month)
    inner join first_deaths using (person_key)
    where first_deaths.died_on < month_first_day(asked.month)
);
