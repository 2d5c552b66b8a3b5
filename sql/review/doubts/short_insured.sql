-- Insured at the last unit for three months or less, then benefit. Who was insured there since the
-- first month delivered may have been so for longer, and is no doubt. Rows: one per line.
-- Reads: batch_lines, unemployment_benefits, contributions.
with drawn_spells as (
    select
        batch_lines.subject_id as person_id,
        unemployment_benefits.person_key,
        unemployment_benefits.last_unit_no,
        min(unemployment_benefits.from_month) as from_month
    from batch_lines
    -- many rows to many: lines of a person, spells of a person
    inner join unemployment_benefits on batch_lines.subject_id = unemployment_benefits.person_id
    where unemployment_benefits.last_unit_no is not null
    group by
        batch_lines.subject_id,
        unemployment_benefits.person_key,
        unemployment_benefits.last_unit_no
),

insured_spells as (
    select
        drawn_spells.person_id,
        drawn_spells.last_unit_no,
        drawn_spells.from_month,
        count(distinct contributions.month) as month_count,
        min(contributions.month) as first_month
    from drawn_spells
    -- one row to many bookings
    inner join contributions
        on
            drawn_spells.person_key = contributions.person_key
            and drawn_spells.last_unit_no = contributions.unit_no
    where
        contributions.insurance = '失业'
        and contributions.entry <> '退费'
        and contributions.month < drawn_spells.from_month
    group by drawn_spells.person_id, drawn_spells.last_unit_no, drawn_spells.from_month
),

short_spells as (
    select
        person_id,
        min(month_count) as month_count,
        string_agg(concat(last_unit_no, ' ', from_month), '、' order by from_month, last_unit_no)
            as found
    from insured_spells
    where
        month_count <= 3
        and first_month > (select min(contributions.month) from contributions)
    group by person_id
)

select
    'short_insured' as doubt,
    batch_lines.policy_id,
    batch_lines.period,
    batch_lines.subject_kind,
    batch_lines.subject_id,
    batch_lines.beneficiary_kind,
    batch_lines.beneficiary_id,
    batch_lines.payment_id,
    batch_lines.amount_fen,
    short_spells.month_count as found_count,
    short_spells.found
from batch_lines
-- many rows to at most one
inner join short_spells on batch_lines.subject_id = short_spells.person_id
where batch_lines.subject_kind = 'person'
order by batch_lines.payment_id, batch_lines.period, batch_lines.subject_id
