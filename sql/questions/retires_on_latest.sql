-- cut by: person
-- retirement_date(p) by the law in force on a day; of a woman without a category the later of the
-- two that are tried.
create or replace macro retires_on_latest(person_id, day) as (
    select
        retirement_on(
            asked.person_id, insured_persons.staff_category, $retirement_age_men,
            $retirement_age_women_cadre, $retirement_age_women_worker, $retirement_age_women_cadre
        )
    from (values (person_id, day)) as asked (person_id, day)
    left join insured_persons on person_key_of(asked.person_id) = insured_persons.person_key
);
