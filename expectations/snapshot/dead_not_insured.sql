-- check: nobody is insured at an employer long after death
-- checked: (select distinct person_key from deaths)
with dead_persons as (
    select
        person_key,
        min(died_on) as died_on,
        min(source_file) as source_file,
        min(source_line) as source_line
    from deaths
    group by person_key
)

-- One death to the few eras of a person; the month of death and the next are still booked.
select distinct
    dead_persons.source_file,
    dead_persons.source_line
from dead_persons
inner join employer_insured_masks
    on employer_insured_masks.person_key = dead_persons.person_key
where
    employer_insured_masks.insured_mask
    & months_mask(
        employer_insured_masks.era,
        month_plus(month_of(dead_persons.died_on), 2),
        greatest(month_plus(month_of(dead_persons.died_on), 2), $as_of_month)
    ) <> 0
order by all
