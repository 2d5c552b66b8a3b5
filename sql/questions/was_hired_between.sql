-- cut by: person, employer
-- An employment row of (u,p), of any type, that starts on or after one day and before another.
create or replace macro was_hired_between(
    person_key, employer_code, from_day, before_day
) as exists (
    select 1
    from (values (person_key, employer_code, from_day, before_day))
        as asked (person_key, employer_code, from_day, before_day)
    inner join employment_rows using (person_key, employer_code)
    where
        employment_rows.starts_on >= asked.from_day
        and employment_rows.starts_on < asked.before_day
);
