-- cut by: person
-- Σ months_used of p's support rows of that type, granted by someone else.
create or replace macro used_months(support_type, person_key) as (
    select cast(coalesce(sum(support_grants.months_used), 0) as bigint)
    from (values (support_type, person_key)) as asked (support_type, person_key)
    inner join support_grants using (support_type, person_key)
    where support_grants.subject_kind = '个人'
);
