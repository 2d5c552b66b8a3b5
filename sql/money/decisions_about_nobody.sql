-- Clerks' decisions about a party that no row of tonight names: a code that was mistyped, or one
-- whose rows are all gone. Rows: one per decision.
-- Reads: asking_decisions, determinations, delivered_persons, delivered_registrations,
-- delivered_insured_units, delivered_residents.
with parties as (
    select subject_id as party_id from asking_decisions
    union
    select beneficiary_id as party_id from asking_decisions
),

strangers as (
    select parties.party_id
    from parties
    -- none of the rows that name it, in each one below
    anti join determinations as subjects on parties.party_id = subjects.subject_id
    anti join determinations as payees on parties.party_id = payees.beneficiary_id
    anti join delivered_persons on person_key_of(parties.party_id) = delivered_persons.person_key
    anti join delivered_registrations
        on parties.party_id = delivered_registrations.employer_code
    anti join delivered_insured_units
        on parties.party_id = delivered_insured_units.employer_code
    anti join delivered_residents on parties.party_id = delivered_residents.household_no
)

select
    policy_id,
    subject_id,
    provision,
    period,
    source_file,
    source_line
from asking_decisions
where
    subject_id in (select party_id from strangers)
    or beneficiary_id in (select party_id from strangers)
order by all
