-- retirement_date(p); of a woman without a category the later of the two that are tried.
create or replace macro retires_on_latest(person_id) as (
    select
        retirement_on(
            asked.person_id, insured_persons.staff_category, retirement_ages.men,
            retirement_ages.women_cadre, retirement_ages.women_worker, retirement_ages.women_cadre
        )
    from (values (person_id)) as asked (person_id)
    -- one row
    cross join retirement_ages
    left join insured_persons on person_key_of(asked.person_id) = insured_persons.person_key
);
