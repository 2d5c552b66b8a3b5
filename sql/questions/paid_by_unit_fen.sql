-- unit_paid(p,u,k,m) of 养老, 医疗 and 失业 together.
create or replace macro paid_by_unit_fen(person_key, employer_key, month) as (
    select cast(coalesce(sum(person_payments.unit_fen), 0) as bigint)
    from (values (person_key, employer_key, month)) as asked (person_key, employer_key, month)
    inner join person_payments
        on
            asked.person_key = person_payments.person_key
            and asked.employer_key = person_payments.employer_key
            and asked.month = person_payments.month
);
