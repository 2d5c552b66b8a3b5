-- The persons in a block of some damaged row, as they are compared. Grain: unique_id.
with row_keys as (
    select distinct unnest(keys) as key
    from identity_rows
),

at_work as (
    select distinct
        employer_key,
        person_key
    from identity_stays
),

offered as (
    select
        person_key,
        unnest(
            list_concat(
                id_keys(id, 18), ['n' || left(id, 6) || name, 'f' || substr(id, 7, 8) || name]
            )
        ) as key
    from identity_register
    union all
    select
        identity_register.person_key,
        unnest(name_keys(at_work.employer_key, identity_register.name)) as key
    from at_work
    -- m:1: a person is in the register once
    inner join identity_register on at_work.person_key = identity_register.person_key
),

blocked as (
    select
        offered.person_key,
        list(distinct offered.key) as keys
    from offered
    semi join row_keys on offered.key = row_keys.key
    group by offered.person_key
),

worked as (
    select
        person_key,
        list(employer_key::bigint * 100000 + month_number) as stays,
        flatten(
            list(
                list_transform(
                    list_filter(range(1, 7), lambda series: held & (1 << series) > 0),
                    lambda series: (employer_key::bigint * 100000 + month_number) * 100 + series
                )
            )
        ) as held
    from identity_stays
    semi join blocked on identity_stays.person_key = blocked.person_key
    group by person_key
)

select
    identity_register.person_key as unique_id,
    identity_register.id,
    null::varchar as prefix,
    null::varchar as digits,
    18::bigint as width,
    identity_register.birth,
    identity_register.name,
    name_keys(0, identity_register.name) as masks,
    null::bigint as stay,
    null::integer as series,
    blocked.keys,
    coalesce(worked.stays, []) as stays,
    coalesce(worked.held, []) as held
from identity_register
-- 1:1, and m:1 where somebody worked there
inner join blocked on identity_register.person_key = blocked.person_key
left join worked on identity_register.person_key = worked.person_key
order by unique_id
