-- Which registers say nothing about a party: the only rows whose absence makes a provision unknown
-- (rulebook §0, What is unknown). Grain: one row per party. Reads: asked_parties, registrations,
-- insured_units, insured_persons.
with insured_employers as (
    select employer_code
    from insured_units
    group by employer_code
)

select
    asked_parties.party_kind,
    asked_parties.party_id,
    asked_parties.party_kind = 'employer'
    and registrations.employer_code is null as lacks_registrations,
    asked_parties.party_kind = 'employer'
    and insured_employers.employer_code is null as lacks_insured_units,
    asked_parties.party_kind = 'person'
    and insured_persons.person_id is null as lacks_insured_persons
from asked_parties
-- one row to at most one in each join
left join registrations on asked_parties.party_id = registrations.employer_code
left join insured_employers on asked_parties.party_id = insured_employers.employer_code
left join insured_persons on asked_parties.party_id = insured_persons.person_id
order by asked_parties.party_kind, asked_parties.party_id
