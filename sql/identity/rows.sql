-- The damaged rows as they are compared: which employer, which month, which blocks.
-- Grain: row_number. `stay` is employer and month in one number, `series` the sort of row that a
-- person has once a month there. Keys name blocks: see persons.sql, which makes the same.
with units as (
    select
        unit_no,
        max(employer_key) as employer_key
    from insured_units
    group by unit_no
),

employer_numbers as (
    select
        employer_code,
        max(employer_key) as employer_key
    from insured_units
    group by employer_code
),

codes as (
    select
        employer_key,
        max(employer_code) as employer_code,
        max(employer_name) as employer_name
    from insured_units
    group by employer_key
),

placed as (
    select
        damaged.row_number,
        damaged.kind,
        damaged.name,
        damaged.prefix,
        damaged.digits,
        damaged.width,
        damaged.birth,
        damaged.month,
        damaged.insurance,
        damaged.employer_code,
        damaged.employer_name,
        coalesce(employer_numbers.employer_key, units.employer_key) as employer_key
    from damaged
    -- m:1 each: keys of their groups
    left join employer_numbers on damaged.employer_code = employer_numbers.employer_code
    left join units on damaged.unit_no = units.unit_no
),

named as (
    select
        placed.row_number,
        placed.kind,
        placed.name,
        placed.prefix,
        placed.digits,
        placed.width,
        placed.birth,
        placed.month,
        placed.employer_key,
        coalesce(placed.employer_code, codes.employer_code) as employer_code,
        coalesce(placed.employer_name, codes.employer_name) as employer_name,
        placed.employer_key::bigint * 100000 + month_number(placed.month) as stay,
        case placed.kind
            when 'payroll' then 6
            when 'contributions' then insurance_series(placed.insurance)
        end as series,
        list_concat(
            id_keys(placed.digits, placed.width),
            [
                case when length(placed.prefix) >= 14 then 'a' || left(placed.prefix, 14) end,
                'n' || left(coalesce(placed.prefix, placed.digits), 6) || placed.name,
                'f' || placed.birth || placed.name
            ],
            name_keys(placed.employer_key, placed.name)
        ) as all_keys
    from placed
    -- m:1: a key of its group
    left join codes on placed.employer_key = codes.employer_key
)

select
    row_number,
    kind,
    name,
    prefix,
    digits,
    width,
    birth,
    month,
    employer_key,
    employer_code,
    employer_name,
    stay,
    series,
    list_distinct(list_filter(all_keys, lambda key: key is not null)) as keys
from named
order by row_number
