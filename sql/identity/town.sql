-- The persons of a small town around rows supposed to be somebody's: these persons, whoever ever
-- stands at an employer of theirs or of the rows, whoever represents one, and their households: of
-- these persons and employers it knows all that the whole town knows. And a person of each month
-- delivered: what was delivered is asked of the whole town.
-- Grain: person_key. Reads: supposed_rows, supposed_parties, identity_stood.
with employers as (
    select employer_code
    from supposed_rows
    union
    select party_id as employer_code
    from supposed_parties
    where party_kind = 'employer'
),

units as (
    select
        units.unit_no,
        units.employer_key
    from delivered_insured_units as units
    semi join employers on units.employer_code = employers.employer_code
),

near as (
    select person_key_of(person_id) as person_key
    from supposed_rows
    union all
    select contributions.person_key
    from delivered_contributions as contributions
    semi join units on contributions.employer_key = units.employer_key
    union all
    select stood.person_key
    from identity_stood as stood
    semi join employers on stood.employer_code = employers.employer_code
    union all
    select benefits.person_key
    from delivered_unemployment_benefits as benefits
    semi join units on benefits.last_unit_no = units.unit_no
    union all
    select residents.person_key
    from delivered_residents as residents
    semi join supposed_parties
        on
            residents.household_no = supposed_parties.party_id
            and supposed_parties.party_kind = 'household'
    union all
    select min(person_key) as person_key
    from delivered_contributions
    group by insurance, month
    union all
    select min(person_key) as person_key
    from payroll
    group by month
)

select distinct person_key
from near
where person_key is not null
order by person_key
