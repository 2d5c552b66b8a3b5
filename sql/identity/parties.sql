-- Whom a row touches beside its person, were it hers: every employer at which she ever stands
-- (insured, paid, at work, employed, as legal representative), and her household.
-- Grain: person_id, party_kind, party_id. Reads: supposed_rows, identity_stood.
with persons as (
    select
        person_id,
        person_key_of(person_id) as person_key
    from supposed_rows
    group by person_id
),

codes as (
    select
        employer_key,
        max(employer_code) as employer_code
    from delivered_insured_units
    group by employer_key
),

stood as (
    select
        contributions.person_key,
        codes.employer_code
    from delivered_contributions as contributions
    -- m:1: a key is of one code
    inner join codes on contributions.employer_key = codes.employer_key
    semi join persons on contributions.person_key = persons.person_key
    union all
    select
        person_key,
        employer_code
    from identity_stood
)

select distinct
    persons.person_id,
    'employer' as party_kind,
    stood.employer_code as party_id
from persons
-- m:n: the employers of a person, a row for each month
inner join stood on persons.person_key = stood.person_key
union all
select
    persons.person_id,
    'household' as party_kind,
    residents.household_no as party_id
from persons
-- 1:1: a resident stands once
inner join delivered_residents as residents on persons.person_key = residents.person_key
order by person_id, party_kind, party_id
