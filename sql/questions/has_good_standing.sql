-- cut by: employer
-- good_standing(u). On none of the lists and not registered: unknown.
create or replace macro has_good_standing(employer_code) as (
    select good_standings.is_in_good_standing
    from (values (employer_code)) as asked (employer_code)
    inner join good_standings using (employer_code)
);
