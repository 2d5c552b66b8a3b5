-- What the weights rest on, in whole numbers: `part` of `whole`. Grain: measure.
-- Pairs of different persons are counted in both orders; one pair more keeps a weight finite.
with sizes as (
    select
        count(*) as persons,
        count(*) * greatest(count(*) - 1, 1) as pairs
    from identity_register
),

parts as (
    select
        'prefix_6' as measure,
        1 as share,
        left(id, 6) as shared
    from identity_register
    union all
    select 'prefix_10', 1, left(id, 10) from identity_register
    union all
    select 'prefix_14', 1, left(id, 14) from identity_register
    union all
    select 'prefix_15', 1, left(id, 15) from identity_register
    union all
    select 'birth', 1, birth from identity_register
    union all
    select 'name_equal', 1, name from identity_register
    -- Stated: of those alike outside a window one in a hundred is one error away, one in ten two.
    union all
    select 'one_off', 100, unnest(id_keys(id, 18)) from identity_register
    union all
    select 'two_off', 10, unnest(id_keys(id, 18)) from identity_register
),

alike as (
    select
        measure,
        share,
        count(*) as persons
    from parts
    where shared is not null
    group by measure, share, shared
),

masks as (
    select count(*) as persons
    from (select unnest(name_keys(0, name)) as mask from identity_register)
    group by mask
),

-- Who has another name with one character of it different: all under one mask, without namesakes.
other_names as (
    select
        (select sum(persons * persons) from masks) - sum(persons * persons * length(name)) as pairs
    from (select name, count(*) as persons from identity_register group by name)
),

at_work as (
    select
        identity_rows.row_number,
        identity_stays.person_key,
        max(identity_rows.series) as series,
        bool_or(identity_stays.month_number <> identity_rows.stay % 100000) as is_beside,
        bool_or(identity_stays.month_number = identity_rows.stay % 100000) as is_there,
        bool_or(
            identity_stays.month_number = identity_rows.stay % 100000
            and identity_stays.held & (1 << identity_rows.series) > 0
        ) as is_held
    from identity_rows
    -- m:n: rows of one employer, persons of one employer
    inner join identity_stays
        on
            identity_rows.employer_key = identity_stays.employer_key
            and identity_stays.month_number between identity_rows.stay % 100000 - 1
            and identity_rows.stay % 100000 + 1
    group by identity_rows.row_number, identity_stays.person_key
),

rows_counted as (
    select
        count(stay) as placed,
        count(series) filter (where stay is not null) as in_series
    from identity_rows
),

counted as (
    select
        measure,
        sum(persons * (persons - 1)) + 1 as part,
        max(share) * (select pairs from sizes) + 2 as whole
    from alike
    group by measure
    union all
    select 'name_one', coalesce(max(pairs), 0) + 1, (select pairs from sizes) + 2 from other_names
    union all
    select
        'gap',
        count(*) filter (where series is not null and is_beside and is_held is not true) + 1,
        (select in_series from rows_counted) * (select persons from sizes) + 2
    from at_work
    union all
    select
        'held',
        count(*) filter (where is_held) + 1,
        (select in_series from rows_counted) * (select persons from sizes) + 2
    from at_work
    union all
    select
        'beside', count(*) + 1, (select placed from rows_counted) * (select persons from sizes) + 2
    from at_work
    -- Who is there in a month is, more often than not, there in the one before or after.
    union all
    select 'gap_true', count(*) filter (where is_there and is_beside) + 1, count(*) filter (where is_there) + 2
    from at_work
    union all
    select 'apart_true', count(*) filter (where is_there and not is_beside) + 1, count(*) filter (where is_there) + 2
    from at_work
    union all
    select
        'known',
        (select count(distinct person_key) from identity_stays semi join identity_register using (person_key)),
        (select count(distinct person_key) from identity_stays)
    union all
    select 'persons', 1, persons
    from sizes
)

select
    measure,
    part::bigint as part,
    whole::bigint as whole
from counted
order by measure
