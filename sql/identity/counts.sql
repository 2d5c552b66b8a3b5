-- What the weights rest on, in whole numbers, never nought. Grain: measure.
with sizes as (
    select
        count(*) as persons,
        count(*) * greatest(count(*) - 1, 1) as pairs
    from identity_register
),

parts as (
    select
        unnest(
            ['prefix_6', 'prefix_10', 'prefix_14', 'prefix_15', 'birth', 'name_equal']
        ) as measure,
        unnest([left(id, 6), left(id, 10), left(id, 14), left(id, 15), birth, name]) as shared
    from identity_register
    union all
    select
        'window' as measure,
        unnest(id_keys(id, 18)) as shared
    from identity_register
),

alike as (
    select
        measure,
        count(*) as persons
    from parts
    where shared is not null
    group by measure, shared
),

alike_counted as (
    select
        measure,
        sum(persons * (persons - 1)) as pairs
    from alike
    group by measure
),

masks as (
    select unnest(name_keys(0, name)) as mask
    from identity_register
),

masks_alike as (
    select count(*) as persons
    from masks
    group by mask
),

masks_counted as (
    select sum(persons * persons) as pairs
    from masks_alike
),

names as (
    select
        name,
        count(*) as persons
    from identity_register
    group by name
),

namesakes as (
    select sum(persons * persons * length(name)) as pairs
    from names
),

places_counted as (
    select
        coalesce(sum(row_count), 0)::bigint as beside,
        coalesce(sum(row_count) filter (where is_beside and series >= 0 and not is_held), 0) as gap,
        coalesce(sum(row_count) filter (where is_held), 0)::bigint as held,
        coalesce(sum(row_count) filter (where is_there), 0)::bigint as there,
        coalesce(sum(row_count) filter (where is_there and is_beside), 0)::bigint as in_both
    from identity_at_work
),

rows_counted as (
    select
        count(stay) as placed,
        count(series) filter (where stay is not null) as in_series
    from identity_rows
),

workers as (
    select distinct person_key
    from identity_stays
),

workers_counted as (
    select
        count(*) as workers,
        count(identity_register.person_key) as known
    from workers
    -- m:1: a person is in the register once
    left join identity_register on workers.person_key = identity_register.person_key
),

counted as (
    select
        alike_counted.measure,
        alike_counted.pairs as part,
        sizes.pairs as whole
    from alike_counted
    cross join sizes
    union all
    -- Stated: of those alike outside a window one in a hundred is one error away, one in ten two.
    select
        unnest(['one_off', 'two_off']) as measure,
        alike_counted.pairs as part,
        sizes.pairs * unnest([100, 10]) as whole
    from alike_counted
    cross join sizes
    where alike_counted.measure = 'window'
    union all
    -- Another name, one character of it different: all under one mask, without the namesakes.
    select
        'name_one' as measure,
        masks_counted.pairs - namesakes.pairs as part,
        sizes.pairs as whole
    from masks_counted
    cross join namesakes
    cross join sizes
    union all
    -- Who is there in a month is, more often than not, there in the one before or after.
    select
        unnest(['gap', 'held', 'beside', 'gap_true', 'apart_true']) as measure,
        unnest([gap, held, beside, in_both, there - in_both]) as part,
        unnest([in_series * persons, in_series * persons, placed * persons, there, there]) as whole
    from places_counted
    cross join rows_counted
    cross join sizes
    union all
    select
        unnest(['known', 'persons']) as measure,
        unnest([workers_counted.known, 0]) as part,
        unnest([workers_counted.workers, sizes.persons]) as whole
    from workers_counted
    cross join sizes
)

select
    measure,
    coalesce(part, 0)::bigint + 1 as part_count,
    coalesce(whole, 0)::bigint + 2 as whole_count
from counted
where measure <> 'window'
order by measure
