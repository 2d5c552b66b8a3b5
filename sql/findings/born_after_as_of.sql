-- A person who is born after the as-of date: the id or the date is wrong. All delivered rows.
-- Rows: one per person and kind of extract.
with unborn_persons as (
    select
        'insured_persons' as kind,
        person_key
    from delivered_insured_persons
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'contributions' as kind,
        person_key
    from insurance_masks
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'payroll' as kind,
        person_key
    from delivered_payroll
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'attendance' as kind,
        person_key
    from delivered_attendance
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'employment' as kind,
        person_key
    from delivered_employment
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'unemployment' as kind,
        person_key
    from delivered_unemployment
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'unemployment_benefits' as kind,
        person_key
    from delivered_unemployment_benefits
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'residents' as kind,
        person_key
    from delivered_residents
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'graduates' as kind,
        person_key
    from delivered_graduates
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'deaths' as kind,
        person_key
    from delivered_deaths
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'custody' as kind,
        person_key
    from delivered_custody
    where person_key // 1000 % 100000000 > day_number($as_of)
    union
    select
        'support' as kind,
        person_key_of(subject_id) as person_key
    from delivered_support
    where
        subject_kind = '个人'
        and person_key_of(subject_id) // 1000 % 100000000 > day_number($as_of)
)

select
    'born_after_as_of' as finding,
    'warning' as severity,
    '' as policy_id,
    'person' as subject_kind,
    person_id_of(person_key) as subject_id,
    concat('born after the as-of date; in ', string_agg(kind, ', ' order by kind)) as detail
from unborn_persons
group by person_key
order by subject_id
