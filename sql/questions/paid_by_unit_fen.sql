-- cut by: person, employer
-- unit_paid(p,u,k,m) of 养老, 医疗 and 失业 together. Of one whose payments are not held: error.
create or replace macro paid_by_unit_fen(person_key, employer_key, month) as (
    select
        case
            when count(watched_persons.person_key) < count(asked.person_key)
                then error('person_payments: asked of a person who is not in watched_persons')
            else cast(coalesce(sum(person_payments.unit_fen), 0) as bigint)
        end
    from (values (person_key, employer_key, month)) as asked (person_key, employer_key, month)
    -- one to at most one, then at most three
    left join watched_persons using (person_key)
    left join person_payments using (person_key, employer_key, month)
);
