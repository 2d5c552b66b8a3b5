-- cut by: employer
-- size_class(u) as far as the rules ask, by the table in force on a day. Not registered: unknown.
create or replace macro is_small_or_micro(employer_code, day) as (
    select small_employers.is_below_medium
    from (values (employer_code, day)) as asked (employer_code, day)
    inner join small_employers on asked.employer_code = small_employers.employer_code
    where
        asked.day >= small_employers.standard_from
        and asked.day < small_employers.standard_before
);
