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
        max(employer_key) as employer_key,
        max(employer_name) as employer_name
    from insured_units
    group by employer_code
),

codes as (
    select
        employer_key,
        max(employer_code) as employer_code
    from insured_units
    group by employer_key
),

placed as (
    select
        damaged.*,
        coalesce(employer_numbers.employer_key, units.employer_key) as employer_key
    from damaged
    -- m:1 each: keys of their groups
    left join employer_numbers on damaged.employer_code = employer_numbers.employer_code
    left join units on damaged.unit_no = units.unit_no
),

named as (
    select
        placed.* replace (coalesce(placed.employer_code, codes.employer_code) as employer_code),
        employer_numbers.employer_name as known_name,
        placed.employer_key::bigint * 100000 + month_number(placed.month) as stay,
        case placed.kind
            when 'payroll' then 6
            when 'contributions' then insurance_series(placed.insurance)
        end as series
    from placed
    -- m:1 each: keys of their groups
    left join codes on placed.employer_key = codes.employer_key
    left join employer_numbers on codes.employer_code = employer_numbers.employer_code
)

select
    *,
    list_concat(
        id_keys(digits, width),
        [
            case when length(prefix) >= 14 then 'a' || left(prefix, 14) end,
            'n' || left(coalesce(prefix, digits), 6) || name,
            'f' || birth || name
        ],
        name_keys(employer_key, name)
    ).list_filter(lambda key: key is not null).list_distinct() as keys
from named
order by row_number
