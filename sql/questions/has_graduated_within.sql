-- cut by: person
-- A graduation of p up to the day and at most so many years before it (以内 includes).
create or replace macro has_graduated_within(person_key, day, years) as exists (
    select 1
    from (values (person_key, day, years)) as asked (person_key, day, years)
    inner join graduations using (person_key)
    where
        graduations.graduated_on <= asked.day
        and asked.day <= plus_years(graduations.graduated_on, asked.years)
);
