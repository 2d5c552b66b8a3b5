-- The amount rests on contributions that are booked more than once: 正常 and 已到账, of one person,
-- insured unit, insurance and month, with equal amounts, and not refunded. Such rows may be one
-- booking under two serial numbers: amounts add them up. Rows: one per line.
-- Reads: batch_lines, amount_insurances, contributions, insured_units.
with resting_lines as (
    select
        batch_lines.payment_id,
        batch_lines.period,
        batch_lines.subject_id,
        batch_lines.beneficiary_kind,
        batch_lines.beneficiary_id,
        amount_insurances.insurance,
        -- of a year: that before it
        case
            when length(batch_lines.period) = 4
                then cast(batch_lines.period as integer) * 100 - 99
            else cast(replace(batch_lines.period, '-', '') as integer)
        end as from_month,
        case
            when length(batch_lines.period) = 4
                then cast(batch_lines.period as integer) * 100 - 88
            else cast(replace(batch_lines.period, '-', '') as integer)
        end as to_month
    from batch_lines
    -- a line to the few insurances that its amount adds up
    inner join amount_insurances on batch_lines.policy_id = amount_insurances.policy_id
),

repeated_bookings as (
    select
        contributions.person_id,
        coalesce(insured_units.employer_code, '') as employer_code,
        contributions.insurance,
        contributions.month,
        count(*) filter (where contributions.entry = '正常')
        - count(*) filter (where contributions.entry = '退费') - 1 as repeated_count
    from contributions
    -- many rows to at most one
    left join insured_units on contributions.unit_no = insured_units.unit_no
    where
        contributions.state = '已到账'
        and contributions.entry in ('正常', '退费')
        and (contributions.unit_fen <> 0 or contributions.person_fen <> 0)
        and contributions.insurance in (select resting_lines.insurance from resting_lines)
        and contributions.month >= (select min(resting_lines.from_month) from resting_lines)
        and contributions.month <= (select max(resting_lines.to_month) from resting_lines)
        and (
            contributions.person_id in (select resting_lines.subject_id from resting_lines)
            or insured_units.employer_code in (select resting_lines.subject_id from resting_lines)
        )
    group by
        contributions.person_id,
        contributions.unit_no,
        insured_units.employer_code,
        contributions.insurance,
        contributions.month,
        abs(contributions.unit_fen),
        abs(contributions.person_fen)
    having repeated_count > 0
),

-- by the person, and by the employer, whichever a line is about
told_parties as (
    select
        person_id as party_id,
        employer_code,
        insurance,
        month,
        repeated_count
    from repeated_bookings
    union all
    select
        employer_code as party_id,
        employer_code,
        insurance,
        month,
        repeated_count
    from repeated_bookings
)

select
    'booked_twice' as doubt,
    resting_lines.payment_id,
    resting_lines.period,
    resting_lines.subject_id,
    cast(sum(told_parties.repeated_count) as bigint) as found_count,
    string_agg(
        distinct concat(told_parties.insurance, ' ', told_parties.month),
        '、' order by concat(told_parties.insurance, ' ', told_parties.month)
    ) as found
from resting_lines
-- a line to the months of its subject that are booked more than once
inner join told_parties
    on
        resting_lines.subject_id = told_parties.party_id
        and resting_lines.insurance = told_parties.insurance
        and told_parties.month between resting_lines.from_month and resting_lines.to_month
        and (
            resting_lines.beneficiary_kind = 'person'
            or resting_lines.beneficiary_id = told_parties.employer_code
        )
group by resting_lines.payment_id, resting_lines.period, resting_lines.subject_id
order by payment_id, period, subject_id
