-- cut by: person, employer
-- A row 就业见习 of (u,p) that covers a day from one day to another.
create or replace macro was_intern_between(person_key, employer_code, from_day, to_day) as exists (
    select 1
    from (values (person_key, employer_code, from_day, to_day))
        as asked (person_key, employer_code, from_day, to_day)
    inner join employment_rows using (person_key, employer_code)
    where
        employment_rows.contract_type = '就业见习'
        and employment_rows.starts_on <= asked.to_day
        and (employment_rows.last_day is null or employment_rows.last_day >= asked.from_day)
);
