-- Of those whom an employer insured in two years more than half began to draw benefit in the last
-- year, three at least: its lines, and those of its former staff. Rows: one per line.
-- Reads: batch_lines, unemployment_benefits, insured_units, contributions.
with former_staff as (
    select
        unemployment_benefits.person_id,
        unemployment_benefits.person_key,
        insured_units.employer_code,
        insured_units.employer_key
    from unemployment_benefits
    -- many rows to at most one: the number is a key of insured_units
    inner join insured_units on unemployment_benefits.last_unit_no = insured_units.unit_no
    where unemployment_benefits.from_month > month_plus($as_of_month, -12)
    group by
        unemployment_benefits.person_id,
        unemployment_benefits.person_key,
        insured_units.employer_code,
        insured_units.employer_key
),

claimant_counts as (
    select
        employer_code,
        employer_key,
        count(distinct person_key) as claimant_count
    from former_staff
    group by employer_code, employer_key
    having count(distinct person_key) >= 3
),

staff_counts as (
    select
        contributions.employer_key,
        count(distinct contributions.person_key) as staff_count
    from contributions
    -- many bookings to at most one
    inner join claimant_counts on contributions.employer_key = claimant_counts.employer_key
    where
        contributions.insurance = '失业'
        and contributions.entry <> '退费'
        and contributions.month > month_plus($as_of_month, -24)
    group by contributions.employer_key
),

doubted_employers as (
    select
        claimant_counts.employer_code,
        claimant_counts.claimant_count,
        staff_counts.staff_count
    from claimant_counts
    -- one row to at most one
    inner join staff_counts on claimant_counts.employer_key = staff_counts.employer_key
    where claimant_counts.claimant_count * 2 > staff_counts.staff_count
),

doubted_parties as (
    select
        employer_code as party_id,
        employer_code
    from doubted_employers
    union
    select
        former_staff.person_id as party_id,
        former_staff.employer_code
    from former_staff
    -- many rows to at most one
    inner join doubted_employers on former_staff.employer_code = doubted_employers.employer_code
),

named_parties as (
    select
        party_id,
        min(employer_code) as employer_code
    from doubted_parties
    group by party_id
)

select
    'claimants_employer' as doubt,
    batch_lines.policy_id,
    batch_lines.period,
    batch_lines.subject_kind,
    batch_lines.subject_id,
    batch_lines.beneficiary_kind,
    batch_lines.beneficiary_id,
    batch_lines.payment_id,
    batch_lines.amount_fen,
    doubted_employers.claimant_count as found_count,
    concat(doubted_employers.employer_code, ' / ', doubted_employers.staff_count) as found
from batch_lines
-- many rows to at most one in each join: the payee first, then the subject
left join named_parties as payees on batch_lines.beneficiary_id = payees.party_id
left join named_parties as subjects on batch_lines.subject_id = subjects.party_id
inner join doubted_employers
    on coalesce(payees.employer_code, subjects.employer_code) = doubted_employers.employer_code
order by batch_lines.payment_id, batch_lines.period, batch_lines.subject_id
