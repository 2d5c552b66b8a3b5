-- cut by: employer
-- size_class(u) certainly below 大型, by the table in force on a day. Not registered: unknown.
create or replace macro is_small_or_medium(employer_code, day) as (
    select small_employers.is_below_large
    from (values (employer_code, day)) as asked (employer_code, day)
    inner join small_employers on asked.employer_code = small_employers.employer_code
    where
        asked.day >= small_employers.standard_from
        and asked.day < small_employers.standard_before
);
