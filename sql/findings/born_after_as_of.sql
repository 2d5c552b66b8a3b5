-- A person who is born after the as-of date: the id or the date is wrong. All delivered rows.
-- Rows: one per person and kind of extract.
with unborn_persons as (
    select
        kind,
        person_key
    from delivered_persons
    where
        person_key // 1000 % 100000000 > day_number($as_of)
        -- many rows a person: the masks name the same persons sooner
        and kind <> 'contributions'
    union
    select
        'contributions' as kind,
        person_key
    from insurance_masks
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
