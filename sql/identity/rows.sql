-- The damaged rows as they are compared, with the columns of persons.sql. Grain: unique_id.
-- `stay` is employer and month in one number, `series` the sort of row that a person has there once
-- a month. Keys name blocks.
with keyed as (
    select
        row_number as unique_id,
        prefix,
        digits,
        width,
        birth,
        name,
        employer_key::bigint * 100000 + month_number(month) as stay,
        case kind when 'payroll' then 6 else insurance_series(insurance) end as series,
        list_concat(
            id_keys(digits, width),
            [
                case when length(prefix) >= 14 then 'a' || left(prefix, 14) end,
                'n' || left(coalesce(prefix, digits), 6) || name,
                'f' || birth || name
            ],
            name_keys(employer_key, name)
        ) as all_keys
    from damaged
)

select
    unique_id,
    null::varchar as id,
    prefix,
    digits,
    width,
    birth,
    name,
    name_keys(0, name) as masks,
    stay,
    series,
    list_distinct(list_filter(all_keys, lambda key: key is not null)) as keys,
    []::bigint[] as stays,
    []::bigint[] as held
from keyed
order by unique_id
