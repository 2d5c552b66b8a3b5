-- cut by: employer
-- size_class(u) as far as the rules ask: small or micro, three-valued (rulebook §1, §7).
-- Stated: as stated. Else by the table: a size is reached when every indicator of the line is at
-- its limit; one below: not reached; none below and one missing: unknown. No line: unknown.
-- Grain: employer registered.
with size_limits as (
    select unnest($size_limits, recursive := true)
),

indicators as (
    select
        registrations.employer_code,
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
        size_class,
        case
            when bool_or(is_at_limit is false) then false
            when bool_or(is_at_limit is null) then null
            else true
        end as is_reached
    from indicators
    group by employer_code, size_class
),

reached_employers as (
    select
        employer_code,
        case
            when bool_or(is_reached is true) then true
            when bool_or(is_reached is null) then null
            else false
        end as reaches_medium_or_large
    from reached_sizes
    where size_class in ('大型', '中型')
    group by employer_code
)

select
    registrations.employer_code,
    registrations.size_class,
    registrations.size_line,
    registrations.staff,
    registrations.revenue_wan_x100,
    registrations.assets_wan_x100,
    case
        when registrations.size_class is not null
            then registrations.size_class in ('小型', '微型')
        else not reached_employers.reaches_medium_or_large
    end as is_small_or_micro
from registrations
-- one to at most one
left join reached_employers on registrations.employer_code = reached_employers.employer_code
