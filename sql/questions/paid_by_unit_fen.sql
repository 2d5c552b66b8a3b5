-- cut by: person, employer
-- unit_paid(p,u,k,m) of 养老, 医疗 and 失业 together. Of whom payments are not held, none is told.
create or replace macro paid_by_unit_fen(person_key, employer_key, month) as (
    select
        case
            when count(watched_persons.person_key) = 0
                then error('person_payments: asked of a person who is not in watched_persons')
            else cast(coalesce(sum(person_payments.unit_fen), 0) as bigint)
        end
    from (values (person_key, employer_key, month)) as asked (person_key, employer_key, month)
    -- one to at most one, then at most three
    left join watched_persons on asked.person_key = watched_persons.person_key
    left join person_payments
        on
            asked.person_key = person_payments.person_key
            and asked.employer_key = person_payments.employer_key
            and asked.month = person_payments.month
);
