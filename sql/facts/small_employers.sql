-- cut by: employer
-- size_class(u) as far as the rules ask: below medium, below large; three-valued (rulebook §1, §7).
-- Stated: as stated. Else by the table: a size is reached when every indicator of the line is at
-- its limit; one below: not reached; none below and one missing: unknown. No line: unknown.
-- Grain: employer registered, version of the table (its days: standard_from to standard_before).
with size_limits as (
    select unnest($size_limits, recursive := true)
),

standards as (
    select
        standard_from,
        standard_before
    from size_limits
    group by standard_from, standard_before
),

indicators as (
    select
        registrations.employer_code,
        size_limits.standard_from,
        size_limits.size_class,
        case size_limits.indicator
            when 'staff' then registrations.staff >= size_limits.at_least
            -- the table speaks of 万元, the register holds 万元 × 100
            when 'revenue' then registrations.revenue_wan_x100 >= size_limits.at_least * 100
            when 'assets' then registrations.assets_wan_x100 >= size_limits.at_least * 100
        end as is_at_limit
    from registrations
    -- one to many: one row per size and indicator of the line
    inner join size_limits on registrations.size_line = size_limits.size_line
    where registrations.size_class is null
),

reached_sizes as (
    select
        employer_code,
        standard_from,
        size_class,
        case
            when bool_or(is_at_limit is false) then false
            when bool_or(is_at_limit is null) then null
            else true
        end as is_reached
    from indicators
    group by employer_code, standard_from, size_class
),

reached_employers as (
    select
        employer_code,
        standard_from,
        case
            when bool_or(is_reached is true) then true
            when bool_or(is_reached is null) then null
            else false
        end as reaches_medium_or_large,
        case
            when bool_or(size_class = '大型' and is_reached is true) then true
            when bool_or(size_class = '大型' and is_reached is null) then null
            else false
        end as reaches_large
    from reached_sizes
    where size_class in ('大型', '中型')
    group by employer_code, standard_from
)

select
    registrations.employer_code,
    standards.standard_from,
    standards.standard_before,
    case
        when registrations.size_class is not null
            then registrations.size_class in ('小型', '微型')
        else not reached_employers.reaches_medium_or_large
    end as is_below_medium,
    case
        when registrations.size_class is not null then registrations.size_class <> '大型'
        else not reached_employers.reaches_large
    end as is_below_large
from registrations
-- every employer under every version
cross join standards
-- one to at most one
left join reached_employers
    on
        registrations.employer_code = reached_employers.employer_code
        and standards.standard_from = reached_employers.standard_from
