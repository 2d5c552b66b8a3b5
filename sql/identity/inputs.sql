-- The two sides with the same columns, as Splink takes them, and how frequent each name is.
create or replace table identity_left as
select
    row_number as unique_id,
    null::varchar as id,
    prefix,
    digits,
    width,
    birth,
    name,
    name_keys(0, name) as masks,
    stay,
    series,
    keys,
    []::bigint[] as stays,
    []::bigint[] as held
from identity_rows
order by unique_id;

create or replace table identity_right as
select
    unique_id,
    id,
    null::varchar as prefix,
    null::varchar as digits,
    18::bigint as width,
    birth,
    name,
    name_keys(0, name) as masks,
    null::bigint as stay,
    null::integer as series,
    keys,
    stays,
    held
from identity_persons
order by unique_id;

create or replace table identity_frequencies as
with sizes as (
    select count(*) as persons
    from identity_register
)

select
    identity_register.name,
    count(*) * pow(max(sizes.persons), -1) as tf_name
from identity_register
cross join sizes
where identity_register.name is not null
group by identity_register.name
order by identity_register.name
