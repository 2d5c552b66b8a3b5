-- cut by: employer
-- dispatch(u). No insured unit: unknown.
create or replace macro is_dispatcher(employer_code) as (
    select dispatch_employers.is_dispatch
    from (values (employer_code)) as asked (employer_code)
    inner join dispatch_employers using (employer_code)
);
